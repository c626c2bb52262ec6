/* SPDX-License-Identifier: Apache-2.0
 * Which container a log line is about, by its own word. No I/O here. */
#ifndef LOGS_ABOUT_H
#define LOGS_ABOUT_H

#include <stdbool.h>

#include "logs/line.h"

/* Does the line name some container? By an id of 64 hexadecimal digits (nerdctl, CRI, Docker); by a
 * field of containerd's and Kata's key=value lines (sandbox=, container=, their _id forms, or id=
 * beside namespace=); or as a line of a CRIU log, which is always some container's. A digest
 * (sha256 in front of it) is not a container. */
bool log_line_names_container(const struct log_line *line);

#endif
