/* SPDX-License-Identifier: Apache-2.0
 * Ctrl-C and its kin. SIGINT, SIGTERM and SIGHUP (unless it was ignored before, by nohup) ask the
 * run to stop; whatever waits polls cancel_fd() beside its own descriptors and gives up with
 * ERR_INTERRUPTED. Cleaning up runs shielded: there the request is remembered, not seen. */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include "base/error.h"

/* Install the handlers. Call once, at the start of a verb that changes something. A third signal
 * ends the process at once, and says on stderr what that leaves. */
void cancel_install(void);
/* Readable as long as a stop is asked for and no shield is up; -1 before cancel_install(). */
int cancel_fd(void);
/* 0, or -1 with ERR_INTERRUPTED where a stop is asked for and no shield is up. */
int cancel_check(struct error *err);
/* How often was it asked for, shielded or not? For saying so; what to do is cancel_check()'s. */
int cancel_signals(void);
/* Shields nest. While one is up cancel_fd() is -1 and cancel_check() 0. */
void cancel_shield_begin(void);
void cancel_shield_end(void);

#endif
