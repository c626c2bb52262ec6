/* SPDX-License-Identifier: Apache-2.0
 * The lab's kata-runtime: `env --json`, and `exec`, which behaves as Kata's does: it insists on a
 * terminal, puts it in raw mode, and connects it to a shell on a fresh pty. No argument vector, no
 * exit status. The guest is the lab's host itself. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char tasks[] = "/run/containerd/io.containerd.runtime.v2.task/default";
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

static int known_sandbox(const char *id)
{
    char path[4096];
    struct stat st;
    if (!*id || strchr(id, '/'))
        return 0;
    snprintf(path, sizeof(path), "%s/%s", tasks, id);
    return stat(path, &st) == 0;
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

static void shuttle(int terminal, int console)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = terminal, .events = POLLIN},
                               {.fd = console, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents && copy(console, terminal) < 0)
            return;
        if (fds[0].revents && copy(terminal, console) < 0)
            return;
    }
}

static int run_exec(const char *id)
{
    int terminal = find_terminal();
    if (terminal < 0) {
        fprintf(stderr, "panic: provided file is not a console\n\ngoroutine 1 [running]:\n");
        return 2;
    }
    if (!known_sandbox(id)) {
        fprintf(stderr,
                "Get \"http://shim/agent-url\": dial unix /run/vc/sbs/%s/shim-monitor.sock: "
                "connect: no such file or directory\n",
                id);
        return 1;
    }
    struct termios before, raw;
    struct winsize size = {0};
    tcgetattr(terminal, &before);
    ioctl(terminal, TIOCGWINSZ, &size);
    raw = before;
    cfmakeraw(&raw);
    tcsetattr(terminal, TCSANOW, &raw);
    int console;
    pid_t pid = forkpty(&console, NULL, NULL, &size);
    if (pid == 0) {
        if (chdir("/") < 0)
            _exit(127);
        execl("/bin/sh", "sh", (char *)NULL);
        _exit(127);
    }
    if (pid > 0) {
        shuttle(terminal, console);
        kill(pid, SIGHUP); /* the agent kills the shell when its client has gone */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    tcsetattr(terminal, TCSANOW, &before);
    return pid > 0 ? 0 : 1;
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
