/* SPDX-License-Identifier: Apache-2.0
 * Output as clean lines. */
#include "report/lines.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

enum { HELD_MAX = 16 * 1024 };

/* What a terminal would show of the line: what comes behind the last carriage return that has
 * something behind it. */
static char *visible(const char *line, size_t len)
{
    while (len > 0 && line[len - 1] == '\r')
        len--;
    const char *last = memrchr(line, '\r', len);
    size_t start = last ? (size_t)(last - line) + 1 : 0;
    cleanup_strbuf struct strbuf clean = STRBUF_INIT;
    text_clean(line + start, len - start, &clean);
    return strbuf_steal(&clean);
}

static int let_go(const struct strbuf *held, bool is_err, lines_fn *each, void *self,
                  struct error *err)
{
    cleanup_free char *line = visible(strbuf_str(held), held->len);
    return each(self, line, is_err, err);
}

int lines_add(struct lines *l, const char *data, size_t len, bool is_err, lines_fn *each,
              void *self, struct error *err)
{
    struct strbuf *held = &l->held[is_err];
    int result = 0;
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t room = HELD_MAX - held->len;
        size_t take = end ? (size_t)(end - data) : len;
        bool complete = end && take <= room;
        take = take < room ? take : room;
        strbuf_add(held, data, take);
        data += take + complete;
        len -= take + complete;
        if (complete || held->len == HELD_MAX) {
            if (result == 0)
                result = let_go(held, is_err, each, self, err);
            strbuf_truncate(held, 0);
        }
    }
    return result;
}

int lines_flush(struct lines *l, lines_fn *each, void *self, struct error *err)
{
    int result = 0;
    for (int is_err = 0; is_err < 2; is_err++) {
        struct strbuf *held = &l->held[is_err];
        if (held->len > 0 && result == 0)
            result = let_go(held, is_err, each, self, err);
        strbuf_truncate(held, 0);
    }
    return result;
}

char *lines_pending(const struct lines *l, bool is_err)
{
    return visible(strbuf_str(&l->held[is_err]), l->held[is_err].len);
}

void lines_release(struct lines *l)
{
    strbuf_release(&l->held[0]);
    strbuf_release(&l->held[1]);
}
