/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a log of CRIU's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "criu/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each message is one clean line. */
static void check(const struct criu_log_line *line)
{
    for (const char *p = line->message; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            abort();
    if (line->at < -1 || line->pid < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_criu_log struct criu_log log = {0};
    criu_log_read((const char *)data, size, &log);
    if (log.n_errors > CRIU_LOG_ERRORS || log.n_tail > CRIU_LOG_TAIL || log.n_tail > log.n_lines)
        abort();
    for (size_t i = 0; i < log.n_errors; i++)
        check(&log.errors[i]);
    for (size_t i = 0; i < log.n_tail; i++)
        check(&log.tail[i]);
    return 0;
}
