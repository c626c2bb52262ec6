/* SPDX-License-Identifier: Apache-2.0
 * The run on a terminal: a line for each step, and below the one that runs its last lines of
 * output and how far it is, redrawn some ten times a second. The output of a step that tells
 * (event.h) stays above its line. */
#ifndef REPORT_SINK_TERMINAL_H
#define REPORT_SINK_TERMINAL_H

#include "report/looks.h"
#include "results/event.h"

/* Draw on `fd`, which stays open; its width is asked for at each redraw. Control characters in what
 * is shown are taken out, lines are cut to the width; output that stays is not. A step that fails
 * keeps its last lines of output on the screen, with the error and its hint below. `run` is the
 * run's id, copied. What EVENT_RUN_END fails with is said here, unless a step's failure has said
 * it. Needs events_tick() while nothing happens. */
struct event_sink sink_terminal_new(int fd, const struct terminal_options *options,
                                    const char *run);

#endif
