/* SPDX-License-Identifier: Apache-2.0
 * A slow line: a child that listens, and one more for each connection. */
#include "tests/unit/support/slow_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

enum { SLICE = 4096, RECEIVE = 8192, SEGMENT = 1000 };
#define PACE NSEC_PER_MSEC /* between two slices: less than 4 MB/s */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Small buffers and segments, so that the one who sends cannot leave much with the kernel. */
static int listen_here(int *ret_port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof(a);
    const int receive = RECEIVE, segment = SEGMENT;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* false: an end has gone. `faults` may be NULL. */
static bool pass(int from, int to, struct slow_link_faults *faults)
{
    char slice[SLICE];
    ssize_t n = read(from, slice, sizeof(slice));
    if (faults && faults->late_ms > 0)
        (void)poll(NULL, 0, faults->late_ms);
    if (n > 0 && faults && faults->garble) {
        slice[n - 1] ^= 1;
        faults->garble = false;
    }
    return n > 0 && fs_write_full(to, slice, (size_t)n) == 0;
}

static void carry(int client, int server, struct slow_link_faults *faults)
{
    int64_t next = clock_now(); /* until then the line takes nothing */
    for (;;) {
        bool takes = clock_now() >= next;
        struct pollfd fds[] = {{.fd = takes ? client : -1, .events = POLLIN},
                               {.fd = server, .events = POLLIN}};
        if (poll(fds, 2, takes ? -1 : deadline_poll_ms(next)) < 0)
            return;
        if (fds[0].revents) {
            if (!pass(client, server, NULL))
                return;
            next = deadline_in(PACE);
        }
        if (fds[1].revents && !pass(server, client, faults))
            return;
    }
}

static void end_with_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
}

static _Noreturn void serve(int listener, int to_port, struct slow_link_faults *faults)
{
    const struct sockaddr_in to = loopback(to_port);
    const int on = 1;
    signal(SIGCHLD, SIG_IGN); /* nobody waits for those that carry */
    for (;;) {
        int client = accept(listener, NULL, NULL);
        pid_t self = getpid();
        if (client < 0)
            _exit(1);
        if (fork() == 0) {
            end_with_parent(self);
            int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (connect(server, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
                setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0)
                carry(client, server, faults);
            _exit(0);
        }
        close(client);
    }
}

void slow_link_start(struct slow_link *l, int to_port)
{
    pid_t self = getpid();
    int listener = listen_here(&l->port);
    l->faults =
        mmap(NULL, sizeof(*l->faults), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(l->faults != MAP_FAILED);
    l->pid = fork();
    assert_true(l->pid >= 0);
    if (l->pid == 0) {
        end_with_parent(self);
        serve(listener, to_port, l->faults);
    }
    close(listener);
}

void slow_link_stop(struct slow_link *l)
{
    if (l->pid <= 0)
        return;
    kill(l->pid, SIGKILL);
    waitpid(l->pid, NULL, 0);
    l->pid = 0;
    assert_int_equal(munmap(l->faults, sizeof(*l->faults)), 0);
}
