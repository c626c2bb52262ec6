/* SPDX-License-Identifier: Apache-2.0
 * CRIU's log files as lines with a date. */
#include "logs/criu_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/text.h"
#include "criu/log.h"

/* The agent's folders first (the guest); then those of checkpoints made here, and of containerd's
 * shims. At most the last 256 KiB of each. A folder of somebody else, or a link in /tmp, may lead
 * anywhere. */
const char criu_files_script[] =
    "for f in /tmp/criu-checkpoint-*/work/*.log /var/tmp/kataloop-*/*/*.log "
    "/run/containerd/io.containerd.runtime.v2.task/*/*/work/*.log; do d=${f%/*/*}; "
    "[ -O \"$d\" ] && [ ! -L \"$d\" ] && [ -f \"$f\" ] || continue; s=$(stat -c %s \"$f\") || "
    "continue; "
    "n=$s; [ \"$n\" -le 262144 ] || n=262144; "
    "printf '%s %s %s\\n' \"$n\" \"$(stat -c '%Y %y' \"$f\")\" \"$f\"; "
    "tail -c +$((s - n + 1)) \"$f\" | head -c \"$n\"; done";

/* "SIZE SECONDS DATE TIME.FRACTION ZONE PATH": what stat has; that of an older busybox knows no
 * zone. False: no such line. */
static bool parse_header(char *line, size_t *ret_size, int64_t *ret_usec, char **ret_path)
{
    char *word[4], *path = strchr(line, '/');
    int64_t size, seconds;
    for (size_t i = 0; i < ARRAY_SIZE(word); i++)
        if (!(word[i] = strsep(&line, " ")) || !line || !path || line > path)
            return false;
    if (!parse_int(word[0], &size) || size < 0 || !parse_int(word[1], &seconds) || seconds < 0 ||
        seconds > INT64_MAX / 2000000)
        return false;
    int64_t usec = 0, unit = 100000;
    const char *fraction = strchr(word[3], '.');
    for (const char *p = fraction ? fraction + 1 : ""; *p >= '0' && *p <= '9' && unit > 0; p++) {
        usec += (*p - '0') * unit;
        unit /= 10;
    }
    *ret_size = (size_t)size;
    *ret_usec = seconds * 1000000 + usec;
    *ret_path = path;
    return true;
}

static void add_line(const struct criu_log_line *line, int64_t at, const char *path,
                     struct log_lines *to)
{
    static const int priorities[] = {
        [CRIU_LOG_ERROR] = 3, [CRIU_LOG_WARNING] = 4, [CRIU_LOG_OTHER] = 7};
    cleanup_free char *text =
        line->place ? xasprintf("%s (%s)", line->message, line->place) : xstrdup(line->message);
    log_lines_add(to, (struct log_line){.at = at,
                                        .source = LOG_CRIU,
                                        .priority = priorities[line->level],
                                        .who = text_clean_string(path),
                                        .text = steal(&text)});
}

static void read_file(const char *data, size_t len, int64_t changed, const char *path,
                      struct log_lines *to)
{
    struct criu_log whole = {0};
    criu_log_read(data, len, &whole);
    int64_t start = whole.last_at < 0 ? changed : changed - whole.last_at / 1000, at = start;
    criu_log_release(&whole);
    for (size_t done = 0; done < len;) {
        const char *end = memchr(data + done, '\n', len - done);
        size_t n = end ? (size_t)(end - data) - done : len - done;
        struct criu_log_line line;
        criu_log_parse_line(data + done, n, &line);
        if (line.at >= 0) /* one that does not say is of the time of the one before */
            at = start + line.at / 1000;
        if (line.message && *line.message)
            add_line(&line, at, path, to);
        criu_log_line_release(&line);
        done += n + 1;
    }
}

void criu_files_read(const char *data, size_t len, struct log_lines *to)
{
    size_t done = 0;
    while (done < len) {
        const char *end = memchr(data + done, '\n', len - done);
        if (!end)
            return;
        cleanup_free char *header = xstrndup(data + done, (size_t)(end - data) - done);
        size_t size;
        int64_t changed;
        char *path;
        done = (size_t)(end - data) + 1;
        if (!parse_header(header, &size, &changed, &path))
            return; /* out of step: nothing after this can be trusted */
        size_t there = size < len - done ? size : len - done;
        read_file(data + done, there, changed, path, to);
        done += there;
    }
}
