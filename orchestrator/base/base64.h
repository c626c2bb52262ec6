/* SPDX-License-Identifier: Apache-2.0
 * Base64 (RFC 4648, with padding), by OpenSSL. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Append the base64 of `data`. */
void base64_encode(const void *data, size_t len, struct strbuf *ret);
/* Append the bytes of base64 text, in which white space does not count; false where it is none. */
bool base64_decode(const char *text, size_t len, struct strbuf *ret);

#endif
