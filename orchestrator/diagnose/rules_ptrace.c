/* SPDX-License-Identifier: Apache-2.0
 * Rules about ptrace: the target has a tracer already; it may not be traced. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "diagnose/rules.h"

enum { CAP_SYS_PTRACE_BIT = 19, CAP_SYS_ADMIN_BIT = 21, CAP_CHECKPOINT_RESTORE_BIT = 40 };

static bool has_cap(const struct process *p, int bit)
{
    return (p->cap_eff >> bit) & 1;
}

/* Does CRIU go on behind that line of its log (-1: at all), with all processes seized? A log may
 * have lost its middle, so what is said often counts too. */
static bool goes_on(const struct scene *s, int behind)
{
    static const char *const texts[] = {"Lock network",        "Obtaining task stat",
                                        "Collecting mappings", "Handling VMA",
                                        "Dumping path for",    "Parasite syscall_ip"};
    const char *line;
    for (size_t n = (size_t)(behind + 1); (line = item_line(s->log, n)); n++)
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
            if (strstr(line, texts[i]))
                return true;
    return false;
}

/* How CRIU says that a seize was refused. EINTR (4) is its own alarm: the process did not stop in
 * time. What security modules refuse with is EACCES. */
static const struct {
    const char *text, *with, *without; /* in one line; NULL: anything */
} refusals[] = {
    {"Unable to interrupt task", "(Operation not permitted)", NULL},
    {"Unable to interrupt task", "(Permission denied)", NULL},
    {"Unseizable non-zombie", NULL, "err -1/4"},
    {"Unable to ptrace the child", "Operation not permitted", NULL}, /* a trial, when it starts */
    {"Unable to ptrace the child", "Permission denied", NULL},
    {"suspending seccomp failed", "Operation not permitted", NULL},
    {"CRIU needs to have the CAP_SYS_ADMIN", NULL, NULL},
};

static bool is_refusal(const char *line)
{
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
        if (strstr(line, refusals[i].text) &&
            (!refusals[i].with || strstr(line, refusals[i].with)) &&
            (!refusals[i].without || !strstr(line, refusals[i].without)))
            return true;
    return false;
}

static bool is_dead(char state)
{
    return state == 'Z' || state == 'X';
}

/* The number that stands behind a text of the line; 0: none. */
static int pid_behind(const char *line, const char *text)
{
    static const char digits[] = "0123456789";
    const char *at = strstr(line, text);
    int64_t pid = 0;
    if (!at)
        return 0;
    at += strlen(text);
    cleanup_free char *number = xstrndup(at, strspn(at, digits));
    return parse_int(number, &pid) && pid <= INT32_MAX ? (int)pid : 0;
}

/* Is that process or thread of the container known to have lived, by what CRIU says of it next or
 * by its own state? */
static bool was_alive(const struct scene *s, const struct bundle_item *words, int64_t pid)
{
    cleanup_free char *next = xasprintf("Unseizable non-zombie %" PRId64 " found", pid);
    if (item_find(words, next) >= 0)
        return true;
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (!(p->roles & PROCESS_TARGET) && p != s->target)
            continue;
        if (p->pid == pid)
            return !is_dead(p->state);
        const struct bundle_item *thread =
            bundle_find(s->bundle, "/proc/%d/task/%" PRId64 "/status", p->pid, pid);
        const char *state = item_value(thread, "State", NULL);
        if (state)
            return !is_dead(*state);
    }
    return false;
}

/* The kernel refuses a zombie with the same words, and CRIU goes on: only what lived counts. */
static bool may_be_of_zombie(const struct scene *s, const struct bundle_item *words,
                             const char *line)
{
    static const char before[] = "Unable to interrupt task: ";
    const char *at = strstr(line, before);
    return at && strstr(at, "(Operation not permitted)") &&
           !was_alive(s, words, pid_behind(line, before));
}

/* Where it is said that a seize was refused, and CRIU does not go on. Nobody can trace himself,
 * which is another matter. */
static struct spot denied(const struct scene *s)
{
    const struct bundle_item *const items[] = {s->log, s->said};
    if (spot_is(scene_said(s, "criu itself is within dumped tree")))
        return (struct spot){0};
    for (size_t i = 0; i < ARRAY_SIZE(items); i++)
        for (size_t n = 0; items[i] && n < items[i]->lines.len; n++) {
            const char *line = items[i]->lines.items[n];
            if (is_refusal(line) && !may_be_of_zombie(s, items[i], line) &&
                (items[i] != s->log || !goes_on(s, (int)n)))
                return (struct spot){items[i], (int)n};
        }
    return (struct spot){0};
}

/* --- 3: another tracer ----------------------------------------------------------------------- */

static bool is_criu(const struct process *tracer)
{
    if (!tracer || (tracer->roles & PROCESS_CRIU))
        return tracer != NULL;
    bool named = false; /* `strace -o dump` is none */
    for (size_t i = 0; i < tracer->command.len; i++)
        named = named || strstr(tracer->command.items[i], "criu");
    return named && scene_dumps(tracer);
}

/* May it be the CRIU of this checkpoint, or a part of it? It is not where that one was refused,
 * said that it failed, and the client has its answer. */
static bool may_be_ours(const struct scene *s, const struct process *tracer)
{
    bool refused = spot_is(denied(s));
    if (!s->criu)
        return !refused;
    if (refused && spot_is(scene_said(s, SCENE_FAILURE)) && s->client &&
        strcmp(s->client, "exited") == 0)
        return false;
    return tracer == s->criu || tracer->ppid == s->criu->pid || tracer->pid == s->criu->ppid;
}

/* The tracer that a status file names, 0 for none or for the CRIU of this checkpoint. */
static int tracer_in(const struct scene *s, const struct bundle_item *status, struct spot *ret)
{
    int line;
    int64_t pid;
    const char *value = item_value(status, "TracerPid", &line);
    if (!value || !parse_int(value, &pid) || pid <= 0 || pid > INT32_MAX)
        return 0;
    const struct process *tracer = bundle_process(s->bundle, (int)pid);
    if (is_criu(tracer) && may_be_ours(s, tracer))
        return 0;
    *ret = (struct spot){status, line};
    return (int)pid;
}

static int find_tracer(const struct scene *s, struct spot *ret)
{
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (!(p->roles & PROCESS_TARGET))
            continue;
        int pid = tracer_in(s, bundle_find(s->bundle, "/proc/%d/status", p->pid), ret);
        cleanup_free char *threads = xasprintf("/proc/%d/task/", p->pid);
        const struct bundle_item *item = NULL;
        while (!pid && (item = bundle_next(s->bundle, threads, item)))
            if (strstr(item->name, "/status"))
                pid = tracer_in(s, item, ret);
        if (pid)
            return pid;
    }
    return 0;
}

static void check_traced(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct spot at;
    int pid = find_tracer(s, &at);
    if (!pid || s->finished)
        return;
    struct spot refusal = denied(s);
    const struct process *tracer = bundle_process(s->bundle, pid);
    struct finding *f =
        finding_add(out, r, spot_is(refusal) ? CERTAIN : LIKELY,
                    "the target is traced already, by process %d (%s): CRIU cannot attach", pid,
                    tracer ? tracer->name : "not in the bundle");
    finding_show(f, at);
    finding_show(f, spot_of(s, tracer, "status", "Name"));
    finding_show(f, spot_of(s, tracer, "cmdline", NULL));
    finding_show(f, refusal);
    finding_explain(
        f, "A process has one tracer at most. CRIU needs to be it, so a debugger, strace, a "
           "monitor that uses ptrace, or a CRIU that still hangs there keeps it out.");
    bool criu = is_criu(tracer);
    bool own = tracer && (tracer->roles & PROCESS_TARGET);
    cleanup_free char *command =
        criu ? xasprintf("tr '\\0' ' ' </proc/%d/cmdline; cat /proc/%d/wchan    # in the guest",
                         pid, pid)
        : own || !tracer ? xasprintf("tr '\\0' ' ' </proc/%d/cmdline    # in the guest", pid)
                         : xasprintf("kill %d    # in the guest: strace and gdb let go then", pid);
    finding_remedy(f, command, "%s",
                   criu  ? "Find out which checkpoint that CRIU is of, and why it hangs, before "
                           "you end it: the workload can be lost with it."
                   : own ? "The tracer is a process of the container itself, and may take what it "
                           "traces with it when it ends. Find out what it is, and have it detach."
                         : "Detach the tracer before the checkpoint.");
    finding_refute(f, "TracerPid of all threads of the target is 0, or CRIU's own number");
}

const struct rule rule_traced = {
    .id = "traced",
    .help = "another tracer is attached to the target",
    .weight = 85,
    .check = check_traced,
    .references = {"https://man7.org/linux/man-pages/man2/ptrace.2.html"},
};

/* --- 4: ptrace is forbidden ------------------------------------------------------------------ */

/* A reason why ptrace may be refused to `p` (CRIU, or what starts it). */
struct reason {
    enum certainty certainty;
    char *title;
    struct spot at;
    const char *remedy, *command;
};

/* A program of root's has all capabilities of the bounding set, whatever its parent had, unless
 * that runs with no_new_privs (capabilities(7)). Would one that `p` starts have this one? */
static bool root_has_cap(const struct scene *s, const struct process *p, int bit)
{
    const char *uids = item_value(bundle_find(s->bundle, "/proc/%d/status", p->pid), "Uid", NULL);
    int effective;
    return uids && sscanf(uids, "%*d %d", &effective) == 1 && effective == 0 &&
           ((p->cap_bnd >> bit) & 1);
}

/* Does no_new_privs alone keep CAP_SYS_PTRACE from it? */
static bool is_kept_from_it(const struct scene *s, const struct process *p)
{
    return p && p->no_new_privs == 1 && !has_cap(p, CAP_SYS_PTRACE_BIT) &&
           root_has_cap(s, p, CAP_SYS_PTRACE_BIT);
}

/* Does CRIU have the capability, by what is known of itself or of what started it? */
static bool criu_has_cap(const struct scene *s, const struct process *p, int bit)
{
    return has_cap(p, bit) || (p != s->criu && p->no_new_privs == 0 && root_has_cap(s, p, bit));
}

static bool find_yama(const struct scene *s, const struct process *p, struct reason *ret)
{
    const struct bundle_item *item = bundle_find(s->bundle, "/proc/sys/kernel/yama/ptrace_scope");
    const char *scope = item_line(item, 0);
    bool none = scope && strcmp(scope, "3") == 0;
    bool admin = scope && strcmp(scope, "2") == 0 && !is_kept_from_it(s, p) &&
                 (!p || !criu_has_cap(s, p, CAP_SYS_PTRACE_BIT));
    if (!none && !admin)
        return false;
    *ret = (struct reason){
        .certainty = none || p ? CERTAIN : POSSIBLE,
        .title =
            none ? xstrdup("ptrace is switched off by Yama (ptrace_scope 3)")
            : p  ? xasprintf("Yama wants CAP_SYS_PTRACE (ptrace_scope 2), and %s (process %d) "
                              "does not have it",
                             p->name, p->pid)
                 : xstrdup("Yama wants CAP_SYS_PTRACE (ptrace_scope 2), which CRIU, gone by now, "
                            "may have lacked"),
        .at = {item, 0},
        .remedy = none ? "Until the next boot 3 cannot be taken back: boot the guest without it."
                       : "Give CRIU the capability. Without it the scope has to be 0 in the "
                         "guest (1 is for children only):",
        .command = none ? "sysctl kernel.yama.ptrace_scope    # and look for it in sysctl.d"
                        : "sysctl -w kernel.yama.ptrace_scope=0",
    };
    return true;
}

static bool find_capability(const struct scene *s, const struct process *p, struct reason *ret)
{
    if (!p || criu_has_cap(s, p, CAP_SYS_PTRACE_BIT) || is_kept_from_it(s, p))
        return false;
    *ret = (struct reason){
        .certainty = CERTAIN,
        .title = xasprintf("%s (process %d) lacks CAP_SYS_PTRACE", p->name, p->pid),
        .at = spot_of(s, p, "status", "CapEff"),
        .remedy =
            "CRIU needs CAP_SYS_PTRACE, and CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: do not drop "
            "them (nor bound them away) in what starts it.",
        .command = "grep Cap /proc/$(pgrep -o criu)/status    # in the guest; decode with "
                   "`capsh --decode=…`",
    };
    return true;
}

static bool find_admin(const struct scene *s, const struct process *p, struct reason *ret)
{
    if (!p || criu_has_cap(s, p, CAP_SYS_ADMIN_BIT) ||
        criu_has_cap(s, p, CAP_CHECKPOINT_RESTORE_BIT))
        return false;
    *ret = (struct reason){
        .certainty = CERTAIN,
        .title = xasprintf("%s (process %d) has neither CAP_SYS_ADMIN nor CAP_CHECKPOINT_RESTORE",
                           p->name, p->pid),
        .at = spot_of(s, p, "status", "CapEff"),
        .remedy = "CRIU needs one of them: do not drop both in what starts it.",
    };
    return true;
}

static bool find_seccomp(const struct scene *s, const struct process *p, struct reason *ret)
{
    if (!p || p->seccomp <= 0)
        return false;
    *ret = (struct reason){
        .certainty = POSSIBLE,
        .title = xasprintf("%s (process %d) is under a seccomp filter, which may forbid ptrace",
                           p->name, p->pid),
        .at = spot_of(s, p, "status", "Seccomp:"),
        .remedy =
            "Start CRIU from a process without a filter, or allow ptrace, process_vm_readv, kcmp "
            "and userfaultfd in it.",
    };
    return true;
}

static bool find_no_new_privs(const struct scene *s, const struct process *p, struct reason *ret)
{
    if (!p || p->no_new_privs != 1)
        return false;
    bool kept = is_kept_from_it(s, p);
    *ret = (struct reason){
        .certainty = kept ? CERTAIN : POSSIBLE,
        .title =
            kept ? xasprintf("CRIU does not get CAP_SYS_PTRACE as a program of root's: %s (process "
                             "%d) runs with no_new_privs",
                             p->name, p->pid)
                 : xasprintf("%s (process %d) runs with no_new_privs: a criu with file "
                             "capabilities or set-user-id does not get them",
                             p->name, p->pid),
        .at = spot_of(s, p, "status", "NoNewPrivs"),
        .remedy =
            "Start CRIU without no_new_privs (systemd: NoNewPrivileges=no and none of the options "
            "that imply it).",
    };
    return true;
}

/* Other programs are denied it all the time, `ps` in a container for one; who it was, AppArmor and
 * SELinux both say. */
static bool find_lsm(const struct scene *s, const struct process *p, struct reason *ret)
{
    (void)p;
    const struct bundle_item *dmesg = bundle_find(s->bundle, "dmesg");
    for (size_t i = 0; dmesg && i < dmesg->lines.len; i++) {
        const char *line = dmesg->lines.items[i];
        if (!strstr(line, "ptrace") || !strstr(line, "comm=\"criu") ||
            (!strstr(line, "DENIED") && !strstr(line, "avc:  denied")))
            continue;
        *ret = (struct reason){
            .certainty = LIKELY,
            .title = xstrdup("a security module of the kernel denied a ptrace"),
            .at = {dmesg, (int)i},
            .remedy = "Let its policy allow CRIU to trace the container's processes.",
        };
        return true;
    }
    return false;
}

static bool (*const reasons[])(const struct scene *, const struct process *, struct reason *) = {
    find_yama, find_capability, find_admin, find_lsm, find_seccomp, find_no_new_privs,
};

/* How sure one is: a reason that always forbids it is proved by a refusal; one that may is then
 * likely. */
static enum certainty weigh(enum certainty reason, bool refused)
{
    if (reason == CERTAIN)
        return refused ? CERTAIN : LIKELY;
    return refused ? LIKELY : reason;
}

static void explain_ptrace(struct finding *f, const struct reason *why, struct spot refusal)
{
    finding_show(f, refusal);
    finding_show(f, why->at);
    finding_explain(
        f, "CRIU stops and reads the target through ptrace. The kernel refuses that to a "
           "process without CAP_SYS_PTRACE, and where Yama, a seccomp filter or a security "
           "module forbid it. CRIU started by hand often has what the agent's lacks.");
    finding_remedy(f, why->command, "%s", why->remedy);
    finding_refute(f, "CRIU's log goes on after `Collecting` and `seized`, without `Operation not "
                      "permitted`");
}

static void check_ptrace_forbidden(const struct scene *s, const struct rule *r,
                                   struct findings *out)
{
    struct spot refusal = denied(s), unused;
    if (s->finished || find_tracer(s, &unused))
        return;
    if (!spot_is(refusal) && goes_on(s, -1))
        return; /* what may have forbidden it did not */
    /* CRIU itself is the witness; when it is gone, what started it passed its own on. */
    const struct process *p = s->criu_alive ? s->criu : s->spawner;
    if (p && !p->has_status)
        p = NULL;
    bool said_something = spot_is(refusal) || s->criu_alive || s->log || s->said;
    size_t before = out->n;
    for (size_t i = 0; said_something && i < ARRAY_SIZE(reasons); i++) {
        struct reason why;
        if (!reasons[i](s, p, &why))
            continue;
        cleanup_free char *title = why.title;
        struct finding *f =
            finding_add(out, r, weigh(why.certainty, spot_is(refusal)), "%s", title);
        explain_ptrace(f, &why, refusal);
    }
    if (spot_is(refusal) && out->n == before) {
        const struct reason unknown = {.remedy =
                                           "Look at the capabilities, the seccomp filter and the "
                                           "security modules of what starts CRIU."};
        struct finding *f = finding_add(
            out, r, LIKELY, "ptrace was refused to CRIU; the bundle does not show by what");
        explain_ptrace(f, &unknown, refusal);
    }
}

const struct rule rule_ptrace_forbidden = {
    .id = "ptrace-forbidden",
    .help = "ptrace is forbidden to CRIU: Yama, a capability, seccomp, no_new_privs, an LSM",
    .weight = 80,
    .check = check_ptrace_forbidden,
    .references = {"https://docs.kernel.org/admin-guide/LSM/Yama.html",
                   "https://man7.org/linux/man-pages/man7/capabilities.7.html"},
};

/* --- a process that does not stop ------------------------------------------------------------ */

/* Where the kernel has a parent of vfork() wait. */
static bool waits_for_vfork(const struct process *p)
{
    return p->wchan &&
           (strcmp(p->wchan, "kernel_clone") == 0 || strcmp(p->wchan, "wait_for_vfork_done") == 0);
}

/* The process that did not stop: CRIU has its number; else the only one of the container in state
 * D, or one that no vfork() explains. NULL: none is seen. */
static const struct process *find_uninterruptible(const struct scene *s, struct spot said)
{
    int pid = pid_behind(spot_text(said), "Unseizable non-zombie ");
    const struct process *found = NULL;
    if (pid > 0)
        return bundle_process(s->bundle, pid);
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if ((p->roles & PROCESS_TARGET) && p->state == 'D' && (!found || waits_for_vfork(found)))
            found = p;
    }
    return found;
}

static void show_uninterruptible(const struct scene *s, struct finding *f)
{
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (!(p->roles & PROCESS_TARGET) || p->state != 'D')
            continue;
        finding_show(f, spot_of(s, p, "status", "State"));
        finding_show(f, spot_of(s, p, "wchan", NULL));
    }
}

static void explain_vfork(struct finding *f)
{
    finding_explain(f,
                    "It has started a child by vfork(), which is in its memory until it runs "
                    "another program or ends; until then no signal and no ptrace reach the parent. "
                    "CRIU gives up after 10 s.");
    finding_remedy(
        f,
        "ps -eo pid,ppid,stat,wchan:20,comm | grep -w D    # in the guest: the child has "
        "it as its PPID",
        "Find out what keeps the child from its exec(), and checkpoint when it is through.");
}

/* A frozen process of v1 waits in the same way, and is another rule's. */
static void check_uninterruptible(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct spot said = scene_said(s, "found, state D");
    struct spot freeze = scene_said(s, "Unable to freeze cgroup");
    if ((!spot_is(said) && !spot_is(freeze)) || s->finished || s->target_freezer.frozen || s->inner)
        return;
    const struct process *waits = find_uninterruptible(s, said);
    bool vfork = waits && waits_for_vfork(waits);
    struct finding *f =
        spot_is(said)
            ? finding_add(out, r, CERTAIN,
                          "a process of the container waits %s, and did not stop for CRIU "
                          "in its time",
                          vfork ? "for its child of vfork()" : "uninterruptibly")
            : finding_add(out, r, LIKELY,
                          "CRIU could not freeze the container's cgroup in its time: a "
                          "process of it waits uninterruptibly");
    finding_show(f, scene_said(s, "Timeout reached"));
    finding_show(f, said);
    finding_show(f, freeze);
    show_uninterruptible(s, f);
    finding_refute(f, "a later line of the log that says the dump succeeded");
    if (vfork) {
        explain_vfork(f);
        return;
    }
    finding_explain(
        f, "The kernel has it wait, mostly for a disk or for a file system that is somewhere else "
           "(virtiofs, 9p, NFS), and neither ptrace nor a signal reaches it until that has "
           "answered. CRIU gives up after 10 s. On cgroup v1 a frozen process waits like that "
           "too: one that was paused for the checkpoint, and is thawed by now.");
    finding_remedy(f,
                   "grep -l '^State:.D' /proc/[0-9]*/status    # in the guest; what it waits for: "
                   "/proc/PID/stack\ncriu dump … --timeout 60",
                   "Find out what it waits for. Where that only takes its time, let CRIU wait "
                   "longer; on cgroup v1 give CRIU the container's freezer (--freeze-cgroup).");
}

const struct rule rule_uninterruptible = {
    .id = "uninterruptible",
    .help = "a process that waits uninterruptibly did not stop for CRIU",
    .weight = 79,
    .check = check_uninterruptible,
    .references = {"https://github.com/checkpoint-restore/criu/issues/1649",
                   "https://github.com/checkpoint-restore/criu/issues/2443"},
};
