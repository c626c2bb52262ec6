/* SPDX-License-Identifier: Apache-2.0
 * Questions on /dev/tty. */
#include "transport/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"

enum { ANSWER_MAX = 1024 };

/* As long as sshd waits for a login (its LoginGraceTime); nobody may be there. */
#define PATIENCE (120 * NSEC_PER_SEC)

static int read_line(int fd, char *line, struct error *err)
{
    size_t len = 0;
    int64_t deadline = deadline_in(PATIENCE);
    while (len < ANSWER_MAX - 1) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd(), .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), deadline_poll_ms(deadline)) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "waiting for an answer");
        if (cancel_check(err) < 0)
            return -1;
        if (clock_now() >= deadline)
            return error_set(err, ERR_TIMEOUT, "nobody has answered on the terminal");
        if (!fds[0].revents)
            continue;
        ssize_t n = read(fd, line + len, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "reading an answer");
        if (n == 0 || line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
    return 0;
}

int terminal_ask(const char *question, bool echo, char **ret, struct error *err)
{
    cleanup_close int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "there is no terminal to ask on");
    struct termios before, quiet;
    bool changed = !echo && tcgetattr(fd, &before) == 0;
    if (changed) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(fd, TCSAFLUSH, &quiet); /* an answer that is seen is still an answer */
    }
    char line[ANSWER_MAX];
    int result = fs_write_full(fd, question, strlen(question)) < 0
                     ? error_set_errno(err, errno, "asking on the terminal")
                     : read_line(fd, line, err);
    if (changed) {
        (void)tcsetattr(fd, TCSAFLUSH, &before);
        (void)fs_write_full(fd, "\n", 1);
    }
    if (result == 0)
        *ret = xstrdup(line);
    explicit_bzero(line, sizeof(line));
    return result;
}
