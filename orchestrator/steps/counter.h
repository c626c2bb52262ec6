/* SPDX-License-Identifier: Apache-2.0
 * A file in a container in which the workload counts: by it a restore proves that the workload went
 * on and was not started again. Its last word is the number; what stands before that was made once,
 * at the workload's start, and nobody could guess it. */
#ifndef STEPS_COUNTER_H
#define STEPS_COUNTER_H

#include "exec/exec.h"

/* Read it, waiting until it is there. The caller frees *ret. */
int counter_read(struct exec *x, const struct run_container *c, const char *file, char **ret,
                 struct error *err);
/* Is `now` of the same workload as `before`, and at least as far? Says in `err` what is not so. */
int counter_went_on(const char *before, const char *now, struct error *err);
/* The number; -1: there is none. */
int64_t counter_number(const char *counter);

#endif
