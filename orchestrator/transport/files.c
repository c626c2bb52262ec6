/* SPDX-License-Identifier: Apache-2.0
 * Files to and from a host, through an ordinary command: `cat` on the far side. Written beside the
 * target, counted, renamed into place. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "transport/transport.h"

enum { CHUNK = 256 * 1024 };

/* $1: target, $2: mode, $3: bytes. The temporary file is made by the shell's noclobber, so that
 * nothing that is there is written through. Where the connection is cut nobody hears what is said
 * (PIPE), and the piece is taken away all the same. */
static const char receive[] =
    "set -eu; umask 077; set -C; t=$1.kataloop-$$; trap '' PIPE; trap 'exit 1' HUP INT TERM; "
    ": > \"$t\"; trap 'rm -f \"$t\"' EXIT; cat >> \"$t\"; n=$(wc -c < \"$t\"); "
    "[ \"$n\" -eq \"$3\" ] || { echo \"only $n of $3 bytes came\" >&2; exit 1; }; "
    "chmod \"$2\" \"$t\"; sync \"$t\" 2>/dev/null || sync; mv -f -- \"$t\" \"$1\"; trap - EXIT";

/* Feed an open file to the command's standard input, a piece at a time. */
static int feed(struct proc *p, int fd, const char *name, int64_t total, int64_t deadline,
                transfer_progress *progress, void *data, struct error *err)
{
    cleanup_free char *chunk = xmalloc(CHUNK);
    int64_t done = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "reading `%s`", name);
        if (n == 0)
            return proc_close_stdin(p, err);
        if (proc_write(p, chunk, (size_t)n, err) < 0 || proc_flush(p, deadline, err) < 0)
            return -1;
        if (proc_ended(p, NULL))
            return 0; /* its status says why */
        done += n;
        if (progress)
            progress(data, done, total);
    }
}

int transport_put(struct transport *t, const char *from, const char *to, mode_t mode,
                  int64_t deadline, transfer_progress *progress, void *progress_data,
                  struct error *err)
{
    cleanup_close int fd = open(from, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "opening `%s`", from);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FAILED, "`%s` is no regular file", from);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", receive, "sh", to, NULL);
    strv_printf(&argv, "%04o", (unsigned)mode);
    strv_printf(&argv, "%" PRId64, (int64_t)st.st_size);
    const struct command cmd = {.argv = &argv, .keep_stdin = true};
    cleanup_free char *what = xasprintf("sending `%s` to `%s` on %s", from, to, transport_name(t));
    cleanup_proc struct proc *p = NULL;
    if (proc_start(t, &cmd, &p, err) < 0 ||
        feed(p, fd, from, st.st_size, deadline, progress, progress_data, err) < 0 ||
        proc_wait(p, deadline, err) < 0)
        return error_wrap(err, "%s", what);
    struct run_result r = {.out = *proc_out(p), .err = *proc_err(p)}; /* borrowed from p */
    proc_ended(p, &r.status);
    return r.status.code == 0 ? 0 : transport_status_error(&cmd, &r, what, err);
}

/* Take what has come, to the file. */
static int drain(struct proc *p, int fd, const char *name, int64_t *done, struct error *err)
{
    struct strbuf *out = proc_out(p);
    if (fs_write_full(fd, out->data, out->len) < 0)
        return error_set_errno(err, errno, "writing `%s`", name);
    *done += (int64_t)out->len;
    strbuf_truncate(out, 0);
    return 0;
}

static int fetch(struct transport *t, const struct command *cmd, int fd, const char *name,
                 const char *what, int64_t deadline, transfer_progress *progress, void *data,
                 struct error *err)
{
    cleanup_proc struct proc *p = NULL;
    int64_t done = 0;
    size_t index;
    if (proc_start(t, cmd, &p, err) < 0)
        return -1;
    do {
        if (proc_wait_any(&p, 1, deadline, &index, err) < 0 || drain(p, fd, name, &done, err) < 0)
            return error_wrap(err, "%s", what);
        if (progress)
            progress(data, done, -1);
    } while (!proc_ended(p, NULL));
    struct run_result r = {.err = *proc_err(p)}; /* borrowed from p */
    proc_ended(p, &r.status);
    return r.status.code == 0 ? 0 : transport_status_error(cmd, &r, what, err);
}

int transport_get(struct transport *t, const char *from, bool become, const char *to,
                  int64_t deadline, transfer_progress *progress, void *progress_data,
                  struct error *err)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", to);
    cleanup_free char *what = xasprintf("fetching `%s` from %s", from, transport_name(t));
    cleanup_close int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "creating a file beside `%s`", to);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "cat", "--", from, NULL);
    const struct command cmd = {.argv = &argv, .become = become};
    int result = fetch(t, &cmd, fd, temporary, what, deadline, progress, progress_data, err);
    if (result == 0 && fchmod(fd, 0644) < 0)
        result = error_set_errno(err, errno, "setting the mode of `%s`", temporary);
    if (close(steal_fd(&fd)) < 0 && result == 0)
        result = error_set_errno(err, errno, "writing `%s`", temporary);
    if (result == 0 && rename(temporary, to) < 0)
        result = error_set_errno(err, errno, "renaming `%s` to `%s`", temporary, to);
    if (result < 0)
        (void)unlink(temporary); /* the first failure is the one to tell */
    return result;
}
