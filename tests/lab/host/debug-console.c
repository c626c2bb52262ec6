/* SPDX-License-Identifier: Apache-2.0
 * The lab's part of the agent that serves Kata's debug console: a shell on a fresh pty for each
 * connection to vsock port 1026, with echo; it is killed when its client goes. No size is told to
 * the terminal, as the real one is told none. The guest is the lab's host itself. */
#define _GNU_SOURCE /* accept4 */
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/vm_sockets.h>

#include "shuttle.h"

enum { PORT = 1026 };

static void serve(int client)
{
    int console;
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = forkpty(&console, NULL, NULL, NULL);
    if (pid == 0) {
        if (chdir("/") < 0)
            _exit(127);
        execl("/bin/sh", "sh", (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        return;
    shuttle(client, console);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    const struct sockaddr_vm address = {
        .svm_family = AF_VSOCK, .svm_port = PORT, .svm_cid = VMADDR_CID_ANY};
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 16) < 0) {
        perror("debug-console");
        return 1;
    }
    signal(SIGCHLD, SIG_IGN); /* the ends of those who serve */
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pid_t pid = client < 0 ? -1 : fork();
        if (pid == 0) {
            close(listener);
            serve(client);
            return 0;
        }
        if (client >= 0)
            close(client);
    }
}
