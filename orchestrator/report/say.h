/* SPDX-License-Identifier: Apache-2.0
 * Events in words, the same ones whoever shows them. All text is clean (text.h), without a newline
 * at its end, and owned by the caller. */
#ifndef REPORT_SAY_H
#define REPORT_SAY_H

#include "results/event.h"

/* "run 20261124-091233-3f2a: loop on dev, kataloop.yaml" of EVENT_RUN_START. */
char *say_run_start(const struct event *e, const char *run);
/* "run 20261124-091233-3f2a: ok, 34.2 s", "… failed after 3.2 s" of EVENT_RUN_END. */
char *say_run_end(const struct event *e, const char *run);
/* "12.3 s, 3 files, 12 KiB", "0.4 ms, nothing to change", "failed after 3.2 s" of
 * EVENT_STEP_END. */
char *say_step_end(const struct event *e);
/* "undone: container x", "not undone: container x: no such container" of EVENT_UNDO. */
char *say_undo(const struct event *e);
/* "saved dump.log, 12.3 KiB: artifacts/dump.log" of EVENT_ARTIFACT. */
char *say_artifact(const struct event *e);
/* "error: MESSAGE", with the place in the workflow file in front where there is one; "stopped:
 * MESSAGE" where the user has interrupted the run. `label` (NULL: none) comes before the message.
 */
char *say_failure(const struct error *failure, const char *label);
/* "hint: …", or NULL where there is none. */
char *say_hint(const struct error *failure);

#endif
