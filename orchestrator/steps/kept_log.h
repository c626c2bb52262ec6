/* SPDX-License-Identifier: Apache-2.0
 * CRIU's log, kept among the files of a run: its guest goes with its container, and `kataloop logs`
 * shows it all the same. */
#ifndef STEPS_KEPT_LOG_H
#define STEPS_KEPT_LOG_H

#include "exec/exec.h"
#include "guest/guest.h"

/* Keep what the log at `path`, where CRIU runs, says of phases, warnings and errors (the whole of
 * it takes a guest's console seconds), 64 KiB at most, as the artifact CRIU_LOG_KEPT (criu/log.h).
 * A log that is not there is no failure, nor is a guest that does not answer, which is noted. */
int kept_log_take(struct exec *x, struct guest *guest, const char *path, struct error *err);

#endif
