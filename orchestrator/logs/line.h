/* SPDX-License-Identifier: Apache-2.0
 * Lines of several logs, with the time and the source of each. */
#ifndef LOGS_LINE_H
#define LOGS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum log_source {
    LOG_HOST, /* kernel, and systemd about the units below */
    LOG_CONTAINERD,
    LOG_SHIM,
    LOG_AGENT,
    LOG_CRIU,
    LOG_SOURCES,
};

struct log_line {
    int64_t at; /* microseconds since 1970, by the host's clock as far as that is known */
    enum log_source source;
    int priority; /* as syslog has it, 0…7; -1: not said */
    char *who;    /* identifier and unit, or path, for matching; owned */
    char *text;   /* clean, one line; owned */
    char *cursor; /* journald's name for it; NULL: from elsewhere; owned */
    bool sure;    /* from the container's own guest: it need not name it */
    size_t order; /* filled in by log_lines_add() */
};

/* Owns its lines. */
struct log_lines {
    struct log_line *items;
    size_t len, cap;
};

#define LOG_LINES_INIT                                                                             \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_log_lines __attribute__((cleanup(log_lines_release)))
void log_lines_release(struct log_lines *l);
void log_line_release(struct log_line *l);
/* Takes over what the line owns. */
void log_lines_add(struct log_lines *l, struct log_line line);
/* By time, lines of the same time in the order they came; what was read from two places (the same
 * cursor, or the same words at the same time) is there once, as it came first. */
void log_lines_merge(struct log_lines *l);

/* Which lines are wanted. */
struct log_filter {
    int64_t since, until;    /* microseconds since 1970; until 0: open */
    const char *const *mark; /* one of these must stand in text or who, unless it is
                                sure; NULL: any line */
    size_t n_marks;
    bool or_nobodys; /* wanted too: lines that name no container at all (about.h) */
};
bool log_filter_wants(const struct log_filter *f, const struct log_line *line);

/* "09:12:33.123456  shim        text", in the local time zone, with a newline. */
void log_line_print(const struct log_line *line, bool colour, struct strbuf *ret);
void log_line_print_json(const struct log_line *line, struct strbuf *ret);

#endif
