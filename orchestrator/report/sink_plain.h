/* SPDX-License-Identifier: Apache-2.0
 * The run as plain lines, for pipes, logs and terminals that cannot move their cursor. */
#ifndef REPORT_SINK_PLAIN_H
#define REPORT_SINK_PLAIN_H

#include "results/event.h"

/* Steps, the output of commands (whole lines, indented, cleaned of control characters), notes and
 * the table of samples go to `out`; failures, each with its hint, to `err`. Neither is closed.
 * `run` is the run's id, copied. What EVENT_RUN_END fails with is said here, unless a step's
 * failure has said it. */
struct event_sink sink_plain_new(int out, int err, const char *run);

#endif
