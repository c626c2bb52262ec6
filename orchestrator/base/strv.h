/* SPDX-License-Identifier: Apache-2.0
 * Argument vectors: arrays of owned strings that end with NULL. Commands are these, never shell
 * text; strv_quote is the one place where shell text is made, for a remote side that has only a
 * shell to offer. */
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

struct strv {
    char **items; /* owned strings, NULL after the last; NULL while empty */
    size_t len;   /* without the NULL */
};

#define STRV_INIT                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_strv __attribute__((cleanup(strv_release)))

/* Append a copy. */
void strv_push(struct strv *v, const char *s);
/* Append and take ownership. */
void strv_push_owned(struct strv *v, char *s);
void strv_printf(struct strv *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append copies up to a terminating NULL: strv_push_all(&v, "ls", "-l", NULL). */
void strv_push_all(struct strv *v, ...) __attribute__((sentinel));
void strv_extend(struct strv *v, const struct strv *more);
bool strv_contains(const struct strv *v, const char *s);
void strv_release(struct strv *v);

/* Quote one word for a POSIX shell: what needs no quoting stays as it is, the rest goes in single
 * quotes. The caller frees. */
char *shell_quote(const char *word);
/* The whole vector as one shell command line. The caller frees. */
char *strv_quote(const struct strv *v);

#endif
