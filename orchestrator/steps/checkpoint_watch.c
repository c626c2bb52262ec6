/* SPDX-License-Identifier: Apache-2.0
 * A checkpoint, watched: a look now and then. The looks run in the guest, beside CRIU; what they
 * cost the checkpoint is measured by tests/bench/watcher.sh. */
#include "steps/checkpoint_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "criu/phase.h"
#include "steps/guest.h"

extern const char script_checkpoint_look[], script_checkpoint_host[];

#define PACE      (500 * NSEC_PER_MSEC) /* no more often than this */
#define LOOK_TIME (20 * NSEC_PER_SEC)   /* the longest one look may take, in an emulated guest */
#define OPEN_TIME (20 * NSEC_PER_SEC)
#define TICK      (100 * NSEC_PER_MSEC)
/* containerd moves a little when it has nothing to do: more clock ticks than this in a second are
 * work (of 100, by what Linux calls USER_HZ). */
#define IDLE_TICKS 3
/* A look may cost 2 % of the time between two; and there are so many in `stall_after` at least. */
enum { COST_SHARE = 50, LOOKS_PER_STALL = 5 };

/* What moves, as one look saw it. */
struct motion {
    size_t criu;    /* how many of its processes were seen until then */
    int64_t ticks;  /* theirs */
    int64_t host;   /* of the host's side; -1: not looked at */
    int64_t offset; /* in the log */
    int64_t at;     /* when that was; nanoseconds */
};

static bool is_fatal(const struct error *e)
{
    return e->code == ERR_INTERRUPTED || e->code == ERR_UNREACHABLE;
}

int checkpoint_watch_open(struct checkpoint_watch *w, struct exec *x, struct run_container *c,
                          struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    w->id = xstrdup(c->id);
    if (step_guest(x, c, deadline_min(x->deadline, deadline_in(OPEN_TIME)), &w->guest, &failure) ==
        0)
        return 0;
    if (is_fatal(&failure)) {
        error_move(err, &failure);
        return -1;
    }
    w->why_not = xstrdup(failure.message);
    return 0;
}

void checkpoint_watch_release(struct checkpoint_watch *w)
{
    free(w->id);
    free(w->log);
    free(w->why_not);
    strv_release(&w->pids);
    strbuf_release(&w->fresh);
    *w = (struct checkpoint_watch)CHECKPOINT_WATCH_INIT;
}

/* --- one look --------------------------------------------------------------------------------- */

/* "criu TICKS PID…" */
static void take_processes(struct checkpoint_watch *w, char *line, struct motion *m)
{
    char *rest = line;
    (void)strsep(&rest, " ");
    const char *ticks = strsep(&rest, " ");
    if (!ticks || !parse_int(ticks, &m->ticks))
        m->ticks = 0;
    w->criu_runs = false;
    for (char *pid; rest && (pid = strsep(&rest, " "));) {
        int64_t number;
        if (!parse_int(pid, &number))
            continue;
        w->criu_runs = true;
        if (!strv_contains(&w->pids, pid))
            strv_push(&w->pids, pid);
    }
}

static void take_log(struct checkpoint_watch *w, struct criu_phase *phase, const char *data,
                     size_t len)
{
    w->offset += (int64_t)len;
    criu_phase_add(phase, data, len);
    strbuf_add(&w->fresh, data, len);
    if (phase->name)
        w->phase = phase->name;
}

/* Lines up to an empty one, then bytes of the log. */
static void take_look(struct checkpoint_watch *w, struct criu_phase *phase, struct strbuf *out,
                      struct motion *m)
{
    char *at = out->data, *end = out->data + out->len;
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return;
        *newline = '\0';
        char *line = at;
        at = newline + 1;
        if (!*line)
            break;
        if (strncmp(line, "criu ", 5) == 0)
            take_processes(w, line, m);
        else if (strncmp(line, "log /", 5) == 0 && !w->log)
            w->log = xstrdup(line + 4);
    }
    if (at < end)
        take_log(w, phase, at, (size_t)(end - at));
}

/* Nothing of CRIU runs: it has not begun, or it has ended and the rest is the host's. */
static int look_at_host(struct exec *x, struct motion *m, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_checkpoint_host, NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_run(x->host, &cmd, deadline_in(LOOK_TIME), &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    if (!parse_int(strbuf_str(&r.out), &m->host))
        m->host = -1;
    return 0;
}

static int look(struct checkpoint_watch *w, struct exec *x, struct criu_phase *phase,
                struct motion *m, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_checkpoint_look, "sh", w->id, NULL);
    strv_printf(&argv, "%lld", (long long)w->offset);
    strv_push(&argv, w->log ? w->log : "");
    strv_extend(&argv, &w->pids);
    const struct guest_command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (guest_run(w->guest, &cmd, deadline_in(LOOK_TIME), &r, err) < 0)
        return -1;
    m->host = -1;
    m->at = clock_now();
    strbuf_truncate(&w->fresh, 0);
    take_look(w, phase, &r.out, m);
    m->criu = w->pids.len;
    m->offset = w->offset;
    if (w->follow && exec_output(x, w->fresh.data, w->fresh.len, false, err) < 0)
        return -1;
    return 0;
}

/* Has anything moved since the last look? Keeps in `before` what the next one is compared with. The
 * host's side counts from its second look on (*ret_host_known): what it did before the first nobody
 * knows. */
static bool moved(struct motion *before, const struct motion *now, bool *ret_host_known)
{
    bool guest =
        now->criu != before->criu || now->ticks != before->ticks || now->offset != before->offset;
    int64_t idle = IDLE_TICKS * (1 + (now->at - before->at) / NSEC_PER_SEC);
    *ret_host_known = now->host >= 0 && before->host >= 0;
    bool host = *ret_host_known && now->host - before->host > idle;
    *before = *now;
    if (guest)
        before->host = -1;
    return guest || host;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int show(const struct checkpoint_watch *w, const struct criu_phase *phase, struct exec *x,
                struct error *err)
{
    if (!w->phase)
        return 0;
    if (!w->criu_runs)
        return exec_progress(x, "CRIU is done, the runtime goes on", 0, -1, err);
    int64_t in_it = phase->last - phase->since;
    cleanup_free char *time = duration_format(in_it > 0 ? in_it : 0);
    cleanup_free char *text = xasprintf("CRIU: %s, %s in it", w->phase, time);
    return exec_progress(x, text, 0, -1, err);
}

/* Wait for the client until `until`. 1: it has ended. 0: it has not. */
static int wait_client(struct exec *x, struct proc *client, int64_t until, struct error *err)
{
    while (!proc_ended(client, NULL)) {
        size_t index;
        cleanup_error struct error failure = ERROR_INIT;
        int64_t next = deadline_min(deadline_min(until, x->deadline), deadline_in(TICK));
        events_tick(x->events);
        if (proc_wait_any(&client, 1, next, &index, &failure) == 0)
            continue;
        if (failure.code != ERR_TIMEOUT || clock_now() >= x->deadline) {
            error_move(err, &failure);
            return -1;
        }
        if (clock_now() >= until)
            return 0;
    }
    return 1;
}

/* One look that failed is no reason to leave the checkpoint: from then on nothing is watched. */
static int give_up(struct checkpoint_watch *w, struct exec *x, struct error *why, struct error *err)
{
    if (is_fatal(why)) {
        error_move(err, why);
        return -1;
    }
    w->guest = NULL;
    w->why_not = xstrdup(why->message);
    return exec_note(x, err, "the checkpoint is not watched any further: %s", why->message);
}

/* One look of both sides, as far as they are of use. The host's side is asked where no CRIU runs
 * and the guest has been quiet for a while. */
static int look_around(struct checkpoint_watch *w, struct exec *x, struct criu_phase *phase,
                       bool host_too, struct motion *now, struct error *err)
{
    if (look(w, x, phase, now, err) < 0)
        return -1;
    return host_too && !w->criu_runs ? look_at_host(x, now, err) : 0;
}

/* When to look next: looks run beside CRIU, and may take one part in COST_SHARE of its time, unless
 * a stall would be noticed too late then. */
static int64_t next_look(const struct checkpoint_watch *w, int64_t cost, int64_t stall_after)
{
    int64_t pace = cost * COST_SHARE, longest = stall_after / LOOKS_PER_STALL;
    if (w->follow || pace < PACE)
        pace = PACE;
    if (!w->follow && pace > longest)
        pace = longest > PACE ? longest : PACE;
    int64_t judged = w->quiet_since + stall_after;
    return clock_now() < judged ? deadline_min(deadline_in(pace), judged) : deadline_in(PACE);
}

int checkpoint_watch_wait(struct checkpoint_watch *w, struct exec *x, struct proc *client,
                          int64_t stall_after, bool *ret_stalled, struct error *err)
{
    struct motion before = {.host = -1}, now = {.host = -1};
    struct criu_phase phase = CRIU_PHASE_INIT;
    int64_t cost = stall_after; /* of a look; not known yet: the longest pace */
    *ret_stalled = false;
    w->quiet_since = clock_now();
    for (;;) {
        int64_t until = w->guest ? next_look(w, cost, stall_after) : DEADLINE_NEVER;
        int ended = wait_client(x, client, until, err);
        if (ended < 0 || (ended > 0 && !w->guest))
            return ended < 0 ? -1 : 0;
        cleanup_error struct error failure = ERROR_INIT;
        int64_t begun = clock_now();
        bool host_too = !ended && begun - w->quiet_since >= stall_after / 2;
        if (look_around(w, x, &phase, host_too, &now, &failure) < 0) {
            if (give_up(w, x, &failure, err) < 0)
                return -1;
            continue;
        }
        if (ended > 0)
            return 0;
        cost = clock_now() - begun;
        bool host_known;
        if (moved(&before, &now, &host_known))
            w->quiet_since = clock_now();
        if (show(w, &phase, x, err) < 0)
            return -1;
        /* Without a CRIU it is the host's side that has to stand still, where that can be seen. */
        host_known = host_known || (host_too && now.host < 0);
        if ((w->criu_runs || host_known) && clock_now() - w->quiet_since >= stall_after &&
            !proc_ended(client, NULL)) {
            *ret_stalled = true;
            return 0;
        }
    }
}

/* --- ending it -------------------------------------------------------------------------------- */

/* Looks once more for what is the container's, and ends just that. */
static int kill_criu(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    struct criu_phase phase = CRIU_PHASE_INIT;
    struct motion m = {0};
    if (look(w, x, &phase, &m, err) < 0)
        return -1;
    if (w->pids.len == 0)
        return 0;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "kill -KILL \"$@\"", "sh", NULL);
    strv_extend(&argv, &w->pids);
    const struct guest_command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return guest_run(w->guest, &cmd, deadline_in(LOOK_TIME), &r, err);
}

int checkpoint_kill_criu(struct exec *x, const char *id, const char *runtime, struct error *err)
{
    struct run_container c = {.id = (char *)id, .runtime = (char *)runtime};
    cleanup_checkpoint_watch struct checkpoint_watch w = CHECKPOINT_WATCH_INIT;
    int result = checkpoint_watch_open(&w, x, &c, err);
    if (result == 0 && w.guest) /* a guest that is gone has taken its CRIU along */
        result = kill_criu(&w, x, err);
    guest_close(c.guest);
    return result;
}
