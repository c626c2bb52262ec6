/* SPDX-License-Identifier: Apache-2.0
 * Files to a host, through an ordinary command: `cat` on the far side. Written beside the target,
 * counted, renamed into place. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
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
        return error_set(err, ERR_FAILED, "`%s` is not a regular file", from);
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
