/* SPDX-License-Identifier: Apache-2.0
 * A growing run of bytes. */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

char *strbuf_reserve(struct strbuf *b, size_t extra)
{
    if (extra >= (size_t)-1 - b->len) {
        fputs("out of memory\n", stderr);
        abort();
    }
    size_t need = b->len + extra + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap + b->cap / 2 : 64;
        b->cap = cap < need ? need : cap;
        b->data = xreallocarray(b->data, b->cap, 1);
    }
    b->data[b->len] = '\0';
    return b->data + b->len;
}

void strbuf_add(struct strbuf *b, const void *data, size_t len)
{
    char *room = strbuf_reserve(b, len);
    if (len > 0)
        memcpy(room, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *s = xvasprintf(fmt, ap);
    va_end(ap);
    strbuf_puts(b, s);
}

void strbuf_consume(struct strbuf *b, size_t n)
{
    if (n >= b->len) {
        strbuf_truncate(b, 0);
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

void strbuf_truncate(struct strbuf *b, size_t len)
{
    if (len > b->len || !b->data)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void strbuf_rtrim(struct strbuf *b)
{
    while (b->len > 0 && memchr(" \t\r\n", b->data[b->len - 1], 4))
        strbuf_truncate(b, b->len - 1);
}

const char *strbuf_str(const struct strbuf *b)
{
    return b->data ? b->data : "";
}

char *strbuf_steal(struct strbuf *b)
{
    strbuf_reserve(b, 0);
    char *data = b->data;
    *b = (struct strbuf)STRBUF_INIT;
    return data;
}

void strbuf_release(struct strbuf *b)
{
    free(b->data);
    *b = (struct strbuf)STRBUF_INIT;
}
