/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean": the known name nearest to what was written. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

#include "base/error.h"

/* The nearest of `n` names by edit distance (with adjacent swaps), or NULL where none is near:
 * further away than a third of the word's length, at least 1. Borrowed from `names`. */
const char *suggest(const char *word, const char *const *names, size_t n);
/* "did you mean `NAME`?", or "known: …" with all of them where none is near. NULL: there are none.
 * The caller frees. */
char *suggest_text(const char *word, const char *const *names, size_t n);
/* Hint at that. Returns -1. */
int suggest_hint(struct error *err, const char *word, const char *const *names, size_t n);

#endif
