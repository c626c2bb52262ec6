/* SPDX-License-Identifier: Apache-2.0
 * What a step comes after. A step is up to date only where the steps that it follows have changed
 * nothing since it was done: in this run or in another, which may have left this step out
 * (`--only`) or been cut off before it. */
#ifndef EXEC_INPUTS_H
#define EXEC_INPUTS_H

#include "base/error.h"
#include "plan/plan.h"
#include "results/store.h"

/* The digest of the last changes (step_state.changed) of all skippable steps before `step` that it
 * follows, whether the plan has them selected or not. A step that stands in the plan several times
 * comes after all that is before the last of them. `store` NULL: nothing has ever run. */
int inputs_digest(const struct plan *p, const struct plan_step *step, struct store *store,
                  char hex[SHA256_HEX_SIZE], struct error *err);

#endif
