/* SPDX-License-Identifier: Apache-2.0
 * TCP to a host: each of its addresses in turn. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "transport/ssh_session.h"

/* Milliseconds without an answer of the other side's TCP after which the connection is lost. */
enum { LOST_AFTER_MS = 30000 };

/* 0, or the errno of the attempt; -1 with err where nothing more is to be tried. */
static int wait_connected(int fd, int64_t deadline, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLOUT},
                               {.fd = cancel_fd(), .events = POLLIN}};
        int ready = poll(fds, ARRAY_SIZE(fds), deadline_poll_ms(deadline));
        if (cancel_check(err) < 0)
            return -1;
        if (ready > 0 && fds[0].revents)
            break;
        if (clock_now() >= deadline)
            return ETIMEDOUT;
    }
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

static int try_address(const struct addrinfo *a, int64_t deadline, int *ret_fd, struct error *err)
{
    cleanup_close int fd =
        socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return errno;
    int result = 0;
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
        result = errno == EINPROGRESS ? wait_connected(fd, deadline, err) : errno;
    if (result != 0)
        return result;
    /* Best effort: a connection without them is slower to answer, and to be found lost. */
    const int on = 1, lost_after = LOST_AFTER_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost_after, sizeof(lost_after));
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int no_connection(const char *host, int port, int errnum, struct error *err)
{
    error_set(err, ERR_UNREACHABLE, "connecting to %s port %d: %s", host, port, strerror(errnum));
    if (errnum == ECONNREFUSED)
        return error_hint(err, "is sshd running there, and is the port right?");
    if (errnum == ETIMEDOUT)
        return error_hint(err, "is the machine up, and does a firewall let you through?");
    return error_hint(err, "`ssh %s` shows whether it can be reached at all", host);
}

int ssh_socket_connect(const char *host, int port, int64_t deadline, struct error *err)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    cleanup_free char *service = xasprintf("%d", port);
    int failed = getaddrinfo(host, service, &wanted, &all);
    if (failed) {
        error_set(err, ERR_UNREACHABLE, "there is no host `%s`: %s", host, gai_strerror(failed));
        return error_hint(err, "check `ssh` of the host in the workflow file, and ~/.ssh/config");
    }
    int64_t left = 0;
    for (const struct addrinfo *a = all; a; a = a->ai_next)
        left++;
    int fd = -1, last = EHOSTUNREACH;
    for (const struct addrinfo *a = all; a && fd < 0 && last >= 0; a = a->ai_next, left--) {
        /* Of the time that is left its share: one that answers nothing must not take it all. */
        int64_t share = (deadline - clock_now()) / left;
        last = try_address(a, deadline_in(share > 0 ? share : 0), &fd, err);
    }
    freeaddrinfo(all);
    if (fd >= 0 || last < 0)
        return fd;
    return no_connection(host, port, last, err);
}
