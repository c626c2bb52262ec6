/* SPDX-License-Identifier: Apache-2.0
 * All that is wrong with a file, at once: each problem with its place, shown with the line. */
#ifndef WORKFLOW_DIAGNOSTICS_H
#define WORKFLOW_DIAGNOSTICS_H

#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"

struct diagnostic {
    struct span where; /* .file: borrowed from the sources below */
    char *message;     /* owned; one line */
    char *hint;        /* owned; "did you mean `x`?"; NULL: none */
};

/* A file that problems may lie in. */
struct diagnostics_source {
    char *file, *text; /* owned; text NULL: lines are not shown */
};

struct diagnostics {
    struct diagnostic *items; /* owned; in order of place after diagnostics_sort() */
    size_t len;
    size_t dropped;                      /* problems past DIAGNOSTICS_MAX: counted, not kept */
    struct diagnostics_source **sources; /* owned */
    size_t n_sources;
};

enum { DIAGNOSTICS_MAX = 50 };

#define DIAGNOSTICS_INIT                                                                           \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_diagnostics __attribute__((cleanup(diagnostics_release)))

/* The text of a file, copied, so that its lines can be shown. */
void diagnostics_source(struct diagnostics *d, const char *file, const char *text);
void diagnostics_add(struct diagnostics *d, struct span where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Give the problem added last a hint. */
void diagnostics_hint(struct diagnostics *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* By place, and each problem once. */
void diagnostics_sort(struct diagnostics *d);
/* "FILE:LINE:COLUMN: error: MESSAGE", the line with a caret below the column, and the hint, for
 * each problem. Control characters of the file are shown as '?', long lines cut around the column.
 */
void diagnostics_format(const struct diagnostics *d, struct strbuf *ret);
void diagnostics_release(struct diagnostics *d);

#endif
