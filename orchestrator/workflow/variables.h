/* SPDX-License-Identifier: Apache-2.0
 * Variables in text: ${name}, and $$ for a dollar where ${ would follow. Names are those of the
 * parameters of a recipe, and host.name and host.workspace everywhere but in hosts. */
#ifndef WORKFLOW_VARIABLES_H
#define WORKFLOW_VARIABLES_H

#include "base/strbuf.h"
#include "workflow/diagnostics.h"
#include "workflow/value.h"

/* How many variables a scalar's text holds; what is wrong with them is a problem. `params`: a map
 * whose keys are the names allowed besides the host's; NULL: none besides. */
size_t variables_check(const struct value *scalar, const struct value *params,
                       struct diagnostics *problems);
/* A copy of a tree with the variables replaced; `values` maps names to scalars. A name without a
 * value stays as it is (variables_check has told). The caller frees. */
struct value *variables_expand(const struct value *v, const struct value *values);

#endif
