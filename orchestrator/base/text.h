/* SPDX-License-Identifier: Apache-2.0
 * Text for a screen: how wide it is, cut to a width, cleaned of what would move the cursor. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Columns that UTF-8 text takes on a screen: 2 for wide characters, 0 for those that combine with
 * the one before, 1 for each byte that is not UTF-8. Does not depend on the process's locale. */
int text_width(const char *text);

/* Append at most `width` columns of `text`; where it is wider, the last of them is an ellipsis
 * ("…", or "~" with `ascii`). Returns the columns appended. */
int text_cut(const char *text, int width, bool ascii, struct strbuf *ret);

/* Append `text` in lines of at most `width` columns, broken between words where that is possible;
 * the second and later ones begin with `indent` spaces, each ends with a newline. A width too small
 * for that counts as indent + 1. */
void text_wrap(const char *text, int width, int indent, struct strbuf *ret);

/* Append `data` as one line that is safe to show: terminal escape sequences, control characters and
 * those that change the direction of text are left out, a tab is spaces up to the next multiple of
 * 8 columns of `ret`'s new part, a line break is a space, bytes that are not UTF-8 are U+FFFD. */
void text_clean(const char *data, size_t len, struct strbuf *ret);

/* The same of a string, NULL as "". The caller frees. */
char *text_clean_string(const char *text);

#endif
