/* SPDX-License-Identifier: Apache-2.0
 * The runs in the store, the youngest first. */
#ifndef REPORT_RESULTS_LIST_H
#define REPORT_RESULTS_LIST_H

#include "base/strbuf.h"
#include "results/store.h"

/* Append a table of the youngest `limit` runs (of one host; NULL: of all), none of its lines wider
 * than `width` columns (0: no limit): id, when, workflow, host, outcome, time, and the median wall
 * time of the checkpoints where some were measured. A sentence where there are none. */
int results_list_text(struct store *store, const char *host, int limit, int width,
                      struct strbuf *ret, struct error *err);
/* The same as one JSON object: {"v":1,"runs":[{"run":…,"workflow":…,"file":…,"host":…,
 * "started":…,"outcome":…,"duration_ns":…,"dirty":…,"folder":…,"error":…,
 * "checkpoint_median_ns":…},…]}; what is not known is left out. */
int results_list_json(struct store *store, const char *host, int limit, struct strbuf *ret,
                      struct error *err);

#endif
