/* SPDX-License-Identifier: Apache-2.0
 * The bundle's format: lines to items, and back. */
#include "diagnose/bundle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/process.h"

static const char magic[] = "kataloop-evidence ";

/* --- writing --------------------------------------------------------------------------------- */

/* Printable text as it is, all else as \xNN. */
static void put_clean(struct strbuf *out, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '\t' || (c >= 0x20 && c != 0x7f))
            strbuf_putc(out, (char)c);
        else
            strbuf_printf(out, "\\x%02x", c);
    }
}

/* One that is too long ends with "...". */
static void put_name(struct strbuf *out, const char *name)
{
    strbuf_puts(out, *name ? "[" : "[(no name)");
    for (size_t start = out->len; *name; name++) {
        /* Room for an escape and for the dots. */
        if (out->len - start > BUNDLE_NAME_MAX - 4 - 3) {
            strbuf_puts(out, "...");
            break;
        }
        unsigned char c = (unsigned char)*name;
        if (c < 0x20 || c >= 0x7f || c == '[' || c == ']')
            strbuf_printf(out, "\\x%02x", c);
        else
            strbuf_putc(out, (char)c);
    }
    strbuf_puts(out, "]\n");
}

void bundle_begin(struct strbuf *out)
{
    strbuf_printf(out, "%s%d\n", magic, BUNDLE_VERSION);
}

bool bundle_put(struct strbuf *out, const char *name, const char *data, size_t len, size_t max,
                bool tail)
{
    size_t left_out = len > max ? len - max : 0;
    if (left_out > 0 && tail)
        data += left_out;
    len -= left_out;
    put_name(out, name);
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t line = end ? (size_t)(end - data) : len;
        /* A line of its own size limit: escapes take four bytes for one. */
        size_t shown = line < BUNDLE_LINE_MAX / 4 - 1 ? line : BUNDLE_LINE_MAX / 4 - 1;
        strbuf_putc(out, '|');
        put_clean(out, data, shown);
        strbuf_putc(out, '\n');
        left_out += line - shown;
        data += line + (end != NULL);
        len -= line + (end != NULL);
    }
    if (left_out > 0)
        strbuf_printf(out, "~%zu bytes are left out\n", left_out);
    return left_out == 0;
}

void bundle_put_missing(struct strbuf *out, const char *name, const char *why)
{
    put_name(out, name);
    strbuf_putc(out, '!');
    size_t len = strcspn(why, "\n");
    put_clean(out, why, len < BUNDLE_LINE_MAX / 4 ? len : BUNDLE_LINE_MAX / 4);
    strbuf_putc(out, '\n');
}

void bundle_end(struct strbuf *out)
{
    strbuf_puts(out, "end\n");
}

/* --- parsing --------------------------------------------------------------------------------- */

struct parser {
    const char *name;
    struct bundle *bundle;
    int line; /* number of the one in hand */
};

static int bad(const struct parser *p, struct error *err, const char *what)
{
    error_set(err, ERR_USAGE, "%s:%d: %s", p->name, p->line, what);
    return error_hint(err, "docs/guide/diagnose.md describes the format");
}

static struct bundle_item *last_item(struct bundle *b)
{
    return b->n_items > 0 ? &b->items[b->n_items - 1] : NULL;
}

static int begin_item(struct parser *p, const char *text, size_t len, struct error *err)
{
    struct bundle *b = p->bundle;
    if (len < 3 || text[len - 1] != ']' || len > BUNDLE_NAME_MAX + 2)
        return bad(p, err, "a header is `[NAME]`");
    for (size_t i = 1; i + 1 < len; i++)
        if (text[i] < 0x20 || text[i] >= 0x7f || text[i] == '[' || text[i] == ']')
            return bad(p, err, "the name of an item is printable ASCII without brackets");
    if (b->n_items == BUNDLE_ITEMS_MAX)
        return bad(p, err, "too many items");
    b->items = xreallocarray(b->items, b->n_items + 1, sizeof(*b->items));
    b->items[b->n_items++] =
        (struct bundle_item){.name = xstrndup(text + 1, len - 2), .line = p->line};
    return 0;
}

static int add_to_item(struct parser *p, const char *text, size_t len, struct error *err)
{
    struct bundle_item *item = last_item(p->bundle);
    if (!item)
        return bad(p, err, "a line before the first item");
    if (item->missing || item->cut)
        return bad(p, err, "the item has ended already; a header was expected");
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
            return bad(p, err, "a control character; it is to be written as \\xNN");
    char *rest = xstrndup(text + 1, len - 1);
    if (text[0] == '|')
        strv_push_owned(&item->lines, rest);
    else if (text[0] == '~')
        item->cut = rest;
    else if (item->lines.len == 0)
        item->missing = rest;
    else {
        free(rest);
        return bad(p, err, "an item with lines is not missing");
    }
    return 0;
}

static int parse_line(struct parser *p, const char *text, size_t len, struct error *err)
{
    if (len > BUNDLE_LINE_MAX)
        return bad(p, err, "the line is too long");
    if (p->bundle->complete)
        return bad(p, err, "nothing may follow `end`");
    switch (len > 0 ? text[0] : 0) {
    case '[':
        return begin_item(p, text, len, err);
    case '|':
    case '~':
    case '!':
        return add_to_item(p, text, len, err);
    case 'e':
        if (len == 3 && memcmp(text, "end", 3) == 0) {
            p->bundle->complete = true;
            return 0;
        }
        return bad(p, err, "neither a header, nor a line of an item, nor `end`");
    default:
        return bad(p, err, "neither a header, nor a line of an item, nor `end`");
    }
}

static int parse_magic(struct parser *p, const char *text, size_t len, struct error *err)
{
    size_t prefix = strlen(magic);
    p->line = 1;
    if (len <= prefix || memcmp(text, magic, prefix) != 0) {
        error_set(err, ERR_USAGE, "%s is not a bundle: it does not begin with `%s%d`", p->name,
                  magic, BUNDLE_VERSION);
        return error_hint(err, "`kataloop diagnose CONTAINER -o FILE` makes one");
    }
    cleanup_free char *version = xstrndup(text + prefix, len - prefix);
    cleanup_free char *known = xasprintf("%d", BUNDLE_VERSION);
    if (strcmp(version, known) == 0)
        return 0;
    error_set(err, ERR_USAGE, "%s:1: a bundle of version %.20s; this program reads version %s",
              p->name, version, known);
    return error_hint(err, "use the kataloop that took it, or a newer one");
}

int bundle_parse(const char *data, size_t len, const char *name, struct bundle *ret,
                 struct error *err)
{
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    struct parser p = {.name = name, .bundle = &b};
    if (len > BUNDLE_MAX)
        return error_set(err, ERR_USAGE, "%s has %zu bytes, too many for a bundle", name, len);
    do {
        const char *end = len > 0 ? memchr(data, '\n', len) : NULL;
        size_t line = end ? (size_t)(end - data) : len;
        /* A carriage return is never content: it came with a mail, or a checkout. */
        size_t text = end && line > 0 && data[line - 1] == '\r' ? line - 1 : line;
        int result =
            p.line++ == 0 ? parse_magic(&p, data, text, err) : parse_line(&p, data, text, err);
        /* The end of a file that was cut off is no mistake of its writer. */
        if (result < 0 && (end || p.line == 1))
            return -1;
        if (result < 0)
            error_release(err);
        data += line + (end != NULL);
        len -= line + (end != NULL);
    } while (len > 0);
    processes_read(&b);
    *ret = b;
    b = (struct bundle)BUNDLE_INIT;
    return 0;
}

void bundle_release(struct bundle *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        free(b->items[i].name);
        strv_release(&b->items[i].lines);
        free(b->items[i].missing);
        free(b->items[i].cut);
    }
    free(b->items);
    for (size_t i = 0; i < b->n_processes; i++)
        process_release(&b->processes[i]);
    free(b->processes);
    *b = (struct bundle)BUNDLE_INIT;
}

/* --- looking things up ----------------------------------------------------------------------- */

const struct bundle_item *bundle_find(const struct bundle *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *name = xvasprintf(fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < b->n_items; i++)
        if (strcmp(b->items[i].name, name) == 0)
            return &b->items[i];
    return NULL;
}

const struct bundle_item *bundle_next(const struct bundle *b, const char *prefix,
                                      const struct bundle_item *after)
{
    size_t i = after ? (size_t)(after - b->items) + 1 : 0;
    for (; i < b->n_items; i++)
        if (strncmp(b->items[i].name, prefix, strlen(prefix)) == 0)
            return &b->items[i];
    return NULL;
}

const char *item_line(const struct bundle_item *item, size_t index)
{
    return item && index < item->lines.len ? item->lines.items[index] : NULL;
}

int item_find(const struct bundle_item *item, const char *text)
{
    for (size_t i = 0; item && i < item->lines.len; i++)
        if (strstr(item->lines.items[i], text))
            return (int)i;
    return -1;
}

int item_prefix(const struct bundle_item *item, const char *prefix)
{
    for (size_t i = 0; item && i < item->lines.len; i++)
        if (strncmp(item->lines.items[i], prefix, strlen(prefix)) == 0)
            return (int)i;
    return -1;
}

const char *item_value(const struct bundle_item *item, const char *key, int *ret_line)
{
    size_t len = strlen(key);
    for (size_t i = 0; item && i < item->lines.len; i++) {
        const char *line = item->lines.items[i];
        if (strncmp(line, key, len) != 0 || !line[len] || !strchr(":= \t", line[len]))
            continue;
        if (ret_line)
            *ret_line = (int)i;
        line += len;
        line += line[0] == ':' || line[0] == '=';
        return line + strspn(line, " \t");
    }
    return NULL;
}

int item_line_number(const struct bundle_item *item, int index)
{
    return item->line + 1 + index;
}
