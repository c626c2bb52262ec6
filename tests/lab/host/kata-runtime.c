/* SPDX-License-Identifier: Apache-2.0
 * The lab's kata-runtime: `env --json`, and `exec`, which behaves as Kata's does: it insists on a
 * terminal, asks the sandbox's shim where the agent is, puts the terminal in raw mode, and connects
 * it to the guest's debug console. No argument vector, no exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include <linux/vm_sockets.h>

#include "shuttle.h"

#define MONITOR "/run/vc/sbs/%s/shim-monitor.sock"
enum { CONSOLE_PORT = 1026 };

static const char image[] = "/opt/kata/share/kata-containers/kata-containers.img";

static int print_env(int json)
{
    if (!json) {
        printf("[Image]\n  Path = \"%s\"\n[Initrd]\n  Path = \"\"\n", image);
        return 0;
    }
    printf("{\n"
           "  \"Runtime\": {\"Version\": {\"Semver\": \"4.1.0\"}, \"Config\": {\"Path\": "
           "\"/etc/kata-containers/configuration.toml\"}, \"Debug\": false},\n"
           "  \"Hypervisor\": {\"MachineType\": \"q35\", \"Version\": \"lab\", \"Path\": "
           "\"/usr/bin/qemu-system-x86_64\"},\n"
           "  \"Image\": {\"Path\": \"%s\"},\n"
           "  \"Initrd\": {\"Path\": \"\"},\n"
           "  \"Kernel\": {\"Path\": \"/opt/kata/share/kata-containers/vmlinux.container\", "
           "\"Parameters\": \"agent.debug_console agent.debug_console_vport=1026\"}\n"
           "}\n",
           image);
    return 0;
}

/* What the sandbox's shim answers to GET /agent-url, where it listens. */
static int ask_shim(const char *id, char *ret, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const char request[] = "GET /agent-url HTTP/1.0\r\nHost: shim\r\n\r\n";
    int n = snprintf(address.sun_path, sizeof(address.sun_path), MONITOR, id);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!*id || strchr(id, '/') || n >= (int)sizeof(address.sun_path) ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        write(fd, request, sizeof(request) - 1) < 0) {
        fprintf(stderr,
                "Get \"http://shim/agent-url\": dial unix " MONITOR
                ": connect: no such file or directory\n",
                id);
        return -1;
    }
    size_t len = 0;
    for (ssize_t m; len < size - 1 && (m = read(fd, ret + len, size - 1 - len)) > 0;)
        len += (size_t)m;
    ret[len] = '\0';
    close(fd);
    return 0;
}

/* To the debug console of the guest. */
static int connect_console(const char *id)
{
    char answer[4096];
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = CONSOLE_PORT};
    if (ask_shim(id, answer, sizeof(answer)) < 0)
        return -1;
    const char *body = strstr(answer, "\r\n\r\n");
    if (!body || sscanf(body + 4, "vsock://%u:", &address.svm_cid) != 1) {
        fprintf(stderr, "Invalid vsock scheme: %s\n", body ? body + 4 : "");
        return -1;
    }
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fprintf(stderr,
                "rpc error: code = DeadlineExceeded desc = timed out connecting to vsock %u:%u\n",
                address.svm_cid, CONSOLE_PORT);
        return -1;
    }
    return fd;
}

/* The first of stderr, stdout, stdin that is a terminal. */
static int find_terminal(void)
{
    static const int order[] = {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (isatty(order[i]))
            return order[i];
    return -1;
}

static int run_exec(const char *id)
{
    int terminal = find_terminal();
    if (terminal < 0) {
        fprintf(stderr, "panic: provided file is not a console\n\ngoroutine 1 [running]:\n");
        return 2;
    }
    int console = connect_console(id);
    if (console < 0)
        return 1;
    struct termios before, raw;
    tcgetattr(terminal, &before);
    raw = before;
    cfmakeraw(&raw);
    tcsetattr(terminal, TCSANOW, &raw);
    shuttle(terminal, console);
    tcsetattr(terminal, TCSANOW, &before);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "env") == 0 || strcmp(argv[1], "kata-env") == 0))
        return print_env(argc > 2 && strcmp(argv[2], "--json") == 0);
    if (argc == 3 && strcmp(argv[1], "exec") == 0)
        return run_exec(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("kata-runtime  : 4.1.0\n   commit   : lab\n   OCI specs: 1.2.0");
        return 0;
    }
    fprintf(stderr, "usage: kata-runtime env [--json] | exec SANDBOX | --version\n");
    return 1;
}
