/* SPDX-License-Identifier: Apache-2.0
 * The local transport: real child processes; and what every kind of transport must do, on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "tests/unit/support/transport_cases.h"

static int open_host(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here", .destination = "local"};
    return transport_open(&spec, &case_host, &err);
}

static int close_host(void **state)
{
    (void)state;
    transport_close(case_host);
    return 0;
}

static void a_program_that_is_not_there_is_127_as_in_a_shell(void **state)
{
    (void)state;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "no-such-program-anywhere");
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(transport_run(case_host, &cmd, DEADLINE_NEVER, &r, &err), 0);
    assert_int_equal(r.status.code, 127);
    assert_string_equal(strbuf_str(&r.err),
                        "no-such-program-anywhere: No such file or directory\n");
    assert_int_equal(transport_check(case_host, &cmd, DEADLINE_NEVER, "looking around", &r, &err),
                     -1);
    assert_string_equal(err.message, "looking around: `no-such-program-anywhere`: exit status 127: "
                                     "no-such-program-anywhere: No such file or directory");
}

static void what_it_leaves_behind_is_not_waited_for(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    int64_t start = clock_now();
    run_shell((struct command){0}, "sleep 30 & echo $!", &r);
    assert_true(clock_now() - start < 15 * NSEC_PER_SEC);
    int64_t pid = 0;
    strbuf_rtrim(&r.out);
    assert_true(parse_int(strbuf_str(&r.out), &pid));
    kill((pid_t)pid, SIGKILL);
}

static void a_folder_that_is_not_there_is_said_as_a_shell_would(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.dir = "/no/such/folder"}, "pwd", &r);
    assert_int_equal(r.status.code, 126);
    assert_string_equal(strbuf_str(&r.err), "/no/such/folder: No such file or directory\n");
}

/* TERM is enough, however young the command is: KILL comes only where that is not heeded. */
static void a_command_that_has_hardly_begun_is_ended_by_term(void **state)
{
    (void)state;
    cancel_install(); /* the handlers that a child begins with */
    for (int i = 0; i < 20; i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_proc struct proc *p =
            start_shell((struct command){.killable = true}, "exec sleep 60");
        struct exit_status status = {0};
        assert_int_equal(proc_kill(p, 5 * NSEC_PER_SEC, &err), 0);
        assert_true(proc_ended(p, &status));
        assert_string_equal(status.signal, "TERM");
    }
    struct pollfd stop = {.fd = cancel_fd(), .events = POLLIN};
    assert_int_equal(poll(&stop, 1, 0), 0); /* nobody has asked this process to stop */
}

/* A Ctrl-C on the terminal is for kataloop: what undoes goes on. */
static void a_command_is_out_of_the_terminals_reach(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_free char *own = xasprintf("%d\n", (int)getpgrp());
    run_shell((struct command){0}, "cut -d ' ' -f 5 /proc/$$/stat", &r);
    assert_int_equal(r.status.code, 0);
    assert_string_not_equal(strbuf_str(&r.out), own);
}

static void a_path_is_what_is_printed_alone(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = NULL;
    assert_int_equal(transport_path(case_host, "/home/me", &path, &err), 0);
    assert_string_equal(path, "/home/me");
    static const char *const noise[] = {"Welcome", "", "Welcome\n/home/me", "/etc/motd\n/home/me"};
    for (size_t i = 0; i < ARRAY_SIZE(noise); i++) {
        error_release(&err);
        assert_int_equal(transport_path(case_host, noise[i], &path, &err), -1);
        assert_non_null(strstr(err.message, "the login on here prints "));
    }
}

/* The mode of the piece that is on its way, seen from the folder; 0: none seen. */
struct sight {
    const char *folder;
    mode_t mode;
};

static void look_at_the_piece(void *data, int64_t done, int64_t total)
{
    (void)done;
    (void)total;
    struct sight *s = data;
    struct stat st;
    DIR *d = opendir(s->folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".kataloop-") && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
            s->mode = st.st_mode & 07777;
    closedir(d);
}

/* Whatever mode it is to have, and whatever the umask. */
static void a_file_on_its_way_is_its_owners_alone(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *from = path_join(folder, "from");
    cleanup_free char *to = path_join(folder, "to");
    cleanup_free char *zeros = xcalloc(1, 1 << 20); /* more than a pipe holds: it is read by then */
    assert_int_equal(fs_write_atomic(from, zeros, 1 << 20, 0600, &err), 0);
    struct sight s = {.folder = folder};
    mode_t before = umask(0);
    int result = transport_put(case_host, from, to, 0755, deadline_in(20 * NSEC_PER_SEC),
                               look_at_the_piece, &s, &err);
    umask(before);
    assert_int_equal(result, 0);
    assert_int_equal(s.mode, 0600);
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

int main(void)
{
    size_t n;
    const struct CMUnitTest *cases = transport_cases(&n);
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_program_that_is_not_there_is_127_as_in_a_shell),
        cmocka_unit_test(what_it_leaves_behind_is_not_waited_for),
        cmocka_unit_test(a_folder_that_is_not_there_is_said_as_a_shell_would),
        cmocka_unit_test(a_command_that_has_hardly_begun_is_ended_by_term),
        cmocka_unit_test(a_file_on_its_way_is_its_owners_alone),
        cmocka_unit_test(a_command_is_out_of_the_terminals_reach),
        cmocka_unit_test(a_path_is_what_is_printed_alone),
    };
    struct CMUnitTest tests[64];
    size_t n_tests = 0;
    for (size_t i = 0; i < n; i++)
        tests[n_tests++] = cases[i];
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        tests[n_tests++] = own[i];
    return _cmocka_run_group_tests("transport local", tests, n_tests, open_host, close_host);
}
