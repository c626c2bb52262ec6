/* SPDX-License-Identifier: Apache-2.0
 * Durations and deadlines. */
#include "base/clock.h"

#include <time.h>

#include "base/alloc.h"

int64_t clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t deadline_in(int64_t nsec)
{
    int64_t deadline;
    if (__builtin_add_overflow(clock_now(), nsec, &deadline))
        return DEADLINE_NEVER;
    return deadline;
}

int64_t deadline_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int deadline_poll_ms(int64_t deadline)
{
    if (deadline == DEADLINE_NEVER)
        return -1;
    int64_t left = deadline - clock_now();
    if (left <= 0)
        return 0;
    int64_t ms = (left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int64_t clock_wall_usec(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

char *clock_format_utc(int64_t usec)
{
    time_t sec = (time_t)(usec / 1000000);
    struct tm tm;
    char text[32];
    if (!gmtime_r(&sec, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return xstrdup("?");
    return xstrdup(text);
}

char *duration_format(int64_t nsec)
{
    double s = (double)nsec / 1e9;
    if (s < 0.09995) /* what is rounded up to the next unit is written in it */
        return xasprintf("%.1f ms", s * 1e3);
    if (s < 9.995)
        return xasprintf("%.2f s", s);
    if (s < 59.95)
        return xasprintf("%.1f s", s);
    long whole = (long)(s + 0.5);
    if (whole < 3600)
        return xasprintf("%ld m %02ld s", whole / 60, whole % 60);
    return xasprintf("%ld h %02ld m", whole / 3600, whole % 3600 / 60);
}
