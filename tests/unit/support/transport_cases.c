/* SPDX-License-Identifier: Apache-2.0
 * What every kind of transport must do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "tests/unit/support/transport_cases.h"

struct transport *case_host;

void run_shell(struct command cmd, const char *script, struct run_result *r)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, NULL);
    cmd.argv = &argv;
    struct error err = ERROR_INIT;
    if (transport_run(case_host, &cmd, deadline_in(20 * NSEC_PER_SEC), r, &err) < 0)
        fail_msg("%s", err.message);
    assert_null(err.message); /* success leaves it alone */
}

struct proc *start_shell(struct command cmd, const char *script)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, NULL);
    cmd.argv = &argv;
    struct error err = ERROR_INIT;
    struct proc *p = NULL;
    if (proc_start(case_host, &cmd, &p, &err) < 0)
        fail_msg("%s", err.message);
    return p;
}

char *next_line(struct proc *p)
{
    struct error err = ERROR_INIT;
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    size_t index;
    struct strbuf *out = proc_out(p);
    while (!memchr(strbuf_str(out), '\n', out->len)) {
        assert_false(proc_ended(p, NULL));
        if (proc_wait_any(&p, 1, deadline, &index, &err) < 0)
            fail_msg("%s", err.message);
    }
    size_t len = strcspn(out->data, "\n");
    char *line = xstrndup(out->data, len);
    strbuf_consume(out, len + 1);
    return line;
}

static void outputs_are_apart_and_the_status_is_the_commands(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){0}, "echo out; echo err >&2; exit 3", &r);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_string_equal(strbuf_str(&r.err), "err\n");
    assert_int_equal(r.status.code, 3);
    run_shell((struct command){0}, "kill -SEGV $$", &r);
    assert_int_equal(r.status.code, -1);
    assert_string_equal(r.status.signal, "SEGV");
}

static void input_dir_and_environment_reach_it(void **state)
{
    (void)state;
    cleanup_strv struct strv env = STRV_INIT;
    strv_push(&env, "WORD=it's \"here\"");
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.dir = "/usr", .env = &env, .input = "abc", .input_len = 3},
              "pwd; cat; echo; printf %s \"$WORD\"", &r);
    assert_string_equal(strbuf_str(&r.out), "/usr\nabc\nit's \"here\"");
    run_shell((struct command){.env = &env, .login = true}, "printf %s \"$WORD\"", &r);
    assert_string_equal(strbuf_str(&r.out), "it's \"here\"");
    run_shell((struct command){.dir = "/no/such/folder"}, "pwd", &r);
    assert_int_equal(r.status.code, 126);
    /* In the words of whatever the login shell is. */
    assert_non_null(strstr(strbuf_str(&r.err), "/no/such/folder"));
}

static void a_command_without_input_sees_its_end(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){0}, "cat; echo done", &r);
    assert_string_equal(strbuf_str(&r.out), "done\n");
}

static void megabytes_go_through_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    cleanup_free char *data = xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 251);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.input = data, .input_len = SIZE}, "cat", &r);
    assert_int_equal(r.out.len, SIZE);
    assert_memory_equal(r.out.data, data, SIZE);
}

static void a_command_that_does_not_read_its_input_still_ends(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    cleanup_free char *data = xcalloc(1, SIZE);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.input = data, .input_len = SIZE}, "exec <&-; exit 4", &r);
    assert_int_equal(r.status.code, 4);
}

static void a_terminal_is_one(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.pty = true}, "test -t 0 && test -t 1 && test -t 2 && echo yes", &r);
    assert_string_equal(strbuf_str(&r.out), "yes\r\n");
}

static void patience_lets_a_command_end_by_itself(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_proc struct proc *p = NULL;
    struct exit_status status;
    strv_push_all(&argv, "sh", "-c", "trap 'exit 9' TERM; sleep 0.3; exit 3", NULL);
    const struct command cmd = {.argv = &argv, .killable = true, .patience = 20 * NSEC_PER_SEC};
    assert_int_equal(proc_start(case_host, &cmd, &p, &err), 0);
    assert_int_equal(proc_kill(p, NSEC_PER_SEC, &err), 0);
    assert_true(proc_ended(p, &status));
    assert_int_equal(status.code, 3);
}

static void what_is_killed_may_clean_up_first(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_proc struct proc *p =
        start_shell((struct command){.killable = true},
                    "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.1; done");
    struct exit_status status;
    free(next_line(p));
    assert_int_equal(proc_kill(p, 20 * NSEC_PER_SEC, &err), 0);
    assert_true(proc_ended(p, &status));
    assert_int_equal(status.code, 9);
    assert_string_equal(strbuf_str(proc_out(p)), "bye\n");
}

static void killing_reaches_the_children(void **state)
{
    (void)state;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "trap '' TERM; sleep 60 & echo $!; wait; wait", NULL);
    const struct command cmd = {.argv = &argv, .killable = true};
    cleanup_error struct error err = ERROR_INIT;
    cleanup_proc struct proc *p = NULL;
    assert_int_equal(proc_start(case_host, &cmd, &p, &err), 0);
    size_t index;
    while (!memchr(strbuf_str(proc_out(p)), '\n', proc_out(p)->len))
        assert_int_equal(proc_wait_any(&p, 1, deadline_in(10 * NSEC_PER_SEC), &index, &err), 0);
    strbuf_rtrim(proc_out(p));
    int64_t pid = 0;
    assert_true(parse_int(strbuf_str(proc_out(p)), &pid));
    assert_int_equal(proc_kill(p, 200 * NSEC_PER_MSEC, &err), 0);
    struct exit_status status;
    assert_true(proc_ended(p, &status));
    assert_int_equal(status.code, -1);
    cleanup_free char *file = xasprintf("/proc/%d/stat", (int)pid);
    cleanup_strbuf struct strbuf stat = STRBUF_INIT;
    int64_t deadline = deadline_in(10 * NSEC_PER_SEC);
    do { /* the kernel takes it away in its own time, and then init collects it */
        assert_true(clock_now() < deadline);
        strbuf_truncate(&stat, 0);
    } while (fs_read(file, 4096, &stat, &err) == 0 && !strstr(strbuf_str(&stat), ") Z "));
}

static void a_deadline_ends_the_waiting(void **state)
{
    (void)state;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sleep", "60", NULL);
    const struct command cmd = {.argv = &argv, .killable = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(transport_run(case_host, &cmd, deadline_in(50 * NSEC_PER_MSEC), &r, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.message, "sleep 60: timed out");
}

static void many_run_side_by_side(void **state)
{
    (void)state;
    enum { N = 50 };
    struct proc *procs[N] = {0};
    cleanup_error struct error err = ERROR_INIT;
    for (int i = 0; i < N; i++) {
        cleanup_strv struct strv argv = STRV_INIT;
        strv_push_all(&argv, "sh", "-c", NULL);
        strv_printf(&argv, "echo %d", i);
        const struct command cmd = {.argv = &argv};
        assert_int_equal(proc_start(case_host, &cmd, &procs[i], &err), 0);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(proc_wait(procs[i], deadline_in(60 * NSEC_PER_SEC), &err), 0);
        cleanup_free char *expected = xasprintf("%d\n", i);
        assert_string_equal(strbuf_str(proc_out(procs[i])), expected);
        proc_free(procs[i]);
    }
}

static void files_go_there_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *from = path_join(folder, "from");
    cleanup_free char *to = path_join(folder, "it's to");
    cleanup_free char *missing = path_join(folder, "no/such");
    cleanup_strbuf struct strbuf data = STRBUF_INIT, again = STRBUF_INIT;
    for (int i = 0; i < 300000; i++)
        strbuf_putc(&data, (char)(i * 31));
    assert_int_equal(fs_write_atomic(from, data.data, data.len, 0600, &err), 0);
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    assert_int_equal(transport_put(case_host, from, to, 0751, deadline, NULL, NULL, &err), 0);
    struct stat st;
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(fs_read(to, 1 << 20, &again, &err), 0);
    assert_int_equal(again.len, data.len);
    assert_memory_equal(again.data, data.data, data.len);
    assert_int_equal(transport_put(case_host, missing, to, 0600, deadline, NULL, NULL, &err), -1);
    assert_int_equal(transport_put(case_host, from, missing, 0600, deadline, NULL, NULL, &err), -1);
    error_release(&err);
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

const struct CMUnitTest *transport_cases(size_t *ret_n)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test(outputs_are_apart_and_the_status_is_the_commands),
        cmocka_unit_test(input_dir_and_environment_reach_it),
        cmocka_unit_test(a_command_without_input_sees_its_end),
        cmocka_unit_test(megabytes_go_through_both_ways),
        cmocka_unit_test(a_command_that_does_not_read_its_input_still_ends),
        cmocka_unit_test(a_terminal_is_one),
        cmocka_unit_test(patience_lets_a_command_end_by_itself),
        cmocka_unit_test(what_is_killed_may_clean_up_first),
        cmocka_unit_test(killing_reaches_the_children),
        cmocka_unit_test(a_deadline_ends_the_waiting),
        cmocka_unit_test(many_run_side_by_side),
        cmocka_unit_test(files_go_there_whole),
    };
    *ret_n = ARRAY_SIZE(cases);
    return cases;
}
