/* SPDX-License-Identifier: Apache-2.0
 * Rules about what CRIU inherits from whatever starts it. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/rules.h"

static bool in_mask(uint64_t mask, int signal_number)
{
    return (mask >> (signal_number - 1)) & 1;
}

/* CRIU ended without a last word: it was killed. */
static bool was_killed(const struct scene *s)
{
    return s->log && !s->criu_alive && !s->finished && !spot_is(scene_said(s, SCENE_FAILURE));
}

/* What did not keep a dump from its end is not its cause. */
static struct finding *add(const struct scene *s, const struct rule *r, enum certainty certainty,
                           char *owned_title, struct spot at, struct findings *out)
{
    struct finding *f = finding_add(out, r, s->finished ? POSSIBLE : certainty, "%s", owned_title);
    free(owned_title);
    finding_show(f, at);
    finding_refute(f, "CRIU fails in the same way when it is started by hand from a plain shell");
    return f;
}

/* CRIU itself blocks SIGCHLD while it waits for a helper (cr_system_userns). */
static bool blocks_it_itself(const struct scene *s, const struct process *p)
{
    const struct process *parent = bundle_process(s->bundle, p->ppid);
    if (p != s->criu || (parent && parent->has_status && in_mask(parent->sig_blk, SIGCHLD)))
        return false;
    for (size_t i = 0; i < s->bundle->n_processes; i++)
        if (s->bundle->processes[i].ppid == p->pid)
            return true;
    return false;
}

static const char signals_command[] =
    "// between fork and exec of CRIU (Rust: CommandExt::pre_exec)\n"
    "sigprocmask(SIG_SETMASK, &empty, NULL); "
    "signal(SIGCHLD, SIG_DFL);";
static const char signals_remedy[] =
    "Start CRIU with an empty signal mask and default dispositions.";

/* Nothing else makes wait() fail with ECHILD for a child that one has. `p` may be NULL. */
static void check_ignored(const struct scene *s, const struct rule *r, const struct process *p,
                          struct findings *out)
{
    bool ignored = p && p->has_status && in_mask(p->sig_ign, SIGCHLD);
    struct spot failed = scene_said(s, SCENE_NO_CHILD);
    if (!ignored && !spot_is(failed))
        return;
    enum certainty certainty = ignored && spot_is(failed) ? CERTAIN : LIKELY;
    char *title = ignored ? xasprintf("%s (process %d) has SIGCHLD ignored, and so has what it "
                                      "starts",
                                      p->name, p->pid)
                          : xstrdup("CRIU could not wait for its helpers: what started it had "
                                    "SIGCHLD ignored");
    struct finding *f =
        add(s, r, certainty, title, ignored ? spot_of(s, p, "status", "SigIgn") : failed, out);
    if (ignored)
        finding_show(f, failed);
    finding_show(f, scene_said(s, "Locking network failed"));
    finding_explain(f,
                    "An ignored SIGCHLD stays ignored across exec: the kernel then reaps children "
                    "by itself, and wait() for a helper fails with ECHILD. CRIU takes what the "
                    "helper did (iptables-restore, say) for failed.");
    finding_remedy(f, signals_command, "%s", signals_remedy);
}

/* CRIU 4.1.1 dumps all the same (measured), so this is no more than possible. */
static void check_blocked(const struct scene *s, const struct rule *r, const struct process *p,
                          struct findings *out)
{
    if (!p->has_status || !in_mask(p->sig_blk, SIGCHLD) || blocks_it_itself(s, p))
        return;
    struct finding *f =
        add(s, r, POSSIBLE,
            xasprintf("%s (process %d) has SIGCHLD blocked, and so has what it starts", p->name,
                      p->pid),
            spot_of(s, p, "status", "SigBlk"), out);
    finding_explain(f,
                    "A blocked signal stays blocked across exec. CRIU, and the helpers it starts, "
                    "are not told when their children and tracees stop. CRIU 4.1.1 manages all "
                    "the same.");
    finding_remedy(f, signals_command, "%s", signals_remedy);
}

/* Here too, CRIU 4.1.1 with all three closed dumps all the same (measured). */
static void check_stdio(const struct scene *s, const struct rule *r, const struct process *p,
                        struct findings *out)
{
    static const char *const names[] = {"standard input", "standard output", "standard error"};
    for (int fd = 0; fd < 3; fd++) {
        bool known;
        if (process_fd(s->bundle, p->pid, fd, &known) || !known)
            continue;
        struct finding *f =
            add(s, r, POSSIBLE,
                xasprintf("%s (process %d) runs with %s closed", p->name, p->pid, names[fd]),
                (struct spot){0}, out);
        cleanup_free char *item = xasprintf("/proc/%d/fd", p->pid);
        finding_show_absence(f, item, "no descriptor %d", fd);
        finding_explain(
            f,
            "The next file that is opened takes the number, and what is meant for %s goes "
            "into it: a log, an image, a socket of CRIU's. CRIU 4.1.1 manages all the same.",
            names[fd]);
        finding_remedy(f, "criu dump … </dev/null >/dev/null 2>&1",
                       "Start CRIU with all three open, on /dev/null at least.");
        return; /* one says it all */
    }
}

enum { CAP_SYS_RESOURCE_BIT = 24 };

/* Limits below which CRIU is known not to manage. With CAP_SYS_RESOURCE it raises the first itself,
 * as the first thing it does, and the kernel does not mind the second. */
static const struct {
    const char *what, *unit, *why;
    int64_t least;
    bool lifted;         /* by that capability */
    bool kills;          /* who goes beyond it is sent a signal */
    const char *said[2]; /* what CRIU's log may have then */
    enum certainty then; /* how sure one is with that */
} limits[] = {
    {.what = "Max open files",
     .unit = "",
     .least = 256,
     .lifted = true,
     .why = "CRIU holds hundreds of descriptors while it dumps",
     .said = {"RLIMIT_NOFILE", "Too many open files"},
     .then = LIKELY},
    {.what = "Max processes",
     .unit = "",
     .least = 64,
     .lifted = true,
     .why = "CRIU starts helpers",
     .said = {"Resource temporarily unavailable"},
     .then = LIKELY},
    {.what = "Max file size",
     .unit = " bytes",
     .least = INT64_C(1) << 30,
     .kills = true,
     .why = "a file of images is as large as a process's memory",
     .said = {"File too large"},
     .then = LIKELY},
    {.what = "Max address space",
     .unit = " bytes",
     .least = INT64_C(1) << 30,
     .why = "CRIU maps what it dumps",
     .said = {"Cannot allocate memory"},
     .then = LIKELY},
    {.what = "Max cpu time",
     .unit = " seconds",
     .least = 600,
     .kills = true,
     .why = "CRIU is killed when it is used up"},
    {.what = "Max stack size",
     .unit = " bytes",
     .least = 1 << 20,
     .kills = true,
     .why = "CRIU's own stack is 8 MiB, and its helpers need theirs",
     .said = {SCENE_HELPER_DIED "11"},
     .then = CERTAIN},
};

static void check_limits(const struct scene *s, const struct rule *r, const struct process *p,
                         struct findings *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        int line;
        int64_t value = process_limit(s->bundle, p->pid, limits[i].what, &line);
        bool lifted = limits[i].lifted && p->has_status && (p->cap_eff >> CAP_SYS_RESOURCE_BIT) & 1;
        if (value < 0 || value >= limits[i].least || lifted)
            continue;
        struct spot said = {0};
        for (size_t j = 0; j < ARRAY_SIZE(limits[i].said) && limits[i].said[j]; j++)
            if (!spot_is(said))
                said = scene_said(s, limits[i].said[j]);
        enum certainty certainty = spot_is(said)                      ? limits[i].then
                                   : limits[i].kills && was_killed(s) ? LIKELY
                                                                      : POSSIBLE;
        const struct bundle_item *item = bundle_find(s->bundle, "/proc/%d/limits", p->pid);
        struct finding *f =
            add(s, r, certainty,
                xasprintf("%s (process %d) has a limit that is too small: %s %" PRId64 "%s",
                          p->name, p->pid, limits[i].what, value, limits[i].unit),
                (struct spot){item, line}, out);
        finding_show(f, said);
        finding_explain(f, "Limits are inherited, and %s.", limits[i].why);
        finding_remedy(f, "ulimit -a    # in what starts CRIU; systemd: LimitNOFILE= and the like",
                       "Raise the limit in what starts CRIU.");
    }
}

static void check_spawner(const struct scene *s, const struct rule *r, struct findings *out)
{
    /* CRIU itself shows best what it got. A CRIU that is at work has changed its own limits and
     * masks for good reasons, so a zombie or a younger one is no better witness than its parent. */
    const struct process *p = s->criu_alive ? s->criu : s->spawner;
    check_ignored(s, r, p, out);
    if (!p)
        return;
    check_blocked(s, r, p, out);
    check_stdio(s, r, p, out);
    check_limits(s, r, p, out);
}

const struct rule rule_spawner = {
    .id = "spawner",
    .help =
        "SIGCHLD blocked or ignored, standard streams closed, limits too small in what starts CRIU",
    .weight = 40,
    .check = check_spawner,
    .references = {"https://man7.org/linux/man-pages/man2/execve.2.html"},
};
