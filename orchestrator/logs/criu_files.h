/* SPDX-License-Identifier: Apache-2.0
 * CRIU's log files, on a host or in a guest. No I/O here. */
#ifndef LOGS_CRIU_FILES_H
#define LOGS_CRIU_FILES_H

#include "logs/line.h"

/* A script for `sh` that prints the log files where agents and runtimes put them: for each a line
 * with size, time and path, then so many bytes. Needs stat, tail and head. */
extern const char criu_files_script[];

/* Read what the script printed, or the log that a run has kept (CRIU_LOG_KEPT). CRIU counts from
 * its own start: that is the time of the file's last change, which was its last line, less that
 * line's time. */
void criu_files_read(const char *data, size_t len, struct log_lines *to);

#endif
