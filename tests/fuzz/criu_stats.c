/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a file of CRIU's own figures. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "criu/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct criu_stats stats = {0};
    cleanup_error struct error err = ERROR_INIT;
    struct metric metrics[CRIU_METRICS_MAX];
    if (criu_stats_parse(data, size, "stats-dump", &stats, &err) < 0) {
        if (!err.message)
            abort();
        return 0;
    }
    if (err.message || criu_stats_metrics(&stats, metrics) > CRIU_METRICS_MAX)
        abort();
    return 0;
}
