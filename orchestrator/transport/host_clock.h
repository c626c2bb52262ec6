/* SPDX-License-Identifier: Apache-2.0
 * What the clock of a host is off from ours. */
#ifndef TRANSPORT_HOST_CLOCK_H
#define TRANSPORT_HOST_CLOCK_H

#include "transport/transport.h"

/* What a clock is off that said `theirs` at some moment between two of ours, and that counts in
 * steps of `step`; all in microseconds. No difference that could be told is 0. */
int64_t clock_difference(int64_t before, int64_t after, int64_t theirs, int64_t step);
/* The host's clock less ours, microseconds, as its `date` has it. ERR_FAILED where that gives no
 * time. */
int host_clock_offset(struct transport *host, int64_t *ret, struct error *err);

#endif
