/* SPDX-License-Identifier: Apache-2.0
 * A checkpoint, watched: a look now and then, by one script that stays in the guest beside CRIU.
 * What that costs the checkpoint is measured by tests/bench/watcher.sh. */
#include "steps/checkpoint_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "criu/phase.h"
#include "steps/guest.h"

extern const char script_checkpoint_look[], script_checkpoint_host[];

#define LOOK_TIME (20 * NSEC_PER_SEC) /* the longest one look may take, in an emulated guest */
#define OPEN_TIME (20 * NSEC_PER_SEC)
#define LEAST     (500 * NSEC_PER_MSEC) /* between two looks, and where the log is shown */
#define TICK      (100 * NSEC_PER_MSEC)
/* containerd moves a little when it has nothing to do: more clock ticks than this in a second are
 * work (of 100, by what Linux calls USER_HZ). */
#define IDLE_TICKS 3
/* However much one costs (checkpoint_look.sh), there are so many looks in `stall_after`, of half a
 * second at least each, and so many in a row have to see nothing move; no piece of the log that one
 * brings is longer, and nor is the rest. */
enum {
    LOOKS_PER_STALL = 5,
    QUIET_LOOKS = LOOKS_PER_STALL - 1,
    PIECE_MAX = 65536,
    LINES_MAX = 65536,
    PIDS_MAX = 1000
};

/* What moves, as one look saw it. */
struct motion {
    size_t criu;    /* how many of its processes were seen until then */
    int64_t ticks;  /* theirs */
    int64_t offset; /* in the log */
    int64_t host;   /* of the host's side; -1: not looked at */
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

/* "TICKS PID…" */
static void take_processes(struct checkpoint_watch *w, const char *text)
{
    cleanup_free char *line = xstrdup(text);
    char *rest = line;
    const char *ticks = strsep(&rest, " ");
    if (!parse_int(ticks, &w->ticks))
        w->ticks = 0;
    w->criu_runs = false;
    for (char *pid; rest && (pid = strsep(&rest, " "));) {
        int64_t number;
        if (!parse_int(pid, &number) || number <= 1 || w->pids.len >= PIDS_MAX)
            continue;
        w->criu_runs = true;
        if (!strv_contains(&w->pids, pid))
            strv_push(&w->pids, pid);
    }
}

/* "OFFSET PATH" */
static void take_place(struct checkpoint_watch *w, const char *text)
{
    const char *path = strchr(text, ' ');
    cleanup_free char *offset = path ? xstrndup(text, (size_t)(path - text)) : NULL;
    if (!path || path[1] != '/' || !parse_int(offset, &w->offset))
        return;
    if (!w->log)
        w->log = xstrdup(path + 1);
}

static int take_log(struct checkpoint_watch *w, struct exec *x, const char *data, size_t len,
                    struct error *err)
{
    criu_phase_add(&w->phase, data, len);
    return w->follow && len > 0 ? exec_output(x, data, len, false, err) : 0;
}

/* One look: lines up to "data LENGTH", and so many bytes. *ret_used: how many bytes it has of what
 * was said; 0: its end has not come yet. */
static int take_look(struct checkpoint_watch *w, struct exec *x, size_t *ret_used,
                     struct error *err)
{
    const char *from = strbuf_str(&w->said), *end = from + w->said.len;
    *ret_used = 0;
    for (const char *at = from, *eol; (eol = memchr(at, '\n', (size_t)(end - at))); at = eol + 1) {
        cleanup_free char *line = xstrndup(at, (size_t)(eol - at));
        int64_t len;
        if (at == from && strncmp(line, "criu ", 5) == 0) {
            take_processes(w, line + 5);
        } else if (at != from && strncmp(line, "log ", 4) == 0) {
            take_place(w, line + 4);
        } else if (at == from || strncmp(line, "data ", 5) != 0 || !parse_int(line + 5, &len) ||
                   len < 0 || len > PIECE_MAX) {
            return error_set(err, ERR_FAILED, "what a look at CRIU says is not understood");
        } else if (end - eol - 1 >= len) {
            *ret_used = (size_t)(eol + 1 - from) + (size_t)len;
            return take_log(w, x, eol + 1, (size_t)len, err);
        } else {
            return 0;
        }
    }
    return w->said.len <= LINES_MAX
               ? 0
               : error_set(err, ERR_FAILED, "what a look at CRIU says has no end");
}

/* All that was said. *ret_any: was there a whole look among it? */
static int take_looks(struct checkpoint_watch *w, struct exec *x, bool *ret_any, struct error *err)
{
    *ret_any = false;
    for (size_t used; w->said.len > 0; strbuf_consume(&w->said, used)) {
        if (take_look(w, x, &used, err) < 0)
            return -1;
        if (used == 0)
            return 0;
        *ret_any = true;
        w->looked = clock_now();
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
    if (guest_run(w->guest, &cmd, deadline_in(LOOK_TIME), &r, err) < 0)
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
    if (is_fatal(why)) {
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
    const struct guest_command cmd = {
        .argv = &argv, .output = hear, .output_data = w, .live = true};
    if (guest_start(w->guest, &cmd, x->deadline, err) < 0)
        return -1;
    w->looking = true;
    w->looked = clock_now();
    int64_t deadline = deadline_in(LOOK_TIME);
    for (bool any = false; !any;) {
        events_tick(x->events);
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

/* --- does anything move? ----------------------------------------------------------------------
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
    if (!parse_int(strbuf_str(&r.out), ret))
        *ret = -1;
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
    events_tick(x->events);
    if (!proc_ended(client, NULL) &&
        proc_wait_any(both, ARRAY_SIZE(both), deadline_min(deadline_in(TICK), x->deadline), &index,
                      &failure) < 0 &&
        (failure.code != ERR_TIMEOUT || clock_now() >= x->deadline)) {
        error_move(err, &failure);
        return -1;
    }
    return proc_ended(client, NULL);
}

/* After a look: is it a stall? Time alone does not make one: where the host, or the way to it,
 * stood still for a while, nothing could move. The host's side is asked where no CRIU runs and the
 * guest has been quiet for a while; then that has to stand still too, where it can be seen. */
static int judge(struct checkpoint_watch *w, struct exec *x, const struct proc *client,
                 int64_t stall_after, struct motion *before, bool *ret_stalled, struct error *err)
{
    struct motion now = {
        .criu = w->pids.len, .ticks = w->ticks, .offset = w->offset, .host = -1, .at = clock_now()};
    bool host_too = !w->criu_runs && now.at - w->quiet_since >= stall_after / 2;
    if (host_too && look_at_host(x, &now.host, err) < 0)
        return -1;
    bool host_known;
    w->quiet_looks++;
    if (moved(before, &now, &host_known)) {
        w->quiet_since = clock_now();
        w->quiet_looks = 0;
    }
    host_known = host_known || (host_too && now.host < 0);
    *ret_stalled = (w->criu_runs || host_known) && w->quiet_looks >= QUIET_LOOKS &&
                   clock_now() - w->quiet_since >= stall_after && !proc_ended(client, NULL);
    return show(w, x, err);
}

/* After news: the client has ended (`ended`), or hangs (*ret_stalled), or the wait goes on. */
static int turn(struct checkpoint_watch *w, struct exec *x, const struct proc *client, bool ended,
                int64_t stall_after, struct motion *before, bool *ret_stalled, struct error *err)
{
    bool any = false;
    if (ended)
        return end_looks(w, x, err);
    if (listen(w, x, 0, &any, err) < 0)
        return -1;
    if (any && judge(w, x, client, stall_after, before, ret_stalled, err) < 0)
        return -1;
    return *ret_stalled ? end_looks(w, x, err) : 0;
}

int checkpoint_watch_wait(struct checkpoint_watch *w, struct exec *x, struct proc *client,
                          int64_t stall_after, bool *ret_stalled, struct error *err)
{
    *ret_stalled = false;
    if (w->guest && !w->looking && checkpoint_watch_begin(w, x, stall_after, err) < 0)
        return -1;
    struct motion before = {.host = -1};
    w->quiet_since = clock_now();
    for (int ended = 0; !ended && !*ret_stalled;) {
        cleanup_error struct error failure = ERROR_INIT;
        ended = wait_news(w, x, client, err);
        if (ended < 0)
            return -1;
        if (w->guest &&
            turn(w, x, client, ended, stall_after, &before, ret_stalled, &failure) < 0 &&
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
