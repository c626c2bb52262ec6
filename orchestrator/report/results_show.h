/* SPDX-License-Identifier: Apache-2.0
 * One run of the store, whole. */
#ifndef REPORT_RESULTS_SHOW_H
#define REPORT_RESULTS_SHOW_H

#include "base/strbuf.h"
#include "results/store.h"

/* Append the run that `name` names (store_find_run): what it was, its steps with times and
 * outcomes, its samples, its artifacts, where its files are, and why it failed. */
int results_show_text(struct store *store, const char *name, int width, struct strbuf *ret,
                      struct error *err);
/* The same as one JSON object: {"v":1, the fields of results_list_json, "steps":[…],"samples":[…]
 * (each value measured, warm-ups as sample -1),"figures":[…] (n, min, median, p95, max, mean of
 * each series),"artifacts":[…]}. */
int results_show_json(struct store *store, const char *name, struct strbuf *ret, struct error *err);

#endif
