/* SPDX-License-Identifier: Apache-2.0
 * A growing run of bytes; always NUL-terminated after `len`, may hold NULs inside. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
    char *data; /* owned; never NULL after the first write; strbuf_str() for a safe read */
    size_t len; /* bytes in use, without the NUL */
    size_t cap;
};

#define STRBUF_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_strbuf __attribute__((cleanup(strbuf_release)))

void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for `extra` more bytes after len; write there and add to len. */
char *strbuf_reserve(struct strbuf *b, size_t extra);
/* Drop the first n bytes. */
void strbuf_consume(struct strbuf *b, size_t n);
/* Shorten to len bytes. */
void strbuf_truncate(struct strbuf *b, size_t len);
/* Drop white space (space, tab, CR, LF) at the end. */
void strbuf_rtrim(struct strbuf *b);
/* The text; "" where nothing was written. Borrowed. */
const char *strbuf_str(const struct strbuf *b);
/* Hand the text over to the caller, who frees it; the buffer is empty afterwards. Never NULL. */
char *strbuf_steal(struct strbuf *b);
void strbuf_release(struct strbuf *b);

#endif
