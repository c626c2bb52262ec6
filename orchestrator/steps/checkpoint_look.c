/* SPDX-License-Identifier: Apache-2.0
 * Looks at CRIU: lines up to "data LENGTH", and so many bytes. */
#include "steps/checkpoint_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"

void checkpoint_look_release(struct checkpoint_look *look)
{
    strv_release(&look->pids);
    free(look->log);
    *look = (struct checkpoint_look)CHECKPOINT_LOOK_INIT;
}

static bool read_number(const char *text, int64_t least, int64_t *ret)
{
    return parse_int(text, ret) && *ret >= least;
}

/* "TICKS PID…" */
static bool read_processes(char *rest, struct checkpoint_look *ret)
{
    int64_t number;
    if (!read_number(strsep(&rest, " "), 0, &ret->ticks))
        return false;
    for (char *pid; (pid = strsep(&rest, " "));) {
        if (!read_number(pid, 2, &number) || ret->pids.len >= LOOK_PIDS_MAX)
            return false;
        strv_push(&ret->pids, pid);
    }
    return true;
}

/* "OFFSET PATH" */
static bool read_place(char *rest, struct checkpoint_look *ret)
{
    if (ret->log || !read_number(strsep(&rest, " "), 0, &ret->offset) || !rest || *rest != '/')
        return false;
    ret->log = xstrdup(rest);
    return true;
}

/* One line, without its end. *ret_length: of the piece behind it, where the line says so. */
static bool read_line(char *line, bool first, struct checkpoint_look *ret, int64_t *ret_length)
{
    const char *word = strsep(&line, " ");
    if (!line)
        return false;
    if (first)
        return strcmp(word, "criu") == 0 && read_processes(line, ret);
    if (strcmp(word, "log") == 0)
        return read_place(line, ret);
    return strcmp(word, "data") == 0 && read_number(line, 0, ret_length) &&
           *ret_length <= LOOK_PIECE_MAX;
}

/* The lines. *ret_used: their bytes; 0: the last one has not come yet. */
static int read_head(const char *text, size_t len, struct checkpoint_look *ret, size_t *ret_used,
                     int64_t *ret_length, struct error *err)
{
    *ret_used = 0;
    *ret_length = -1;
    const char *end = text + len;
    for (const char *at = text, *eol; (eol = memchr(at, '\n', (size_t)(end - at))); at = eol + 1) {
        /* A NUL ends the text of a line early, and what is left of it is no line. */
        cleanup_free char *line = xstrndup(at, (size_t)(eol - at));
        if (strlen(line) != (size_t)(eol - at) || !read_line(line, at == text, ret, ret_length))
            return error_set(err, ERR_FAILED, "what a look at CRIU says is not understood");
        if (*ret_length >= 0) {
            *ret_used = (size_t)(eol + 1 - text);
            return 0;
        }
    }
    return len <= LOOK_HEAD_MAX ? 0
                                : error_set(err, ERR_FAILED, "what a look at CRIU says has no end");
}

int checkpoint_look_read(const char *text, size_t len, struct checkpoint_look *ret,
                         size_t *ret_used, struct error *err)
{
    cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
    size_t head;
    int64_t length;
    *ret_used = 0;
    if (read_head(text, len, &look, &head, &length, err) < 0)
        return -1;
    if (head == 0 || len - head < (size_t)length)
        return 0;
    look.piece = text + head;
    look.piece_len = (size_t)length;
    *ret_used = head + look.piece_len;
    *ret = look;
    look = (struct checkpoint_look)CHECKPOINT_LOOK_INIT;
    return 0;
}
