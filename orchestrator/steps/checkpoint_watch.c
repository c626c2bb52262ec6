/* SPDX-License-Identifier: Apache-2.0
 * A checkpoint, watched: a look now and then, by one script that stays in the guest beside CRIU.
 * What that costs the checkpoint is measured by tests/bench/watcher.sh. */
#include "steps/checkpoint_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "steps/checkpoint_look.h"
#include "steps/guest.h"

extern const char script_checkpoint_look[], script_checkpoint_host[];

#define LOOK_TIME (20 * NSEC_PER_SEC) /* the longest one look may take, in an emulated guest */
#define OPEN_TIME (20 * NSEC_PER_SEC)
#define LEAST     (500 * NSEC_PER_MSEC) /* between two looks, and where the log is shown */
#define TICK      (100 * NSEC_PER_MSEC)
/* However much one costs (checkpoint_look.sh), there are so many looks in `stall_after`, of half a
 * second at least each: one more than have to see nothing move, as the first may have seen the last
 * of it. */
#define LOOKS_PER_STALL (STALL_LOOKS + 1)

int checkpoint_watch_open(struct checkpoint_watch *w, struct exec *x, struct run_container *c,
                          struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    w->id = xstrdup(c->id);
    if (step_guest(x, c, deadline_min(x->deadline, deadline_in(OPEN_TIME)), &w->guest, &failure) ==
        0)
        return 0;
    if (error_ends_all(&failure)) {
        error_move(err, &failure);
        return -1;
    }
    w->why_not = xstrdup(failure.message);
    return 0;
}

void checkpoint_watch_release(struct checkpoint_watch *w)
{
    cleanup_error struct error unheard = ERROR_INIT; /* a guest that is gone has ended them */
    if (w->looking)
        (void)guest_stop(w->guest, &unheard);
    free(w->id);
    free(w->log);
    free(w->why_not);
    strv_release(&w->pids);
    strbuf_release(&w->said);
    *w = (struct checkpoint_watch)CHECKPOINT_WATCH_INIT;
}

/* --- what the looks say ------------------------------------------------------------------------
 */

static int take_look(struct checkpoint_watch *w, struct exec *x, struct checkpoint_look *look,
                     struct error *err)
{
    w->looked = clock_now();
    w->ticks = look->ticks;
    w->criu_runs = look->pids.len > 0;
    for (size_t i = 0; i < look->pids.len && w->pids.len < LOOK_PIDS_MAX; i++)
        if (!strv_contains(&w->pids, look->pids.items[i]))
            strv_push(&w->pids, look->pids.items[i]);
    if (look->offset > 0) /* one that reads nothing of the log says 0 */
        w->offset = look->offset;
    if (look->log && !w->log)
        w->log = steal(&look->log);
    criu_phase_add(&w->phase, look->piece, look->piece_len);
    return w->follow && look->piece_len > 0
               ? exec_output(x, look->piece, look->piece_len, false, err)
               : 0;
}

/* All that was said. *ret_any: was there a whole look among it? */
static int take_looks(struct checkpoint_watch *w, struct exec *x, bool *ret_any, struct error *err)
{
    *ret_any = false;
    for (size_t used; w->said.len > 0; strbuf_consume(&w->said, used)) {
        cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
        if (checkpoint_look_read(strbuf_str(&w->said), w->said.len, &look, &used, err) < 0)
            return -1;
        if (used == 0)
            return 0;
        if (take_look(w, x, &look, err) < 0)
            return -1;
        *ret_any = true;
    }
    return 0;
}

static void hear(void *data, const char *bytes, size_t len, bool is_err)
{
    struct checkpoint_watch *w = data;
    if (!is_err)
        strbuf_add(&w->said, bytes, len);
}

/* Take what has come, waiting for it until `until`. *ret_any as in take_looks(). */
static int listen(struct checkpoint_watch *w, struct exec *x, int64_t until, bool *ret_any,
                  struct error *err)
{
    bool done;
    if (guest_advance(w->guest, until, &done, err) < 0) {
        w->looking = false;
        return -1;
    }
    w->looking = !done;
    if (take_looks(w, x, ret_any, err) < 0)
        return -1;
    if (done)
        return error_set(err, ERR_FAILED, "the looks at CRIU have ended");
    if (clock_now() - w->looked > w->longest + LOOK_TIME)
        return error_set(err, ERR_TIMEOUT, "the guest has not answered for a while");
    return 0;
}

/* One look by itself, at CRIU's processes and for the place of its log. */
static int look_once(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    bool any;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "sh", "-c", script_checkpoint_look, "sh", w->id, "0", NULL);
    const struct guest_command cmd = {.argv = &argv};
    strbuf_truncate(&w->said, 0);
    if (guest_check(w->guest, &cmd, deadline_in(LOOK_TIME), "looking at CRIU", &r, err) < 0)
        return -1;
    strbuf_add(&w->said, r.out.data, r.out.len);
    return take_looks(w, x, &any, err);
}

/* The last look comes with the end; where the guest is too slow for that, it is taken anew. */
static int end_looks(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    bool any;
    w->looking = false;
    if (guest_stop(w->guest, err) < 0 || take_looks(w, x, &any, err) < 0)
        return -1;
    return any ? 0 : look_once(w, x, err);
}

/* One look fails, and nothing is watched any more; no reason to leave the checkpoint. */
static int give_up(struct checkpoint_watch *w, struct exec *x, struct error *why, struct error *err)
{
    if (error_ends_all(why)) {
        error_move(err, why);
        return -1;
    }
    cleanup_error struct error unheard = ERROR_INIT; /* what came before it is what is told */
    if (w->looking)
        (void)guest_stop(w->guest, &unheard);
    w->looking = false;
    w->guest = NULL;
    w->why_not = xstrdup(why->message);
    return exec_note(x, err, "the checkpoint is not watched any further: %s", why->message);
}

static int begin(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf filter = STRBUF_INIT;
    strv_push_all(&argv, "sh", "-c", script_checkpoint_look, "sh", w->id, NULL);
    strv_printf(&argv, "%lld", (long long)(w->longest / (10 * NSEC_PER_MSEC)));
    criu_phase_filter(&filter);
    if (!w->follow)
        strv_push(&argv, strbuf_str(&filter));
    /* What the filter leaves is text: no encoder has to be started for it beside CRIU. */
    const struct guest_command cmd = {.argv = &argv,
                                      .output = hear,
                                      .output_data = w,
                                      .form = w->follow ? GUEST_LIVE : GUEST_LINES};
    strbuf_truncate(&w->said, 0); /* of a look that was cut */
    if (guest_start(w->guest, &cmd, x->deadline, err) < 0)
        return -1;
    w->looking = true;
    w->looked = clock_now();
    int64_t deadline = deadline_in(LOOK_TIME);
    for (bool any = false; !any;) {
        if (listen(w, x, deadline_in(TICK), &any, err) < 0)
            return -1;
        if (!any && clock_now() >= deadline)
            return error_set(err, ERR_TIMEOUT, "the guest does not answer");
    }
    return 0;
}

int checkpoint_watch_begin(struct checkpoint_watch *w, struct exec *x, int64_t stall_after,
                           struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    int64_t share = stall_after / LOOKS_PER_STALL;
    w->longest = w->follow || share < LEAST ? LEAST : share;
    return begin(w, x, &failure) < 0 ? give_up(w, x, &failure, err) : 0;
}

/* --- the host's side ----------------------------------------------------------------------
 */

/* Nothing of CRIU runs: it has not begun, or it has ended and the rest is the host's. */
static int look_at_host(struct exec *x, int64_t *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_checkpoint_host, NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_run(x->host, &cmd, deadline_in(LOOK_TIME), &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    if (!parse_int(strbuf_str(&r.out), ret) || *ret < 0)
        *ret = HOST_UNSEEN;
    return 0;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int show(const struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    if (!w->phase.name)
        return 0;
    if (!w->criu_runs)
        return exec_progress(x, "CRIU is done, the runtime goes on", 0, -1, err);
    int64_t in_it = w->phase.last - w->phase.since;
    cleanup_free char *time = duration_format(in_it > 0 ? in_it : 0);
    cleanup_free char *text = xasprintf("CRIU: %s, %s in it", w->phase.name, time);
    return exec_progress(x, text, 0, -1, err);
}

/* Wait for news of the client or the guest, but not for long. 1: the client has ended. */
static int wait_news(struct checkpoint_watch *w, struct exec *x, struct proc *client,
                     struct error *err)
{
    struct proc *const both[] = {client, w->guest ? guest_proc(w->guest) : NULL};
    size_t index;
    cleanup_error struct error failure = ERROR_INIT;
    if (!proc_ended(client, NULL) &&
        proc_wait_any(both, ARRAY_SIZE(both), deadline_min(deadline_in(TICK), x->deadline), &index,
                      &failure) < 0 &&
        (failure.code != ERR_TIMEOUT || clock_now() >= x->deadline)) {
        error_move(err, &failure);
        return -1;
    }
    return proc_ended(client, NULL);
}

/* After a look: what has moved? */
static int take_stock(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    struct motion seen = {.criu_runs = w->criu_runs,
                          .criu = w->pids.len,
                          .ticks = w->ticks,
                          .offset = w->offset,
                          .host = HOST_NOT_ASKED};
    if (stall_asks_host(&w->stall, w->criu_runs, clock_now()) &&
        look_at_host(x, &seen.host, err) < 0)
        return -1;
    seen.at = clock_now();
    stall_look(&w->stall, &seen);
    return show(w, x, err);
}

static void suspect(struct checkpoint_watch *w)
{
    if (!w->suspect || w->suspected == w->stall.quiet_since ||
        !stall_is_suspected(&w->stall, clock_now()))
        return;
    w->suspected = w->stall.quiet_since;
    w->suspect(w->suspect_data);
}

/* The last look of all has to see nothing move either: else they begin again. */
static int make_sure(struct checkpoint_watch *w, struct exec *x, const struct proc *client,
                     bool *ret_stalled, struct error *err)
{
    if (end_looks(w, x, err) < 0 || take_stock(w, x, err) < 0)
        return -1;
    bool over = proc_ended(client, NULL);
    *ret_stalled = !over && stall_is_there(&w->stall);
    return over || *ret_stalled ? 0 : begin(w, x, err);
}

/* After news: the client has ended (`ended`), or hangs (*ret_stalled), or the wait goes on. */
static int turn(struct checkpoint_watch *w, struct exec *x, const struct proc *client, bool ended,
                bool *ret_stalled, struct error *err)
{
    bool any = false;
    if (ended)
        return end_looks(w, x, err);
    if (listen(w, x, 0, &any, err) < 0 || (any && take_stock(w, x, err) < 0))
        return -1;
    suspect(w);
    return stall_is_near(&w->stall, clock_now()) ? make_sure(w, x, client, ret_stalled, err) : 0;
}

int checkpoint_watch_wait(struct checkpoint_watch *w, struct exec *x, struct proc *client,
                          int64_t stall_after, bool *ret_stalled, struct error *err)
{
    *ret_stalled = false;
    if (w->guest && !w->looking && checkpoint_watch_begin(w, x, stall_after, err) < 0)
        return -1;
    stall_begin(&w->stall, stall_after, clock_now());
    for (int ended = 0; !ended && !*ret_stalled;) {
        cleanup_error struct error failure = ERROR_INIT;
        ended = wait_news(w, x, client, err);
        if (ended < 0)
            return -1;
        if (w->guest && turn(w, x, client, ended, ret_stalled, &failure) < 0 &&
            give_up(w, x, &failure, err) < 0)
            return -1;
    }
    return 0;
}

/* --- ending it -------------------------------------------------------------------------------- */

/* Looks once more for what is the container's, and ends just that. */
static int kill_criu(struct checkpoint_watch *w, struct exec *x, struct error *err)
{
    if (look_once(w, x, err) < 0)
        return -1;
    if (w->pids.len == 0)
        return 0;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "sh", "-c", "kill -KILL \"$@\"", "sh", NULL);
    strv_extend(&argv, &w->pids);
    const struct guest_command cmd = {.argv = &argv};
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
