/* SPDX-License-Identifier: Apache-2.0
 * Argument vectors and shell quoting. */
#include "base/strv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

void strv_push_owned(struct strv *v, char *s)
{
    v->items = xreallocarray(v->items, v->len + 2, sizeof(*v->items));
    v->items[v->len++] = s;
    v->items[v->len] = NULL;
}

void strv_push(struct strv *v, const char *s)
{
    strv_push_owned(v, xstrdup(s));
}

void strv_printf(struct strv *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strv_push_owned(v, xvasprintf(fmt, ap));
    va_end(ap);
}

void strv_push_all(struct strv *v, ...)
{
    va_list ap;
    va_start(ap, v);
    for (const char *s = va_arg(ap, const char *); s; s = va_arg(ap, const char *))
        strv_push(v, s);
    va_end(ap);
}

void strv_extend(struct strv *v, const struct strv *more)
{
    for (size_t i = 0; i < more->len; i++)
        strv_push(v, more->items[i]);
}

bool strv_contains(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->len; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

void strv_release(struct strv *v)
{
    for (size_t i = 0; i < v->len; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv)STRV_INIT;
}

static void quote_into(struct strbuf *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    if (*word && word[strspn(word, plain)] == '\0') {
        strbuf_puts(b, word);
        return;
    }
    strbuf_putc(b, '\'');
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            strbuf_puts(b, "'\\''");
        else
            strbuf_putc(b, *p);
    }
    strbuf_putc(b, '\'');
}

char *shell_quote(const char *word)
{
    struct strbuf b = STRBUF_INIT;
    quote_into(&b, word);
    return strbuf_steal(&b);
}

char *strv_quote(const struct strv *v)
{
    struct strbuf b = STRBUF_INIT;
    for (size_t i = 0; i < v->len; i++) {
        if (i > 0)
            strbuf_putc(&b, ' ');
        quote_into(&b, v->items[i]);
    }
    return strbuf_steal(&b);
}
