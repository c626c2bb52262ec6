/* SPDX-License-Identifier: Apache-2.0
 * CRIU's log (dump.log, restore.log), even one that was cut short:
 *
 *   (00.012345) Error (criu/mem.c:123): Can't dump page
 *   (00.020000)     57: Warn  (criu/files.c:9): …      said by process 57, while restoring
 *   (00.030000) pie: 57: …                             said inside of it
 */
#ifndef CRIU_LOG_H
#define CRIU_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the log of a checkpoint is called among the files of its run: a line "SIZE SECONDS DATE TIME
 * ZONE PATH" (its bytes, when it was changed last, by `stat`, and where it was), then the log. */
#define CRIU_LOG_KEPT "criu-dump.log"

enum criu_log_level { CRIU_LOG_ERROR, CRIU_LOG_WARNING, CRIU_LOG_OTHER };

struct criu_log_line {
    int64_t at;  /* nanoseconds since CRIU started; -1: the line does not say */
    int64_t pid; /* of the process that says it; 0: CRIU itself */
    enum criu_log_level level;
    char *place;   /* "criu/mem.c:123"; NULL: not given. Owned */
    char *message; /* clean text, one line. Owned */
};

/* Read one line (without its end), whatever it holds; at most 4 KiB of it. */
void criu_log_parse_line(const char *text, size_t len, struct criu_log_line *ret);
void criu_log_line_release(struct criu_log_line *line);

enum { CRIU_LOG_ERRORS = 32, CRIU_LOG_TAIL = 20 };

/* What is worth keeping of a log of any length. */
struct criu_log {
    struct criu_log_line errors[CRIU_LOG_ERRORS]; /* the first ones: the cause is among them */
    size_t n_errors;                              /* of those in `errors` */
    struct criu_log_line tail[CRIU_LOG_TAIL];     /* the last lines, oldest first */
    size_t n_tail;
    size_t n_lines;  /* all of them; those of NULs and blanks alone are not counted */
    int64_t last_at; /* the latest time in it; -1: none */
    bool finished;   /* CRIU says that the dump or the restore succeeded */
};

#define cleanup_criu_log __attribute__((cleanup(criu_log_release)))
void criu_log_read(const char *data, size_t len, struct criu_log *ret);
void criu_log_release(struct criu_log *log);

#endif
