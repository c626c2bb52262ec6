/* SPDX-License-Identifier: Apache-2.0
 * What a run would leave out, as far as this machine can tell without touching the host. */
#ifndef EXEC_FORECAST_H
#define EXEC_FORECAST_H

#include <stdbool.h>

#include "base/error.h"
#include "plan/plan.h"
#include "results/store.h"

struct forecast {
    bool skip; /* unless the host has changed */
    char *why; /* owned; NULL: the step always runs */
};

/* One forecast per step of the plan; the caller frees with forecast_free. `store` NULL: nothing has
 * ever run. */
int forecast_make(const struct plan *plan, struct store *store, bool force, struct forecast **ret,
                  struct error *err);
void forecast_free(struct forecast *f, size_t n);

#endif
