/* SPDX-License-Identifier: Apache-2.0
 * Bytes both ways between two descriptors until one side ends: what the lab's kata-runtime and its
 * debug console have in common. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

static int copy(int from, int to)
{
    char buffer[4096];
    ssize_t n = read(from, buffer, sizeof(buffer));
    if (n <= 0)
        return n < 0 && errno == EINTR ? 0 : -1;
    for (ssize_t done = 0; done < n;) {
        ssize_t m = write(to, buffer + done, (size_t)(n - done));
        if (m < 0 && errno != EINTR)
            return -1;
        done += m > 0 ? m : 0;
    }
    return 0;
}

/* What comes from `console` is asked for first: a shell's last words are heard. */
static void shuttle(int client, int console)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = console, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents && copy(console, client) < 0)
            return;
        if (fds[0].revents && copy(client, console) < 0)
            return;
    }
}
