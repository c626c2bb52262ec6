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

static struct finding *add(const struct scene *s, const struct rule *r, enum certainty certainty,
                           char *owned_title, struct spot at, struct findings *out)
{
    /* What did not keep a dump from its end is not its cause. */
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

static void check_signals(const struct scene *s, const struct rule *r, const struct process *p,
                          struct findings *out)
{
    bool blocked = p->has_status && in_mask(p->sig_blk, SIGCHLD) && !blocks_it_itself(s, p);
    bool ignored = p->has_status && in_mask(p->sig_ign, SIGCHLD);
    if (!blocked && !ignored)
        return;
    struct finding *f = add(s, r, LIKELY,
                            xasprintf("%s (process %d) has SIGCHLD %s, and so has what it starts",
                                      p->name, p->pid, blocked ? "blocked" : "ignored"),
                            spot_of(s, p, "status", blocked ? "SigBlk" : "SigIgn"), out);
    finding_explain(
        f, "%s",
        blocked ? "A blocked signal stays blocked across exec. CRIU, and the helpers it starts, "
                  "are not told when their children and tracees stop."
                : "An ignored SIGCHLD stays ignored across exec: the kernel then reaps children "
                  "by itself, and wait() for a helper fails with ECHILD.");
    finding_remedy(f,
                   "// between fork and exec of CRIU (Rust: CommandExt::pre_exec)\n"
                   "sigprocmask(SIG_SETMASK, &empty, NULL); signal(SIGCHLD, SIG_DFL);",
                   "Start CRIU with an empty signal mask and default dispositions.");
}

static void check_stdio(const struct scene *s, const struct rule *r, const struct process *p,
                        struct findings *out)
{
    static const char *const names[] = {"standard input", "standard output", "standard error"};
    for (int fd = 0; fd < 3; fd++) {
        bool known;
        if (process_fd(s->bundle, p->pid, fd, &known) || !known)
            continue;
        struct finding *f =
            add(s, r, LIKELY,
                xasprintf("%s (process %d) runs with %s closed", p->name, p->pid, names[fd]),
                (struct spot){0}, out);
        cleanup_free char *item = xasprintf("/proc/%d/fd", p->pid);
        finding_show_absence(f, item, "no descriptor %d", fd);
        finding_explain(
            f,
            "The next file that is opened takes the number, and what is meant for %s goes "
            "into it: a log, an image, a socket of CRIU's.",
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
    bool lifted; /* by that capability */
} limits[] = {
    {"Max open files", "", "CRIU holds hundreds of descriptors while it dumps", 256, true},
    {"Max processes", "", "CRIU starts helpers", 64, true},
    {"Max file size", " bytes", "a file of images is as large as a process's memory",
     INT64_C(1) << 30, false},
    {"Max address space", " bytes", "CRIU maps what it dumps", INT64_C(1) << 30, false},
    {"Max cpu time", " seconds", "CRIU is killed when it is used up", 600, false},
    {"Max stack size", " bytes", "CRIU's own stack is 8 MiB", 1 << 20, false},
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
        const struct bundle_item *item = bundle_find(s->bundle, "/proc/%d/limits", p->pid);
        struct finding *f =
            add(s, r, LIKELY,
                xasprintf("%s (process %d) has a limit that is too small: %s %" PRId64 "%s",
                          p->name, p->pid, limits[i].what, value, limits[i].unit),
                (struct spot){item, line}, out);
        finding_explain(f, "Limits are inherited, and %s.", limits[i].why);
        finding_remedy(f, "ulimit -a    # in what starts CRIU; systemd: LimitNOFILE= and the like",
                       "Raise the limit in what starts CRIU.");
        finding_show(f, scene_said(s, "Too many open files"));
        finding_show(f, scene_said(s, "File too large"));
    }
}

static void check_spawner(const struct scene *s, const struct rule *r, struct findings *out)
{
    /* CRIU itself shows best what it got. A CRIU that is at work has changed its own limits and
     * masks for good reasons, so a zombie or a younger one is no better witness than its parent. */
    const struct process *p = s->criu_alive ? s->criu : s->spawner;
    if (!p)
        return;
    check_signals(s, r, p, out);
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
