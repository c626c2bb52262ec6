/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (OpenSSL EVP), as lower-case hex. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#include "base/error.h"

#define SHA256_HEX_SIZE 65 /* 64 digits and the NUL */

struct sha256; /* a digest being made */

struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* A string with its length in front, so that "ab","c" and "a","bc" differ. NULL differs from "". */
void sha256_add_string(struct sha256 *s, const char *text);
/* End the digest, write it, free `s`. */
void sha256_finish(struct sha256 *s, char hex[SHA256_HEX_SIZE]);
/* The digest of a file's content. */
int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct error *err);

#endif
