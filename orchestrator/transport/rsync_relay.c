/* SPDX-License-Identifier: Apache-2.0
 * Both ends of the bridge: the one in this process, and the hidden verb rsync starts. */
#include "transport/rsync_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/parse.h"
#include "transport/rsync.h"

#define FD_VARIABLE "KATALOOP_RSYNC_FD"

enum { MESSAGE_MAX = 65536, PASSED_FDS = 2, STATUS_NO_SHELL = 255 };

struct rsync_relay {
    int ours, theirs; /* the socketpair; theirs is inherited by rsync and its remote shell */
    char *shell;
    struct proc *far;
};

int rsync_relay_new(struct rsync_relay **ret, struct strv *env, struct error *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return error_set_errno(err, errno, "making a socket pair for rsync");
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    struct rsync_relay *r = xcalloc(1, sizeof(*r));
    *r = (struct rsync_relay){
        .ours = fds[0],
        .theirs = fds[1],
        /* By its process: the file may have been replaced since (an upgrade while `watch` waits).
         */
        .shell = xasprintf("/proc/%ld/exe %s", (long)getpid(), RSYNC_SHELL_VERB),
    };
    strv_printf(env, "%s=%d", FD_VARIABLE, fds[1]);
    *ret = r;
    return 0;
}

void rsync_relay_free(struct rsync_relay *r)
{
    if (!r)
        return;
    cleanup_closep_(&r->ours);
    cleanup_closep_(&r->theirs);
    proc_free(r->far);
    free(r->shell);
    free(r);
}

void rsync_relay_freep_(struct rsync_relay **r)
{
    rsync_relay_free(*r);
}

const char *rsync_relay_shell(const struct rsync_relay *r)
{
    return r->shell;
}

struct proc *rsync_relay_far(const struct rsync_relay *r)
{
    return r->far;
}

static int wait_readable(int fd, int64_t deadline, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd(), .events = POLLIN}};
        int ready = poll(fds, ARRAY_SIZE(fds), deadline_poll_ms(deadline));
        if (ready < 0 && errno != EINTR)
            return error_set_errno(err, errno, "waiting for rsync");
        if (cancel_check(err) < 0)
            return -1;
        if (ready > 0 && fds[0].revents)
            return 0;
        if (clock_now() >= deadline)
            return error_set(err, ERR_TIMEOUT, "rsync did not start: timed out");
    }
}

/* The first part of the message with the descriptors. Returns bytes, 0 at the end of file. */
static ssize_t receive(int fd, char *buffer, size_t size, int passed[PASSED_FDS])
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * PASSED_FDS)];
    } control;
    struct iovec iov = {.iov_base = buffer, .iov_len = size};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int) * PASSED_FDS))
        memcpy(passed, CMSG_DATA(c), sizeof(int) * PASSED_FDS);
    return n;
}

/* Read "word\0word\0…\0" up to an empty word. 0 with nothing in `argv` where rsync has ended. */
static int read_command(struct rsync_relay *r, int64_t deadline, struct strv *argv,
                        int passed[PASSED_FDS], struct error *err)
{
    cleanup_free char *message = xmalloc(MESSAGE_MAX);
    size_t len = 0;
    while (len < 2 || message[len - 1] != '\0' || message[len - 2] != '\0') {
        if (len == MESSAGE_MAX)
            return error_set(err, ERR_FAILED, "rsync asks for too long a command");
        if (wait_readable(r->ours, deadline, err) < 0)
            return -1;
        ssize_t n = receive(r->ours, message + len, MESSAGE_MAX - len, passed);
        if (n < 0)
            return error_set_errno(err, errno, "listening to rsync");
        if (n == 0)
            return 0;
        len += (size_t)n;
    }
    for (const char *word = message; *word; word += strlen(word) + 1)
        strv_push(argv, word);
    return 0;
}

int rsync_relay_accept(struct rsync_relay *r, struct transport *t, bool become, int64_t deadline,
                       struct error *err)
{
    cleanup_closep_(&r->theirs); /* so that the end of rsync is an end of file */
    r->theirs = -1;
    cleanup_strv struct strv argv = STRV_INIT;
    int passed[PASSED_FDS] = {-1, -1};
    int result = read_command(r, deadline, &argv, passed, err);
    if (result == 0 && argv.len > 0) {
        const struct command cmd = {
            .argv = &argv, .become = become, .stdin_fd = passed[0], .stdout_fd = passed[1]};
        if (passed[0] <= 0 || passed[1] <= 0)
            result = error_set(err, ERR_FAILED, "rsync's remote shell gave no descriptors");
        else /* which the transport owns from here on */
            return proc_start(t, &cmd, &r->far, err);
    }
    cleanup_closep_(&passed[0]);
    cleanup_closep_(&passed[1]);
    return result;
}

void rsync_relay_end(struct rsync_relay *r)
{
    struct exit_status status = {.code = STATUS_NO_SHELL};
    proc_ended(r->far, &status);
    unsigned char code = status.code < 0 ? STATUS_NO_SHELL : (unsigned char)status.code;
    /* Where the shell has gone already nobody asks for the status. */
    (void)!send(r->ours, &code, 1, MSG_NOSIGNAL);
    cleanup_closep_(&r->ours);
    r->ours = -1;
    proc_free(r->far);
    r->far = NULL;
}

/* --- the far end of the socketpair: what rsync starts ------------------------------------------
 */

static int send_command(int fd, char **words, int n_words)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    for (int i = 0; i < n_words; i++)
        strbuf_add(&b, words[i], strlen(words[i]) + 1);
    strbuf_putc(&b, '\0');
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * PASSED_FDS)];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec iov = {.iov_base = b.data, .iov_len = b.len};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * PASSED_FDS);
    const int fds[PASSED_FDS] = {STDIN_FILENO, STDOUT_FILENO};
    memcpy(CMSG_DATA(c), fds, sizeof(fds));
    return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)b.len ? 0 : -1;
}

int rsync_shell_main(int argc, char **argv)
{
    const char *text = getenv(FD_VARIABLE);
    int64_t fd = -1;
    /* argv: the host rsync was given, then the command. */
    if (!text || !parse_int(text, &fd) || fd <= STDERR_FILENO || fd > INT32_MAX || argc < 3) {
        fputs("kataloop: " RSYNC_SHELL_VERB " is started by rsync, not by people\n", stderr);
        return STATUS_NO_SHELL;
    }
    if (send_command((int)fd, argv + 2, argc - 2) < 0) {
        perror("kataloop: handing rsync over");
        return STATUS_NO_SHELL;
    }
    close(STDIN_FILENO); /* the other process has them now: their ends of file must be its own */
    close(STDOUT_FILENO);
    unsigned char code = STATUS_NO_SHELL;
    ssize_t n;
    do
        n = read((int)fd, &code, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? code : STATUS_NO_SHELL;
}
