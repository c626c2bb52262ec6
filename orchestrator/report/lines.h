/* SPDX-License-Identifier: Apache-2.0
 * The output of a command, cut into lines that are safe to show. */
#ifndef REPORT_LINES_H
#define REPORT_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct lines {
    struct strbuf held[2]; /* the line that has not ended yet, of stdout and of stderr */
};

#define LINES_INIT                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }

/* `line` is clean (text.h), without its end, and borrowed for the time of the call. */
typedef int lines_fn(void *self, const char *line, bool is_err, struct error *err);

/* Take output as it comes and call `each` for every line that is complete. What a carriage return
 * inside a line has overwritten is left out, as on a terminal; a line without an end is let go in
 * pieces of 16 KiB. -1: `each` failed. */
int lines_add(struct lines *l, const char *data, size_t len, bool is_err, lines_fn *each,
              void *self, struct error *err);
/* Call `each` for what is held although its line has not ended. */
int lines_flush(struct lines *l, lines_fn *each, void *self, struct error *err);
/* What is held of a stream, clean, as it would be shown now; "" for nothing. The caller frees. */
char *lines_pending(const struct lines *l, bool is_err);
void lines_release(struct lines *l);

#endif
