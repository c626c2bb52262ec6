/* SPDX-License-Identifier: Apache-2.0
 * For the time of a library that works by child processes and would wait for them for ever: they
 * are killed where they take too long, or a signal asks this program to end. The library then
 * fails, and what it has made can be closed as after any failure. */
#ifndef GUESTIMG_WATCHDOG_H
#define GUESTIMG_WATCHDOG_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct watchdog {
    pthread_t thread;
    bool runs;  /* the thread does */
    bool keeps; /* signals are kept; else no thread could be had, and they end the program */
    sem_t wake;
    atomic_bool over;
    _Atomic int64_t deadline;
};

/* Until watchdog_end() signals are kept (guestimg/ending.h). Until watchdog_stop(), past the
 * deadline, or asked to end, it kills all children of this process, again and again. `w` stays
 * where it is. */
void watchdog_begin(struct watchdog *w, int64_t deadline);
/* There is no deadline any more. */
void watchdog_relax(struct watchdog *w);
/* Kill no more: what is to be closed has children of its own that take away what is left. */
void watchdog_stop(struct watchdog *w);
/* After what had to be closed. Ends the program if a signal came meanwhile. */
void watchdog_end(struct watchdog *w);

#endif
