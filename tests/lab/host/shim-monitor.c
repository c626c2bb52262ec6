/* SPDX-License-Identifier: Apache-2.0
 * The lab's part of a Kata shim that serves its monitor: `shim-monitor SANDBOX` listens on
 * /run/vc/sbs/SANDBOX/shim-monitor.sock and says by HTTP where the agent is. It returns when it
 * listens; its process id is then in `pid` beside the socket. What a test writes into `agent-url`
 * there is answered instead. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char loopback[] = "vsock://1:1024"; /* VMADDR_CID_LOCAL; the agent's own port */

static int make_folder(const char *path)
{
    return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : chdir(path);
}

/* In the working folder, whose name is longer than an address may be. */
static int listen_here(void)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "shim-monitor.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(address.sun_path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 16) < 0)
        return -1;
    return fd;
}

static size_t agent_url(char *ret, size_t size)
{
    FILE *planted = fopen("agent-url", "r");
    if (!planted)
        return (size_t)snprintf(ret, size, "%s", loopback);
    size_t n = fread(ret, 1, size, planted);
    fclose(planted);
    return n;
}

static void answer(int client)
{
    const struct timeval patience = {.tv_sec = 3};
    char request[4096] = "", url[2048];
    size_t len = 0;
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (len < sizeof(request) - 1 && !strstr(request, "\r\n\r\n")) {
        ssize_t n = read(client, request + len, sizeof(request) - 1 - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        request[len] = '\0';
    }
    if (strncmp(request, "GET /agent-url ", 15) != 0) {
        dprintf(client, "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    size_t n = agent_url(url, sizeof(url));
    dprintf(client,
            "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n\r\n%.*s",
            n, (int)n, url);
}

int main(int argc, char **argv)
{
    if (argc != 2 || !*argv[1] || *argv[1] == '.' || strchr(argv[1], '/')) {
        fprintf(stderr, "usage: shim-monitor SANDBOX\n");
        return 1;
    }
    int listener = -1;
    if (make_folder("/run/vc") == 0 && make_folder("/run/vc/sbs") == 0 && make_folder(argv[1]) == 0)
        listener = listen_here();
    pid_t pid = listener < 0 ? -1 : fork();
    if (pid < 0) {
        perror("shim-monitor");
        return 1;
    }
    if (pid > 0) {
        FILE *f = fopen("pid", "w");
        return f && fprintf(f, "%d\n", (int)pid) > 0 && fclose(f) == 0 ? 0 : 1;
    }
    setsid();
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        answer(client);
        close(client);
    }
}
