/* SPDX-License-Identifier: Apache-2.0
 * The runs in the store. */
#include "report/results_list.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "report/run_json.h"
#include "report/stats.h"
#include "report/table.h"
#include "results/json_put.h"

static const struct table_column columns[] = {
    {"run", 0},
    {"when", TABLE_EXTRA}, /* its id begins with it */
    {"workflow", TABLE_CUT},
    {"host", TABLE_CUT | TABLE_EXTRA},
    {"outcome", 0},
    {"time", TABLE_RIGHT | TABLE_EXTRA},
    {"checkpoint", TABLE_RIGHT | TABLE_EXTRA},
};

static int add_row(struct table *t, struct store *store, const struct store_run *run,
                   struct error *err)
{
    cleanup_samples struct samples samples = SAMPLES_INIT;
    if (samples_load(&samples, store, run->id, err) < 0)
        return -1;
    cleanup_free char *when = run_when(run);
    cleanup_free char *time = run_time(run);
    double wall = run_checkpoint_median(&samples);
    cleanup_free char *median = wall < 0 ? NULL : stats_format(wall, "ns");
    const char *const cells[] = {run->id,      when, run->workflow, run->host,
                                 run->outcome, time, median};
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
        table_cell(t, cells[i]);
    return 0;
}

static int say_none(struct store *store, const char *host, struct strbuf *ret, struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    if (store_runs(store, NULL, 1, &runs, &n, err) < 0)
        return -1;
    store_runs_free(runs, n);
    if (n > 0)
        strbuf_printf(ret, "No run on `%s`: `kataloop results` lists those on all hosts.\n", host);
    else
        strbuf_puts(ret, "No runs yet: `kataloop run` makes one.\n");
    return 0;
}

int results_list_text(struct store *store, const char *host, int limit, int width,
                      struct strbuf *ret, struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    if (store_runs(store, host, limit, &runs, &n, err) < 0)
        return -1;
    cleanup_table struct table *t = table_new(columns, ARRAY_SIZE(columns));
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++)
        result = add_row(t, store, &runs[i], err);
    store_runs_free(runs, n);
    if (result < 0)
        return -1;
    if (n > 0)
        table_print(t, 0, width, ret);
    return n > 0 ? 0 : say_none(store, host, ret, err);
}

static int append_run(json_t *all, struct store *store, const struct store_run *run,
                      struct error *err)
{
    cleanup_samples struct samples samples = SAMPLES_INIT;
    if (samples_load(&samples, store, run->id, err) < 0)
        return -1;
    json_t *one = json_object();
    run_json_put(one, run, &samples);
    json_append(all, one);
    return 0;
}

int results_list_json(struct store *store, const char *host, int limit, struct strbuf *ret,
                      struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    if (store_runs(store, host, limit, &runs, &n, err) < 0)
        return -1;
    json_t *all = json_array();
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++)
        result = append_run(all, store, &runs[i], err);
    store_runs_free(runs, n);
    if (result < 0) {
        json_decref(all);
        return -1;
    }
    json_t *root = json_object();
    json_put(root, "v", json_integer(RESULTS_JSON_VERSION));
    json_put(root, "runs", all);
    json_line(root, ret);
    return 0;
}
