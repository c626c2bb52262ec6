/* SPDX-License-Identifier: Apache-2.0
 * The guest of a container of this run, for steps. */
#ifndef STEPS_GUEST_H
#define STEPS_GUEST_H

#include "exec/exec.h"
#include "guest/guest.h"

/* The way into a container's guest: opened on first use, kept until the container is removed.
 * *ret is the container's. */
int step_guest(struct exec *x, struct run_container *c, int64_t deadline, struct guest **ret,
               struct error *err);
/* Run a command there until its end or the step's deadline, its output passed on as it comes and
 * kept in `ret` as well (the last `keep` bytes of each stream, or up to twice as many; *ret_cut:
 * of standard output there was more). 0 whatever the exit status. */
int step_guest_stream(struct exec *x, struct guest *g, const struct strv *argv, size_t keep,
                      struct run_result *ret, bool *ret_cut, struct error *err);

#endif
