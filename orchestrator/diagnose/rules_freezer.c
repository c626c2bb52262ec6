/* SPDX-License-Identifier: Apache-2.0
 * Rules about the cgroup freezer: a target that is frozen while CRIU works on it, a CRIU that is
 * frozen with it, a container that stayed frozen. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/rules.h"

/* The folder of the group that was frozen, maybe one above; the process's own where that was not
 * seen. NULL: not known. The caller frees. */
static char *frozen_folder(const struct freezer *f)
{
    const char *end = f->set.item ? strrchr(f->set.item->name, '/') : NULL;
    return end ? xstrndup(f->set.item->name, (size_t)(end - f->set.item->name))
               : xstrdup(f->folder);
}

/* The command that thaws a process's cgroup; the caller frees. */
static char *thaw_command(const struct freezer *f)
{
    cleanup_free char *folder = frozen_folder(f);
    cleanup_free char *quoted = shell_quote(folder);
    return f->version == 2 ? xasprintf("echo 0 > %s/cgroup.freeze", quoted)
                           : xasprintf("echo THAWED > %s/freezer.state", quoted);
}

static void show_freezer(struct finding *f, const struct freezer *z)
{
    finding_show(f, z->by);
    if (z->set.item != z->by.item)
        finding_show(f, z->set);
}

/* The line that puts a process into that freezer. */
static void show_cgroup(const struct scene *s, struct finding *f, const struct process *p,
                        const struct freezer *z)
{
    const struct bundle_item *item = p ? bundle_find(s->bundle, "/proc/%d/cgroup", p->pid) : NULL;
    int line = z->version == 2 ? item_prefix(item, "0::") : item_find(item, "freezer:");
    if (line >= 0)
        finding_show(f, (struct spot){item, line});
}

/* --- 1: the target is frozen ----------------------------------------------------------------- */

/* Was the freezer cgroup handed over? With `criu swrk` the options are not on the command line, nor
 * are those of a configuration file, but CRIU logs that it freezes. */
static bool freezer_is_known_to_criu(const struct scene *s)
{
    if (command_option(&s->criu->command, "--freeze-cgroup", 0))
        return true;
    return item_find(s->log, "freezing cgroup") >= 0 ||
           item_find(s->log, "freezing processes:") >= 0;
}

/* Was CRIU told another cgroup than the one that is to be thawed? It thaws what it is told, and
 * nothing above or below that. */
static bool freezer_is_another(const struct scene *s)
{
    const char *told = command_option(&s->criu->command, "--freeze-cgroup", 0);
    cleanup_free char *frozen = frozen_folder(&s->target_freezer);
    size_t len = told ? strlen(told) : 0;
    while (len > 1 && told[len - 1] == '/')
        len--;
    if (!told || !frozen)
        return false;
    bool within = strncmp(frozen, told, len) == 0 && (!frozen[len] || frozen[len] == '/');
    return !within || (frozen[len] && spot_is(s->target_freezer.set));
}

static void explain_frozen(const struct scene *s, struct finding *f)
{
    bool v2 = s->target_freezer.version == 2;
    finding_explain(
        f,
        "The containerd client pauses a task before it asks the runtime for the checkpoint, and "
        "the "
        "agent pauses with the cgroup freezer: so the target is frozen when the agent starts CRIU, "
        "and is not when CRIU is started by hand. %s",
        v2 ? "On cgroup v2 a frozen process can still be seized and its registers read, so CRIU "
             "gets "
             "as far as putting its parasite's system call into the target, and then waits for a "
             "process that cannot run. There is no time-out after that point."
           : "On cgroup v1 a frozen process does not stop for ptrace, so CRIU waits in the seize "
             "until its own alarm ends it after 10 s.");
    cleanup_free char *quoted =
        s->target_freezer.folder ? shell_quote(s->target_freezer.folder) : xstrdup("CGROUP");
    cleanup_free char *thaw = thaw_command(&s->target_freezer);
    cleanup_free char *command = xasprintf(
        "# in the agent, to CRIU's arguments (runc and crun do the same):\n"
        "--freeze-cgroup %s\n"
        "# now, in the guest: let this dump go on (do not kill CRIU first, the workload would be "
        "lost)\n"
        "%s",
        quoted, thaw);
    cleanup_free char *frozen = frozen_folder(&s->target_freezer);
    bool above = frozen && strcmp(frozen, s->target_freezer.folder) != 0;
    finding_remedy(f, command, "%s",
                   above ? "What is frozen is a group above the container's own, and CRIU thaws "
                           "only the one that it is told: freeze the container's own, and give "
                           "CRIU that."
                         : "Give CRIU the freezer cgroup of the container: it thaws it for the "
                           "dump and freezes it again.");
    finding_refute(f, "the same hang while `cgroup.events` of the target says `frozen 0`, or with "
                      "--freeze-cgroup on CRIU's command line");
}

static void show_waiting_criu(const struct scene *s, struct finding *f)
{
    if (!s->criu)
        return;
    finding_show(f, spot_of(s, s->criu, "wchan", NULL));
    if (s->target && s->target->tracer == s->criu->pid)
        finding_show(f, spot_of(s, s->target, "status", "TracerPid"));
}

/* Does CRIU's log end where it waits for a frozen process of v2? */
static bool ends_in_parasite(const struct scene *s)
{
    return strncmp(s->last, "Parasite syscall_ip", 19) == 0;
}

/* A freezer within the container, as of one that runs in it and was paused. */
static void check_inner(const struct scene *s, const struct rule *r, struct findings *out)
{
    if (!s->inner || s->finished || (!s->criu_alive && !ends_in_parasite(s)))
        return;
    struct finding *f = finding_add(out, r, LIKELY,
                                    "a process of the container (%s, %d) is in a frozen cgroup of "
                                    "its own",
                                    s->inner->name, s->inner->pid);
    show_freezer(f, &s->inner_freezer);
    show_cgroup(s, f, s->inner, &s->inner_freezer);
    finding_show(f, s->last_spot);
    show_waiting_criu(s, f);
    finding_explain(f,
                    "Something in the container has frozen a part of it, for example a container "
                    "that is paused in it. CRIU dumps all processes below the first, and thaws "
                    "only the group that --freeze-cgroup names: it waits for this one for ever.");
    cleanup_free char *thaw = thaw_command(&s->inner_freezer);
    finding_remedy(f, thaw, "Resume it before the checkpoint. Now, in the guest, thaw it:");
    finding_refute(f, "the same hang while `cgroup.events` of that cgroup says `frozen 0`");
}

static void check_frozen_target(const struct scene *s, const struct rule *r, struct findings *out)
{
    if (s->criu_alive && strv_contains(&s->criu->command, "restore"))
        return; /* it waits for no parasite */
    check_inner(s, r, out);
    if (!s->target_freezer.frozen || s->finished)
        return;
    struct finding *f;
    if (s->criu_alive) {
        bool another = freezer_is_another(s);
        if (freezer_is_known_to_criu(s) && !another)
            return;
        bool sure = !s->rpc && !another && !s->target_freezer.freezing;
        f = finding_add(out, r, sure ? CERTAIN : LIKELY,
                        another ? "the target's cgroup is frozen, and CRIU was given another one "
                                  "with --freeze-cgroup"
                                : "the target's cgroup is frozen, and CRIU was not told to thaw it "
                                  "(no --freeze-cgroup)");
    } else if (ends_in_parasite(s) ||
               (s->target_freezer.version == 1 && spot_is(scene_said(s, "Timeout reached")))) {
        f = finding_add(out, r, LIKELY,
                        "the target's cgroup is frozen, and CRIU's log ends where it waits for a "
                        "frozen target");
    } else {
        return;
    }
    show_freezer(f, &s->target_freezer);
    if (s->criu_alive) {
        show_cgroup(s, f, s->target, &s->target_freezer);
        cleanup_free char *item = xasprintf("/proc/%d/cmdline", s->criu->pid);
        struct spot told = spot_of(s, s->criu, "cmdline", "--freeze-cgroup");
        finding_show(f, told);
        if (strcmp(spot_text(told), "--freeze-cgroup") == 0) /* its value is the next word */
            finding_show(f, (struct spot){told.item, told.line + 1});
        if (!spot_is(told))
            finding_show_absence(f, item, "no --freeze-cgroup among %zu words",
                                 s->criu->command.len);
    }
    finding_show(f, s->last_spot);
    show_waiting_criu(s, f);
    explain_frozen(s, f);
}

const struct rule rule_frozen_target = {
    .id = "frozen-target",
    .help = "the target's cgroup is frozen and CRIU was not given it",
    .weight = 90,
    .hangs = true,
    .check = check_frozen_target,
    .references = {"https://github.com/checkpoint-restore/criu/issues/2572",
                   "https://github.com/checkpoint-restore/criu/issues/2615",
                   "https://github.com/checkpoint-restore/criu/issues/79"},
};

/* --- 2: CRIU is frozen ----------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool same_group(const struct process *a, const struct process *b)
{
    return same_text(a->freezer1, b->freezer1) || same_text(a->cgroup2, b->cgroup2);
}

/* How many numbers a process of the guest's own pid namespace has: the agent's, else init's. 0: not
 * known. */
static size_t guest_numbers(const struct scene *s)
{
    if (s->agent && s->agent->ns_pids.len > 0)
        return s->agent->ns_pids.len;
    const char *numbers = item_value(bundle_find(s->bundle, "/proc/1/status"), "NSpid", NULL);
    size_t n = 0;
    while (numbers && *(numbers += strspn(numbers, " \t"))) {
        numbers += strcspn(numbers, " \t");
        n++;
    }
    return n;
}

/* A process of the guest in the container's cgroup: the start of CRIU, which joined that group and
 * froze before it was CRIU. The container's own processes are in a pid namespace below the guest's,
 * and so have more numbers; those of a namespace inside of the container have still more. NULL:
 * none. */
static const struct process *frozen_start(const struct scene *s)
{
    if (!s->target || !s->target_freezer.frozen || s->criu_alive)
        return NULL;
    const struct process *start = NULL;
    size_t most = 0;
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (!(p->roles & PROCESS_TARGET) || p->ns_pids.len == 0 || !same_group(p, s->target))
            continue;
        if (p->ns_pids.len > most)
            most = p->ns_pids.len;
        if (!start || p->ns_pids.len < start->ns_pids.len)
            start = p;
    }
    if (start && (start->ns_pids.len == most || start->ns_pids.len != guest_numbers(s)))
        return NULL;
    return start;
}

static void check_criu_frozen(const struct scene *s, const struct rule *r, struct findings *out)
{
    const struct process *frozen = s->criu_freezer.frozen && s->criu_alive ? s->criu : NULL;
    const struct process *start = frozen ? NULL : frozen_start(s);
    const struct freezer *freezer = frozen ? &s->criu_freezer : &s->target_freezer;
    struct finding *f;
    if (frozen)
        f = finding_add(out, r, freezer->freezing ? LIKELY : CERTAIN,
                        "CRIU itself (process %d) is in a frozen cgroup: it cannot run",
                        frozen->pid);
    else if (start)
        f = finding_add(out, r, LIKELY,
                        "no CRIU runs, and a process of the guest (`%s`, %d) is in the container's "
                        "frozen cgroup: it froze on its way to become CRIU",
                        start->name, start->pid);
    else
        return;
    show_freezer(f, freezer);
    show_cgroup(s, f, frozen ? frozen : start, freezer);
    finding_show(f,
                 frozen ? spot_of(s, frozen, "wchan", NULL) : spot_of(s, start, "status", "NSpid"));
    finding_show(f, s->last_spot);
    finding_explain(f,
                    "A process is in its parent's cgroup unless it is moved. Started inside the "
                    "container's cgroup, CRIU freezes with the container, by the pause before the "
                    "checkpoint or by its own --freeze-cgroup.");
    cleanup_free char *thaw = thaw_command(freezer);
    finding_remedy(
        f, thaw,
        "Start CRIU from a process outside of the container's cgroup (the agent's own), or "
        "move it there before it runs. Now, in the guest, thaw the cgroup:");
    finding_refute(f, frozen ? "CRIU's `State` is R, or its log grows"
                             : "that process was put there on purpose, and a CRIU runs elsewhere");
}

const struct rule rule_criu_frozen = {
    .id = "criu-frozen",
    .help = "CRIU is inside the frozen cgroup",
    .weight = 95,
    .hangs = true,
    .check = check_criu_frozen,
    .references = {"https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files"},
};

/* --- 10: left frozen ------------------------------------------------------------------------- */

static void check_left_frozen(const struct scene *s, const struct rule *r, struct findings *out)
{
    if (!s->target_freezer.frozen || s->criu_alive || spot_is(s->client_alive))
        return;
    if (s->client && strcmp(s->client, "running") == 0)
        return;
    bool killed = s->client && strcmp(s->client, "killed") == 0;
    bool unfinished = s->log && !s->finished;
    const char *space = item_value(s->caller, "namespace", NULL);
    /* kubelet asks for one without a process of its own for that. */
    bool kubelet = !s->client && space && strcmp(space, "k8s.io") == 0;
    struct finding *f =
        finding_add(out, r,
                    killed && !unfinished ? CERTAIN
                    : kubelet             ? POSSIBLE
                                          : LIKELY,
                    killed    ? "the container was left frozen by a client that was killed"
                    : kubelet ? "the container is frozen, and no client makes a checkpoint of it; "
                                "kubelet may be at it"
                              : "the container is frozen, and nobody makes a checkpoint of it");
    show_freezer(f, &s->target_freezer);
    struct spot client = {s->caller, -1};
    if (s->client && item_value(s->caller, "client:", &client.line))
        finding_show(f, client);
    const struct bundle_item *tasks = bundle_find(s->bundle, "host: ctr tasks list");
    int paused = item_find(tasks, "PAUSED");
    if (paused >= 0)
        finding_show(f, (struct spot){tasks, paused});
    finding_show_absence(f, "processes", "no CRIU at work");
    finding_explain(f,
                    "A client pauses the task, asks for the checkpoint, and resumes it at the end. "
                    "One that is killed or loses its connection in between never resumes it.");
    const char *id = item_value(s->caller, "container", NULL);
    /* A bundle may come from anywhere, and this is there to be copied. */
    cleanup_free char *quoted_id = id ? shell_quote(id) : NULL;
    cleanup_free char *quoted_space = shell_quote(space ? space : "default");
    cleanup_free char *thaw = id ? xasprintf("ctr -n %s tasks resume %s", quoted_space, quoted_id)
                                 : thaw_command(&s->target_freezer);
    finding_remedy(f, thaw, "%s%s:",
                   kubelet ? "Where kubelet waits for no checkpoint of it, resume it" : "Resume it",
                   id ? ", on the host" : "");
    finding_refute(f, kubelet ? "somebody paused the container on purpose, or a request of kubelet "
                                "for its checkpoint is under way"
                              : "somebody paused the container on purpose");
}

const struct rule rule_left_frozen = {
    .id = "left-frozen",
    .help = "the container stayed frozen after its client was gone",
    .weight = 60,
    .check = check_left_frozen,
    .references = {"https://github.com/containerd/containerd/blob/main/client/task.go"},
};
