/* SPDX-License-Identifier: Apache-2.0
 * Measured repetitions, gathered into one series for each figure: from a run's events while it goes
 * on, or from the store afterwards. */
#ifndef REPORT_SAMPLES_H
#define REPORT_SAMPLES_H

#include <stddef.h>

#include "base/strbuf.h"
#include "results/event.h"
#include "results/store.h"

struct sample_series {
    char *section; /* recipe; NULL: none */
    char *what;    /* the step's label without its number: "checkpoint" */
    char *kind;    /* the step's; NULL: not known */
    char *metric, *unit;
    double *values; /* in the order they were measured, warm-ups left out */
    size_t n;
    size_t warmups; /* how many were left out */
};

struct samples {
    struct sample_series *series; /* in the order in which they were first seen */
    size_t n;
};

#define SAMPLES_INIT                                                                               \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_samples __attribute__((cleanup(samples_release)))
void samples_release(struct samples *s);

/* Values that are not numbers are left out. */
void samples_add(struct samples *s, const struct store_sample *sample);
/* Other events than EVENT_SAMPLE are ignored. */
void samples_add_event(struct samples *s, const struct event *e);
int samples_load(struct samples *s, struct store *store, const char *run, struct error *err);
/* The first series of that metric that has values, of a step of that kind (NULL: of any). NULL:
 * none. */
const struct sample_series *samples_find(const struct samples *s, const char *kind,
                                         const char *metric);

/* Append a table for each step that was measured (n, median, max, min and p95 of each figure, the
 * last of them left out where there is no room; of a yes-or-no figure how many were yes), none
 * wider than `width` columns (0: no limit). Nothing where nothing was measured. */
void samples_print(const struct samples *s, int width, struct strbuf *ret);

#endif
