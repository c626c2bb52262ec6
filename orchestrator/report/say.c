/* SPDX-License-Identifier: Apache-2.0
 * Events in words. */
#include "report/say.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "report/stats.h"

static char *clean_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *clean_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    return text_clean_string(text);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool interrupted(const struct error *failure)
{
    return failure && failure->code == ERR_INTERRUPTED;
}

static const char *message_of(const struct error *failure)
{
    return failure->message ? failure->message : "failed";
}

char *say_run_start(const struct event *e, const char *run)
{
    return clean_printf("run %s: %s%s%s%s%s", run, or_empty(e->text), e->host ? " on " : "",
                        or_empty(e->host), e->detail ? ", " : "", or_empty(e->detail));
}

char *say_run_end(const struct event *e, const char *run)
{
    cleanup_free char *time = duration_format(e->duration);
    if (!e->failure)
        return clean_printf("run %s: ok, %s", run, time);
    return clean_printf("run %s: %s after %s", run, interrupted(e->failure) ? "stopped" : "failed",
                        time);
}

char *say_step_end(const struct event *e)
{
    cleanup_free char *time = duration_format(e->duration);
    if (e->failure)
        return clean_printf("%s after %s", interrupted(e->failure) ? "stopped" : "failed", time);
    if (e->text && *e->text)
        return clean_printf("%s, %s", time, e->text);
    return clean_printf("%s%s", time, e->changed ? "" : ", nothing to change");
}

char *say_undo(const struct event *e)
{
    if (e->failure)
        return clean_printf("not undone: %s: %s", or_empty(e->text), message_of(e->failure));
    return clean_printf("undone: %s", or_empty(e->text));
}

char *say_artifact(const struct event *e)
{
    cleanup_free char *size = stats_format((double)e->done, "bytes");
    return clean_printf("saved %s, %s: %s", or_empty(e->text), size, or_empty(e->detail));
}

char *say_failure(const struct error *failure, const char *label)
{
    cleanup_free char *place = failure->where.file
                                   ? xasprintf("%s:%d:%d: ", failure->where.file,
                                               failure->where.line, failure->where.column)
                                   : NULL;
    return clean_printf("%s%s: %s%s%s", or_empty(place), interrupted(failure) ? "stopped" : "error",
                        or_empty(label), label ? ": " : "", message_of(failure));
}

char *say_hint(const struct error *failure)
{
    return failure->hint ? clean_printf("hint: %s", failure->hint) : NULL;
}
