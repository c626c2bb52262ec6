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

#endif
