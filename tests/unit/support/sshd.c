/* SPDX-License-Identifier: Apache-2.0
 * sshd for tests. */
#include "tests/unit/support/sshd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "transport/transport.h"

#define SSHD "/usr/sbin/sshd" /* it insists on its whole path */

char *in_place(const struct ssh_place *p, const char *name)
{
    return path_join(p->folder, name);
}

char *output_of(const char *program, ...)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_transport struct transport *here = NULL;
    struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here"};
    va_list ap;
    va_start(ap, program);
    for (const char *word = program; word; word = va_arg(ap, const char *))
        strv_push(&argv, word);
    va_end(ap);
    const struct command cmd = {.argv = &argv};
    if (transport_open(&spec, &here, &err) < 0 ||
        transport_check(here, &cmd, deadline_in(60 * NSEC_PER_SEC), "setting up", &r, &err) < 0)
        fail_msg("%s", err.message);
    strbuf_rtrim(&r.out);
    return strbuf_steal(&r.out);
}

char *text_of(const char *path)
{
    struct strbuf text = STRBUF_INIT;
    struct error err = ERROR_INIT;
    if (fs_read(path, 1 << 20, &text, &err) < 0)
        fail_msg("%s", err.message);
    return strbuf_steal(&text);
}

void write_text(const char *path, const char *text)
{
    struct error err = ERROR_INIT;
    if (fs_write_atomic(path, text, strlen(text), 0600, &err) < 0)
        fail_msg("%s", err.message);
}

/* --- keys and settings -------------------------------------------------------------------------
 */

static void make_key(const struct ssh_place *p, const char *name, const char *type,
                     const char *passphrase)
{
    cleanup_free char *path = in_place(p, name);
    free(output_of("ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", name, "-f", path, NULL));
}

static void make_keys(const struct ssh_place *p)
{
    make_key(p, "host", "ed25519", "");
    make_key(p, "other", "ed25519", "");
    make_key(p, "ed25519", "ed25519", "");
    make_key(p, "ecdsa", "ecdsa", "");
    make_key(p, "rsa", "rsa", "");
    make_key(p, "locked", "ed25519", LOCKED_PASSPHRASE);
    make_key(p, "stranger", "ed25519", "");
    static const char *const wanted[] = {"ed25519.pub", "ecdsa.pub", "rsa.pub", "locked.pub"};
    cleanup_strbuf struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        cleanup_free char *path = in_place(p, wanted[i]);
        cleanup_free char *line = text_of(path);
        strbuf_puts(&all, line);
    }
    cleanup_free char *authorized = in_place(p, "authorized");
    write_text(authorized, strbuf_str(&all));
}

static const char *login_name(void)
{
    const struct passwd *user = getpwuid(getuid());
    assert_non_null(user);
    return user->pw_name;
}

static void write_config(const struct ssh_place *p)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    strbuf_printf(&b,
                  "Host main\n  HostName 127.0.0.1\n  Port %d\n"
                  "Host behind\n  HostName 127.0.0.1\n  Port %d\n  ProxyJump main\n"
                  "Host *\n  User %s\n  IdentityFile %s/ed25519\n  IdentityAgent none\n"
                  "  UserKnownHostsFile %s/known\n  GlobalKnownHostsFile /dev/null\n",
                  p->main.port, p->behind.port, login_name(), p->folder, p->folder);
    if (p->slow.pid > 0)
        strbuf_printf(&b,
                      "Host slow\n  HostName 127.0.0.1\n  Port %d\n"
                      "Host far\n  HostName 127.0.0.1\n  Port %d\n  ProxyJump slow\n",
                      p->slow.port, p->behind.port);
    cleanup_free char *path = in_place(p, "config");
    write_text(path, strbuf_str(&b));
}

void ssh_place_know(struct ssh_place *p)
{
    cleanup_free char *host = in_place(p, "host.pub");
    cleanup_free char *key = text_of(host);
    const int ports[] = {p->main.port, p->behind.port, p->slow.port};
    cleanup_strbuf struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
        if (ports[i] > 0)
            strbuf_printf(&all, "[127.0.0.1]:%d %s", ports[i], key);
    cleanup_free char *known = in_place(p, "known");
    write_text(known, strbuf_str(&all));
}

/* --- servers -----------------------------------------------------------------------------------
 */

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static bool answers(int port)
{
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return connected;
}

static void write_sshd_config(const struct ssh_place *p, const struct sshd *s, const char *host_key,
                              const char *path)
{
    cleanup_free char *text =
        xasprintf("ListenAddress 127.0.0.1\nPort %d\nHostKey %s/%s\nAuthorizedKeysFile "
                  "%s/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
                  "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxSessions 100\n"
                  "MaxStartups 100\nSetEnv SHLVL=2\n", /* so that bash reads no ~/.bashrc */
                  s->port, p->folder, host_key, p->folder);
    write_text(path, text);
}

static pid_t spawn_sshd(const char *config, const char *log)
{
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    /* Whatever becomes of the test, the server does not outlive it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    signal(SIGPIPE, SIG_DFL);
    execl(SSHD, SSHD, "-D", "-f", config, "-E", log, (char *)NULL);
    _exit(127);
}

/* The port was free a moment ago; somebody else may have been faster. */
static bool try_start(struct ssh_place *p, struct sshd *s, const char *host_key)
{
    s->port = free_port();
    cleanup_free char *name = xasprintf("sshd-%d", s->port);
    cleanup_free char *config = in_place(p, name);
    cleanup_free char *log = xasprintf("%s.log", config);
    write_sshd_config(p, s, host_key, config);
    s->pid = spawn_sshd(config, log);
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    while (!answers(s->port)) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            return false;
        if (clock_now() > deadline)
            fail_msg("sshd does not answer: see %s", log);
        (void)poll(NULL, 0, 10);
    }
    return true;
}

void sshd_start(struct ssh_place *p, struct sshd *s, const char *host_key)
{
    for (int i = 0; i < 5; i++)
        if (try_start(p, s, host_key)) {
            write_config(p);
            return;
        }
    fail_msg("sshd does not start: see the logs in %s", p->folder);
}

void sshd_stop(struct sshd *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static bool is_sshd(pid_t pid)
{
    cleanup_free char *path = xasprintf("/proc/%d/comm", (int)pid);
    cleanup_strbuf struct strbuf name = STRBUF_INIT;
    struct error gone = ERROR_INIT;
    bool is = fs_read(path, 64, &name, &gone) == 0 && strncmp(strbuf_str(&name), "sshd", 4) == 0;
    error_release(&gone);
    return is;
}

/* Each connection is a child of the server, and where that is not root's, or users change, one more
 * below it. What runs over the connection lives on, to see it end. */
static void signal_children(pid_t pid, int signal)
{
    cleanup_free char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    cleanup_free char *children = text_of(path);
    char *rest = children;
    for (char *word; (word = strsep(&rest, " "));) {
        int64_t child = 0;
        if (!*word || !parse_int(word, &child) || !is_sshd((pid_t)child))
            continue;
        signal_children((pid_t)child, signal);
        kill((pid_t)child, signal);
    }
}

void sshd_cut(const struct sshd *s)
{
    signal_children(s->pid, SIGKILL);
}

void sshd_stand_still(const struct sshd *s)
{
    signal_children(s->pid, SIGSTOP);
}

int ssh_place_make(struct ssh_place *p)
{
    *p = (struct ssh_place){0};
    if (access(SSHD, X_OK) < 0) {
        print_message("no " SSHD " on this machine: nothing is tested over ssh\n");
        return -1;
    }
    /* Where root starts it by hand it wants the folder its service would have made. */
    if (getuid() == 0 && mkdir("/run/sshd", 0755) < 0 && errno != EEXIST)
        fail_msg("making /run/sshd: %s", strerror(errno));
    snprintf(p->folder, sizeof(p->folder), "/tmp/kataloop-test-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    make_keys(p);
    sshd_start(p, &p->main, "host");
    sshd_start(p, &p->behind, "host");
    ssh_place_know(p);
    return 0;
}

void ssh_place_slow(struct ssh_place *p)
{
    slow_link_start(&p->slow, p->main.port);
    write_config(p);
    ssh_place_know(p);
}

void ssh_place_remove(struct ssh_place *p)
{
    struct error err = ERROR_INIT;
    slow_link_stop(&p->slow);
    sshd_stop(&p->main);
    sshd_stop(&p->behind);
    if (fs_remove_tree(p->folder, &err) < 0)
        fail_msg("%s", err.message);
}

/* --- terminals ---------------------------------------------------------------------------------
 */

static int status_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int64_t thinking_time;

int at_a_terminal(int (*body)(void *data), void *data, const char *question, const char *answer,
                  struct strbuf *said)
{
    int fd;
    struct strbuf own = STRBUF_INIT;
    struct strbuf *seen = said ? said : &own;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body(data));
    int64_t deadline = deadline_in(30 * NSEC_PER_SEC);
    size_t answered = 0; /* up to here */
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, deadline_poll_ms(deadline)) <= 0)
            break;
        ssize_t n = read(fd, strbuf_reserve(seen, 4096), 4096);
        if (n <= 0)
            break; /* the child has gone */
        seen->len += (size_t)n;
        seen->data[seen->len] = '\0';
        const char *asked = question ? strstr(seen->data + answered, question) : NULL;
        if (asked) {
            answered = (size_t)(asked - seen->data) + strlen(question);
            (void)poll(NULL, 0, deadline_poll_ms(deadline_in(thinking_time)));
            assert_int_equal(fs_write_full(fd, answer, strlen(answer)), 0);
        }
    }
    strbuf_release(&own);
    if (clock_now() > deadline)
        kill(pid, SIGKILL);
    int status = status_of(pid);
    close(fd);
    assert_true(!question || answered > 0);
    return status;
}

int without_a_terminal(int (*body)(void *data), void *data)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(setsid() < 0 ? 99 : body(data));
    return status_of(pid);
}
