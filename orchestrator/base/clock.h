/* SPDX-License-Identifier: Apache-2.0
 * Durations and deadlines, in nanoseconds of CLOCK_MONOTONIC; wall-clock only to date things. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC  INT64_C(1000000000)

/* A deadline that never comes. */
#define DEADLINE_NEVER INT64_MAX

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_now(void);
/* A deadline `nsec` from now; saturates at DEADLINE_NEVER. */
int64_t deadline_in(int64_t nsec);
/* The earlier of two deadlines. */
int64_t deadline_min(int64_t a, int64_t b);
/* Milliseconds until `deadline` for poll(2): rounded up, 0 when past, -1 for DEADLINE_NEVER. */
int deadline_poll_ms(int64_t deadline);
/* Microseconds since 1970, for dates in events and in the store. */
int64_t clock_wall_usec(void);
/* "2026-11-24T09:12:33Z" (UTC) of such a value; the caller frees. */
char *clock_format_utc(int64_t usec);
/* A duration as people read it: "8.5 ms", "0.42 s", "12.3 s", "3 m 05 s", "2 h 10 m".
 * The caller frees. */
char *duration_format(int64_t nsec);

#endif
