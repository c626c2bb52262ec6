/* SPDX-License-Identifier: Apache-2.0
 * Figures of a checkpoint. */
#include "steps/checkpoint_figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "steps/client.h"

/* Runs "$@" with its output on stderr and prints two clocks around it, in nanoseconds: the wall
 * clock, and the uptime (in hundredths of a second), which no clock step can move; and its status.
 */
static const char timed[] =
    "read -r u0 r </proc/uptime; t0=$(date +%s%N); \"$@\" >&2; s=$?; t1=$(date +%s%N); "
    "read -r u1 r </proc/uptime; echo \"$t0 $t1 ${u0%.*}${u0#*.} ${u1%.*}${u1#*.} $s\"";

enum { MAX_METRICS = 8 + CRIU_METRICS_MAX };

int checkpoint_time_parse(const char *line, struct checkpoint_time *ret, struct error *err)
{
    enum { LONGEST = 1000000 }; /* seconds of uptime, eleven days */
    int64_t t0, t1, u0, u1;
    int status;
    if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %d", &t0, &t1, &u0, &u1,
               &status) != 5 ||
        t0 < 0 || t1 < 0 || u0 < 0 || u1 < u0 || u1 - u0 > LONGEST * 100)
        return error_set(err, ERR_FAILED, "the host's clocks cannot be read: `%.100s`", line);
    int64_t wall = t1 - t0, uptime = (u1 - u0) * 10 * NSEC_PER_MSEC;
    /* Hundredths at both ends: further apart than that, and the wall clock was set meanwhile. */
    int64_t apart = wall > uptime ? wall - uptime : uptime - wall;
    *ret = (struct checkpoint_time){.wall = apart > 50 * NSEC_PER_MSEC ? uptime : wall,
                                    .status = status};
    return 0;
}

void checkpoint_timed_command(const struct strv *client, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c", timed, "sh", NULL);
    strv_extend(ret, client);
}

/* All that the host knows, in one command: FOLDER, and the words that print the task's state. Two
 * lines, the state and the images' size, and the bytes of CRIU's figures where it has left them
 * there. */
static const char on_host[] =
    "folder=$1; shift; printf '%s\\n' \"$(\"$@\" 2>/dev/null)\"; "
    "{ [ ! -d \"$folder/images\" ] || find \"$folder/images\" -type f -printf '%s\\n'; } | "
    "awk '{ s += $1 } END { printf \"%.0f\\n\", s }'; "
    "for f in \"$folder/work/stats-dump\" \"$folder/images/stats-dump\"; do "
    "if [ -f \"$f\" ]; then exec head -c 65536 \"$f\"; fi; done";

/* The next line of `*at`, without its end. NULL: there is none. The caller frees. */
static char *next_line(const char **at, const char *end)
{
    const char *eol = memchr(*at, '\n', (size_t)(end - *at));
    char *line = eol ? xstrndup(*at, (size_t)(eol - *at)) : NULL;
    *at = eol ? eol + 1 : *at;
    return line;
}

static int figures_on_host(struct exec *x, const struct run_container *c, const char *folder,
                           struct checkpoint_figures *ret, struct strbuf *ret_stats,
                           struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", on_host, "sh", folder, NULL);
    c->client->state(c, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "measuring the checkpoint", &r, err) < 0)
        return -1;
    const char *at = strbuf_str(&r.out), *end = at + r.out.len;
    cleanup_free char *state = next_line(&at, end);
    cleanup_free char *size = next_line(&at, end);
    int64_t bytes;
    if (!state || !size || !parse_int(size, &bytes))
        return error_set(err, ERR_FAILED, "measuring the checkpoint: no figures came");
    ret->running = strcmp(state, "running") == 0;
    ret->image_bytes = (double)bytes;
    strbuf_add(ret_stats, at, (size_t)(end - at));
    return 0;
}

/* With Kata they stay in the guest, beside the log. */
static int figures_in_guest(struct exec *x, struct guest *guest, const char *folder,
                            struct strbuf *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c",
                  "[ ! -f \"$1/stats-dump\" ] || head -c 65536 \"$1/stats-dump\"", "sh", folder,
                  NULL);
    const struct guest_command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error gone = ERROR_INIT; /* as a machine is whose workload has ended */
    if (guest_check(guest, &cmd, x->deadline, "reading CRIU's figures in the guest", &r, &gone) <
        0) {
        if (!error_ends_all(&gone))
            return exec_note(x, err, "CRIU's own figures are not known: %s", gone.message);
        error_move(err, &gone);
        return -1;
    }
    strbuf_add(ret, r.out.data, r.out.len);
    return 0;
}

static int parse_stats(const struct strbuf *bytes, struct criu_stats *ret, struct error *err)
{
    *ret = (struct criu_stats){0};
    return bytes->len == 0 ? 0 : criu_stats_parse(bytes->data, bytes->len, "stats-dump", ret, err);
}

int checkpoint_stats_in_guest(struct exec *x, struct guest *guest, const char *folder,
                              struct criu_stats *ret, struct error *err)
{
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT;
    if (figures_in_guest(x, guest, folder, &bytes, err) < 0)
        return -1;
    return parse_stats(&bytes, ret, err);
}

int checkpoint_figures_read(struct exec *x, const struct run_container *c, const char *folder,
                            struct guest *guest, const char *log, struct checkpoint_figures *ret,
                            struct error *err)
{
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT;
    cleanup_free char *beside = guest && log ? path_dir(log) : NULL;
    if (figures_on_host(x, c, folder, ret, &bytes, err) < 0)
        return -1;
    if (bytes.len == 0 && beside && figures_in_guest(x, guest, beside, &bytes, err) < 0)
        return -1;
    return parse_stats(&bytes, &ret->stats, err);
}

int checkpoint_emit_sample(struct exec *x, const struct plan_step *step,
                           const struct checkpoint_figures *figures, struct error *err)
{
    struct metric metrics[MAX_METRICS];
    size_t n = 0;
    metrics[n++] = (struct metric){"wall", "ns", (double)figures->wall};
    metrics[n++] = (struct metric){"still_running", "bool", figures->running};
    if (figures->image_bytes > 0)
        metrics[n++] = (struct metric){"image_bytes", "bytes", figures->image_bytes};
    if (figures->stats.has_dump)
        n += criu_stats_metrics(&figures->stats, metrics + n);
    /* CRIU is held while evidence of it is taken: its times are none to compare with. */
    bool held = value_get_string(step->args, "evidence");
    int sample = held ? -1 : step->sample ? step->sample : 1;
    return exec_sample(x, sample, metrics, n, err);
}
