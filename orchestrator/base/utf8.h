/* SPDX-License-Identifier: Apache-2.0
 * Bytes of unknown origin as text: UTF-8 checked and repaired. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Decode the character at p. Returns the bytes it takes; 0: the n bytes are the start of a
 * character whose rest is missing; -1: they cannot start one (skip one byte). Overlong forms,
 * surrogates and what is above U+10FFFF are not characters. n > 0. */
int utf8_decode(const char *p, size_t n, uint32_t *ret);
/* Append `data` with each byte that is not part of a character replaced by U+FFFD. True where
 * nothing had to be replaced. */
bool utf8_repair(const char *data, size_t len, struct strbuf *ret);

#endif
