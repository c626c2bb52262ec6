/* SPDX-License-Identifier: Apache-2.0
 * checkpoint: of the container that runs, timed on the host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "criu/stats.h"
#include "steps/client.h"
#include "steps/common.h"
#include "steps/step.h"

static const struct field fields[] = {
    {"leave_running", FIELD_BOOL, FIELD_PRIMARY, "true", NULL, NULL, NULL,
     "the container goes on afterwards"},
    {"keep", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "leave the images on the host"},
    FIELD_END,
};

/* Runs "$@" with its output on stderr and prints two clocks around it, in nanoseconds: the wall
 * clock, and the uptime (in hundredths of a second), which no clock step can move; and its status.
 */
static const char timed[] =
    "read -r u0 r </proc/uptime; t0=$(date +%s%N); \"$@\" >&2; s=$?; t1=$(date +%s%N); "
    "read -r u1 r </proc/uptime; echo \"$t0 $t1 ${u0%.*}${u0#*.} ${u1%.*}${u1#*.} $s\"";

enum { MAX_METRICS = 8 + CRIU_METRICS_MAX };

struct measured {
    int64_t wall; /* nanoseconds */
    int status;
};

static int parse_times(const char *line, struct measured *ret, struct error *err)
{
    int64_t t0, t1, u0, u1;
    int status;
    if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d", &t0, &t1, &u0, &u1,
               &status) != 5)
        return error_set(err, ERR_FAILED, "the host's clocks cannot be read: `%s`", line);
    int64_t wall = t1 - t0, uptime = (u1 - u0) * 10 * NSEC_PER_MSEC;
    /* Hundredths at both ends: further apart than that, and the wall clock was set meanwhile. */
    int64_t apart = wall > uptime ? wall - uptime : uptime - wall;
    *ret = (struct measured){.wall = apart > 50 * NSEC_PER_MSEC ? uptime : wall, .status = status};
    return 0;
}

/* Its label is its kind alone: there is one container it can mean. */
static void describe(const struct plan_step *step, struct strbuf *ret)
{
    (void)step;
    (void)ret;
}

/* --- its folder on the host --------------------------------------------------------------------
 */

static int undo_folder(struct exec *x, const char *folder, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "rm", "-rf", "--one-file-system", "--", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return exec_check_command(x, &cmd, "removing the checkpoint's images", &r, err);
}

static int make_folder(struct exec *x, const struct plan_step *step, char **ret, struct error *err)
{
    cleanup_free char *folder = xasprintf("/var/tmp/kataloop-%s-%d", x->run_id, x->step);
    if (!value_get_bool(step->args, "keep", false)) {
        cleanup_free char *text = xasprintf("checkpoint images %s", folder);
        undo_push(&x->undo, undo_folder, folder, text);
    }
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "mkdir", "-m", "0700", "--", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "making a folder for the checkpoint", &r, err) < 0)
        return -1;
    *ret = steal(&folder);
    return 0;
}

/* --- what it came to ---------------------------------------------------------------------------
 */

static int image_bytes(struct exec *x, const char *folder, double *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c",
                  "[ ! -d \"$1/images\" ] || find \"$1/images\" -type f -printf '%s\\n' | "
                  "awk '{ s += $1 } END { printf \"%d\\n\", s }'",
                  "sh", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "measuring the images", &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    int64_t bytes;
    *ret = parse_int(strbuf_str(&r.out), &bytes) ? (double)bytes : 0;
    return 0;
}

/* CRIU's own figures, where it has left them on the host. */
static int criu_figures(struct exec *x, const char *folder, struct criu_stats *ret,
                        struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c",
                  "for f in \"$1/work/stats-dump\" \"$1/images/stats-dump\"; do "
                  "if [ -f \"$f\" ]; then head -c 65536 \"$f\"; exit; fi; done",
                  "sh", folder, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "reading CRIU's figures", &r, err) < 0)
        return -1;
    *ret = (struct criu_stats){0};
    if (r.out.len == 0)
        return 0;
    return criu_stats_parse(r.out.data, r.out.len, "stats-dump", ret, err);
}

static int emit_sample(struct exec *x, const struct plan_step *step, const struct measured *m,
                       bool running, const char *folder, struct error *err)
{
    struct metric metrics[MAX_METRICS];
    size_t n = 0;
    double bytes = 0;
    struct criu_stats stats;
    if (image_bytes(x, folder, &bytes, err) < 0 || criu_figures(x, folder, &stats, err) < 0)
        return -1;
    metrics[n++] = (struct metric){"wall", "ns", (double)m->wall};
    metrics[n++] = (struct metric){"still_running", "bool", running};
    if (bytes > 0)
        metrics[n++] = (struct metric){"image_bytes", "bytes", bytes};
    if (stats.has_dump)
        n += criu_stats_metrics(&stats, metrics + n);
    int sample = step->sample ? step->sample : 1;
    return exec_sample(x, sample, metrics, n, err);
}

/* --- the checkpoint ----------------------------------------------------------------------------
 */

static int failed(struct exec *x, const struct command *cmd, const struct run_container *c,
                  struct run_result *r, int status, struct error *err)
{
    r->status.code = status;
    strbuf_truncate(&r->out, 0);
    transport_status_error(cmd, r, "the checkpoint failed", err);
    const char *said = strbuf_str(&r->err);
    if (strstr(said, "not implemented"))
        return error_hint(err,
                          "the shim of %s does not know checkpoints: upstream Kata's does "
                          "not, a patched one is needed",
                          c->runtime);
    if (strstr(said, "unknown command") || strstr(said, "unknown subcommand"))
        return error_hint(err, "this %s knows no checkpoints: nerdctl does from 2.2 on",
                          c->client->name);
    return error_hint(err,
                      "`journalctl -t kata` and `journalctl -u containerd` on %s have the "
                      "runtime's side",
                      transport_name(x->host));
}

static int forget(struct exec *x, const struct run_container *c, struct error *err)
{
    if (!c->client->forget_checkpoint)
        return 0;
    cleanup_strv struct strv argv = STRV_INIT;
    c->client->forget_checkpoint(c, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return exec_check_command(x, &cmd, "removing the checkpoint from containerd", &r, err);
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
    cleanup_free char *folder = NULL;
    if (make_folder(x, step, &folder, err) < 0)
        return -1;
    const struct checkpoint_spec spec = {
        .folder = folder, .leave_running = value_get_bool(step->args, "leave_running", true)};
    cleanup_strv struct strv client = STRV_INIT, argv = STRV_INIT;
    c->client->checkpoint(c, &spec, &client);
    strv_push_all(&argv, "sh", "-c", timed, "sh", NULL);
    strv_extend(&argv, &client);
    const struct command cmd = {.argv = &argv, .become = true, .killable = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_stream_quietly(x, &cmd, &r, err) < 0)
        return error_wrap(err, "checkpoint of %s", c->name);
    strbuf_rtrim(&r.out);
    struct measured m = {0};
    if (r.status.code != 0)
        return failed(x, &cmd, c, &r, r.status.code, err);
    if (parse_times(strbuf_str(&r.out), &m, err) < 0)
        return -1;
    const struct command shown = {.argv = &client, .become = true};
    if (m.status != 0)
        return failed(x, &shown, c, &r, m.status, err);
    bool running = false;
    if (client_running(x, c, &running, err) < 0 || forget(x, c, err) < 0 ||
        emit_sample(x, step, &m, running, folder, err) < 0)
        return -1;
    cleanup_free char *time = duration_format(m.wall);
    exec_summary(x, "%s on the host, the container %s", time,
                 running              ? "still runs"
                 : spec.leave_running ? "has STOPPED"
                                      : "was stopped");
    if (!running && spec.leave_running)
        return exec_note(x, err,
                         "the checkpoint succeeded, but its workload ended: a process in a system "
                         "call that cannot be taken up again (`sleep`, for one) is woken by it");
    return 0;
}

const struct step_kind step_checkpoint = {
    .name = "checkpoint",
    .help = "checkpoint the container that runs, timed on the host",
    .flags = STEP_MEASURED,
    .timeout = 180 * NSEC_PER_SEC,
    .fields = fields,
    .describe = describe,
    .run = run,
};
