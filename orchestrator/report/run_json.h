/* SPDX-License-Identifier: Apache-2.0
 * What lists and single runs have in common. */
#ifndef REPORT_RUN_JSON_H
#define REPORT_RUN_JSON_H

#include <jansson.h>

#include "report/samples.h"
#include "results/store.h"

/* The version of the objects that `results --json` prints: raised when a field changes its meaning
 * or goes. */
#define RESULTS_JSON_VERSION 1

/* Put the run's own fields. `samples`: of that run. */
void run_json_put(json_t *to, const struct store_run *run, const struct samples *samples);
/* The median wall time of the run's `checkpoint` steps, nanoseconds; -1: none were measured. */
double run_checkpoint_median(const struct samples *samples);
/* "2026-11-24 09:12:33" in the local time zone. The caller frees. */
char *run_when(const struct store_run *run);
/* How long it took, or "" where that is not known. The caller frees. */
char *run_time(const struct store_run *run);

#endif
