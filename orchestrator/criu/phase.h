/* SPDX-License-Identifier: Apache-2.0
 * How far a dump is, by the lines of CRIU's log. */
#ifndef CRIU_PHASE_H
#define CRIU_PHASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* The log as it comes, in pieces of any size. */
struct criu_phase {
    const char *name; /* "seizing the processes" …; NULL: nothing was said yet. Static */
    int64_t since;    /* CRIU's time at which it began, nanoseconds; -1: not known */
    int64_t last;     /* the latest time in the log; -1: none */
    char held[256];   /* the begin of a line that has not ended */
    size_t n_held;
};

#define CRIU_PHASE_INIT                                                                            \
    {                                                                                              \
        .since = -1, .last = -1                                                                    \
    }

/* Take the next bytes of the log. Lines that say nothing of a phase change `last` alone. */
void criu_phase_add(struct criu_phase *p, const char *data, size_t len);
/* Append a script for `sed -n` that leaves of a log what criu_phase_add() makes something of: the
 * lines that begin a phase, and the last one, with control characters replaced. A line that had not
 * ended when it was read is lost to it: the phase that it begins is not named. */
void criu_phase_filter(struct strbuf *ret);

#endif
