/* SPDX-License-Identifier: Apache-2.0
 * What there is to compare in a bundle. */
#include "diagnose/facts.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/normal.h"
#include "diagnose/scene.h"

enum { FDS_MAX = 10 }; /* descriptors that are compared one by one */

static void add(struct facts *f, int weight, const char *why, char *owned_what, char *owned_value)
{
    if (!owned_value || facts_find(f, owned_what)) {
        free(owned_what);
        free(owned_value);
        return;
    }
    f->items = xreallocarray(f->items, f->n + 1, sizeof(*f->items));
    f->items[f->n++] = (struct fact){owned_what, owned_value, weight, why};
}

static void add_text(struct facts *f, int weight, const char *why, const char *who,
                     const char *what, const char *value)
{
    add(f, weight, why, xasprintf("%s: %s", who, what), xstrdup(value));
}

static void add_number(struct facts *f, int weight, const char *why, const char *who,
                       const char *what, int64_t value)
{
    if (value >= 0)
        add(f, weight, why, xasprintf("%s: %s", who, what), xasprintf("%" PRId64, value));
}

static char *normal_or_null(const char *text)
{
    return text ? normal_text(text) : NULL;
}

/* --- masks -------------------------------------------------------------------------------------
 */

/* "CHLD PIPE 34", "none". */
static char *signals_of(uint64_t mask)
{
    struct strbuf out = STRBUF_INIT;
    for (int i = 1; i <= 64; i++) {
        if (!((mask >> (i - 1)) & 1))
            continue;
        const char *name = sigabbrev_np(i);
        if (out.len > 0)
            strbuf_putc(&out, ' ');
        if (name)
            strbuf_puts(&out, name);
        else
            strbuf_printf(&out, "%d", i);
    }
    if (out.len == 0)
        strbuf_puts(&out, "none");
    return strbuf_steal(&out);
}

static void add_status(struct facts *f, const char *who, const struct process *p, int weight)
{
    add_number(f, weight, "a process under it may not gain privileges at exec", who, "NoNewPrivs",
               p->no_new_privs);
    add_number(f, weight, "a seccomp filter can forbid ptrace and similar calls", who, "Seccomp",
               p->seccomp);
    if (!p->has_status)
        return;
    add(f, weight + 2, "CRIU needs CAP_SYS_PTRACE, CAP_SYS_ADMIN and more",
        xasprintf("%s: effective capabilities", who), xasprintf("%016" PRIx64, p->cap_eff));
    add(f, weight - 10, "what exec can give is bounded by it",
        xasprintf("%s: capability bounding set", who), xasprintf("%016" PRIx64, p->cap_bnd));
    add(f, weight + 1,
        "blocked signals stay blocked across exec: SIGCHLD is how children are waited for",
        xasprintf("%s: blocked signals", who), signals_of(p->sig_blk));
    add(f, weight, "ignored signals stay ignored across exec",
        xasprintf("%s: ignored signals", who), signals_of(p->sig_ign));
}

/* --- one process -------------------------------------------------------------------------------
 */

static const char *const namespaces[] = {"pid", "mnt", "net",    "user",
                                         "ipc", "uts", "cgroup", "time"};

/* Which namespaces a process does not share with init: their numbers differ in any two runs, that
 * they are others does not. */
static void add_namespaces(struct facts *f, const struct bundle *b, const char *who,
                           const struct process *p, const struct process *base)
{
    const struct bundle_item *own = bundle_find(b, "/proc/%d/ns", p->pid);
    const struct bundle_item *its = base ? bundle_find(b, "/proc/%d/ns", base->pid) : NULL;
    for (size_t i = 0; own && its && i < ARRAY_SIZE(namespaces); i++) {
        cleanup_free char *arrow = xasprintf("ns/%s -> ", namespaces[i]);
        int a = item_find(own, arrow), c = item_find(its, arrow);
        if (a < 0 || c < 0)
            continue;
        bool same = strcmp(strstr(item_line(own, (size_t)a), " -> "),
                           strstr(item_line(its, (size_t)c), " -> ")) == 0;
        add(f, 55, "CRIU sees the target through its own namespaces",
            xasprintf("%s: %s namespace", who, namespaces[i]),
            xstrdup(same ? "that of init" : "another than init's"));
    }
}

static void add_limits(struct facts *f, const struct bundle *b, const char *who,
                       const struct process *p)
{
    const struct bundle_item *limits = bundle_find(b, "/proc/%d/limits", p->pid);
    for (size_t i = 1; limits && i < limits->lines.len; i++) {
        const char *line = limits->lines.items[i];
        size_t name = strlen(line) > 26 ? 26 : strlen(line);
        while (name > 0 && line[name - 1] == ' ')
            name--;
        cleanup_free char *what = xstrndup(line, name);
        int64_t value = process_limit(b, p->pid, what, NULL);
        if (value != LIMIT_UNKNOWN)
            add(f, 40, "limits are inherited", xasprintf("%s: %s", who, what),
                value == LIMIT_UNLIMITED ? xstrdup("unlimited") : xasprintf("%" PRId64, value));
    }
}

/* A CRIU that was held has opened what it had come to: only what it was given counts. */
static void add_files(struct facts *f, const struct bundle *b, const char *who,
                      const struct process *p, bool held)
{
    for (int fd = 0; fd < (held ? 3 : FDS_MAX); fd++) {
        bool known;
        const char *target = process_fd(b, p->pid, fd, &known);
        if (!known)
            continue;
        add(f, fd < 3 ? 45 : 15,
            fd < 3 ? "a closed one is given to the next file that is opened" : NULL,
            xasprintf("%s: descriptor %d", who, fd),
            target ? normal_text(target) : xstrdup("closed"));
    }
}

/* Variables that change what programs do, and what the others weigh. */
static int weigh_variable(const char *name)
{
    static const struct {
        const char *name;
        int weight;
    } known[] = {{"PATH", 50}, {"LD_PRELOAD", 60}, {"LD_LIBRARY_PATH", 50},
                 {"HOME", 8},  {"TMPDIR", 20},     {"CRIU_CONFIG_FILE", 60},
                 {"LANG", 4},  {"TERM", 4},        {"NOTIFY_SOCKET", 12}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].weight;
    return 3;
}

static void add_environment(struct facts *f, const struct bundle *b, const char *who,
                            const struct process *p)
{
    const struct bundle_item *variables = bundle_find(b, "/proc/%d/environ", p->pid);
    for (size_t i = 0; variables && i < variables->lines.len; i++) {
        const char *line = variables->lines.items[i], *equals = strchr(line, '=');
        if (!equals)
            continue;
        cleanup_free char *name = xstrndup(line, (size_t)(equals - line));
        int weight = weigh_variable(name);
        add(f, weight, weight >= 50 ? "it decides which programs and libraries are found" : NULL,
            xasprintf("%s: environment %s", who, name), normal_text(equals + 1));
    }
}

enum option_kind {
    OPTION_VALUE,
    OPTION_FLAG,  /* has no value */
    OPTION_NOISE, /* has one that is the run's own */
};

/* The options of CRIU that have a letter too: by hand they are given by that. */
static const struct option {
    char letter;
    const char *name;
    enum option_kind kind;
} options[] = {
    {'t', "--tree", OPTION_NOISE},         {'D', "--images-dir", OPTION_NOISE},
    {'W', "--work-dir", OPTION_NOISE},     {'o', "--log-file", OPTION_NOISE},
    {'v', "--verbosity", OPTION_NOISE},    {'R', "--leave-running", OPTION_FLAG},
    {'s', "--leave-stopped", OPTION_FLAG}, {'j', "--shell-job", OPTION_FLAG},
    {'l', "--file-locks", OPTION_FLAG},    {'x', "--ext-unix-sk", OPTION_FLAG},
    {'L', "--libdir", OPTION_VALUE},       {'r', "--root", OPTION_VALUE},
};

static const struct option *find_option(const char *word, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (word[1] == options[i].letter ||
            (strlen(options[i].name) == len && strncmp(word, options[i].name, len) == 0))
            return &options[i];
    return NULL;
}

/* The options of CRIU, each a fact: neither the order matters nor how they are written, and the
 * values are without the run's own folders. */
static void add_options(struct facts *f, const char *who, const struct process *p)
{
    for (size_t i = 1; i < p->command.len; i++) {
        const char *word = p->command.items[i];
        if (word[0] != '-')
            continue;
        bool is_long = word[1] == '-';
        size_t len = is_long ? strcspn(word, "=") : strlen(word);
        const struct option *option = find_option(word, len);
        cleanup_free char *name = option ? xstrdup(option->name) : xstrndup(word, len);
        const char *next = i + 1 < p->command.len ? p->command.items[i + 1] : NULL;
        const char *value = next && next[0] != '-' ? next : "given";
        if (option && option->kind != OPTION_VALUE)
            value = "given";
        else if (is_long && word[len])
            value = word + len + 1;
        else if (option && !is_long && word[2])
            value = word + 2;
        bool noise = option && option->kind == OPTION_NOISE;
        bool freeze = strcmp(name, "--freeze-cgroup") == 0;
        /* One that may come several times is told apart by its value. */
        bool repeated = strcmp(name, "--skip-mnt") == 0 || strcmp(name, "--external") == 0;
        add(f,
            freeze  ? 95
            : noise ? 2
                    : 70,
            freeze ? "without it CRIU does not thaw a frozen target" : NULL,
            repeated ? xasprintf("%s: option %s %s", who, name, value)
                     : xasprintf("%s: option %s", who, name),
            normal_text(value));
    }
}

static void add_process(struct facts *f, const struct bundle *b, const char *who,
                        const struct process *p, const struct process *base, int weight, bool held)
{
    add_status(f, who, p, weight);
    add_namespaces(f, b, who, p, base);
    add_limits(f, b, who, p);
    add_files(f, b, who, p, held);
    add_environment(f, b, who, p);
    add(f, 50, "CRIU in the target's cgroup freezes with it", xasprintf("%s: cgroup", who),
        normal_or_null(p->cgroup2));
    add(f, 30, "CRIU refuses terminals that it does not know", xasprintf("%s: terminal", who),
        p->terminal < 0 ? NULL : xstrdup(p->terminal ? "yes" : "none"));
    add(f, 25, NULL, xasprintf("%s: leads its session", who),
        p->session < 0 ? NULL : xstrdup(p->session == p->pid ? "yes" : "no"));
    if (!held)
        add(f, 20, NULL, xasprintf("%s: waits in", who), xstrdup(p->wchan ? p->wchan : "nothing"));
}

/* --- the whole -----------------------------------------------------------------------------------
 */

/* "criu < sh < kata-agent < systemd" */
static char *chain_of(const struct bundle *b, const struct process *p)
{
    struct strbuf out = STRBUF_INIT;
    for (int depth = 0; p && depth < 16; depth++) {
        strbuf_printf(&out, "%s%s", depth ? " < " : "", p->name);
        p = p->ppid > 0 && p->ppid != p->pid ? bundle_process(b, p->ppid) : NULL;
    }
    cleanup_free char *raw = strbuf_steal(&out);
    return normal_text(raw);
}

static void add_first_line(struct facts *f, int weight, const char *what, const struct bundle *b,
                           const char *item)
{
    const char *line = item_line(bundle_find(b, "%s", item), 0);
    add(f, weight, NULL, xasprintf("system: %s", what), normal_or_null(line));
}

/* The options in CRIU's configuration files, a fact each. */
static void add_config(struct facts *f, const struct bundle *b)
{
    static const char *const files[] = {"/etc/criu/default.conf", "/etc/criu/runc.conf",
                                        "/root/.criu/default.conf"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        const struct bundle_item *file = bundle_find(b, "%s", files[i]);
        for (size_t n = 0; file && n < file->lines.len; n++) {
            const char *line = file->lines.items[n];
            if (*line && *line != '#')
                add(f, 70, "CRIU takes options from it too",
                    xasprintf("system: %s: %s", files[i], line), xstrdup("given"));
        }
    }
}

void facts_make(const struct bundle *b, struct facts *ret)
{
    cleanup_scene struct scene s;
    scene_make(b, &s);
    const struct process *init = bundle_process(b, 1);
    bool held = item_value(s.caller, "held", NULL) != NULL;
    if (s.target_freezer.version)
        add_text(ret, 100, "a frozen target cannot run CRIU's parasite: CRIU waits for ever",
                 "target", "frozen", s.target_freezer.frozen ? "yes" : "no");
    if (s.criu_freezer.version)
        add_text(ret, 98, "a frozen CRIU cannot run", "CRIU", "frozen",
                 s.criu_freezer.frozen ? "yes" : "no");
    if (s.target) {
        bool by_criu = s.criu && s.target->tracer == s.criu->pid;
        add_text(ret, 90, "a process has one tracer at most", "target", "tracer",
                 s.target->tracer <= 0 ? "none"
                 : by_criu             ? "CRIU"
                                       : "another process");
        add_process(ret, b, "target", s.target, init, 60, false);
        add(ret, 35, NULL, xstrdup("target: state"),
            xasprintf("%c", s.target->state ? s.target->state : '?'));
    }
    if (s.criu) {
        add(ret, 58, "CRIU inherits nearly all from what starts it", xstrdup("CRIU: started by"),
            chain_of(b, s.criu));
        add_options(ret, "CRIU", s.criu);
        add_process(ret, b, "CRIU", s.criu, init, 80, held);
    }
    if (s.spawner)
        add_process(ret, b, "spawner", s.spawner, init, 45, false);
    if (s.log && !held) /* else where it was held by chance */
        add(ret, 65, NULL, xstrdup("CRIU: log ends with"), normal_text(s.last));
    add_first_line(ret, 60, "kernel", b, "/proc/version");
    add_first_line(ret, 60, "CRIU's version", b, "criu --version");
    add_first_line(ret, 75, "Yama's ptrace_scope", b, "/proc/sys/kernel/yama/ptrace_scope");
    add_first_line(ret, 50, "security modules", b, "/sys/kernel/security/lsm");
    add_first_line(ret, 55, "criu check", b, "criu check");
    add_config(ret, b);
}

const struct fact *facts_find(const struct facts *f, const char *what)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->items[i].what, what) == 0)
            return &f->items[i];
    return NULL;
}

void facts_release(struct facts *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].what);
        free(f->items[i].value);
    }
    free(f->items);
    *f = (struct facts)FACTS_INIT;
}
