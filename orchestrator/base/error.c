/* SPDX-License-Identifier: Apache-2.0
 * Errors with context, hint and source place. */
#include "base/error.h"

#include <stdarg.h>

#include "base/alloc.h"

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *message = xvasprintf(fmt, ap);
    va_end(ap);
    error_release(err);
    err->code = code;
    err->message = message;
    return -1;
}

int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *what = xvasprintf(fmt, ap);
    va_end(ap);
    error_set(err, ERR_FAILED, "%s: %s", what, strerror(errnum));
    err->errnum = errnum;
    return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *context = xvasprintf(fmt, ap);
    va_end(ap);
    char *message = xasprintf("%s: %s", context, err->message ? err->message : "failed");
    free(err->message);
    err->message = message;
    if (err->code == ERR_NONE)
        err->code = ERR_FAILED;
    return -1;
}

int error_hint(struct error *err, const char *fmt, ...)
{
    if (err->hint)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    err->hint = xvasprintf(fmt, ap);
    va_end(ap);
    return -1;
}

void error_move(struct error *to, struct error *from)
{
    error_release(to);
    *to = *from;
    *from = (struct error)ERROR_INIT;
}

void error_release(struct error *err)
{
    free(err->message);
    free(err->hint);
    *err = (struct error)ERROR_INIT;
}

int error_exit_code(const struct error *err)
{
    switch (err->code) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
        return 2;
    case ERR_HANG:
        return 4;
    case ERR_UNREACHABLE:
        return 5;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_FAILED:
    case ERR_TIMEOUT:
        break;
    }
    return 1;
}
