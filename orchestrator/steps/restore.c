/* SPDX-License-Identifier: Apache-2.0
 * restore: the last checkpoint of this run, in a container that is made for it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "guest/guest.h"
#include "steps/checkpoint_figures.h"
#include "steps/client.h"
#include "steps/counter.h"
#include "steps/own_container.h"
#include "steps/step.h"

#define POLL_PACE (100 * NSEC_PER_MSEC)

enum { MAX_METRICS = 4 };

static const struct field fields[] = {
    {"remove", FIELD_BOOL, FIELD_PRIMARY, "true", NULL, NULL, NULL,
     "first remove the container that was checkpointed"},
    FIELD_END,
};

/* Its label is its kind alone: there is one checkpoint it can mean. */
static void describe(const struct plan_step *step, struct strbuf *ret)
{
    (void)step;
    (void)ret;
}

static int no_checkpoint(struct error *err)
{
    error_set(err, ERR_FAILED, "no checkpoint of this run is there to restore");
    return error_hint(err, "put a `checkpoint` step before it (with --from or --only: begin with "
                           "the container)");
}

/* A container like the one that was checkpointed, not running yet. */
static struct run_container *add_like(struct exec *x, size_t index)
{
    const struct run_container *old = &x->containers[index];
    const struct own_container_spec spec = {
        .client = old->client,
        .space = old->space,
        .image = old->image,
        .runtime = old->runtime,
        .command = &old->command,
    };
    return own_container_add(x, &spec);
}

static int create(struct exec *x, struct run_container *c, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    c->client->create(c, x->run_id, &argv);
    const struct command cmd = {
        .argv = &argv, .become = true, .killable = true, .patience = OWN_CONTAINER_PATIENCE};
    if (exec_stream_quietly(x, &cmd, &r, err) < 0)
        return -1;
    if (r.status.code != 0)
        return transport_status_error(&cmd, &r, "making the container to restore into", err);
    return own_container_made(x, c, &r.out, err);
}

/* CRIU's first complaint, where the runtime names its log: "… log file: /run/…/restore.log". */
static void show_log(struct exec *x, const char *said, struct error *err)
{
    static const char mark[] = "log file: ";
    const char *at = strstr(said, mark);
    if (!at)
        return;
    at += strlen(mark);
    cleanup_free char *path = xstrndup(at, strcspn(at, " \"\n\\:"));
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error unheard = ERROR_INIT; /* the failure itself is what is told */
    strv_push_all(&argv, "sh", "-c", "[ ! -f \"$1\" ] || grep -m 1 Error -- \"$1\" | head -c 1000",
                  "sh", path, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    if (path[0] != '/' || exec_run_command(x, &cmd, &r, &unheard) < 0 || r.out.len == 0)
        return;
    strbuf_rtrim(&r.out);
    error_wrap(err, "CRIU says: %s", strbuf_str(&r.out));
}

static int not_restored(struct exec *x, const struct run_container *c, const struct strv *client,
                        struct run_result *r, int status, struct error *err)
{
    const struct command shown = {.argv = client, .become = true};
    cleanup_free char *said = xstrdup(strbuf_str(&r->err));
    client_only_failure(&r->err);
    strbuf_truncate(&r->out, 0);
    r->status.code = status;
    transport_status_error(&shown, r, "the restore failed", err);
    show_log(x, said, err);
    if (guest_is_machine(c->runtime))
        return error_hint(err,
                          "upstream Kata's shim and agent cannot restore; if yours can, "
                          "`journalctl -t kata` on %s has their side. The `runtime` "
                          "io.containerd.runc.v2 restores",
                          transport_name(x->host));
    return error_hint(err, "`journalctl -u containerd -n 50` on %s has the runtime's side",
                      transport_name(x->host));
}

static int restore(struct exec *x, struct run_container *c, int64_t *ret_wall, struct error *err)
{
    cleanup_strv struct strv client = STRV_INIT, argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    struct checkpoint_time time;
    c->client->restore(c, x->checkpoint.folder, &client);
    checkpoint_timed_command(&client, &argv);
    const struct command cmd = {
        .argv = &argv, .become = true, .killable = true, .patience = OWN_CONTAINER_PATIENCE};
    if (exec_stream_quietly(x, &cmd, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    if (r.status.code != 0)
        return not_restored(x, c, &client, &r, r.status.code, err);
    if (checkpoint_time_parse(strbuf_str(&r.out), &time, err) < 0)
        return -1;
    if (time.status != 0)
        return not_restored(x, c, &client, &r, time.status, err);
    *ret_wall = time.wall;
    return 0;
}

/* The proof: the same workload, as far as it was before, and still counting. */
static int prove(struct exec *x, const struct run_container *c, char **ret, struct error *err)
{
    const struct run_checkpoint *k = &x->checkpoint;
    cleanup_free char *first = NULL;
    if (!k->counter)
        return 0;
    if (counter_read(x, c, k->counter_file, &first, err) < 0 ||
        counter_went_on(k->counter, first, err) < 0)
        return -1;
    for (;;) {
        cleanup_free char *now = NULL;
        if (counter_read(x, c, k->counter_file, &now, err) < 0)
            return -1;
        if (counter_number(now) > counter_number(first)) {
            *ret = steal(&now);
            return 0;
        }
        if (exec_pause(x, POLL_PACE, "the restored workload to count on", err) < 0)
            return -1;
    }
}

static int emit(struct exec *x, const struct plan_step *step, int64_t wall, const char *counter,
                struct error *err)
{
    struct metric metrics[MAX_METRICS];
    size_t n = 0;
    metrics[n++] = (struct metric){"wall", "ns", (double)wall};
    if (counter) {
        metrics[n++] =
            (struct metric){"counter_before", "", (double)counter_number(x->checkpoint.counter)};
        metrics[n++] = (struct metric){"counter_after", "", (double)counter_number(counter)};
    }
    return exec_sample(x, step->sample ? step->sample : 1, metrics, n, err);
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    if (!x->checkpoint.folder)
        return no_checkpoint(err);
    size_t index = x->checkpoint.container;
    const struct container_client *client = x->containers[index].client;
    if (!client->restore) {
        error_set(err, ERR_FAILED, "%s does not restore from a checkpoint's folder", client->name);
        return error_hint(err, "set `client: nerdctl` of the container");
    }
    if (value_get_bool(step->args, "remove", true) &&
        own_container_remove(x, &x->containers[index], err) < 0)
        return -1;
    int64_t wall = 0;
    cleanup_free char *counter = NULL;
    struct run_container *c = add_like(x, index);
    if (create(x, c, err) < 0 || restore(x, c, &wall, err) < 0 ||
        own_container_wait(x, c, err) < 0 || prove(x, c, &counter, err) < 0 ||
        emit(x, step, wall, counter, err) < 0)
        return -1;
    cleanup_free char *time = duration_format(wall);
    if (counter)
        exec_summary(x, "%s on the host; the workload went on from %" PRId64 " and is at %" PRId64,
                     time, counter_number(x->checkpoint.counter), counter_number(counter));
    else
        exec_summary(x, "%s on the host", time);
    return 0;
}

const struct step_kind step_restore = {
    .name = "restore",
    .help = "restore the last checkpoint of this run into a new container",
    .flags = STEP_CONTAINERD | STEP_MEASURED,
    .timeout = 120 * NSEC_PER_SEC,
    .fields = fields,
    .describe = describe,
    .run = run,
};
