/* SPDX-License-Identifier: Apache-2.0
 * What lists and single runs have in common. */
#include "report/run_json.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "report/stats.h"
#include "results/json_put.h"

double run_checkpoint_median(const struct samples *samples)
{
    const struct sample_series *wall = samples_find(samples, "checkpoint", "wall");
    if (!wall || strcmp(wall->unit, "ns") != 0)
        return -1;
    return stats_of(wall->values, wall->n).median;
}

char *run_when(const struct store_run *run)
{
    time_t sec = (time_t)(run->started_us / 1000000);
    struct tm tm;
    char text[32];
    if (!localtime_r(&sec, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return xstrdup("?");
    return xstrdup(text);
}

static bool has_ended(const struct store_run *run)
{
    return strcmp(run->outcome, "running") != 0 && strcmp(run->outcome, "lost") != 0;
}

char *run_time(const struct store_run *run)
{
    return has_ended(run) ? duration_format(run->duration_ns) : xstrdup("");
}

void run_json_put(json_t *to, const struct store_run *run, const struct samples *samples)
{
    json_put_text(to, "run", run->id);
    json_put_text(to, "workflow", run->workflow);
    json_put_text(to, "file", run->file);
    json_put_text(to, "host", run->host);
    json_put_time(to, "started", run->started_us);
    json_put_text(to, "outcome", run->outcome);
    if (has_ended(run))
        json_put(to, "duration_ns", json_integer(run->duration_ns));
    json_put(to, "dirty", json_boolean(run->dirty));
    json_put_text(to, "folder", run->folder);
    json_put_text(to, "error", run->error);
    double median = run_checkpoint_median(samples);
    if (median >= 0)
        json_put_real(to, "checkpoint_median_ns", median);
}
