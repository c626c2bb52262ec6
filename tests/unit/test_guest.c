/* SPDX-License-Identifier: Apache-2.0
 * Commands over a console, against real shells on real terminals. This program, called
 * kata-runtime, stands in for that one: it insists on a terminal, puts it in raw mode, and connects
 * it to a shell on a fresh one, with echo and prompt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "guest/guest.h"
#include "guest/protocol.h"

/* --- kata-runtime ------------------------------------------------------------------------------
 *
 * In its environment: FAKE_SHELL the program and its arguments, FAKE_PATH the guest's PATH,
 * FAKE_SAYS what it says instead before it ends, FAKE_SILENT an agent that never answers. */

static int copy(int from, int to)
{
    char buffer[4096];
    ssize_t n = read(from, buffer, sizeof(buffer));
    return n > 0 ? fs_write_full(to, buffer, (size_t)n) : -1;
}

static _Noreturn void run_shell(void)
{
    char *words[8] = {0}, *at = getenv("FAKE_SHELL");
    for (size_t n = 0; n < 7 && (words[n] = strtok(at, " ")); n++)
        at = NULL;
    setenv("PATH", getenv("FAKE_PATH"), 1);
    cleanup_free char *parent = xasprintf("%d", (int)getppid());
    setenv("FAKE_PID", parent, 1);
    execvp(words[0], words);
    _exit(127);
}

static int kata_runtime(int argc, char **argv)
{
    struct termios raw;
    if (argc != 3 || strcmp(argv[1], "exec") != 0 || tcgetattr(STDERR_FILENO, &raw) < 0)
        return 2;
    if (getenv("FAKE_SAYS")) {
        fputs(getenv("FAKE_SAYS"), stderr);
        return 1;
    }
    cfmakeraw(&raw);
    tcsetattr(STDERR_FILENO, TCSANOW, &raw);
    int console;
    pid_t pid = forkpty(&console, NULL, NULL, NULL);
    if (pid == 0)
        run_shell();
    for (;;) {
        struct pollfd fds[] = {{.fd = STDERR_FILENO, .events = POLLIN},
                               {.fd = console, .events = POLLIN}};
        poll(fds, 2, -1);
        if ((fds[1].revents && !getenv("FAKE_SILENT") && copy(console, STDERR_FILENO) < 0) ||
            (fds[0].revents && copy(STDERR_FILENO, console) < 0))
            break;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

/* --- the guests --------------------------------------------------------------------------------
 */

static struct transport *host;
static char *scratch;
static const char colours[] = "\033[1;32mroot@guest\033[0m:\033[34m\\w\033[0m# ";

/* A guest: its shell, and the folder before its PATH (NULL: none). */
static struct guest_kind {
    const char *name, *shell, *folder;
} kinds[] = {
    {"dash", "dash", NULL},
    {"bash with line editing and colours", "bash --norc -i", NULL},
    {"busybox", "busybox sh", "busybox"},
    {"no base64", "dash", "no-base64"},
    {"no stty", "dash", "no-stty"},
    {"no stty, no base64", "dash", "no-stty no-base64"},
    {"hexdump alone", "busybox sh", "no-base64 no-od busybox"},
};

static const char *const applets[] = {"sh",   "stty", "od",        "base64", "cat", "hexdump",
                                      "head", "tail", "printf",    "sleep",  "wc",  "tr",
                                      "true", "seq",  "sha256sum", "dd",     "echo"};

static bool have(const char *program)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "command -v \"$1\" >/dev/null", "sh", program, NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    return transport_run(host, &cmd, deadline_in(10 * NSEC_PER_SEC), &r, &err) == 0 &&
           r.status.code == 0;
}

/* A program that is not there: PATH of the guest goes on behind this folder. */
static void make_absent(const char *name)
{
    cleanup_free char *folder = xasprintf("%s/no-%s", scratch, name);
    cleanup_free char *path = path_join(folder, name);
    static const char script[] = "#!/bin/sh\nexit 127\n";
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_mkdir_parents(folder, &err), 0);
    assert_int_equal(fs_write_atomic(path, script, sizeof(script) - 1, 0755, &err), 0);
}

static void make_busybox(void)
{
    cleanup_free char *folder = path_join(scratch, "busybox");
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_mkdir_parents(folder, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
        cleanup_free char *path = path_join(folder, applets[i]);
        assert_int_equal(symlink("/bin/busybox", path), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here", .destination = "local"};
    char template[] = "/tmp/kataloop-guest-XXXXXX", self[4096];
    scratch = xstrdup(mkdtemp(template));
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(scratch && n > 0);
    self[n] = '\0';
    cleanup_free char *bin = path_join(scratch, "bin");
    cleanup_free char *program = path_join(bin, "kata-runtime");
    cleanup_free char *path = xasprintf("%s:%s", bin, getenv("PATH"));
    assert_int_equal(fs_mkdir_parents(bin, &err), 0);
    assert_int_equal(symlink(self, program), 0);
    setenv("PATH", path, 1);
    setenv("PS1", colours, 1);
    make_absent("base64");
    make_absent("stty");
    make_absent("od");
    make_busybox();
    return transport_open(&spec, &host, &err);
}

static int tear_down(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    transport_close(host);
    int result = fs_remove_tree(scratch, &err);
    free(scratch);
    return result;
}

static void be(const struct guest_kind *kind)
{
    cleanup_strbuf struct strbuf path = STRBUF_INIT;
    cleanup_free char *folders = xstrdup(kind->folder ? kind->folder : "");
    for (char *at = folders, *one; (one = strtok(at, " ")); at = NULL)
        strbuf_printf(&path, "%s/%s:", scratch, one);
    strbuf_puts(&path, "/usr/bin:/bin");
    setenv("FAKE_SHELL", kind->shell, 1);
    setenv("FAKE_PATH", strbuf_str(&path), 1);
}

static int64_t soon(void)
{
    return deadline_in(60 * NSEC_PER_SEC);
}

static struct guest *open_kind(const struct guest_kind *kind)
{
    struct guest *g = NULL;
    struct error err = ERROR_INIT;
    const struct guest_spec spec = {.sandbox = "abc", .runtime = "io.containerd.kata.v2"};
    be(kind);
    if (guest_open(host, &spec, soon(), &g, &err) < 0)
        fail_msg("%s: %s", kind->name, err.message);
    assert_null(err.message);
    return g;
}

static int try_shell(struct guest *g, struct guest_command cmd, const char *script,
                     int64_t deadline, struct run_result *r, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, NULL);
    cmd.argv = &argv;
    return guest_run(g, &cmd, deadline, r, err);
}

static void shell(struct guest *g, struct guest_command cmd, const char *script,
                  struct run_result *r)
{
    struct error err = ERROR_INIT;
    if (try_shell(g, cmd, script, soon(), r, &err) < 0)
        fail_msg("%s", err.message);
    assert_null(err.message); /* success leaves it alone */
}

static void each_kind(void (*test)(struct guest *g))
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strstr(kinds[i].shell, "busybox") && !have("busybox")) {
            print_message("# SKIP %s: there is no busybox here\n", kinds[i].name);
            continue;
        }
        struct guest *g = open_kind(&kinds[i]);
        print_message("# %s\n", kinds[i].name);
        test(g);
        guest_close(g);
    }
}

/* --- what a command gives ----------------------------------------------------------------------
 */

static void outputs_and_status(struct guest *g)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    shell(g, (struct guest_command){0}, "echo out; echo err >&2; exit 3", &r);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_string_equal(strbuf_str(&r.err), "err\n");
    assert_int_equal(r.status.code, 3);
    shell(g, (struct guest_command){0}, "printf 'no newline'", &r);
    assert_string_equal(strbuf_str(&r.out), "no newline");
    shell(g, (struct guest_command){0}, ":", &r);
    assert_int_equal(r.out.len + r.err.len, 0);
    assert_int_equal(r.status.code, 0);
    shell(g, (struct guest_command){0}, "kill -KILL $$", &r);
    assert_int_equal(r.status.code, 137);
    assert_int_equal(r.err.len, 0);
    shell(g, (struct guest_command){0}, "cat", &r); /* its input is empty */
    assert_int_equal(r.out.len, 0);
}

static void outputs_are_apart_and_the_status_is_the_commands(void **state)
{
    (void)state;
    each_kind(outputs_and_status);
}

static void words(struct guest *g)
{
    static const char *const odd[] = {
        "",           " two  words ",       "it's", "a\nb\n", "$(id)`",   "\\n%s\"!",
        "\003\004\t", "gr\xc3\xbc\xc3\x9f", "-n",   "*",      "\xff\x80", "\033[31m"};
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf expected = STRBUF_INIT;
    strv_push_all(&argv, "printf", "[%s]", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        strv_push(&argv, odd[i]);
        strbuf_printf(&expected, "[%s]", odd[i]);
    }
    cleanup_free char *big = xcalloc(1, 100001); /* far longer than a line of a terminal */
    memset(big, 'x', 100000);
    strv_push(&argv, big);
    strbuf_printf(&expected, "[%s]", big);
    const struct guest_command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    struct error err = ERROR_INIT;
    if (guest_run(g, &cmd, soon(), &r, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(r.out.len, expected.len);
    assert_memory_equal(r.out.data, expected.data, expected.len);
}

static void arguments_arrive_as_they_are(void **state)
{
    (void)state;
    each_kind(words);
}

static void bytes(struct guest *g)
{
    unsigned char all[2560];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)(i * 7 + i / 256);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    const struct guest_command cmd = {.input = all, .input_len = sizeof(all)};
    shell(g, cmd, "cat; cat >&2", &r);
    assert_int_equal(r.out.len, sizeof(all));
    assert_memory_equal(r.out.data, all, sizeof(all));
    shell(g, cmd, "cat >&2", &r);
    assert_int_equal(r.err.len, sizeof(all));
    assert_memory_equal(r.err.data, all, sizeof(all));
    shell(g, cmd, "true", &r); /* reads none of it */
    assert_int_equal(r.status.code, 0);
    shell(g, (struct guest_command){.input = "", .input_len = 1}, "wc -c", &r); /* one NUL */
    strbuf_rtrim(&r.out);
    assert_string_equal(strbuf_str(&r.out), "1");
}

static void every_byte_goes_both_ways(void **state)
{
    (void)state;
    each_kind(bytes);
}

static void a_megabyte(struct guest *g)
{
    enum { SIZE = 1000003 };
    cleanup_free unsigned char *data = xmalloc(SIZE);
    uint32_t x = 1;
    for (size_t i = 0; i < SIZE; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (unsigned char)(x >> 24);
    }
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    shell(g, (struct guest_command){.input = data, .input_len = SIZE}, "cat", &r);
    assert_int_equal(r.out.len, SIZE);
    assert_memory_equal(r.out.data, data, SIZE);
}

static void a_megabyte_goes_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i += 2) { /* the tools of each maker, once */
        if (i == 2 && !have("busybox"))
            break;
        struct guest *g = open_kind(&kinds[i]);
        a_megabyte(g);
        guest_close(g);
    }
}

/* What looks like the protocol is what the command said, no more. */
static void lookalikes(struct guest *g)
{
    static const char text[] = "0123456789abcdef0123>\n0123456789abcdef0123=0\n 61 62\n 141\nYQ==\n"
                               "K 0123456789abcdef0123 b 'true'\n\r\n\n";
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    shell(g, (struct guest_command){.input = text, .input_len = sizeof(text) - 1}, "cat; exit 5",
          &r);
    assert_string_equal(strbuf_str(&r.out), text);
    assert_int_equal(r.status.code, 5);
    /* What goes to the terminal past the protocol is noise. */
    shell(g, (struct guest_command){0},
          "echo one; (echo 'noise here!'; printf 'and \\033[1m more\\r\\n') >/dev/tty; echo two",
          &r);
    assert_string_equal(strbuf_str(&r.out), "one\ntwo\n");
    assert_int_equal(r.status.code, 0);
}

static void output_that_looks_like_the_protocol_is_output(void **state)
{
    (void)state;
    each_kind(lookalikes);
}

static void many_commands_over_one_console(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    struct proc *first = guest_proc(g);
    for (int i = 0; i < 200; i++) {
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        cleanup_free char *script = xasprintf("echo %d; exit %d", i, i % 100);
        shell(g, (struct guest_command){0}, script, &r);
        int64_t number = -1;
        strbuf_rtrim(&r.out);
        assert_true(parse_int(strbuf_str(&r.out), &number));
        assert_int_equal(number, i);
        assert_int_equal(r.status.code, i % 100);
    }
    assert_ptr_equal(guest_proc(g), first);
    guest_close(g);
}

static void a_program_that_is_not_there_is_status_127(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "no-such-program");
    const struct guest_command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(guest_run(g, &cmd, soon(), &r, &err), 0);
    assert_int_equal(r.status.code, 127);
    assert_non_null(strstr(strbuf_str(&r.err), "no-such-program: not found"));
    assert_int_equal(guest_check(g, &cmd, soon(), "looking", &r, &err), -1);
    assert_non_null(strstr(err.message, "looking: `no-such-program`: exit status 127: "));
    guest_close(g);
}

/* --- live output, and others at the same time --------------------------------------------------
 */

static void collect(void *data, const char *bytes, size_t len, bool is_err)
{
    struct run_result *r = data;
    strbuf_add(is_err ? &r->err : &r->out, bytes, len);
}

/* Its output is had before it has ended. */
static void early(struct guest *g, enum guest_output_form form, const char *first,
                  const char *expected, const char *expected_err)
{
    cleanup_run_result struct run_result said = RUN_RESULT_INIT, r = RUN_RESULT_INIT;
    cleanup_free char *gate = path_join(scratch, "gate");
    cleanup_free char *script =
        xasprintf("%s;until [ -e %s ]; do sleep 0.01; done; rm %s; echo end", first, gate, gate);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, NULL);
    const struct guest_command cmd = {
        .argv = &argv, .output = collect, .output_data = &said, .form = form};
    cleanup_error struct error err = ERROR_INIT;
    bool done = false;
    assert_int_equal(guest_start(g, &cmd, soon(), &err), 0);
    while (!done && (said.out.len == 0 || (form == GUEST_LIVE && said.err.len == 0)))
        assert_int_equal(guest_advance(g, soon(), &done, &err), 0);
    assert_false(done); /* it is said before the command has ended */
    assert_int_equal(fs_write_atomic(gate, "", 0, 0644, &err), 0);
    while (!done)
        assert_int_equal(guest_advance(g, soon(), &done, &err), 0);
    guest_take(g, &r);
    assert_string_equal(strbuf_str(&said.out), expected);
    assert_string_equal(strbuf_str(&said.err), expected_err);
    assert_int_equal(r.out.len, 0);
    assert_int_equal(r.status.code, 0);
}

static void live(struct guest *g)
{
    early(g, GUEST_LIVE, "printf o; printf e >&2", "oend\n", "e");
}

/* Lines that look like the protocol's others, and blanks, are text. */
static void lines(struct guest *g)
{
    early(g, GUEST_LINES,
          "printf e >&2; printf ' 61 62\\n\\nYWJj\\n\\\\n %%s\\t\\303\\244 \\n:\\n'",
          " 61 62\n\nYWJj\n\\n %s\t\xc3\xa4 \n:\nend\n", "e");
    cleanup_strbuf struct strbuf expected = STRBUF_INIT;
    for (int i = 0; i < 9000; i++)
        strbuf_putc(&expected, 'x');
    strbuf_puts(&expected, "\nend\n");
    early(g, GUEST_LINES, "printf '%09000d\n' 0 | tr 0 x", strbuf_str(&expected), "");
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    shell(g, (struct guest_command){.form = GUEST_LINES}, "echo line; printf unended; exit 3", &r);
    assert_string_equal(strbuf_str(&r.out), "line\nunended\n");
    assert_int_equal(r.status.code, 3);
}

static void output_can_be_had_as_it_comes(void **state)
{
    (void)state;
    each_kind(live);
    each_kind(lines);
}

static void other_commands_run_at_the_same_time(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    cleanup_strv struct strv slow = STRV_INIT, quick = STRV_INIT;
    strv_push_all(&slow, "sh", "-c", "sleep 0.3; echo host", NULL);
    strv_push_all(&quick, "echo", "guest", NULL);
    const struct command command = {.argv = &slow};
    const struct guest_command guest = {.argv = &quick};
    cleanup_proc struct proc *p = NULL;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    assert_int_equal(proc_start(host, &command, &p, &err), 0);
    for (int rounds = 0; !proc_ended(p, NULL); rounds++) {
        bool done = false;
        assert_int_equal(guest_start(g, &guest, soon(), &err), 0);
        assert_int_equal(guest_start(g, &guest, soon(), &err), -1); /* one at a time */
        while (!done) {
            size_t index;
            struct proc *both[] = {guest_proc(g), proc_ended(p, NULL) ? NULL : p};
            assert_int_equal(proc_wait_any(both, 2, soon(), &index, &err), 0);
            assert_int_equal(guest_advance(g, 0, &done, &err), 0);
        }
        guest_take(g, &r);
        assert_string_equal(strbuf_str(&r.out), "guest\n");
    }
    assert_string_equal(strbuf_str(proc_out(p)), "host\n");
    guest_close(g);
}

/* --- what does not end well --------------------------------------------------------------------
 */

static bool gone(const char *pid_text)
{
    int64_t pid = 0;
    assert_true(parse_int(pid_text, &pid) && pid > 1);
    for (int i = 0; i < 1000; i++) {
        if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
            return true;
        cleanup_free char *stat = xasprintf("/proc/%lld/stat", (long long)pid);
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_error struct error err = ERROR_INIT;
        if (fs_read(stat, 4096, &text, &err) < 0 || strstr(strbuf_str(&text), ") Z "))
            return true; /* a zombie of nobody's is gone too */
        poll(NULL, 0, 10);
    }
    return false;
}

static void overrun(struct guest *g)
{
    static const char *const scripts[] = {
        "echo $$; while :; do sleep 0.05; done",
        "trap '' TERM INT HUP; echo $$; while :; do sleep 0.05; done",
    };
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        cleanup_error struct error err = ERROR_INIT;
        struct proc *console = guest_proc(g);
        /* Time enough for the first to say its number, however busy this machine is. */
        int64_t time = i == 0 ? 3 * NSEC_PER_SEC : NSEC_PER_SEC / 4;
        assert_int_equal(try_shell(g, (struct guest_command){.output = NULL}, scripts[i],
                                   deadline_in(time), &r, &err),
                         -1);
        assert_int_equal(err.code, ERR_TIMEOUT);
        assert_string_equal(err.message,
                            "`sh` in the guest: it did not end in time and was stopped");
        assert_null(err.hint);
        assert_ptr_equal(guest_proc(g), console);
        if (i == 0) { /* what it had said is there, where it had time to say it at its end */
            strbuf_rtrim(&r.out);
            assert_true(gone(strbuf_str(&r.out)));
        }
        shell(g, (struct guest_command){0}, "echo usable", &r);
        assert_string_equal(strbuf_str(&r.out), "usable\n");
    }
}

static void a_command_that_runs_over_is_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) { /* the shells, each once */
        if (i == 2 && !have("busybox"))
            break;
        struct guest *g = open_kind(&kinds[i]);
        overrun(g);
        guest_close(g);
    }
}

static void a_command_that_says_too_much_is_stopped(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(try_shell(g, (struct guest_command){.max_output = 1000},
                               "while :; do echo and on; done", soon(), &r, &err),
                     -1);
    assert_string_equal(err.message, "`sh` in the guest: it wrote more than 1000 bytes");
    assert_true(r.out.len < 2000);
    shell(g, (struct guest_command){.max_output = 1000}, "head -c 1000 /dev/zero", &r);
    assert_int_equal(r.out.len, 1000);
    guest_close(g);
}

/* Then the first line is typed twice. */
static void a_guest_that_is_slow_to_answer(void **state)
{
    (void)state;
    cleanup_free char *path = path_join(scratch, "slow");
    cleanup_free char *script =
        xasprintf("#!/bin/sh\nsleep 3.5\nexec %s\n", have("busybox") ? "busybox sh" : "dash");
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_write_atomic(path, script, strlen(script), 0755, &err), 0);
    const struct guest_kind slow = {"slow", path, NULL};
    struct guest *g = open_kind(&slow);
    outputs_and_status(g);
    guest_close(g);
}

static void closing_stops_what_runs(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    cleanup_run_result struct run_result said = RUN_RESULT_INIT;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "echo $$; echo 0123456789012345; while :; do sleep 0.05; done",
                  NULL);
    const struct guest_command cmd = {
        .argv = &argv, .output = collect, .output_data = &said, .form = GUEST_LIVE};
    cleanup_error struct error err = ERROR_INIT;
    bool done = false;
    assert_int_equal(guest_start(g, &cmd, soon(), &err), 0);
    while (!done && !strchr(strbuf_str(&said.out), '\n'))
        assert_int_equal(guest_advance(g, soon(), &done, &err), 0);
    guest_close(g);
    strbuf_truncate(&said.out, strcspn(said.out.data, "\n"));
    assert_true(gone(strbuf_str(&said.out)));
}

static void a_console_that_dies_is_named_and_opened_again(void **state)
{
    (void)state;
    struct guest *g = open_kind(&kinds[0]);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(try_shell(g, (struct guest_command){.form = GUEST_LIVE},
                               "echo a line of output; sleep 0.2; kill -KILL $FAKE_PID; sleep 20",
                               soon(), &r, &err),
                     -1);
    assert_int_equal(err.code, ERR_FAILED);
    assert_string_equal(err.message, "`sh` in the guest: the guest's console has ended");
    assert_non_null(strstr(err.hint, "debug_console_enabled"));
    shell(g, (struct guest_command){0}, "echo again", &r);
    assert_string_equal(strbuf_str(&r.out), "again\n");
    guest_close(g);
}

static void expect_no_way_in(int64_t deadline, enum error_code code, const char *message,
                             const char *hint)
{
    struct guest *g = NULL;
    cleanup_error struct error err = ERROR_INIT;
    const struct guest_spec spec = {.sandbox = "0123456789abcdef", .way = "console"};
    assert_int_equal(guest_open(host, &spec, deadline, &g, &err), -1);
    assert_int_equal(err.code, code);
    if (!strstr(err.message, message))
        fail_msg("`%s` has no `%s`", err.message, message);
    assert_non_null(strstr(err.hint, hint));
}

static void a_guest_that_cannot_be_entered_is_named(void **state)
{
    (void)state;
    be(&kinds[0]);
    setenv("FAKE_SAYS",
           "Get \"http://shim/agent-url\": dial unix /run/vc/sbs/0123/shim-monitor.sock: connect: "
           "no such file or directory\n",
           1);
    expect_no_way_in(soon(), ERR_FAILED,
                     "the guest of 0123456789ab: its console ended at once: no sandbox of this id",
                     "has the container ended?");
    setenv("FAKE_SAYS", "rpc error: connection reset by peer\n", 1);
    expect_no_way_in(soon(), ERR_FAILED,
                     "its console ended at once: rpc error: connection reset by peer",
                     "is debug_console_enabled set");
    unsetenv("FAKE_SAYS");
    setenv("FAKE_SILENT", "yes", 1);
    expect_no_way_in(deadline_in(NSEC_PER_SEC / 2), ERR_TIMEOUT, "its console does not answer",
                     "is debug_console_enabled set");
    unsetenv("FAKE_SILENT");
    setenv("FAKE_PATH", "/nowhere", 1);
    setenv("FAKE_SHELL", "/nowhere/sh", 1);
    expect_no_way_in(soon(), ERR_FAILED, "its console ended at once", "");
    cleanup_free char *path = xstrdup(getenv("PATH"));
    setenv("PATH", "/usr/bin:/bin", 1);
    expect_no_way_in(soon(), ERR_FAILED, "the host has no kata-runtime", "is Kata installed there");
    setenv("PATH", path, 1);
}

static void a_guest_without_tools_says_so(void **state)
{
    (void)state;
    const struct guest_kind bare = {"bare", "dash", "no-base64 no-od no-hexdump"};
    make_absent("hexdump");
    be(&bare);
    expect_no_way_in(soon(), ERR_FAILED, "it has neither od nor hexdump", "coreutils or busybox");
}

static void without_a_machine_commands_run_on_the_host(void **state)
{
    (void)state;
    struct guest *g = NULL;
    cleanup_error struct error err = ERROR_INIT;
    const struct guest_spec spec = {.sandbox = "abc", .runtime = "io.containerd.runc.v2"};
    const struct guest_spec wrong = {.sandbox = "abc", .way = "tunnel"};
    assert_int_equal(guest_open(host, &wrong, soon(), &g, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    error_release(&err);
    assert_int_equal(guest_open(host, &spec, soon(), &g, &err), 0);
    assert_string_equal(guest_way_name(g), "host");
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    shell(g, (struct guest_command){.input = "in", .input_len = 2}, "cat; echo err >&2; exit 3",
          &r);
    assert_string_equal(strbuf_str(&r.out), "in");
    assert_string_equal(strbuf_str(&r.err), "err\n");
    assert_int_equal(r.status.code, 3);
    shell(g, (struct guest_command){0}, "kill -KILL $$", &r);
    assert_int_equal(r.status.code, 137);
    live(g);
    /* Time enough to say it, however busy this machine is. */
    assert_int_equal(try_shell(g, (struct guest_command){0}, "echo before; sleep 60",
                               deadline_in(3 * NSEC_PER_SEC), &r, &err),
                     -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(strbuf_str(&r.out), "before\n");
    guest_close(g);
}

/* --- the parser alone --------------------------------------------------------------------------
 */

static void only_lines_of_a_known_shape_count(void **state)
{
    (void)state;
    static const struct {
        const char *line, *out, *err;
    } table[] = {
        {" 61 62", "ab", ""},       {" 61 62\r", "ab", ""},
        {"61 62   ", "ab", ""},     {" 141 142", "", "ab"},
        {" 141 777", "", ""},       {" 61 6", "", ""},
        {" 61 6g", "", ""},         {" 61 142", "", ""},
        {"YWI=", "ab", ""},         {"YWI", "", ""},
        {"Y=I=", "", ""},           {"YW I=", "", ""},
        {"====", "", ""},           {"", "", ""},
        {"root@guest:/# ", "", ""}, {"0123456789abcdef0123>", "", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct guest_reply reply = {0};
        cleanup_error struct error err = ERROR_INIT;
        cleanup_strbuf struct strbuf out = STRBUF_INIT, err_out = STRBUF_INIT, text = STRBUF_INIT;
        assert_int_equal(guest_reply_begin(&reply, 100, &err), 0);
        strbuf_printf(&text, "%s\n%s<\n%s\n%s=7\n%s>\n%s\n", table[i].line, reply.token,
                      table[i].line, reply.token, reply.token, table[i].line);
        for (size_t at = 0; at < text.len; at++) /* in pieces of every size */
            guest_reply_feed(&reply, text.data + at, 1, &out, &err_out);
        assert_string_equal(strbuf_str(&out), table[i].out);
        assert_string_equal(strbuf_str(&err_out), table[i].err);
        assert_true(reply.started && reply.ended);
        assert_int_equal(reply.status, 7);
        guest_reply_release(&reply);
    }
}

static void a_line_without_end_is_not_kept(void **state)
{
    (void)state;
    struct guest_reply reply = {0};
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT, err_out = STRBUF_INIT;
    assert_int_equal(guest_reply_begin(&reply, 100, &err), 0);
    for (int i = 0; i < 1000000; i++)
        guest_reply_feed(&reply, "AAAA", 4, &out, &err_out);
    assert_true(reply.line.len <= GUEST_TOKEN_SIZE + GUEST_LINE_MAX);
    cleanup_free char *mark = xasprintf("\n%s+b\n", reply.token);
    guest_reply_feed(&reply, mark, strlen(mark), &out, &err_out);
    assert_true(reply.answered);
    assert_int_equal(reply.tools, 'b');
    guest_reply_release(&reply);
}

int main(int argc, char **argv)
{
    if (strcmp(path_base(argv[0]), "kata-runtime") == 0)
        return kata_runtime(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_lines_of_a_known_shape_count),
        cmocka_unit_test(a_line_without_end_is_not_kept),
        cmocka_unit_test(outputs_are_apart_and_the_status_is_the_commands),
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(every_byte_goes_both_ways),
        cmocka_unit_test(a_megabyte_goes_both_ways),
        cmocka_unit_test(output_that_looks_like_the_protocol_is_output),
        cmocka_unit_test(many_commands_over_one_console),
        cmocka_unit_test(a_program_that_is_not_there_is_status_127),
        cmocka_unit_test(output_can_be_had_as_it_comes),
        cmocka_unit_test(other_commands_run_at_the_same_time),
        cmocka_unit_test(a_command_that_runs_over_is_stopped),
        cmocka_unit_test(a_command_that_says_too_much_is_stopped),
        cmocka_unit_test(a_guest_that_is_slow_to_answer),
        cmocka_unit_test(closing_stops_what_runs),
        cmocka_unit_test(a_console_that_dies_is_named_and_opened_again),
        cmocka_unit_test(a_guest_that_cannot_be_entered_is_named),
        cmocka_unit_test(a_guest_without_tools_says_so),
        cmocka_unit_test(without_a_machine_commands_run_on_the_host),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
