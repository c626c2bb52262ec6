/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 through OpenSSL's EVP interface. */
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alloc.h"

struct sha256 {
    EVP_MD_CTX *ctx;
};

/* EVP fails here only without memory or without SHA-256 at all: nothing to go on with. */
static void must(int ok)
{
    if (ok != 1) {
        fputs("SHA-256 is not available from OpenSSL\n", stderr);
        abort();
    }
}

struct sha256 *sha256_new(void)
{
    struct sha256 *s = xmalloc(sizeof(*s));
    s->ctx = EVP_MD_CTX_new();
    must(s->ctx != NULL);
    must(EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL));
    return s;
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
    must(EVP_DigestUpdate(s->ctx, data, len));
}

void sha256_add_string(struct sha256 *s, const char *text)
{
    uint64_t len = text ? strlen(text) : UINT64_MAX;
    sha256_add(s, &len, sizeof(len));
    if (text)
        sha256_add(s, text, len);
}

void sha256_finish(struct sha256 *s, char hex[SHA256_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len;
    must(EVP_DigestFinal_ex(s->ctx, digest, &len));
    for (unsigned int i = 0; i < 32; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(s->ctx);
    free(s);
}

int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct error *err)
{
    enum { CHUNK = 256 * 1024 };
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", path);
    cleanup_free char *chunk = xmalloc(CHUNK);
    struct sha256 *s = sha256_new();
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            sha256_finish(s, hex);
            return error_set_errno(err, saved, "reading `%s`", path);
        }
        if (n == 0)
            break;
        sha256_add(s, chunk, (size_t)n);
    }
    sha256_finish(s, hex);
    return 0;
}
