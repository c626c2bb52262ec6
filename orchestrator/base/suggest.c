/* SPDX-License-Identifier: Apache-2.0
 * Edit distance: insertions, deletions, substitutions and swaps of neighbours cost one each. */
#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

enum { LONGEST = 64 }; /* names past it are like no other */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX;
    size_t rows[3][LONGEST + 1]; /* two rows back, one back, this one */
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = min_size(min_size(last[j], row[j - 1]) + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_size(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

const char *suggest(const char *word, const char *const *names, size_t n)
{
    size_t limit = strlen(word) / 3 > 0 ? strlen(word) / 3 : 1;
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, names[i]);
        if (d <= limit && d < strlen(word)) {
            best = names[i];
            limit = d > 0 ? d - 1 : 0;
            if (d == 0)
                break;
        }
    }
    return best;
}

char *suggest_text(const char *word, const char *const *names, size_t n)
{
    const char *near = suggest(word, names, n);
    if (near)
        return xasprintf("did you mean `%s`?", near);
    cleanup_strbuf struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; i < n; i++)
        strbuf_printf(&all, "%s%s", i > 0 ? ", " : "known: ", names[i]);
    return n > 0 ? strbuf_steal(&all) : NULL;
}

int suggest_hint(struct error *err, const char *word, const char *const *names, size_t n)
{
    cleanup_free char *text = suggest_text(word, names, n);
    return text ? error_hint(err, "%s", text) : -1;
}
