/* SPDX-License-Identifier: Apache-2.0
 * Text to numbers, strictly: the whole text or nothing. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Decimal, with an optional '-'. False where it is not a number or does not fit. */
bool parse_int(const char *text, int64_t *ret);
/* "10s", "1.5s", "200ms", "2m", "1h", in nanoseconds; a bare number is seconds. */
bool parse_duration(const char *text, int64_t *ret_nsec);
/* File mode: one to four octal digits, one more 0 in front allowed ("0755", "644", "04755"). */
bool parse_mode(const char *text, mode_t *ret);
/* The number of a user or group. */
bool parse_id(const char *text, uint32_t *ret);

#endif
