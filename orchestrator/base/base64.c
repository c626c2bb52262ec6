/* SPDX-License-Identifier: Apache-2.0
 * Base64. */
#include "base/base64.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

void base64_encode(const void *data, size_t len, struct strbuf *ret)
{
    enum { PIECE = 3 * 16384 }; /* OpenSSL counts in int; whole groups of three need no padding */
    const unsigned char *from = data;
    while (len > 0) {
        size_t n = len < PIECE ? len : PIECE;
        char *to = strbuf_reserve(ret, (n + 2) / 3 * 4 + 1);
        ret->len += (size_t)EVP_EncodeBlock((unsigned char *)to, from, (int)n);
        from += n;
        len -= n;
    }
}

bool base64_decode(const char *text, size_t len, struct strbuf *ret)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    cleanup_strbuf struct strbuf plain = STRBUF_INIT;
    for (size_t i = 0; i < len; i++)
        if (!isspace((unsigned char)text[i]))
            strbuf_putc(&plain, text[i]);
    if (plain.len == 0)
        return true;
    /* OpenSSL takes padding in the middle, and leaves out some that is no base64 at the end. */
    size_t n_digits = strspn(plain.data, digits);
    size_t padding = strspn(plain.data + n_digits, "=");
    if (n_digits + padding != plain.len || padding > 2 || plain.len % 4 != 0 ||
        plain.len > INT_MAX / 2)
        return false;
    char *to = strbuf_reserve(ret, plain.len / 4 * 3 + 1);
    int n = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)plain.data, (int)plain.len);
    if (n < 0)
        return false;
    ret->len += (size_t)n - padding;
    ret->data[ret->len] = '\0';
    return true;
}
