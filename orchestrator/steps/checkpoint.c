/* SPDX-License-Identifier: Apache-2.0
 * checkpoint: of the container that runs, timed on the host. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "steps/checkpoint_examine.h"
#include "steps/checkpoint_figures.h"
#include "steps/checkpoint_watch.h"
#include "steps/client.h"
#include "steps/common.h"
#include "steps/counter.h"
#include "steps/held_evidence.h"
#include "steps/kept_log.h"
#include "steps/step.h"

static const struct field fields[] = {
    {"leave_running", FIELD_BOOL, FIELD_PRIMARY, "true", NULL, NULL, NULL,
     "the container goes on afterwards; nerdctl can end it with io.containerd.runc.v2 only"},
    {"keep", FIELD_BOOL, 0, "false", NULL, NULL, NULL,
     "leave the images on the host, or in containerd's store"},
    {"watch", FIELD_BOOL, 0, "true", NULL, NULL, NULL,
     "watch CRIU in the guest, and find out why it hangs or fails"},
    {"follow", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "show CRIU's log as it grows"},
    {"counter", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file in the container in which the workload counts, for `restore`: a word and a number"},
    {"evidence", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file name: keep evidence of CRIU at its start under it among the run's files; CRIU is held "
     "meanwhile, so its times do not count as a sample"},
    {"stall_after", FIELD_DURATION, 0, "10s", NULL, NULL, NULL,
     "a checkpoint in which nothing moves for this long hangs"},
    FIELD_END,
};

/* Its label is its kind alone: there is one container it can mean. */
static void describe(const struct plan_step *step, struct strbuf *ret)
{
    (void)step;
    (void)ret;
}

static void check(const struct plan_step *step, const char *folder, struct diagnostics *problems)
{
    (void)folder;
    step_check_artifact_name(step->args, "evidence", problems);
}

/* --- its folder on the host --------------------------------------------------------------------
 */

static bool keeps(const struct plan_step *step)
{
    return value_get_bool(step->args, "keep", false);
}

static int undo_folder(struct exec *x, const char *folder, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    if (x->checkpoint.folder && strcmp(x->checkpoint.folder, folder) == 0)
        free(steal(&x->checkpoint.folder)); /* nothing is there to restore any more */
    strv_push_all(&argv, "rm", "-rf", "--one-file-system", "--", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return exec_check_command(x, &cmd, "removing the checkpoint's images", &r, err);
}

/* By this name leftovers.c finds it. */
static int make_folder(struct exec *x, char **ret, size_t *ret_ticket, struct error *err)
{
    cleanup_free char *folder = xasprintf("/var/tmp/kataloop-%s-%d", x->run_id, x->step);
    cleanup_free char *text = xasprintf("checkpoint images %s", folder);
    *ret_ticket = undo_push(&x->undo, undo_folder, folder, text);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "mkdir", "-m", "0700", "--", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "making a folder for the checkpoint", &r, err) < 0) {
        if (r.status.code > 0) /* one that is there is somebody else's */
            undo_forget(&x->undo, *ret_ticket);
        return -1;
    }
    *ret = steal(&folder);
    return 0;
}

/* --- what its client may leave in containerd ----------------------------------------------------
 */

/* How the name of a container's begins. */
static char *image_start(const struct run_container *c)
{
    return xasprintf("%s:", c->name);
}

/* `what`: which container of the run's. */
static int undo_image(struct exec *x, const char *what, struct error *err)
{
    const struct run_container *c = &x->containers[strtoull(what, NULL, 10)];
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_free char *start = image_start(c);
    c->client->forget_checkpoints(c->space, start, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return exec_check_command(x, &cmd, "removing the checkpoint from containerd", &r, err);
}

/* Of a client that leaves nothing there: a ticket that nobody uses. */
static size_t guard_image(struct exec *x, const struct run_container *c)
{
    if (!c->client->forget_checkpoints)
        return 0;
    cleanup_free char *which = xasprintf("%zu", (size_t)(c - x->containers));
    return undo_push(&x->undo, undo_image, which, "what containerd has of the checkpoint");
}

/* --- CRIU, which may outlive its caller --------------------------------------------------------
 */

/* A client that was cut off between pause and resume leaves its container frozen, and then it
 * cannot even be removed. One that lives may resume it at the same moment: what counts is the
 * state. Not always, though: a resume that was cut leaves a shim that says "paused" for ever of a
 * container that runs, and refuses each further resume for that reason. */
static int thaw(struct exec *x, const struct run_container *c, struct error *err)
{
    enum { MOST = 20 };
    for (int i = 0; i < MOST; i++) {
        cleanup_free char *state = NULL;
        if (client_state(x, c, &state, err) < 0)
            return -1;
        if (strcmp(state, "paused") != 0)
            return 0;
        cleanup_strv struct strv argv = STRV_INIT;
        c->client->resume(c, &argv);
        const struct command cmd = {.argv = &argv, .become = true};
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        if (exec_run_command(x, &cmd, &r, err) < 0)
            return -1;
        if (r.status.code != 0 && strstr(strbuf_str(&r.err), "not paused"))
            return 0;
        if (exec_pause(x, 100 * NSEC_PER_MSEC, "the paused container to go on", err) < 0)
            return -1;
    }
    error_set(err, ERR_FAILED, "container %s stays paused", c->name);
    return error_hint(err, "`ctr --namespace %s tasks resume %s` on %s says why", c->space, c->id,
                      transport_name(x->host));
}

/* `what`: the container's id. */
static int undo_criu(struct exec *x, const char *what, struct error *err)
{
    for (size_t i = 0; i < x->n_containers; i++) {
        const struct run_container *c = &x->containers[i];
        if (c->removed || !c->id || strcmp(c->id, what) != 0)
            continue;
        if (checkpoint_kill_criu(x, c->id, c->runtime, err) < 0 || thaw(x, c, err) < 0)
            return -1;
    }
    return 0;
}

static size_t guard_criu(struct exec *x, const struct run_container *c)
{
    return undo_push(&x->undo, undo_criu, c->id, "what CRIU has begun");
}

/* --- the checkpoint ----------------------------------------------------------------------------
 */

/* One checkpoint of the step. */
struct attempt {
    struct exec *x;
    const struct plan_step *step;
    struct run_container *container;
    char *folder; /* of the host; owned */
    bool leave_running;
    int64_t stall_after;      /* ns */
    const char *evidence;     /* name of a file; NULL: none of its start */
    struct strv client, argv; /* the client's words; the same, timed */
    struct command cmd;
    struct checkpoint_watch watch;
    struct host_evidence *host_evidence; /* of a hang that is suspected; NULL: none is */
    size_t criu;                         /* ticket of undo_criu */
    size_t images;                       /* … of undo_folder */
    size_t image;                        /* … of undo_image, where the client may leave one */
    int64_t begun;
    struct run_result result; /* of the timed command */
    struct checkpoint_time time;
};

static void attempt_release(struct attempt *a)
{
    free(a->folder);
    strv_release(&a->client);
    strv_release(&a->argv);
    checkpoint_watch_release(&a->watch);
    host_evidence_free(a->host_evidence);
    run_result_release(&a->result);
}

/* What the workload has counted up to, for a restore. */
static int read_counter(struct attempt *a, struct error *err)
{
    struct run_checkpoint *done = &a->x->checkpoint;
    const char *file = value_get_string(a->step->args, "counter");
    free(steal(&done->folder));
    free(steal(&done->counter));
    free(steal(&done->counter_file));
    if (!file)
        return 0;
    done->counter_file = xstrdup(file);
    return counter_read(a->x, a->container, file, &done->counter, err);
}

static void describe_container(const struct attempt *a, struct diagnose_spec *spec)
{
    const struct run_container *c = a->container;
    spec->container = c->id;
    spec->name = c->name;
    spec->space = c->space;
    spec->runtime = c->runtime;
    spec->leave_running = a->leave_running;
}

/* While it is only a suspicion nothing else is to do, on the host least of all. */
static void foresee(void *data)
{
    struct attempt *a = data;
    struct diagnose_spec spec = {0};
    cleanup_error struct error unheard = ERROR_INIT; /* then it is taken when it is wanted */
    describe_container(a, &spec);
    host_evidence_free(steal(&a->host_evidence));
    (void)host_evidence_begin(a->x->host, &spec, &a->host_evidence, &unheard);
}

static int prepare(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    const struct run_container *c = a->container;
    if (read_counter(a, err) < 0)
        return -1;
    if (make_folder(x, &a->folder, &a->images, err) < 0)
        return -1;
    const struct checkpoint_spec spec = {.folder = a->folder, .leave_running = a->leave_running};
    c->client->checkpoint(c, &spec, &a->client);
    checkpoint_timed_command(&a->client, &a->argv);
    a->cmd = (struct command){.argv = &a->argv, .become = true, .killable = true};
    if (!value_get_bool(a->step->args, "watch", true))
        return 0;
    a->watch.follow = value_get_bool(a->step->args, "follow", false);
    a->watch.suspect = foresee;
    a->watch.suspect_data = a;
    if (checkpoint_watch_open(&a->watch, x, a->container, err) < 0)
        return -1;
    if (a->watch.why_not)
        return exec_note(x, err, "the checkpoint is not watched: %s", a->watch.why_not);
    /* Evidence of its start needs the guest first. */
    return a->evidence ? 0 : checkpoint_watch_begin(&a->watch, x, a->stall_after, err);
}

/* Examine what happened, with what is known here. */
static int examine(struct attempt *a, struct diagnose_spec *spec, struct findings *ret,
                   struct error *err)
{
    const struct run_container *c = a->container;
    describe_container(a, spec);
    spec->client_stderr = strbuf_str(&a->result.err);
    spec->seconds = (clock_now() - a->begun) / NSEC_PER_SEC;
    cleanup_free char *state = NULL;
    cleanup_free char *work = a->watch.log ? path_dir(a->watch.log) : NULL;
    spec->work_dir = work;
    if (spec->client == CLIENT_EXITED && client_state(a->x, c, &state, err) < 0)
        return -1;
    spec->state_after = state;
    return checkpoint_examine(a->x, a->watch.guest, spec, ret, err);
}

/* Nothing is to stay as the checkpoint has left it: no CRIU, no paused task. The container itself
 * is removed at the end of its pass: a CRIU that was killed leaves its own registers in the
 * workload. */
static int let_go(struct attempt *a, struct proc *p, struct error *err)
{
    struct exec *x = a->x;
    x->deadline = deadline_in(60 * NSEC_PER_SEC);
    cancel_shield_begin(); /* it is done once */
    int result = undo_one(x, &x->undo, a->criu, err);
    cancel_shield_end();
    return result == 0 && p ? proc_kill(p, 5 * NSEC_PER_SEC, err) : result;
}

/* After a stop, or on a connection that is lost, what is to be undone is left to the end of the
 * run, which is shielded from the one and opens another for the other. `p`: the client, where it
 * still runs; NULL: it has ended. */
static int not_examined(const struct attempt *a, struct proc *p, struct error *why,
                        struct error *err)
{
    error_move(err, why);
    if (p)
        exec_cut_off(a->x, p, err);
    return error_wrap(err, "evidence of %s", a->container->name);
}

static int hangs(struct attempt *a, struct proc *p, struct error *err)
{
    cleanup_findings struct findings found = FINDINGS_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    /* Of another quiet spell than this one it would tell what is no longer so. */
    bool fresh = a->watch.suspected == a->watch.stall.quiet_since;
    struct diagnose_spec spec = {.stalled = true,
                                 .client = CLIENT_RUNNING,
                                 .host_evidence = fresh ? a->host_evidence : NULL};
    cleanup_free char *quiet = duration_format(clock_now() - a->watch.stall.quiet_since);
    a->x->deadline = deadline_in(120 * NSEC_PER_SEC);
    strbuf_add(&a->result.err, proc_err(p)->data, proc_err(p)->len);
    int examined = examine(a, &spec, &found, &failure);
    if (error_ends_all(&failure))
        return not_examined(a, p, &failure, err);
    cleanup_error struct error left = ERROR_INIT;
    int ended = let_go(a, p, &left);
    error_set(err, ERR_HANG, "the checkpoint hangs, nothing moved for %s: %s", quiet,
              examined == 0 ? findings_headline(&found) : failure.message);
    cleanup_free char *remedy = checkpoint_remedy(&found);
    if (ended < 0)
        return error_hint(err, "it could not be ended: %s", left.message);
    if (remedy)
        return error_hint(err, "%s", remedy);
    return error_hint(err, "`kataloop diagnose %s` shows what was seen", a->x->run_id);
}

static const char unpatched_shim[] =
    "the runtime's shim cannot checkpoint: upstream Kata's cannot, a patched one is needed";

/* What the messages of a client or a runtime say by themselves. */
static const struct {
    const char *said, *hint;
} known_failures[] = {
    {": not implemented", unpatched_shim},
    {"Task/Checkpoint is not supported", unpatched_shim},
    {"unknown command", "this client cannot checkpoint: nerdctl can from 2.2 on"},
    {"unknown subcommand", "this client cannot checkpoint: nerdctl can from 2.2 on"},
};

static int failed(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    const struct command shown = {.argv = &a->client, .become = true};
    cleanup_findings struct findings found = FINDINGS_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    struct diagnose_spec spec = {.client = CLIENT_EXITED, .client_status = a->time.status};
    int examined = a->watch.guest ? examine(a, &spec, &found, &failure) : -1;
    if (error_ends_all(&failure))
        return not_examined(a, NULL, &failure, err);
    a->result.status.code = a->time.status;
    strbuf_truncate(&a->result.out, 0);
    transport_status_error(&shown, &a->result, "the checkpoint failed", err);
    cleanup_error struct error left = ERROR_INIT;
    if (let_go(a, NULL, &left) < 0)
        return error_hint(err, "what it left could not be taken away: %s", left.message);
    cleanup_free char *remedy = checkpoint_remedy(&found);
    if (examined == 0 && remedy)
        return error_hint(err, "%s. %s", findings_headline(&found), remedy);
    for (size_t i = 0; i < ARRAY_SIZE(known_failures); i++)
        if (strstr(strbuf_str(&a->result.err), known_failures[i].said))
            return error_hint(err, "%s", known_failures[i].hint);
    return error_hint(err,
                      "`journalctl -t kata` and `journalctl -u containerd` on %s have the "
                      "runtime's side",
                      transport_name(x->host));
}

/* CRIU's log goes along with the folder, where it is in that one: without a virtual machine. */
static void move_log(struct checkpoint_watch *w, const char *from, const char *to)
{
    size_t len = strlen(from);
    if (!w->guest || !w->log || strcmp(guest_way_name(w->guest), "host") != 0 ||
        strncmp(w->log, from, len) != 0 || w->log[len] != '/')
        return;
    char *log = xasprintf("%s%s", to, w->log + len);
    free(w->log);
    w->log = log;
}

/* What is to stay gets a name that is not looked for among leftovers. */
static char *kept_name(const struct exec *x)
{
    return xasprintf("kataloop-kept-%s-%d", x->run_id, x->step);
}

static int keep_folder(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    cleanup_free char *name = kept_name(x), *kept = xasprintf("/var/tmp/%s", name);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "mv", "-T", "--", a->folder, kept, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "keeping the checkpoint's images", &r, err) < 0)
        return -1;
    undo_forget(&x->undo, a->images);
    move_log(&a->watch, a->folder, kept);
    free(x->checkpoint.folder);
    x->checkpoint.folder = xstrdup(kept);
    free(a->folder);
    a->folder = steal(&kept);
    return exec_note(x, err, "the images stay in %s on %s", a->folder, transport_name(x->host));
}

static int keep_image(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    const struct run_container *c = a->container;
    cleanup_free char *start = image_start(c), *name = kept_name(x);
    cleanup_strv struct strv argv = STRV_INIT;
    c->client->keep_checkpoints(c->space, start, name, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "keeping the checkpoint in containerd", &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    if (r.out.len == 0) {
        error_set(err, ERR_FAILED,
                  "there is nothing to keep: no images are in %s, and containerd has none of "
                  "the checkpoint",
                  a->folder);
        return error_hint(err, "where does this runtime put them? `keep: false` goes on without");
    }
    if (exec_note(x, err, "the checkpoint stays on %s as an image of containerd, %s",
                  transport_name(x->host), strbuf_str(&r.out)) < 0)
        return -1;
    undo_forget(&x->undo, a->image);
    return undo_one(x, &x->undo, a->images, err); /* the folder, which is empty */
}

/* Where no images are in the folder, a client that may make an image of containerd of them has. */
static int keep(struct attempt *a, const struct checkpoint_figures *figures, struct error *err)
{
    bool may_be = a->container->client->keep_checkpoints;
    if (may_be && figures->image_bytes == 0)
        return keep_image(a, err);
    if (may_be)
        undo_forget(&a->x->undo, a->image);
    return keep_folder(a, err);
}

static int drop_image(struct attempt *a, struct error *err)
{
    bool may_be = a->container->client->forget_checkpoints;
    return may_be ? undo_one(a->x, &a->x->undo, a->image, err) : 0;
}

/* The client has returned well. */
static int succeeded(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    const struct run_container *c = a->container;
    struct checkpoint_figures figures = {.wall = a->time.wall};
    undo_forget(&x->undo, a->criu);
    x->checkpoint.folder = xstrdup(a->folder); /* before it may be taken away */
    x->checkpoint.container = (size_t)(c - x->containers);
    if (checkpoint_figures_read(x, c, a->folder, a->watch.guest, a->watch.log, &figures, err) < 0 ||
        (keeps(a->step) ? keep(a, &figures, err) : drop_image(a, err)) < 0)
        return -1;
    if (checkpoint_emit_sample(x, a->step, &figures, err) < 0)
        return -1;
    bool running = figures.running;
    cleanup_free char *time = duration_format(a->time.wall);
    exec_summary(x, "%s on the host, the container %s", time,
                 running            ? "still runs"
                 : a->leave_running ? "has STOPPED"
                                    : "was stopped");
    if (running || !a->leave_running || !a->watch.guest)
        return 0;
    cleanup_findings struct findings found = FINDINGS_INIT;
    struct diagnose_spec spec = {.client = CLIENT_EXITED};
    return examine(a, &spec, &found, err);
}

static int client_over(void *data, bool *ret, struct error *err)
{
    struct proc *p = data;
    size_t index;
    cleanup_error struct error failure = ERROR_INIT;
    if (!proc_ended(p, NULL) && proc_wait_any(&p, 1, clock_now(), &index, &failure) < 0 &&
        failure.code != ERR_TIMEOUT) {
        error_move(err, &failure);
        return -1;
    }
    *ret = proc_ended(p, NULL);
    return 0;
}

/* Evidence before anything hangs, where it is asked for. */
static int take_evidence(struct attempt *a, struct proc *client, struct error *err)
{
    if (!a->evidence)
        return 0;
    if (!a->watch.guest)
        return exec_note(a->x, err, "no evidence is in %s: the checkpoint is not watched",
                         a->evidence);
    struct diagnose_spec spec = {.client = CLIENT_RUNNING, .held = true};
    describe_container(a, &spec);
    cleanup_free char *file = xasprintf("%s" BUNDLE_SUFFIX, a->evidence);
    return held_evidence_take(a->x, a->watch.guest, &spec, file, client_over, client, err);
}

/* The client has ended. */
static int ended(struct attempt *a, struct proc *p, struct error *err)
{
    strbuf_add(&a->result.out, proc_out(p)->data, proc_out(p)->len);
    strbuf_add(&a->result.err, proc_err(p)->data, proc_err(p)->len);
    proc_ended(p, &a->result.status);
    strbuf_rtrim(&a->result.out);
    a->time.status = a->result.status.code;
    if (a->time.status == 0 && checkpoint_time_parse(strbuf_str(&a->result.out), &a->time, err) < 0)
        return -1;
    return a->time.status == 0 ? succeeded(a, err) : failed(a, err);
}

/* However it came out. `result`: what it has come to; that counts for more. */
static int keep_log(struct attempt *a, int result, struct error *err)
{
    cleanup_error struct error unheard = ERROR_INIT;
    if (!a->watch.guest || !a->watch.log || (result < 0 && error_ends_all(err)))
        return result;
    int kept = kept_log_take(a->x, a->watch.guest, a->watch.log, result < 0 ? &unheard : err);
    return result < 0 ? result : kept;
}

static int attempt(struct attempt *a, struct error *err)
{
    struct exec *x = a->x;
    cleanup_proc struct proc *p = NULL;
    a->image = guard_image(x, a->container);
    a->criu = guard_criu(x, a->container);
    a->begun = clock_now();
    if (proc_start(x->host, &a->cmd, &p, err) < 0)
        return -1;
    bool stalled = false;
    if (take_evidence(a, p, err) < 0 ||
        checkpoint_watch_wait(&a->watch, x, p, a->stall_after, &stalled, err) < 0) {
        exec_cut_off(x, p, err);
        return error_wrap(err, "checkpoint of %s", a->container->name);
    }
    int result = stalled ? hangs(a, p, err) : ended(a, p, err);
    return keep_log(a, result, err);
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    struct run_container *c = client_container(x);
    if (!c) {
        error_set(err, ERR_FAILED, "no container of this run is there to checkpoint");
        return error_hint(err, "put a `container` step before it (with --from or --only: begin "
                               "with that)");
    }
    struct attempt a = {
        .x = x,
        .step = step,
        .container = c,
        .leave_running = value_get_bool(step->args, "leave_running", true),
        .stall_after = value_get_duration(step->args, "stall_after", 10 * NSEC_PER_SEC),
        .evidence = value_get_string(step->args, "evidence"),
        .watch = CHECKPOINT_WATCH_INIT,
    };
    int result = prepare(&a, err);
    if (result == 0)
        result = attempt(&a, err);
    attempt_release(&a);
    return result;
}

const struct step_kind step_checkpoint = {
    .name = "checkpoint",
    .help = "checkpoint the container that runs, timed on the host",
    /* It tells CRIU's log where that is asked for, and findings. */
    .flags = STEP_CONTAINERD | STEP_MEASURED | STEP_TELLS,
    .timeout = 180 * NSEC_PER_SEC,
    .fields = fields,
    .describe = describe,
    .check = check,
    .run = run,
};
