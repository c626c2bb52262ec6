/* SPDX-License-Identifier: Apache-2.0
 * CRIU's log. */
#include "criu/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 4096, DIGITS_MAX = 9 };

/* Where parsing is; nothing is read at `end`. */
struct cursor {
    const char *p, *end;
};

static bool take_char(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool take_text(struct cursor *c, const char *want)
{
    size_t len = strlen(want);
    if ((size_t)(c->end - c->p) < len || memcmp(c->p, want, len) != 0)
        return false;
    c->p += len;
    return true;
}

/* One to DIGITS_MAX digits. *ret_n: how many. */
static bool take_number(struct cursor *c, int64_t *ret, int *ret_n)
{
    int64_t value = 0;
    int n = 0;
    const char *p = c->p;
    for (; p < c->end && *p >= '0' && *p <= '9' && n < DIGITS_MAX; p++, n++)
        value = value * 10 + (*p - '0');
    if (n == 0 || (p < c->end && *p >= '0' && *p <= '9'))
        return false;
    c->p = p;
    *ret = value;
    *ret_n = n;
    return true;
}

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
        c->p++;
}

/* "(00.012345)", -1 where it is not there. */
static int64_t take_time(struct cursor *c)
{
    struct cursor at = *c;
    int64_t seconds, part;
    int digits;
    if (!take_char(&at, '(') || !take_number(&at, &seconds, &digits) || !take_char(&at, '.') ||
        !take_number(&at, &part, &digits) || !take_char(&at, ')'))
        return -1;
    for (; digits < 9; digits++)
        part *= 10;
    *c = at;
    return seconds * NSEC_PER_SEC + part;
}

/* "    57: " or "pie: 57: ", 0 where it is not there. */
static int64_t take_pid(struct cursor *c)
{
    struct cursor at = *c;
    int64_t pid;
    int digits;
    take_text(&at, "pie: ");
    skip_blanks(&at);
    if (!take_number(&at, &pid, &digits) || !take_text(&at, ": "))
        return 0;
    *c = at;
    return pid;
}

/* "(criu/mem.c:123): ", NULL where it is not there. The caller frees. */
static char *take_place(struct cursor *c)
{
    struct cursor at = *c;
    skip_blanks(&at);
    if (!take_char(&at, '('))
        return NULL;
    const char *start = at.p;
    const char *end = memchr(start, ')', (size_t)(at.end - start));
    if (!end || !memchr(start, ':', (size_t)(end - start)) ||
        memchr(start, ' ', (size_t)(end - start)))
        return NULL;
    at.p = end + 1;
    if (!take_char(&at, ':'))
        return NULL;
    *c = at;
    cleanup_free char *raw = xstrndup(start, (size_t)(end - start));
    return text_clean_string(raw);
}

static enum criu_log_level take_level(struct cursor *c, char **ret_place)
{
    static const struct {
        const char *word;
        enum criu_log_level level;
    } levels[] = {{"Error", CRIU_LOG_ERROR}, {"Warn", CRIU_LOG_WARNING}};
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        struct cursor at = *c;
        if (take_text(&at, levels[i].word) && (*ret_place = take_place(&at))) {
            *c = at;
            return levels[i].level;
        }
    }
    return CRIU_LOG_OTHER;
}

void criu_log_parse_line(const char *text, size_t len, struct criu_log_line *ret)
{
    struct cursor c = {text, text + (len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES)};
    *ret = (struct criu_log_line){.at = take_time(&c)};
    skip_blanks(&c);
    ret->pid = take_pid(&c);
    ret->level = take_level(&c, &ret->place);
    skip_blanks(&c);
    cleanup_strbuf struct strbuf message = STRBUF_INIT;
    text_clean(c.p, (size_t)(c.end - c.p), &message);
    strbuf_rtrim(&message);
    ret->message = strbuf_steal(&message);
}

void criu_log_line_release(struct criu_log_line *line)
{
    free(line->place);
    free(line->message);
    *line = (struct criu_log_line){0};
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool says_success(const struct criu_log_line *line)
{
    static const char *const successes[] = {"Dumping finished successfully",
                                            "Pre-dumping finished successfully",
                                            "Restore finished successfully"};
    for (size_t i = 0; i < ARRAY_SIZE(successes); i++)
        if (strncmp(line->message, successes[i], strlen(successes[i])) == 0)
            return true;
    return false;
}

static struct criu_log_line copy_of(const struct criu_log_line *line)
{
    struct criu_log_line copy = *line;
    copy.place = xstrdup(line->place);
    copy.message = xstrdup(line->message);
    return copy;
}

/* Takes over `line`. */
static void keep(struct criu_log *log, struct criu_log_line *line)
{
    if (line->at > log->last_at)
        log->last_at = line->at;
    log->finished = log->finished || says_success(line);
    if (line->level == CRIU_LOG_ERROR && log->n_errors < CRIU_LOG_ERRORS)
        log->errors[log->n_errors++] = copy_of(line);
    if (log->n_tail == CRIU_LOG_TAIL) {
        criu_log_line_release(&log->tail[0]);
        memmove(log->tail, log->tail + 1, (CRIU_LOG_TAIL - 1) * sizeof(*log->tail));
        log->n_tail--;
    }
    log->tail[log->n_tail++] = *line;
    log->n_lines++;
}

void criu_log_read(const char *data, size_t len, struct criu_log *ret)
{
    *ret = (struct criu_log){.last_at = -1};
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t line_len = end ? (size_t)(end - data) : len;
        struct criu_log_line line;
        criu_log_parse_line(data, line_len, &line);
        if (line.at >= 0 || *line.message)
            keep(ret, &line);
        else
            criu_log_line_release(&line);
        data += line_len + (end != NULL);
        len -= line_len + (end != NULL);
    }
}

void criu_log_release(struct criu_log *log)
{
    for (size_t i = 0; i < log->n_errors; i++)
        criu_log_line_release(&log->errors[i]);
    for (size_t i = 0; i < log->n_tail; i++)
        criu_log_line_release(&log->tail[i]);
    *log = (struct criu_log){.last_at = -1};
}
