/* SPDX-License-Identifier: Apache-2.0
 * What a run that was cut off has left on its host: found by its id in names and labels. */
#ifndef STEPS_LEFTOVERS_H
#define STEPS_LEFTOVERS_H

#include "exec/exec.h"

/* Take away the containers and folders of run `run_id`, and no others. *ret_found: was there
 * anything? */
int leftovers_remove(struct exec *x, const char *run_id, bool *ret_found, struct error *err);

#endif
