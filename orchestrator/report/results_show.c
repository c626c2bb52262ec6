/* SPDX-License-Identifier: Apache-2.0
 * One run of the store. */
#include "report/results_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "report/run_json.h"
#include "report/samples.h"
#include "report/stats.h"
#include "report/table.h"
#include "results/json_put.h"

/* Everything the store has of a run. */
struct record {
    struct store_run run;
    struct store_step *steps;
    size_t n_steps;
    struct store_sample *values;
    size_t n_values;
    struct samples samples; /* of the values */
    struct store_artifact *artifacts;
    size_t n_artifacts;
};

static void record_release(struct record *r)
{
    store_run_release(&r->run);
    store_steps_free(r->steps, r->n_steps);
    store_samples_free(r->values, r->n_values);
    samples_release(&r->samples);
    store_artifacts_free(r->artifacts, r->n_artifacts);
}
#define cleanup_record __attribute__((cleanup(record_release)))

static int record_load(struct record *r, struct store *store, const char *name, struct error *err)
{
    if (store_find_run(store, name, &r->run, err) < 0 ||
        store_steps(store, r->run.id, &r->steps, &r->n_steps, err) < 0 ||
        store_samples(store, r->run.id, &r->values, &r->n_values, err) < 0 ||
        store_artifacts(store, r->run.id, &r->artifacts, &r->n_artifacts, err) < 0)
        return -1;
    for (size_t i = 0; i < r->n_values; i++)
        samples_add(&r->samples, &r->values[i]);
    return 0;
}

/* --- text ------------------------------------------------------------------------------------ */

static void add_field(const char *name, const char *value, int width, struct strbuf *ret)
{
    enum { NAME_WIDTH = 10 };
    if (!value || !*value)
        return;
    cleanup_free char *clean = text_clean_string(value);
    cleanup_free char *line = xasprintf("%-*s%s", NAME_WIDTH, name, clean);
    if (width > 0)
        text_wrap(line, width, NAME_WIDTH, ret);
    else
        strbuf_printf(ret, "%s\n", line);
}

static void add_header(const struct record *r, int width, struct strbuf *ret)
{
    cleanup_free char *when = run_when(&r->run);
    cleanup_free char *time = run_time(&r->run);
    add_field("run", r->run.id, width, ret);
    add_field("when", when, width, ret);
    add_field("workflow", r->run.workflow, width, ret);
    add_field("file", r->run.file, width, ret);
    add_field("host", r->run.host, width, ret);
    add_field("outcome", r->run.outcome, width, ret);
    add_field("time", time, width, ret);
    add_field("error", r->run.error, width, ret);
    add_field("folder", r->run.folder, width, ret);
    if (r->run.dirty && strcmp(r->run.outcome, "running") != 0)
        add_field("note", "it may have left things on the host; the next run there takes them away",
                  width, ret);
}

static void add_steps(const struct record *r, int width, struct strbuf *ret)
{
    static const struct table_column columns[] = {
        {"step", TABLE_RIGHT}, {"", TABLE_CUT}, {"outcome", 0},
        {"time", TABLE_RIGHT}, {"", TABLE_CUT},
    };
    if (r->n_steps == 0)
        return;
    cleanup_table struct table *t = table_new(columns, ARRAY_SIZE(columns));
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct store_step *s = &r->steps[i];
        bool timed = s->duration_ns > 0;
        cleanup_free char *time = timed ? duration_format(s->duration_ns) : NULL;
        table_printf(t, "%d", s->index + 1);
        table_cell(t, s->label);
        table_cell(t, s->outcome);
        table_cell(t, time);
        table_cell(t, s->error ? s->error : s->summary);
    }
    strbuf_putc(ret, '\n');
    table_print(t, 0, width, ret);
}

static void add_artifacts(const struct record *r, int width, struct strbuf *ret)
{
    static const struct table_column columns[] = {
        {"artifact", TABLE_CUT}, {"size", TABLE_RIGHT}, {"path", TABLE_CUT}};
    if (r->n_artifacts == 0)
        return;
    cleanup_table struct table *t = table_new(columns, ARRAY_SIZE(columns));
    for (size_t i = 0; i < r->n_artifacts; i++) {
        cleanup_free char *size = stats_format((double)r->artifacts[i].bytes, "bytes");
        table_cell(t, r->artifacts[i].name);
        table_cell(t, size);
        table_cell(t, r->artifacts[i].path);
    }
    strbuf_putc(ret, '\n');
    table_print(t, 0, width, ret);
}

int results_show_text(struct store *store, const char *name, int width, struct strbuf *ret,
                      struct error *err)
{
    cleanup_record struct record r = {0};
    if (record_load(&r, store, name, err) < 0)
        return -1;
    add_header(&r, width, ret);
    add_steps(&r, width, ret);
    if (r.samples.n > 0)
        strbuf_putc(ret, '\n');
    samples_print(&r.samples, width, ret);
    add_artifacts(&r, width, ret);
    return 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *steps_json(const struct record *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct store_step *s = &r->steps[i];
        json_t *one = json_object();
        json_put(one, "step", json_integer(s->index));
        json_put_text(one, "label", s->label);
        json_put_text(one, "kind", s->kind);
        json_put_text(one, "section", s->section);
        json_put_text(one, "outcome", s->outcome);
        json_put(one, "changed", json_boolean(s->changed));
        json_put(one, "duration_ns", json_integer(s->duration_ns));
        json_put_text(one, "summary", s->summary);
        json_put_text(one, "error", s->error);
        json_append(all, one);
    }
    return all;
}

static json_t *values_json(const struct record *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->n_values; i++) {
        const struct store_sample *s = &r->values[i];
        json_t *one = json_object();
        json_put(one, "step", json_integer(s->step));
        json_put_text(one, "section", s->section);
        json_put(one, "sample", json_integer(s->sample));
        json_put_text(one, "metric", s->metric);
        json_put_text(one, "unit", s->unit);
        json_put_real(one, "value", s->value);
        json_append(all, one);
    }
    return all;
}

static json_t *figures_json(const struct record *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->samples.n; i++) {
        const struct sample_series *s = &r->samples.series[i];
        json_t *one = json_object();
        json_put_text(one, "section", s->section);
        json_put_text(one, "what", s->what);
        json_put_text(one, "metric", s->metric);
        json_put_text(one, "unit", s->unit);
        json_put(one, "n", json_integer((json_int_t)s->n));
        json_put(one, "warmups", json_integer((json_int_t)s->warmups));
        if (s->n > 0) {
            const struct stats st = stats_of(s->values, s->n);
            json_put_real(one, "min", st.min);
            json_put_real(one, "median", st.median);
            json_put_real(one, "p95", st.p95);
            json_put_real(one, "max", st.max);
            json_put_real(one, "mean", st.mean);
        }
        json_append(all, one);
    }
    return all;
}

static json_t *artifacts_json(const struct record *r)
{
    json_t *all = json_array();
    for (size_t i = 0; i < r->n_artifacts; i++) {
        json_t *one = json_object();
        json_put(one, "step", json_integer(r->artifacts[i].step));
        json_put_text(one, "name", r->artifacts[i].name);
        json_put_text(one, "path", r->artifacts[i].path);
        json_put(one, "bytes", json_integer(r->artifacts[i].bytes));
        json_append(all, one);
    }
    return all;
}

int results_show_json(struct store *store, const char *name, struct strbuf *ret, struct error *err)
{
    cleanup_record struct record r = {0};
    if (record_load(&r, store, name, err) < 0)
        return -1;
    json_t *root = json_object();
    json_put(root, "v", json_integer(RESULTS_JSON_VERSION));
    run_json_put(root, &r.run, &r.samples);
    json_put(root, "steps", steps_json(&r));
    json_put(root, "samples", values_json(&r));
    json_put(root, "figures", figures_json(&r));
    json_put(root, "artifacts", artifacts_json(&r));
    json_line(root, ret);
    return 0;
}
