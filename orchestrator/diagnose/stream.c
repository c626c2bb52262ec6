/* SPDX-License-Identifier: Apache-2.0
 * A script's stream to items. */
#include "diagnose/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "diagnose/bundle.h"

enum stream_kind {
    STREAM_NONE,
    STREAM_ITEM,
    STREAM_TAIL,
    STREAM_MISSING,
    STREAM_FILES,
    STREAM_END
};

static const struct {
    const char *word;
    enum stream_kind kind;
} kinds[] = {
    {"item ", STREAM_ITEM},   {"tail ", STREAM_TAIL}, {"none ", STREAM_MISSING},
    {"files ", STREAM_FILES}, {"end", STREAM_END},
};

struct stream {
    const char *mark, *prefix;
    size_t left; /* bytes that may still be written */
    struct strbuf *out;
};

struct section {
    enum stream_kind kind;
    size_t max;
    char *name;
};

/* Is this line one of ours? Then what it begins. */
static bool parse_mark(const struct stream *s, const char *line, size_t len, struct section *ret)
{
    size_t mark = strlen(s->mark);
    if (len <= mark + 1 || memcmp(line, s->mark, mark) != 0 || line[mark] != ' ')
        return false;
    cleanup_free char *rest = xstrndup(line + mark + 1, len - mark - 1);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t word = strlen(kinds[i].word);
        if (strncmp(rest, kinds[i].word, word) != 0)
            continue;
        char *name = strchr(rest + word, ' ');
        if (name)
            *name++ = 0;
        int64_t max = 0;
        if (kinds[i].kind != STREAM_END && (!parse_int(rest + word, &max) || max < 0))
            return false;
        *ret = (struct section){kinds[i].kind, (size_t)max, xstrdup(name ? name : "")};
        return true;
    }
    return false;
}

/* False: something was left out, which the item says. */
static bool put(struct stream *s, const char *name, const char *data, size_t len, size_t max,
                bool tail)
{
    cleanup_free char *full = xasprintf("%s%s", s->prefix, name);
    if (s->left == 0) {
        bundle_put_missing(s->out, full, "left out: there is too much in all");
        return false;
    }
    size_t before = s->out->len;
    bool whole = bundle_put(s->out, full, data, len, max < s->left ? max : s->left, tail);
    /* What is no text takes four bytes for one, and an empty line two. */
    size_t written = s->out->len - before;
    s->left -= written < s->left ? written : s->left;
    return whole;
}

/* "==> /proc/1/status <==": a file's name of at least one byte. */
static bool parse_file_header(const char *line, size_t len, const char **ret, size_t *ret_len)
{
    if (len < 9 || memcmp(line, "==> /", 5) != 0 || memcmp(line + len - 4, " <==", 4) != 0)
        return false;
    *ret = line + 4;
    *ret_len = len - 8;
    return true;
}

static void put_file(struct stream *s, const char *name, const char *data, size_t len, size_t max)
{
    if (!name)
        return;
    /* `head -c` cut it without a word. */
    if (put(s, name, data, len, max, false) && len == max)
        strbuf_printf(s->out, "~it goes on behind %zu bytes\n", max);
}

/* The output of `head -v`: an empty line in front of every header but the first. */
static void put_files(struct stream *s, const char *data, size_t len, size_t max)
{
    cleanup_free char *name = NULL;
    const char *content = data, *end = data + len;
    for (const char *line = data; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        const char *found;
        size_t found_len;
        if (parse_file_header(line, (size_t)(line_end - line), &found, &found_len)) {
            size_t before = (size_t)(line - content);
            put_file(s, name, content, before > 0 ? before - 1 : 0, max);
            free(name);
            name = xstrndup(found, found_len);
            content = newline ? newline + 1 : end;
        }
        line = newline ? newline + 1 : end;
    }
    put_file(s, name, content, (size_t)(end - content), max);
}

static void put_section(struct stream *s, const struct section *section, const char *data,
                        size_t len)
{
    if (len > 0 && data[len - 1] == '\n') /* the one in front of the next mark */
        len--;
    cleanup_free char *name = NULL;
    switch (section->kind) {
    case STREAM_ITEM:
    case STREAM_TAIL:
        put(s, section->name, data, len, section->max, section->kind == STREAM_TAIL);
        break;
    case STREAM_MISSING: {
        cleanup_free char *why = xstrndup(data, len);
        name = xasprintf("%s%s", s->prefix, section->name);
        bundle_put_missing(s->out, name, why);
        break;
    }
    case STREAM_FILES:
        put_files(s, data, len, section->max);
        break;
    case STREAM_NONE:
    case STREAM_END:
        break;
    }
}

bool stream_to_bundle(const char *data, size_t len, const char *mark, const char *prefix,
                      size_t max, struct strbuf *out)
{
    struct stream s = {.mark = mark, .prefix = prefix, .left = max, .out = out};
    struct section section = {0}, next = {0};
    const char *content = data, *end = data + len;
    for (const char *line = data; line < end && section.kind != STREAM_END;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        if (parse_mark(&s, line, (size_t)(line_end - line), &next)) {
            put_section(&s, &section, content, (size_t)(line - content));
            free(section.name);
            section = next;
            content = newline ? newline + 1 : end;
        }
        line = newline ? newline + 1 : end;
    }
    bool ended = section.kind == STREAM_END;
    if (!ended)
        put_section(&s, &section, content, (size_t)(end - content));
    free(section.name);
    return ended;
}
