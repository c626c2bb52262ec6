/* SPDX-License-Identifier: Apache-2.0
 * A list of steps as a file has it. Each is a map with one key that says what it is: a kind of step
 * (steps/step.h), `recipe` or `workflow`; its arguments are the value of that key, and the keys
 * beside it. `name` and `timeout` may stand beside any. */
#ifndef WORKFLOW_STEPS_H
#define WORKFLOW_STEPS_H

#include "workflow/schema.h"

/* The list with every step written out as a map: kind (its name), args (checked, a map), name and
 * timeout where given. The caller frees. What is wrong is added to `problems`. */
struct value *steps_apply(const struct value *list, const struct schema_scope *scope,
                          struct diagnostics *problems);
/* The fields of a kind's arguments, `recipe` and `workflow` among them; NULL: no such kind. */
const struct field *steps_fields(const char *kind);

/* What may stand beside any kind but `recipe` and `workflow`: name, timeout. */
extern const struct field steps_common_fields[];

/* The two kinds that stand for other steps. */
#define STEP_RECIPE   "recipe"
#define STEP_WORKFLOW "workflow"

#endif
