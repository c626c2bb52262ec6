/* SPDX-License-Identifier: Apache-2.0
 * guest: a command in the guest of this run's container. */
#include "steps/guest.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "guest/find.h"
#include "steps/client.h"
#include "steps/common.h"
#include "steps/step.h"

#define TICK (100 * NSEC_PER_MSEC)

enum { KEPT_FOR_MESSAGE = 8192 };

static const struct field fields[] = {
    {"command", FIELD_COMMAND, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "a shell command line, or a list of words; runs as root"},
    {"container", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "id or name of a container that is there already; default: the one of this run"},
    {"namespace", FIELD_STRING, FIELD_FILLED, "default", NULL, NULL, NULL,
     "containerd's namespace of that container"},
    {"save", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file name: keep its standard output under it among the run's files"},
    FIELD_END,
};

static void check(const struct plan_step *step, const char *folder, struct diagnostics *problems)
{
    (void)folder;
    step_check_artifact_name(step->args, "save", problems);
}

int step_guest(struct exec *x, struct run_container *c, int64_t deadline, struct guest **ret,
               struct error *err)
{
    const struct guest_spec spec = {.sandbox = c->id, .runtime = c->runtime};
    if (!c->guest && guest_open(x->host, &spec, deadline, &c->guest, err) < 0)
        return -1;
    *ret = c->guest;
    return 0;
}

/* Where output goes as it comes. */
struct stream {
    struct exec *x;
    size_t keep;
    bool cut; /* the beginning of standard output was not kept */
    struct run_result kept;
    int result; /* of passing it on */
    struct error failure;
};

static void pass_on(void *data, const char *bytes, size_t len, bool is_err)
{
    struct stream *s = data;
    struct strbuf *to = is_err ? &s->kept.err : &s->kept.out;
    if (s->result == 0)
        s->result = exec_output(s->x, bytes, len, is_err, &s->failure);
    strbuf_add(to, bytes, len);
    if (to->len / 2 > s->keep) {
        strbuf_consume(to, to->len - s->keep);
        s->cut = s->cut || !is_err;
    }
}

static int wait_end(struct guest *g, struct stream *s, struct error *err)
{
    for (bool done = false; !done;) {
        if (guest_advance(g, deadline_in(TICK), &done, err) < 0)
            return -1;
        if (s->result < 0) {
            error_move(err, &s->failure);
            return -1;
        }
    }
    return 0;
}

/* Run a command there until its end or the step's deadline, its output passed on as it comes and
 * kept in `ret` as well (the last `keep` bytes of each stream, or up to twice as many; *ret_cut:
 * of standard output there was more). 0 whatever the exit status. */
static int run_streamed(struct exec *x, struct guest *g, const struct strv *argv, size_t keep,
                        struct run_result *ret, bool *ret_cut, struct error *err)
{
    struct stream s = {.x = x, .keep = keep};
    const struct guest_command cmd = {
        .argv = argv, .output = pass_on, .output_data = &s, .form = GUEST_LIVE};
    int result = guest_start(g, &cmd, x->deadline, err);
    if (result == 0)
        result = wait_end(g, &s, err);
    cleanup_error struct error stopping = ERROR_INIT;
    if (result < 0 && guest_stop(g, &stopping) < 0)
        error_hint(err, "it may still run in the guest: %s", stopping.message);
    cleanup_run_result struct run_result last = RUN_RESULT_INIT;
    guest_take(g, &last);
    error_release(&s.failure);
    run_result_release(ret);
    *ret = s.kept;
    *ret_cut = s.cut;
    ret->status = last.status;
    return result;
}

/* The guest of the container of this run. */
static int own_guest(struct exec *x, struct guest **ret, struct error *err)
{
    struct run_container *c = client_container(x);
    if (c)
        return step_guest(x, c, x->deadline, ret, err);
    error_set(err, ERR_FAILED, "no container of this run is there, and so no guest");
    return error_hint(err, "put a `container` step before it (with --from or --only: begin with "
                           "that), or name one in `container`");
}

/* The guest of a container that somebody else made. */
static int other_guest(struct exec *x, const struct plan_step *step, const char *name,
                       struct guest **ret, struct error *err)
{
    cleanup_guest_container struct guest_container c = {0};
    if (guest_find(x->host, value_get_string(step->args, "namespace"), name, x->deadline, &c, err) <
        0)
        return -1;
    const struct guest_spec spec = {.sandbox = c.sandbox, .runtime = c.runtime};
    return guest_open(x->host, &spec, x->deadline, ret, err);
}

static int run_in(struct exec *x, const struct plan_step *step, struct guest *g, struct error *err)
{
    const char *save = value_get_string(step->args, "save");
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    step_command(value_get(step->args, "command"), &argv);
    bool cut;
    int result =
        run_streamed(x, g, &argv, save ? GUEST_OUTPUT_MAX : KEPT_FOR_MESSAGE, &r, &cut, err);
    if (save && r.out.len > 0) {
        cleanup_error struct error unheard = ERROR_INIT; /* what failed before counts for more */
        struct error *told = result < 0 ? &unheard : err;
        if (exec_artifact(x, save, r.out.data, r.out.len, ARTIFACT_TOLD, told) < 0 ||
            (cut && exec_note(x, told, "%s has the end of the output only", save) < 0))
            result = -1;
    }
    if (result < 0 || r.status.code == 0)
        return result;
    const struct command said = {.argv = &argv};
    return transport_status_error(&said, &r, "the command failed in the guest", err);
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    const char *name = value_get_string(step->args, "container");
    cleanup_guest struct guest *other = NULL;
    struct guest *g = NULL;
    int result = name && *name ? other_guest(x, step, name, &other, err) : own_guest(x, &g, err);
    return result < 0 ? -1 : run_in(x, step, other ? other : g, err);
}

const struct step_kind step_guest_command = {
    .name = "guest",
    .help = "run a command in the guest of the container that runs",
    .flags = STEP_CONTAINERD | STEP_TELLS,
    .timeout = 60 * NSEC_PER_SEC,
    .fields = fields,
    .check = check,
    .run = run,
};
