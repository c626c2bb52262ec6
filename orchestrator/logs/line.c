/* SPDX-License-Identifier: Apache-2.0
 * Keeping, merging and showing lines. */
#include "logs/line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "logs/about.h"
#include "results/json_put.h"

static const struct {
    const char *name, *colour;
} sources[LOG_SOURCES] = {
    [LOG_HOST] = {"host", "\033[2m"},  [LOG_CONTAINERD] = {"containerd", "\033[34m"},
    [LOG_SHIM] = {"shim", "\033[36m"}, [LOG_AGENT] = {"agent", "\033[32m"},
    [LOG_CRIU] = {"criu", "\033[35m"},
};

void log_line_release(struct log_line *l)
{
    free(l->who);
    free(l->text);
    free(l->cursor);
    *l = (struct log_line){0};
}

void log_lines_release(struct log_lines *l)
{
    for (size_t i = 0; i < l->len; i++)
        log_line_release(&l->items[i]);
    free(l->items);
    *l = (struct log_lines)LOG_LINES_INIT;
}

void log_lines_add(struct log_lines *l, struct log_line line)
{
    if (l->len == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->items = xreallocarray(l->items, l->cap, sizeof(*l->items));
    }
    line.order = l->len;
    l->items[l->len++] = line;
}

static int by_time(const void *a, const void *b)
{
    const struct log_line *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool is_same(const struct log_line *a, const struct log_line *b)
{
    if (a->cursor && b->cursor)
        return strcmp(a->cursor, b->cursor) == 0;
    return !a->cursor && !b->cursor && strcmp(a->text, b->text) == 0 && strcmp(a->who, b->who) == 0;
}

/* Is it among the `n` lines before it, which are sorted? */
static bool is_double(const struct log_line *lines, size_t n, const struct log_line *line)
{
    for (size_t i = n; i-- > 0 && lines[i].at == line->at;)
        if (is_same(&lines[i], line))
            return true;
    return false;
}

void log_lines_merge(struct log_lines *l)
{
    size_t kept = 0;
    if (l->len > 1)
        qsort(l->items, l->len, sizeof(*l->items), by_time);
    for (size_t i = 0; i < l->len; i++) {
        if (is_double(l->items, kept, &l->items[i]))
            log_line_release(&l->items[i]);
        else
            l->items[kept++] = l->items[i];
    }
    l->len = kept;
}

bool log_filter_wants(const struct log_filter *f, const struct log_line *line)
{
    if (line->at < f->since || (f->until > 0 && line->at > f->until))
        return false;
    for (size_t i = 0; i < f->n_marks; i++)
        if (strstr(line->text, f->mark[i]) || strstr(line->who, f->mark[i]))
            return true;
    return f->n_marks == 0 || line->sure || (f->or_nobodys && !log_line_names_container(line));
}

void log_line_print(const struct log_line *line, bool colour, struct strbuf *ret)
{
    enum { SOURCE_WIDTH = 10, PRIORITY_ERROR = 3 };
    time_t seconds = (time_t)(line->at / 1000000);
    struct tm tm;
    char clock[16] = "";
    if (localtime_r(&seconds, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    bool bad = line->priority >= 0 && line->priority <= PRIORITY_ERROR;
    strbuf_printf(ret, "%s.%06" PRId64 "  %s%-*s%s  %s%s%s\n", clock, line->at % 1000000,
                  colour ? sources[line->source].colour : "", SOURCE_WIDTH,
                  sources[line->source].name, colour ? "\033[0m" : "",
                  colour && bad ? "\033[31m" : "", line->text, colour && bad ? "\033[0m" : "");
}

void log_line_print_json(const struct log_line *line, struct strbuf *ret)
{
    json_t *o = json_object();
    json_put(o, "v", json_integer(1));
    json_put_time(o, "time", line->at);
    json_put_text(o, "source", sources[line->source].name);
    json_put(o, "priority", line->priority < 0 ? json_null() : json_integer(line->priority));
    json_put_text(o, "who", line->who);
    json_put_text(o, "text", line->text);
    json_line(o, ret);
}
