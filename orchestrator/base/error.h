/* SPDX-License-Identifier: Apache-2.0
 * How a failure travels: functions return -1 and fill a struct error; success does not touch it.
 *
 * A message names the thing and the cause, from the outside in ("injecting into guest: opening
 * `/x.img`: No such file or directory"); the hint is the next thing to do. Both are one line,
 * without a full stop (a compiler's errors behind it are lines of their own). Only a verb prints
 * them. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

#include "base/span.h"

/* What kind of failure it is decides the exit code (error_exit_code). */
enum error_code {
    ERR_NONE = 0,
    ERR_FAILED,      /* a step or an operation failed: exit 1 */
    ERR_USAGE,       /* command line, configuration, workflow file: exit 2 */
    ERR_HANG,        /* a checkpoint hung and was diagnosed: exit 4 */
    ERR_UNREACHABLE, /* no connection to the host, or lost: exit 5 */
    ERR_TIMEOUT,     /* a deadline passed: exit 1 */
    ERR_INTERRUPTED, /* the user stopped it: exit 130 */
};

struct error {
    enum error_code code;
    int errnum;        /* errno of the cause, or 0 */
    struct span where; /* where in a workflow file, or .file == NULL */
    char *message;     /* owned */
    char *hint;        /* owned; NULL: none */
};

#define ERROR_INIT                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_error __attribute__((cleanup(error_release)))

/* Fill `err` (replacing what was there) and return -1, so that a failing function can end with
 * `return error_set(...)`. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of `errnum` after the message. Code ERR_FAILED. */
int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put context in front of the message ("fmt: message"). Returns -1. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Say what to do next; an earlier hint, set nearer to the cause, stays. Returns -1. */
int error_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Hand the contents of `from` over to `to`, which is released first; `from` is empty afterwards. */
void error_move(struct error *to, struct error *from);

/* Free what `err` owns and make it empty. */
void error_release(struct error *err);

/* A stop, or a host that cannot be reached: what is tried after it fails of the same. */
static inline bool error_ends_all(const struct error *err)
{
    return err->code == ERR_INTERRUPTED || err->code == ERR_UNREACHABLE;
}

/* The exit code of a program that ends with `err` (README.md has the table). */
int error_exit_code(const struct error *err);

#endif
