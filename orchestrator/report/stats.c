/* SPDX-License-Identifier: Apache-2.0
 * Order statistics, and figures as text. */
#include "report/stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct stats stats_of(const double *values, size_t n)
{
    cleanup_free double *sorted = xreallocarray(NULL, n, sizeof(*sorted));
    memcpy(sorted, values, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_value);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += sorted[i];
    size_t rank = (n * 95 + 99) / 100; /* ceil(0.95 n), from 1 */
    return (struct stats){
        .n = n,
        .min = sorted[0],
        .median = n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2,
        .p95 = sorted[rank - 1],
        .max = sorted[n - 1],
        .mean = sum / (double)n,
    };
}

static char *format_bytes(double value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    /* 1023.95 would be written "1024.0". */
    while (fabs(value) >= (unit ? 1023.95 : 1023.5) && unit + 1 < ARRAY_SIZE(units)) {
        value /= 1024;
        unit++;
    }
    return xasprintf(unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static char *format_plain(double value)
{
    if (value == floor(value))
        return xasprintf("%.0f", value);
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "%.3f", value);
    while (text.data[text.len - 1] == '0')
        strbuf_truncate(&text, text.len - 1);
    if (text.data[text.len - 1] == '.')
        strbuf_truncate(&text, text.len - 1);
    return strbuf_steal(&text);
}

static char *format_duration(double nsec)
{
    double magnitude = fabs(nsec);
    /* Further out a double of nanoseconds does not fit an int64_t. */
    cleanup_free char *text = duration_format(magnitude < 9e18 ? (int64_t)magnitude : INT64_MAX);
    return xasprintf("%s%s", nsec < 0 ? "-" : "", text);
}

char *stats_format(double value, const char *unit)
{
    if (!isfinite(value))
        return xstrdup("?");
    if (strcmp(unit, "ns") == 0)
        return format_duration(value);
    if (strcmp(unit, "us") == 0)
        return format_duration(value * 1e3);
    if (strcmp(unit, "bytes") == 0)
        return format_bytes(value);
    if (strcmp(unit, "bool") == 0)
        return xstrdup(value != 0 ? "yes" : "no");
    return format_plain(value);
}
