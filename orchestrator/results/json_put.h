/* SPDX-License-Identifier: Apache-2.0
 * Members of JSON objects, from text that may be anything. Nothing here fails: where memory is out
 * the process ends, as in base/alloc.h. */
#ifndef RESULTS_JSON_PUT_H
#define RESULTS_JSON_PUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Takes over `value`. */
void json_put(json_t *to, const char *key, json_t *value);
/* Bytes that are not UTF-8 become U+FFFD; false if there were any. */
bool json_put_bytes(json_t *to, const char *key, const char *data, size_t len);
/* The same of a string; NULL puts nothing. */
void json_put_text(json_t *to, const char *key, const char *text);
/* null where it is infinite or no number. */
void json_put_real(json_t *to, const char *key, double value);
/* "2026-11-24T09:12:33.123456Z" of microseconds since 1970. */
void json_put_time(json_t *to, const char *key, int64_t usec);
/* Takes over `value`. */
void json_append(json_t *to, json_t *value);
/* Append the object on one line, with a newline; `o` is released. */
void json_line(json_t *o, struct strbuf *ret);

#endif
