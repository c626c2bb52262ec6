/* SPDX-License-Identifier: Apache-2.0
 * Series of measured figures, and their table. */
#include "report/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/stats.h"
#include "report/table.h"

enum { INDENT = 2 };

void samples_release(struct samples *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->series[i].section);
        free(s->series[i].what);
        free(s->series[i].kind);
        free(s->series[i].metric);
        free(s->series[i].unit);
        free(s->series[i].values);
    }
    free(s->series);
    *s = (struct samples)SAMPLES_INIT;
}

/* "checkpoint" of "checkpoint 3/10" and of "checkpoint warm-up 1", as plans number them. */
static char *without_number(const char *label)
{
    static const char digits[] = "0123456789";
    size_t len = strlen(label);
    size_t end = len;
    while (end > 0 && strchr(digits, label[end - 1]))
        end--;
    if (end == len)
        return xstrdup(label);
    static const char warmup[] = " warm-up ";
    size_t tail = strlen(warmup);
    if (end >= tail && strncmp(label + end - tail, warmup, tail) == 0)
        return xstrndup(label, end - tail);
    if (end == 0 || label[end - 1] != '/')
        return xstrdup(label);
    size_t slash = --end;
    while (end > 0 && strchr(digits, label[end - 1]))
        end--;
    if (end == slash || end == 0 || label[end - 1] != ' ')
        return xstrdup(label);
    return xstrndup(label, end - 1);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct sample_series *series_for(struct samples *s, const struct store_sample *sample)
{
    cleanup_free char *what = without_number(sample->label ? sample->label : "");
    for (size_t i = 0; i < s->n; i++) {
        struct sample_series *one = &s->series[i];
        if (same(one->section, sample->section) && strcmp(one->what, what) == 0 &&
            same(one->kind, sample->kind) && strcmp(one->metric, sample->metric) == 0)
            return one;
    }
    s->series = xreallocarray(s->series, s->n + 1, sizeof(*s->series));
    s->series[s->n] = (struct sample_series){
        .section = xstrdup(sample->section),
        .what = steal(&what),
        .kind = xstrdup(sample->kind),
        .metric = xstrdup(sample->metric),
        .unit = xstrdup(sample->unit),
    };
    return &s->series[s->n++];
}

void samples_add(struct samples *s, const struct store_sample *sample)
{
    struct sample_series *series = series_for(s, sample);
    if (sample->sample < 0) {
        series->warmups++;
        return;
    }
    if (!isfinite(sample->value))
        return;
    series->values = xreallocarray(series->values, series->n + 1, sizeof(*series->values));
    series->values[series->n++] = sample->value;
}

void samples_add_event(struct samples *s, const struct event *e)
{
    for (size_t i = 0; e->type == EVENT_SAMPLE && i < e->n_metrics; i++) {
        /* Only read from, and copied: the names stay the event's. */
        const struct store_sample sample = {
            .step = e->step,
            .sample = e->sample,
            .section = (char *)e->section,
            .label = (char *)e->label,
            .kind = (char *)e->kind,
            .metric = (char *)e->metrics[i].name,
            .unit = (char *)e->metrics[i].unit,
            .value = e->metrics[i].value,
        };
        samples_add(s, &sample);
    }
}

int samples_load(struct samples *s, struct store *store, const char *run, struct error *err)
{
    struct store_sample *rows = NULL;
    size_t n = 0;
    if (store_samples(store, run, &rows, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        samples_add(s, &rows[i]);
    store_samples_free(rows, n);
    return 0;
}

const struct sample_series *samples_find(const struct samples *s, const char *kind,
                                         const char *metric)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->series[i].n > 0 && (!kind || same(s->series[i].kind, kind)) &&
            strcmp(s->series[i].metric, metric) == 0)
            return &s->series[i];
    return NULL;
}

/* --- the table ------------------------------------------------------------------------------- */

/* A figure that is cut is a wrong figure: on a narrow screen columns are left out. */
static const struct table_column columns[] = {
    {"figure", TABLE_CUT},
    {"n", TABLE_RIGHT},
    {"min", TABLE_RIGHT | TABLE_EXTRA},
    {"median", TABLE_RIGHT},
    {"p95", TABLE_RIGHT | TABLE_EXTRA},
    {"max", TABLE_RIGHT | TABLE_EXTRA},
};

static void add_row(struct table *t, const struct sample_series *series)
{
    table_cell(t, series->metric);
    if (strcmp(series->unit, "bool") == 0) {
        size_t yes = 0;
        for (size_t i = 0; i < series->n; i++)
            yes += series->values[i] != 0;
        table_printf(t, "%zu/%zu", yes, series->n);
        for (size_t i = 2; i < ARRAY_SIZE(columns); i++)
            table_cell(t, NULL);
        return;
    }
    const struct stats st = stats_of(series->values, series->n);
    const double figures[] = {st.min, st.median, st.p95, st.max};
    table_printf(t, "%zu", series->n);
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        cleanup_free char *text = stats_format(figures[i], series->unit);
        table_cell(t, text);
    }
}

static bool same_step(const struct sample_series *a, const struct sample_series *b)
{
    return same(a->section, b->section) && strcmp(a->what, b->what) == 0 && same(a->kind, b->kind);
}

/* "timed-checkpoint: checkpoint, 10 samples, 2 warm-ups left out" */
static void add_heading(const struct sample_series *first, size_t n, size_t warmups, int width,
                        struct strbuf *ret)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (first->section)
        strbuf_printf(&text, "%s: ", first->section);
    strbuf_printf(&text, "%s, %zu %s", first->what, n, n == 1 ? "sample" : "samples");
    if (warmups > 0)
        strbuf_printf(&text, ", %zu %s left out", warmups, warmups == 1 ? "warm-up" : "warm-ups");
    cleanup_free char *clean = text_clean_string(strbuf_str(&text));
    if (width > 0)
        text_cut(clean, width, false, ret);
    else
        strbuf_puts(ret, clean);
    strbuf_putc(ret, '\n');
}

static void print_step(const struct samples *s, size_t first, int width, struct strbuf *ret)
{
    size_t n = 0, warmups = 0;
    for (size_t i = first; i < s->n; i++) {
        const struct sample_series *series = &s->series[i];
        if (!same_step(&s->series[first], series))
            continue;
        n = series->n > n ? series->n : n;
        warmups = series->warmups > warmups ? series->warmups : warmups;
    }
    add_heading(&s->series[first], n, warmups, width, ret);
    if (n == 0)
        return;
    cleanup_table struct table *t = table_new(columns, ARRAY_SIZE(columns));
    for (size_t i = first; i < s->n; i++)
        if (same_step(&s->series[first], &s->series[i]) && s->series[i].n > 0)
            add_row(t, &s->series[i]);
    table_print(t, INDENT, width, ret);
}

void samples_print(const struct samples *s, int width, struct strbuf *ret)
{
    for (size_t i = 0; i < s->n; i++) {
        bool printed = false;
        for (size_t j = 0; j < i; j++)
            printed = printed || same_step(&s->series[i], &s->series[j]);
        if (!printed)
            print_step(s, i, width, ret);
    }
}
