/* SPDX-License-Identifier: Apache-2.0
 * Rules about what happens around CRIU: the answer that does not come, a runtime that knows no
 * checkpoints, a workload that ends although all went well. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/rules.h"

static struct spot said_finished(const struct scene *s)
{
    return scene_said(s, SCENE_SUCCESS);
}

static struct spot caller_line(const struct scene *s, const char *key)
{
    struct spot at = {s->caller, -1};
    return item_value(s->caller, key, &at.line) ? at : (struct spot){0};
}

/* --- 5: CRIU has finished, the request does not return -----------------------------------------
 */

static bool is(const char *value, const char *word)
{
    return value && strcmp(value, word) == 0;
}

static void check_no_answer(const struct scene *s, const struct rule *r, struct findings *out)
{
    if (!s->finished || s->criu_alive)
        return;
    bool quiet = s->log_age >= QUIET_SECONDS;
    bool waiting = s->stalled || (quiet && is(s->client, "running"));
    bool seen_waiting = quiet && spot_is(s->client_alive);
    bool zombie = s->criu != NULL; /* and not alive */
    if (!waiting && !seen_waiting && !(zombie && quiet))
        return;
    struct finding *f = finding_add(
        out, r, s->stalled ? CERTAIN : LIKELY,
        zombie ? "CRIU has finished, and the agent does not wait for it: the request never returns"
               : "CRIU has finished and is reaped, but the request does not return");
    finding_show(f, said_finished(s));
    finding_show(f, spot_of(s, s->criu, "status", "State"));
    if (!zombie)
        finding_show_absence(f, "processes", "no CRIU any more");
    finding_show(f, caller_line(s, "stalled"));
    finding_show(f, s->client_alive);
    finding_show(f, spot_of(s, s->agent, "wchan", NULL));
    finding_show(f, spot_of(s, s->agent, "syscall", NULL));
    finding_explain(f,
                    "The agent has a loop that reaps every child on SIGCHLD (`waitpid(-1, "
                    "WNOHANG|__WALL)`) under "
                    "a lock. %s",
                    zombie ? "A CRIU that stays a zombie means that this loop does not run: the "
                             "lock is held, most "
                             "likely by the very request that waits for CRIU."
                           : "When that loop takes CRIU's exit status, the part of the agent that "
                             "started CRIU waits "
                             "for a child that no longer exists.");
    finding_remedy(
        f,
        "# in the agent; args: CRIU's\n"
        "let _guard = WAIT_PID_LOCKER.lock().await;\n"
        "let output = tokio::process::Command::new(\"criu\").args(args).output().await?;\n"
        "drop(_guard);",
        "Start CRIU and wait for it under the lock that keeps the reaper away (the agent has "
        "one for its own children): keep the guard until CRIU's status is read, with "
        "tokio::process across that `.await`, and take no other lock meanwhile. The images are "
        "whole and can be used; the container may still be paused.");
    finding_refute(f,
                   "a CRIU that still runs, a log without `Dumping finished successfully`, or a "
                   "client that is at work: large images take their time into containerd's store");
}

const struct rule rule_no_answer = {
    .id = "no-answer",
    .help = "CRIU finished and the request did not return",
    .weight = 88,
    .hangs = true,
    .check = check_no_answer,
    .references = {"https://github.com/kata-containers/kata-containers/blob/main/src/agent/src/"
                   "signal.rs"},
};

/* --- 8: not implemented --------------------------------------------------------------------------
 */

/* The shim's words: those of the Go one, then those of the Rust one. "Function not implemented"
 * (Go: "function …") is ENOSYS, which CRIU and the runtimes pass on. */
static bool says_not_implemented(const char *line)
{
    static const char words[] = "not implemented", before[] = "unction ";
    size_t len = strlen(before);
    for (const char *p = line; (p = strstr(p, words)); p++)
        if ((size_t)(p - line) < len || strncmp(p - len, before, len) != 0)
            return true;
    return strstr(line, "Unimplemented") || strstr(line, "Task/Checkpoint is not supported");
}

/* The agent's server on a request that it does not have: "/grpc.AgentService/… does not exist"; on
 * one that its protocol has and it does not answer: "… is not supported". */
static bool says_unknown_to_agent(const char *line)
{
    const char *call = strstr(line, "grpc.AgentService/");
    return call && (strstr(call, "does not exist") || strstr(call, "is not supported"));
}

static void check_agent_knows_it(const struct scene *s, const struct rule *r, struct findings *out)
{
    size_t line = 0;
    while (item_line(s->said, line) && !says_unknown_to_agent(item_line(s->said, line)))
        line++;
    if (!item_line(s->said, line))
        return;
    struct finding *f =
        finding_add(out, r, CERTAIN, "the agent in the guest does not know checkpoints");
    finding_show(f, (struct spot){s->said, (int)line});
    finding_show(f, spot_of(s, s->agent, "status", "Name"));
    finding_explain(f, "The shim passed the request on, and the agent that runs in the guest has "
                       "no such call: it is another one than the one that the shim was built with. "
                       "A guest goes on with the agent that was in its image when it started.");
    finding_remedy(f,
                   "kataloop guest exec CONTAINER -- sha256sum /usr/bin/kata-agent    # is it the "
                   "one that was built?",
                   "Put the agent with that call into the guest image, and start the container "
                   "anew.");
    finding_refute(f, "the agent in the guest is the one that was built, with that call");
}

static void check_not_implemented(const struct scene *s, const struct rule *r, struct findings *out)
{
    size_t line = 0;
    check_agent_knows_it(s, r, out);
    while (item_line(s->said, line) && !says_not_implemented(item_line(s->said, line)))
        line++;
    if (!item_line(s->said, line) || s->criu || s->log_is_ours)
        return;
    const char *runtime = item_value(s->caller, "runtime", NULL);
    struct finding *f = finding_add(out, r, CERTAIN, "the shim of %s cannot checkpoint",
                                    runtime ? runtime : "this runtime");
    finding_show(f, (struct spot){s->said, (int)line});
    finding_show(f, caller_line(s, "runtime"));
    finding_explain(
        f,
        "The shim answered that it does not have this request. Upstream Kata's shims do: neither "
        "the Go one (\"not implemented\") nor the Rust one (\"not supported\") passes it to the "
        "agent.");
    finding_remedy(
        f, "command -v containerd-shim-kata-v2    # on the host: is it the patched one?",
        "Install a shim that implements Checkpoint, and see that containerd finds that one on "
        "its PATH; restart containerd.");
    finding_refute(f, "a CRIU was started in the guest for this request");
}

const struct rule rule_not_implemented = {
    .id = "not-implemented",
    .help = "the shim, or the agent in the guest, knows no checkpoints",
    .weight = 92,
    .check = check_not_implemented,
    .references =
        {"https://github.com/kata-containers/kata-containers/blob/main/docs/Limitations.md"},
};

/* --- 9: the workload is gone -------------------------------------------------------------------
 */

static void check_workload_gone(const struct scene *s, const struct rule *r, struct findings *out)
{
    if (!s->leave_running || !s->state_after || is(s->state_after, "running") ||
        is(s->state_after, "paused"))
        return;
    if (!s->finished && s->client_status != 0)
        return;
    struct spot interrupted = scene_said(s, "with interrupted system call");
    struct finding *f = finding_add(out, r, spot_is(interrupted) ? CERTAIN : POSSIBLE,
                                    "the checkpoint succeeded, and its workload ended: %s",
                                    spot_is(interrupted) ? "a system call was interrupted"
                                                         : "maybe a system call was interrupted");
    finding_show(f, said_finished(s));
    finding_show(f, interrupted);
    finding_show(f, caller_line(s, "state after"));
    finding_show(f, caller_line(s, "leave running"));
    finding_explain(f,
                    "CRIU interrupts the system call that a process waits in. Most are taken up "
                    "again. Some (for example nanosleep, with the time that remains) return EINTR, "
                    "and a program that does not expect that ends: `sleep` of busybox 1.37 does.");
    finding_remedy(f, "sh -c 'while :; do sleep 1; done'",
                   "Measure with a workload that survives it:");
    finding_refute(f,
                   "the container's log shows another reason, or it ends without a checkpoint too");
}

const struct rule rule_workload_gone = {
    .id = "workload-gone",
    .help = "the workload ended after a dump that succeeded",
    .weight = 70,
    .check = check_workload_gone,
    .references = {"https://github.com/checkpoint-restore/criu/issues/20"},
};
