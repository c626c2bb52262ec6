/* SPDX-License-Identifier: Apache-2.0
 * e2fsck as a child process. */
#include "guestimg/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    FSCK_OUTPUT_MAX = 4096,
    FSCK_OPERATIONAL = 8 /* e2fsck(8): from this status on it could not check */
};

int fsck_ext4(const char *path, int64_t offset, struct strbuf *notes, struct error *err)
{
    int fds[2];
    /* By descriptor: in a name a question mark would begin the options. */
    cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set_errno(err, errno, "checking the file system of `%s`", path);
    cleanup_free char *device = xasprintf("/dev/fd/%d?offset=%lld", file, (long long)offset);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "checking the file system");
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(fds[1], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0 ||
            fcntl(file, F_SETFD, 0) < 0)
            _exit(126);
        (void)setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
        execlp("e2fsck", "e2fsck", "-f", "-n", device, (char *)NULL);
        _exit(127);
    }
    int saved = errno;
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return error_set_errno(err, saved, "checking the file system");
    }
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    char chunk[1024];
    for (ssize_t n; (n = read(fds[0], chunk, sizeof(chunk))) != 0;) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && said.len < FSCK_OUTPUT_MAX)
            strbuf_add(&said, chunk, (size_t)n);
    }
    close(fds[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set_errno(err, errno, "checking the file system");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        strbuf_puts(notes, "e2fsck is not on this host: the file system was not checked, only "
                           "the file read back\n");
        return 0;
    }
    strbuf_rtrim(&said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) >= FSCK_OPERATIONAL) {
        error_set(err, ERR_FAILED, "e2fsck could not check the changed file system: %s",
                  strbuf_str(&said));
        return error_hint(err, "if it does not know a feature of the image, install a newer "
                               "e2fsprogs on the host");
    }
    error_set(err, ERR_FAILED, "the changed file system does not pass e2fsck: %s",
              strbuf_str(&said));
    return error_hint(err, "the image may have been damaged before: fetch or build it again");
}
