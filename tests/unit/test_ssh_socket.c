/* SPDX-License-Identifier: Apache-2.0
 * A host with several addresses: getaddrinfo() is this file's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/ssh_session.h"

enum { ADDRESSES = 3 };

static struct sockaddr_in addresses[ADDRESSES];
static struct addrinfo answer[ADDRESSES];

int getaddrinfo(const char *host, const char *service, const struct addrinfo *wanted,
                struct addrinfo **ret)
{
    (void)host;
    (void)service;
    (void)wanted;
    for (size_t i = 0; i < ADDRESSES; i++)
        answer[i] = (struct addrinfo){.ai_family = AF_INET,
                                      .ai_socktype = SOCK_STREAM,
                                      .ai_addr = (struct sockaddr *)&addresses[i],
                                      .ai_addrlen = sizeof(addresses[i]),
                                      .ai_next = i + 1 < ADDRESSES ? &answer[i + 1] : NULL};
    *ret = answer;
    return 0;
}

void freeaddrinfo(struct addrinfo *all)
{
    (void)all;
}

static int listen_at(struct sockaddr_in *ret, int backlog)
{
    socklen_t len = sizeof(*ret);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static bool connects(const struct sockaddr_in *to)
{
    cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    bool at_once = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0;
    bool done = at_once || poll(&p, 1, 200) > 0;
    (void)steal_fd(&fd); /* stays in the queue that nobody takes from, until this test ends */
    return done;
}

/* The first two swallow what comes, as behind a firewall, or with IPv6 that leads nowhere. */
static void an_address_that_swallows_everything_leaves_time_for_the_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        listen_at(&addresses[i], 0);
        for (int n = 0; n < 20 && connects(&addresses[i]);)
            n++;
        if (connects(&addresses[i]))
            skip(); /* a kernel that never says no */
    }
    listen_at(&addresses[2], 5);
    struct error err = ERROR_INIT;
    int64_t begun = clock_now();
    cleanup_close int fd = ssh_socket_connect("host", 22, deadline_in(3 * NSEC_PER_SEC), &err);
    assert_true(fd >= 0);
    assert_true(clock_now() - begun < 3 * NSEC_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_swallows_everything_leaves_time_for_the_others),
    };
    return cmocka_run_group_tests_name("ssh socket", tests, NULL, NULL);
}
