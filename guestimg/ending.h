/* SPDX-License-Identifier: Apache-2.0
 * How a signal ends this program: HUP, INT, TERM, or PIPE. At once, and a file that must not stay
 * goes with it; or, where something has to be closed first, when that is done. */
#ifndef GUESTIMG_ENDING_H
#define GUESTIMG_ENDING_H

#include <semaphore.h>
#include <stdbool.h>

#include "base/error.h"

/* From here on, for the signals that were not ignored before. Before there are threads. */
void ending_guard(void);
/* The one file that goes; NULL: none. Copied. */
int ending_set_file(const char *path, struct error *err);

/* From here on a signal posts `wake` and is kept; those of the next half second are taken for the
 * same one (timeout(1) sends two), a later one ends the program at once. Threads that run meanwhile
 * have all signals blocked. */
void ending_defer(sem_t *wake);
/* Has one come? From any thread. */
bool ending_wanted(void);
/* End by the signal that was kept, if there is one; else no more are. */
void ending_resume(void);

#endif
