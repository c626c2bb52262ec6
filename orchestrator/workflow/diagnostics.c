/* SPDX-License-Identifier: Apache-2.0
 * Problems with their places. */
#include "workflow/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

enum { EXCERPT = 100 }; /* bytes of a line that are shown */

static struct diagnostics_source *source_of(struct diagnostics *d, const char *file)
{
    for (size_t i = 0; i < d->n_sources; i++)
        if (strcmp(d->sources[i]->file, file) == 0)
            return d->sources[i];
    struct diagnostics_source *s = xcalloc(1, sizeof(*s));
    s->file = xstrdup(file);
    d->sources = xreallocarray(d->sources, d->n_sources + 1, sizeof(struct diagnostics_source *));
    d->sources[d->n_sources++] = s;
    return s;
}

void diagnostics_source(struct diagnostics *d, const char *file, const char *text)
{
    struct diagnostics_source *s = source_of(d, file);
    free(s->text);
    s->text = xstrdup(text);
}

/* What a file holds may stand in a message, and the message on a terminal: control characters (the
 * second kind is two bytes in UTF-8) are shown as '?'. */
static char *clean(char *message)
{
    for (unsigned char *p = (unsigned char *)message; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
    return message;
}

void diagnostics_add(struct diagnostics *d, struct span where, const char *fmt, ...)
{
    if (d->len >= DIAGNOSTICS_MAX) {
        d->dropped++;
        return;
    }
    where.file = source_of(d, where.file ? where.file : "?")->file;
    va_list ap;
    va_start(ap, fmt);
    d->items = xreallocarray(d->items, d->len + 1, sizeof(*d->items));
    d->items[d->len++] = (struct diagnostic){.where = where, .message = clean(xvasprintf(fmt, ap))};
    va_end(ap);
}

void diagnostics_hint(struct diagnostics *d, const char *fmt, ...)
{
    if (d->len == 0 || d->dropped > 0)
        return;
    va_list ap;
    va_start(ap, fmt);
    free(d->items[d->len - 1].hint);
    d->items[d->len - 1].hint = clean(xvasprintf(fmt, ap));
    va_end(ap);
}

static void release_item(struct diagnostic *item)
{
    free(item->message);
    free(item->hint);
}

static int by_place(const void *a, const void *b)
{
    const struct diagnostic *p = a, *q = b;
    const struct span *x = &p->where, *y = &q->where;
    int files = strcmp(x->file ? x->file : "", y->file ? y->file : "");
    if (files != 0)
        return files;
    if (x->line != y->line)
        return x->line - y->line;
    return x->column != y->column ? x->column - y->column : strcmp(p->message, q->message);
}

void diagnostics_sort(struct diagnostics *d)
{
    size_t kept = 0;
    if (d->len > 1)
        qsort(d->items, d->len, sizeof(*d->items), by_place);
    for (size_t i = 0; i < d->len; i++) {
        if (kept > 0 && by_place(&d->items[kept - 1], &d->items[i]) == 0)
            release_item(&d->items[i]);
        else
            d->items[kept++] = d->items[i];
    }
    d->len = kept;
}

static const char *line_of(const char *text, int line, size_t *ret_len)
{
    for (int i = 1; i < line; i++) {
        text = strchr(text, '\n');
        if (!text)
            return NULL;
        text++;
    }
    *ret_len = strcspn(text, "\n");
    return text;
}

/* The bytes at which a cut does not split a UTF-8 character. */
static size_t character_start(const char *line, size_t at)
{
    while (at > 0 && ((unsigned char)line[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The byte at which a column begins; the end where the line is shorter. */
static size_t column_start(const char *line, size_t len, int column)
{
    size_t at = 0;
    while (at < len && column > 1) {
        at++;
        if (at == len || ((unsigned char)line[at] & 0xc0) != 0x80)
            column--;
    }
    return at;
}

static void excerpt(const char *line, size_t len, const struct span *where, struct strbuf *ret)
{
    size_t at = column_start(line, len, where->column);
    size_t from = at > EXCERPT / 2 && len > EXCERPT ? at - EXCERPT / 2 : 0;
    size_t to = len - from > EXCERPT ? from + EXCERPT : len;
    from = character_start(line, from);
    to = to < len ? character_start(line, to) : len;

    cleanup_free char *shown = xstrndup(line + from, to - from);
    for (char *tab = shown; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    strbuf_printf(ret, "%5d | %s\n      | ", where->line, clean(shown));
    shown[at - from] = '\0';
    strbuf_printf(ret, "%*s^\n", text_width(shown), "");
}

static const char *text_of(const struct diagnostics *d, const char *file)
{
    for (size_t i = 0; i < d->n_sources; i++)
        if (d->sources[i]->file == file)
            return d->sources[i]->text;
    return NULL;
}

void diagnostics_format(const struct diagnostics *d, struct strbuf *ret)
{
    for (size_t i = 0; i < d->len; i++) {
        const struct diagnostic *problem = &d->items[i];
        cleanup_free char *file = clean(xstrdup(problem->where.file));
        strbuf_printf(ret, "%s:%d:%d: error: %s\n", file, problem->where.line,
                      problem->where.column, problem->message);
        size_t len = 0;
        const char *text = text_of(d, problem->where.file);
        const char *line = text ? line_of(text, problem->where.line, &len) : NULL;
        if (line)
            excerpt(line, len, &problem->where, ret);
        if (problem->hint)
            strbuf_printf(ret, "      = %s\n", problem->hint);
    }
    if (d->dropped > 0)
        strbuf_printf(ret, "and %zu more\n", d->dropped);
}

void diagnostics_release(struct diagnostics *d)
{
    for (size_t i = 0; i < d->len; i++)
        release_item(&d->items[i]);
    for (size_t i = 0; i < d->n_sources; i++) {
        free(d->sources[i]->file);
        free(d->sources[i]->text);
        free(d->sources[i]);
    }
    free(d->items);
    free(d->sources);
    *d = (struct diagnostics)DIAGNOSTICS_INIT;
}
