/* SPDX-License-Identifier: Apache-2.0
 * The way past kata-runtime: what a shim's answer is taken for, and the whole way with each of the
 * programs it can use, through sockets where a shim and its hypervisor have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "guest/agent_url.h"
#include "guest/guest.h"

/* --- the answer --------------------------------------------------------------------------------
 */

#define SANDBOX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OK      "HTTP/1.0 200 OK\r\nContent-Length: 14\r\n\r\n"
#define JAIL    "/run/vc/firecracker/0123456789abcdef0123456789abcdef/root/kata.hvsock"

static void what_an_answer_is_taken_for(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        uint32_t cid;
        const char *path; /* NULL and no cid: refused */
    } table[] = {
        {OK "vsock://31513974:1024", 31513974, NULL},
        {"HTTP/1.1 200 OK\r\n\r\nvsock://3:1024\n", 3, NULL},
        {OK "vsock://1:1024", 1, NULL},
        {OK "vsock://4294967294:1024", 4294967294, NULL},
        {OK "hvsock:///run/vc/vm/" SANDBOX "/kata.hvsock:1024", 0,
         "/run/vc/vm/" SANDBOX "/kata.hvsock"},
        {OK "hvsock:///run/kata/" SANDBOX "/root/kata.hvsock:1024", 0,
         "/run/kata/" SANDBOX "/root/kata.hvsock"},
        {OK "hvsock://" JAIL ":1024", 0, JAIL},
        /* the host itself, the hypervisor, any; no number */
        {OK "vsock://2:1024", 0, NULL},
        {OK "vsock://0:1024", 0, NULL},
        {OK "vsock://4294967295:1024", 0, NULL},
        {OK "vsock://-3:1024", 0, NULL},
        {OK "vsock://99999999999999999999:1024", 0, NULL},
        {OK "vsock://3,fork:1024", 0, NULL},
        {OK "vsock://3 1:1024", 0, NULL},
        {OK "vsock://3", 0, NULL},
        {OK "vsock://", 0, NULL},
        /* another's socket; out of the folder; what a program could take for more than a path */
        {OK "hvsock:///run/vc/vm/other/kata.hvsock:1024", 0, NULL},
        {OK "hvsock:///run/vc/vm/" SANDBOX "/../other/kata.hvsock:1024", 0, NULL},
        {OK "hvsock:///run/vc/" SANDBOX ":1024", 0, NULL},
        {OK "hvsock:///tmp/" SANDBOX "/kata.hvsock:1024", 0, NULL},
        {OK "hvsock:///run/vcx/" SANDBOX "/kata.hvsock:1024", 0, NULL},
        {OK "hvsock:///run/vc/" SANDBOX "/a,exec=b:1024", 0, NULL},
        {OK "hvsock:///run/vc/" SANDBOX "/a\nb:1024", 0, NULL},
        {OK "hvsock:///run/vc/" SANDBOX "/far/too/long/for/the/address/of/a/socket:1024", 0, NULL},
        {OK "hvsock:///run/vc/0123/kata.hvsock:1024", 0, NULL},
        {OK "hvsock:///run/vc/" SANDBOX "/kata.hvsock", 0, NULL},
        {OK "remote:///run/vc/" SANDBOX "/kata.hvsock", 0, NULL},
        {OK "", 0, NULL},
        {"HTTP/1.0 404 Not Found\r\n\r\nvsock://3:1024", 0, NULL},
        {"HTTP/1.0 200 OK\r\nvsock://3:1024", 0, NULL},
        {"vsock://3:1024", 0, NULL},
        {"HTTP/1.", 0, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_agent_address struct agent_address a = {0};
        cleanup_error struct error err = ERROR_INIT;
        bool good = table[i].cid || table[i].path;
        int result = agent_url_read(table[i].answer, strlen(table[i].answer), SANDBOX, &a, &err);
        if ((result == 0) != good || (err.message == NULL) != good || a.cid != table[i].cid)
            fail_msg("`%s`: %d, cid %u, %s", table[i].answer, result, a.cid, err.message);
        if (table[i].path)
            assert_string_equal(a.path, table[i].path);
        else
            assert_null(a.path);
    }
}

static void what_is_refused_is_shown(void **state)
{
    (void)state;
    cleanup_agent_address struct agent_address a = {0};
    cleanup_error struct error err = ERROR_INIT;
    static const char gone[] = "HTTP/1.1 500 \033[31mOh\r\n\r\n", odd[] = OK "tcp://\033[2J1:2";
    assert_int_equal(agent_url_read(gone, strlen(gone), SANDBOX, &a, &err), -1);
    assert_string_equal(err.message, "its shim does not say where the agent is: `HTTP/1.1 500 Oh`");
    assert_int_equal(agent_url_read(odd, strlen(odd), SANDBOX, &a, &err), -1);
    assert_string_equal(err.message, "its shim says that the agent is at `tcp://1:2`, which is not "
                                     "an address of this guest");
}

/* --- a sandbox ---------------------------------------------------------------------------------
 *
 * A process that is shim, hypervisor and agent: its monitor answers, its hybrid socket leads to a
 * shell on a terminal. */

static struct transport *host;
static char *scratch, *id, *folder, *path_before;

static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *path = path_join(folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static bool pump(int from, int to)
{
    char buffer[4096];
    ssize_t n = read(from, buffer, sizeof(buffer));
    return n > 0 && fs_write_full(to, buffer, (size_t)n) == 0;
}

/* Past the first line. */
static bool skip_line(int fd)
{
    char c = 0;
    while (c != '\n')
        if (read(fd, &c, 1) != 1)
            return false;
    return true;
}

static _Noreturn void serve_shell(int fd, const char *handshake)
{
    int console;
    if (!skip_line(fd) || fs_write_full(fd, handshake, strlen(handshake)) < 0)
        _exit(1);
    if (strncmp(handshake, "OK", 2) != 0)
        _exit(0);
    pid_t pid = forkpty(&console, NULL, NULL, NULL);
    if (pid == 0) {
        cleanup_free char *console_pid = xasprintf("%d", (int)getppid());
        setenv("CONSOLE", console_pid, 1);
        setenv("PATH", "/usr/bin:/bin", 1);
        execl("/bin/sh", "sh", (char *)NULL);
        _exit(127);
    }
    for (bool both = true; both;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = console, .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[1].revents)
            both = pump(console, fd);
        if (both && fds[0].revents)
            both = pump(fd, console);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    _exit(0);
}

static _Noreturn void serve_answer(int fd, const char *answer)
{
    char request[512];
    if (read(fd, request, sizeof(request)) <= 0 || fs_write_full(fd, answer, strlen(answer)) < 0)
        _exit(1);
    _exit(0);
}

/* Returns the process, which serves until it is killed. */
static pid_t start_sandbox(const char *answer, const char *handshake)
{
    int monitor = listen_at("shim-monitor.sock"), hybrid = listen_at("kata.hvsock");
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not stop it */
        signal(SIGHUP, SIG_DFL);          /* also where these tests run under nohup */
        signal(SIGINT, SIG_DFL);
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
            struct pollfd fds[] = {{.fd = monitor, .events = POLLIN},
                                   {.fd = hybrid, .events = POLLIN}};
            poll(fds, 2, -1);
            for (int i = 0; i < 2; i++) {
                int fd = fds[i].revents ? accept(fds[i].fd, NULL, NULL) : -1;
                if (fd >= 0 && fork() == 0) {
                    prctl(PR_SET_PDEATHSIG, SIGKILL);
                    signal(SIGCHLD, SIG_DFL);
                    i == 0 ? serve_answer(fd, answer) : serve_shell(fd, handshake);
                }
                close(fd);
            }
        }
    }
    close(monitor);
    close(hybrid);
    return pid;
}

static void stop_sandbox(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* The sockets of a shim are root's, in /run: a /run of our own, as a root of our own where it is
 * somebody else who runs this. */
static int write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result = fd >= 0 ? fs_write_full(fd, text, strlen(text)) : -1;
    return fd >= 0 && close(fd) < 0 ? -1 : result;
}

static int own_run(void)
{
    cleanup_free char *users = xasprintf("0 %d 1", (int)geteuid());
    cleanup_free char *groups = xasprintf("0 %d 1", (int)getegid());
    bool root = geteuid() == 0;
    if (unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) == 0 &&
        (root || (write_to("/proc/self/setgroups", "deny") == 0 &&
                  write_to("/proc/self/uid_map", users) == 0 &&
                  write_to("/proc/self/gid_map", groups) == 0)) &&
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("run", "/run", "tmpfs", 0, NULL) == 0)
        return 0;
    print_error("a /run of one's own: %s; run this as root\n", strerror(errno));
    return -1;
}

static int set_up(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here", .destination = "local"};
    char template[] = "/tmp/kataloop-vsock-XXXXXX";
    scratch = xstrdup(mkdtemp(template));
    assert_non_null(scratch);
    path_before = xstrdup(getenv("PATH"));
    id = xasprintf("kataloop-test-%d", (int)getpid());
    folder = path_join("/run/vc/sbs", id);
    if (own_run() < 0 || fs_mkdir_parents(folder, &err) < 0)
        return -1;
    return transport_open(&spec, &host, &err);
}

static int tear_down(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    transport_close(host);
    int result = fs_remove_tree(scratch, &err);
    free(path_before);
    free(folder);
    free(id);
    free(scratch);
    return result;
}

/* Leave a PATH with this one program of those that the way can use. */
static bool only(const char *program)
{
    static const char *const kept[] = {"sh", "head", "grep", "env"};
    static const char *const from[] = {"/usr/bin", "/bin"};
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *bin = path_join(scratch, program);
    bool there = false;
    assert_int_equal(fs_mkdir_parents(bin, &err), 0);
    for (size_t i = 0; i <= ARRAY_SIZE(kept); i++) {
        const char *name = i < ARRAY_SIZE(kept) ? kept[i] : program;
        cleanup_free char *link = path_join(bin, name);
        for (size_t j = 0; j < ARRAY_SIZE(from); j++) {
            cleanup_free char *target = path_join(from[j], name);
            if (access(target, X_OK) == 0 && symlink(target, link) == 0)
                there = i == ARRAY_SIZE(kept) || there;
        }
    }
    setenv("PATH", bin, 1);
    return there;
}

static int64_t soon(void)
{
    return deadline_in(60 * NSEC_PER_SEC);
}

static int try_open(const char *way, struct guest **ret, struct error *err)
{
    const struct guest_spec spec = {.sandbox = id, .runtime = "io.containerd.kata.v2", .way = way};
    return guest_open(host, &spec, soon(), ret, err);
}

static void run(struct guest *g, const struct guest_command *template, const char *script,
                struct run_result *r)
{
    struct error err = ERROR_INIT;
    struct guest_command cmd = *template;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, NULL);
    cmd.argv = &argv;
    if (guest_run(g, &cmd, soon(), r, &err) < 0)
        fail_msg("%s", err.message);
}

static void answer_of(struct strbuf *ret)
{
    strbuf_printf(ret, OK "hvsock:///run/vc/sbs/%s/kata.hvsock:1024", id);
}

/* --- the whole way -----------------------------------------------------------------------------
 */

static void both_ways(struct guest *g)
{
    enum { SIZE = 200001 };
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_free char *data = xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 256);
    run(g, &(struct guest_command){0}, "echo out; echo err >&2; exit 3", &r);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_string_equal(strbuf_str(&r.err), "err\n");
    assert_int_equal(r.status.code, 3);
    run(g, &(struct guest_command){.input = data, .input_len = SIZE}, "cat", &r);
    assert_int_equal(r.out.len, SIZE);
    assert_memory_equal(r.out.data, data, SIZE);
}

/* Then the way is opened again for the next command. */
static void a_console_that_dies(struct guest *g)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "kill -KILL $CONSOLE; sleep 60", NULL);
    const struct guest_command cmd = {.argv = &argv};
    assert_int_equal(guest_run(g, &cmd, soon(), &r, &err), -1);
    /* What the console had of the answer by then may stand behind it. */
    static const char ended[] = "`sh` in the guest: the guest's console has ended";
    if (strncmp(err.message, ended, strlen(ended)) != 0)
        fail_msg("`%s`", err.message);
    assert_non_null(strstr(err.hint, "debug_console_enabled"));
    run(g, &(struct guest_command){0}, "echo again", &r);
    assert_string_equal(strbuf_str(&r.out), "again\n");
}

static void each_program_leads_there(void **state)
{
    (void)state;
    static const char *const programs[] = {"perl", "socat", "python3"};
    cleanup_strbuf struct strbuf answer = STRBUF_INIT;
    answer_of(&answer);
    pid_t sandbox = start_sandbox(strbuf_str(&answer), "OK 1073741824\n");
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        struct guest *g = NULL;
        cleanup_error struct error err = ERROR_INIT;
        if (!only(programs[i])) {
            print_message("# SKIP there is no %s here\n", programs[i]);
            continue;
        }
        print_message("# %s\n", programs[i]);
        if (try_open("auto", &g, &err) < 0)
            fail_msg("%s: %s", programs[i], err.message);
        assert_string_equal(guest_way_name(g), "vsock");
        both_ways(g);
        a_console_that_dies(g);
        guest_close(g);
    }
    setenv("PATH", path_before, 1);
    stop_sandbox(sandbox);
}

/* With each of the answers, or without a sandbox, it is said why; and `auto` goes on to
 * kata-runtime, which is not there. */
static void expect_refusal(const char *message, const char *hint)
{
    struct guest *g = NULL;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(try_open("vsock", &g, &err), -1);
    if (!strstr(err.message, message))
        fail_msg("`%s` has no `%s`", err.message, message);
    if (hint)
        assert_non_null(strstr(err.hint, hint));
    assert_int_equal(try_open("auto", &g, &err), -1);
    if (!strstr(err.message, "the host has no kata-runtime"))
        fail_msg("`%s`", err.message);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf answer = STRBUF_INIT;
    answer_of(&answer);
    (void)only("none");
    expect_refusal("no shim of this sandbox listens on the host", "has the container ended?");
    pid_t sandbox = start_sandbox(strbuf_str(&answer), "no such port\n");
    expect_refusal("the host has neither perl nor socat (1.7.4 or later) nor python3", "install");
    setenv("PATH", "/usr/bin:/bin", 1);
    expect_refusal("its hypervisor does not connect to port 1026: no such port",
                   "debug_console_enabled");
    stop_sandbox(sandbox);
    expect_refusal("its shim cannot be asked: Connection refused", "--way console");
    sandbox = start_sandbox("HTTP/1.0 500 Oh\r\n\r\n", "OK 1\n");
    expect_refusal("its shim does not say where the agent is: `HTTP/1.0 500 Oh`", NULL);
    stop_sandbox(sandbox);
    setenv("PATH", path_before, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_answer_is_taken_for),
        cmocka_unit_test(what_is_refused_is_shown),
        cmocka_unit_test(what_is_missing_is_said), /* first: there is no socket yet */
        cmocka_unit_test(each_program_leads_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
