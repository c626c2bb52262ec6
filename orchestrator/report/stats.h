/* SPDX-License-Identifier: Apache-2.0
 * What a row of figures comes to, and figures as people read them. */
#ifndef REPORT_STATS_H
#define REPORT_STATS_H

#include <stddef.h>

struct stats {
    size_t n;
    double min, median, p95, max, mean;
};

/* Of `n` values in any order, n > 0, none of them NaN. The median of an even number of values is
 * the mean of the middle two; p95 is the nearest rank, so always a value that was measured. */
struct stats stats_of(const double *values, size_t n);

/* "ns": a duration ("8.5 ms"); "us": the same from microseconds; "bytes": "512 B", "12.3 KiB";
 * "bool": yes or no; another unit: the plain number, with up to three decimals. The caller
 * frees. */
char *stats_format(double value, const char *unit);

#endif
