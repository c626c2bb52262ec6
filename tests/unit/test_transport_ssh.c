/* SPDX-License-Identifier: Apache-2.0
 * Commands and files over ssh, against a real sshd: what every kind of transport must do, and what
 * only a connection has: it can be cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "tests/unit/support/sshd.h"
#include "tests/unit/support/transport_cases.h"
#include "transport/rsync.h"
#include "transport/ssh_group.h"

static struct ssh_place place;

static int open_host(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    cleanup_free char *config = in_place(&place, "config");
    const struct host_spec spec = {.name = "dev", .destination = "main", .ssh_config = config};
    if (transport_open(&spec, &case_host, &err) < 0)
        fail_msg("%s", err.message);
    return 0;
}

static int close_host(void **state)
{
    (void)state;
    transport_close(case_host);
    ssh_place_remove(&place);
    return 0;
}

static void wait_until_gone(pid_t pid)
{
    int64_t deadline = deadline_in(10 * NSEC_PER_SEC);
    while (kill(pid, 0) == 0)
        assert_true(clock_now() < deadline);
}

static pid_t pid_in(const char *text)
{
    int64_t pid = 0;
    assert_true(parse_int(text, &pid));
    return (pid_t)pid;
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void a_program_that_is_not_there_is_the_shells_127(void **state)
{
    (void)state;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "no-such-program-anywhere");
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(transport_run(case_host, &cmd, DEADLINE_NEVER, &r, &err), 0);
    assert_int_equal(r.status.code, 127);
    assert_non_null(strstr(strbuf_str(&r.err), "no-such-program-anywhere"));
}

static void words_reach_the_host_as_they_are(void **state)
{
    (void)state;
    static const char *const words[] = {"",   " ",  "it's",  "\"$HOME\"", "a\nb", "*",   "~",
                                        "\\", "-n", "$(id)", "\xc3\xa9",  "!x",   "=ls", "#"};
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf expected = STRBUF_INIT;
    strv_push_all(&argv, "printf", "<%s>", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        strv_push(&argv, words[i]);
        strbuf_printf(&expected, "<%s>", words[i]);
    }
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    struct error err = ERROR_INIT;
    assert_int_equal(transport_run(case_host, &cmd, deadline_in(20 * NSEC_PER_SEC), &r, &err), 0);
    assert_string_equal(strbuf_str(&r.out), strbuf_str(&expected));
}

static void a_conversation_goes_both_ways(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    cleanup_proc struct proc *p = start_shell((struct command){.keep_stdin = true},
                                              "while read -r x; do echo \"<$x>\"; done");
    for (int i = 0; i < 20; i++) {
        cleanup_free char *line = xasprintf("%d\n", i);
        cleanup_free char *expected = xasprintf("<%d>", i);
        assert_int_equal(proc_write(p, line, strlen(line), &err), 0);
        cleanup_free char *got = next_line(p);
        assert_string_equal(got, expected);
    }
    assert_int_equal(proc_close_stdin(p, &err), 0);
    assert_int_equal(proc_wait(p, deadline_in(20 * NSEC_PER_SEC), &err), 0);
}

static void a_killable_command_shows_nothing_of_how_it_is_killed(void **state)
{
    (void)state;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.killable = true, .login = true}, "echo out; echo err >&2", &r);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_non_null(strstr(strbuf_str(&r.err), "err\n"));
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv, .killable = true};
    struct error err = ERROR_INIT;
    assert_int_equal(transport_run(case_host, &cmd, deadline_in(20 * NSEC_PER_SEC), &r, &err), 0);
    assert_string_equal(strbuf_str(&r.err), "");
}

/* What a login says before the command begins is the command's, as long as there is an end to it.
 */
static void a_login_that_floods_is_said(void **state)
{
    (void)state;
    cleanup_free char *shell = in_place(&place, "loud-shell");
    cleanup_free char *variable = xasprintf("SHELL=%s", shell);
    cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    strv_push_all(&argv, "echo", "out", NULL);
    strv_push(&env, variable);
    const struct command cmd = {.argv = &argv, .env = &env, .login = true, .killable = true};
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    write_text(shell, "#!/bin/sh\nhead -c 60000 /dev/zero >&2\nexec /bin/sh \"$@\"\n");
    assert_int_equal(chmod(shell, 0700), 0);
    if (transport_run(case_host, &cmd, deadline, &r, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(strbuf_str(&r.out), "out\n");
    assert_int_equal(r.err.len, 60000);
    write_text(shell, "#!/bin/sh\nexec head -c 1000000 /dev/zero >&2\n");
    assert_int_equal(chmod(shell, 0700), 0);
    assert_int_equal(transport_run(case_host, &cmd, deadline, &r, &err), -1);
    assert_string_equal(err.message, "echo out: the login on dev wrote more than 64 KiB before the "
                                     "command began");
    run_shell((struct command){0}, "echo here", &r);
    assert_string_equal(strbuf_str(&r.out), "here\n");
}

static void forgetting_a_killable_command_ends_it(void **state)
{
    (void)state;
    struct proc *p = start_shell((struct command){.killable = true}, "echo $$; exec sleep 600");
    cleanup_free char *line = next_line(p);
    proc_free(p);
    wait_until_gone(pid_in(line));
}

static void a_closed_terminal_hangs_its_command_up(void **state)
{
    (void)state;
    struct proc *p = start_shell((struct command){.pty = true}, "echo $$; exec sleep 600");
    cleanup_free char *line = next_line(p);
    line[strcspn(line, "\r")] = '\0';
    proc_free(p);
    wait_until_gone(pid_in(line));
}

/* One that nobody reads must not hold up another on the same connection. */
static void a_command_that_floods_does_not_stop_the_others(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    cleanup_proc struct proc *flood =
        start_shell((struct command){.killable = true}, "exec head -c 20000000 /dev/zero");
    size_t index;
    while (proc_out(flood)->len == 0)
        assert_int_equal(proc_wait_any(&flood, 1, DEADLINE_NEVER, &index, &err), 0);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){0}, "echo here", &r);
    assert_string_equal(strbuf_str(&r.out), "here\n");
    assert_int_equal(proc_wait(flood, deadline_in(60 * NSEC_PER_SEC), &err), 0);
    assert_int_equal(proc_out(flood)->len, 20000000);
}

/* --- files -------------------------------------------------------------------------------------
 */

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Where sending fails on the way the target is as it was, and nothing lies beside it. */
static void a_file_that_does_not_come_whole_is_not_there(void **state)
{
    (void)state;
    cleanup_free char *folder = in_place(&place, "files");
    cleanup_free char *target = path_join(folder, "target");
    assert_int_equal(mkdir(folder, 0700), 0);
    write_text(target, "old\n");
    cleanup_error struct error err = ERROR_INIT;
    /* A file of /proc says it is empty and is not: more comes than was announced. */
    assert_int_equal(transport_put(case_host, "/proc/self/status", target, 0644,
                                   deadline_in(20 * NSEC_PER_SEC), NULL, NULL, &err),
                     -1);
    assert_non_null(strstr(err.message, " of 0 bytes came"));
    cleanup_free char *text = text_of(target);
    assert_string_equal(text, "old\n");
    assert_int_equal(files_in(folder), 1);
}

static void count(void *data, int64_t done, int64_t total)
{
    int64_t *seen = data;
    seen[0] = done;
    seen[1] = total;
}

static void progress_is_told(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "progress-from");
    cleanup_free char *to = in_place(&place, "progress-to");
    write_text(from, "0123456789");
    struct error err = ERROR_INIT;
    int64_t seen[2] = {0};
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    assert_int_equal(transport_put(case_host, from, to, 0644, deadline, count, seen, &err), 0);
    assert_int_equal(seen[0], 10);
    assert_int_equal(seen[1], 10);
}

/* --- rsync -------------------------------------------------------------------------------------
 */

static void rsync_goes_over_the_connection(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "tree");
    cleanup_free char *file = in_place(&place, "tree/a b/it's");
    cleanup_free char *dir = path_dir(file);
    cleanup_free char *to = in_place(&place, "synced $(x)/deeper");
    cleanup_free char *there = in_place(&place, "synced $(x)/deeper/a b/it's");
    struct error err = ERROR_INIT;
    assert_int_equal(fs_mkdir_parents(dir, &err), 0);
    write_text(file, "content\n");
    const struct rsync_job job = {.from = from, .to = to};
    struct rsync_stats stats = {0};
    int64_t deadline = deadline_in(60 * NSEC_PER_SEC);
    if (rsync_run(case_host, &job, deadline, NULL, NULL, &stats, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(stats.files_sent, 1);
    cleanup_free char *text = text_of(there);
    assert_string_equal(text, "content\n");
    assert_int_equal(rsync_run(case_host, &job, deadline, NULL, NULL, &stats, &err), 0);
    assert_int_equal(stats.files_sent, 0);
}

static void what_rsync_cannot_write_is_said(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "tree");
    const struct rsync_job job = {.from = from, .to = "/proc/no/such"};
    struct rsync_stats stats;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(
        rsync_run(case_host, &job, deadline_in(60 * NSEC_PER_SEC), NULL, NULL, &stats, &err), -1);
    assert_int_equal(err.code, ERR_FAILED);
    assert_non_null(strstr(err.message, "/proc/no"));
}

/* --- a connection that is cut ------------------------------------------------------------------
 */

static void is_lost(int result, const struct error *err)
{
    assert_int_equal(result, -1);
    assert_int_equal(err->code, ERR_UNREACHABLE);
    assert_non_null(strstr(err->message, "the connection to dev was lost"));
    assert_true(transport_is_lost(case_host));
}

static void a_cut_connection_is_noticed_and_made_again(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_proc struct proc *p = start_shell((struct command){0}, "echo there; exec sleep 600");
    free(next_line(p));
    sshd_cut(&place.main);
    is_lost(proc_wait(p, deadline_in(20 * NSEC_PER_SEC), &err), &err);
    error_release(&err);
    /* Everything says so from here on… */
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv};
    is_lost(transport_run(case_host, &cmd, DEADLINE_NEVER, &r, &err), &err);
    error_release(&err);
    /* …until there is a new one, which knows nothing of the old one's commands. */
    assert_int_equal(transport_reconnect(case_host, &err), 0);
    run_shell((struct command){0}, "echo back", &r);
    assert_string_equal(strbuf_str(&r.out), "back\n");
    assert_int_equal(proc_wait(p, DEADLINE_NEVER, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    run_shell((struct command){0}, "echo still", &r);
    assert_string_equal(strbuf_str(&r.out), "still\n");
}

/* Nobody is told: it is asked. */
static void a_connection_that_stands_still_is_noticed_and_made_again(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_proc struct proc *p = start_shell((struct command){0}, "echo there; exec sleep 600");
    free(next_line(p));
    transport_probe(case_host, 20 * NSEC_PER_SEC);
    assert_false(transport_is_lost(case_host));
    assert_false(proc_is_lost(p));
    sshd_stand_still(&place.main);
    transport_probe(case_host, 300 * NSEC_PER_MSEC);
    assert_true(transport_is_lost(case_host));
    assert_int_equal(transport_reconnect(case_host, &err), 0);
    run_shell((struct command){0}, "echo back", &r);
    assert_string_equal(strbuf_str(&r.out), "back\n");
    assert_true(proc_is_lost(p));
}

/* Whoever goes on over it would wait for the same again. */
static void a_start_that_nobody_answers_loses_the_connection(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv argv = STRV_INIT;
    struct proc *p = NULL;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv, .start_timeout = 300 * NSEC_PER_MSEC};
    sshd_stand_still(&place.main);
    assert_int_equal(proc_start(case_host, &cmd, &p, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.message, "timed out"));
    assert_true(transport_is_lost(case_host));
    sshd_cut(&place.main);
    assert_int_equal(transport_reconnect(case_host, &err), 0);
}

static void cut_once(bool *done)
{
    if (!*done)
        sshd_cut(&place.main);
    *done = true;
}

static void cut_at_progress(void *data, int64_t done, int64_t total)
{
    (void)total;
    if (done > 0)
        cut_once(data);
}

static void cut_while_a_file_is_sent_the_old_one_stays(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "big");
    cleanup_free char *folder = in_place(&place, "cut");
    cleanup_free char *to = path_join(folder, "target");
    assert_int_equal(mkdir(folder, 0700), 0);
    write_text(to, "old\n");
    write_text(from, "");
    assert_int_equal(truncate(from, 64 << 20), 0);
    cleanup_error struct error err = ERROR_INIT;
    bool cut = false;
    int64_t deadline = deadline_in(60 * NSEC_PER_SEC);
    int result = transport_put(case_host, from, to, 0644, deadline, cut_at_progress, &cut, &err);
    assert_true(cut);
    is_lost(result, &err);
    error_release(&err);
    while (files_in(folder) > 1) /* the host's half sees the end, and takes its piece away */
        assert_true(clock_now() < deadline);
    cleanup_free char *text = text_of(to);
    assert_string_equal(text, "old\n");
    assert_int_equal(transport_reconnect(case_host, &err), 0);
}

static void cut_at_percent(void *data, const char *path, int percent)
{
    if (path || percent > 0)
        cut_once(data);
}

static void cut_while_rsync_runs_is_a_lost_connection(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "big-tree");
    cleanup_free char *file = in_place(&place, "big-tree/zeros");
    cleanup_free char *to = in_place(&place, "big-there");
    assert_int_equal(mkdir(from, 0700), 0);
    write_text(file, "");
    assert_int_equal(truncate(file, 64 << 20), 0);
    const struct rsync_job job = {.from = from, .to = to};
    struct rsync_stats stats;
    cleanup_error struct error err = ERROR_INIT;
    bool cut = false;
    int result = rsync_run(case_host, &job, deadline_in(60 * NSEC_PER_SEC), cut_at_percent, &cut,
                           &stats, &err);
    assert_true(cut);
    is_lost(result, &err);
    error_release(&err);
    assert_int_equal(transport_reconnect(case_host, &err), 0);
}

static void a_host_that_has_gone_cannot_be_reached_again(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    int port = place.main.port;
    sshd_cut(&place.main);
    sshd_stop(&place.main);
    assert_int_equal(transport_reconnect(case_host, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    cleanup_free char *message =
        xasprintf("connecting to 127.0.0.1 port %d: Connection refused", port);
    assert_string_equal(err.message, message);
    assert_true(transport_is_lost(case_host));
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv};
    error_release(&err);
    is_lost(transport_run(case_host, &cmd, DEADLINE_NEVER, &r, &err), &err);
    error_release(&err);
    sshd_start(&place, &place.main, "host"); /* another port: `main` of the config says which */
    ssh_place_know(&place);
    assert_int_equal(transport_reconnect(case_host, &err), 0);
    run_shell((struct command){0}, "echo again", &r);
    assert_string_equal(strbuf_str(&r.out), "again\n");
}

/* A group's number is of one boot of the host: after the next it may be anybody's. */
static void what_runs_since_another_boot_is_not_killed(void **state)
{
    (void)state;
    struct ssh_group g = {0};
    cleanup_strv struct strv start = STRV_INIT, old = STRV_INIT, same = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    size_t index;
    strv_push_all(&start, "setsid", "-w", NULL);
    ssh_group_announce(&g, &start);
    strv_push_all(&start, "sleep", "600", NULL);
    const struct command cmd = {.argv = &start};
    cleanup_proc struct proc *p = NULL;
    assert_int_equal(proc_start(case_host, &cmd, &p, &err), 0);
    while (g.id == 0) {
        assert_int_equal(proc_wait_any(&p, 1, deadline, &index, &err), 0);
        assert_int_equal(ssh_group_take(&g, proc_err(p)), 0);
    }
    assert_int_equal(strlen(g.boot), 36); /* a UUID */
    char first = g.boot[0];
    g.boot[0] = 'x';
    ssh_group_kill(&g, "KILL", 0, &old);
    const struct command kill_old = {.argv = &old};
    assert_int_equal(transport_check(case_host, &kill_old, deadline, "killing", &r, &err), 0);
    assert_int_equal(kill((pid_t)g.id, 0), 0);
    g.boot[0] = first;
    ssh_group_kill(&g, "KILL", 0, &same);
    const struct command kill_same = {.argv = &same};
    assert_int_equal(transport_check(case_host, &kill_same, deadline, "killing", &r, &err), 0);
    assert_int_equal(proc_wait(p, deadline, &err), 0);
    ssh_group_release(&g);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], RSYNC_SHELL_VERB) == 0)
        return rsync_shell_main(argc - 1, argv + 1);
    if (ssh_place_make(&place) < 0) {
        puts("1..0 # SKIP there is no sshd on this machine");
        return 0;
    }
    size_t n;
    const struct CMUnitTest *cases = transport_cases(&n);
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_program_that_is_not_there_is_the_shells_127),
        cmocka_unit_test(words_reach_the_host_as_they_are),
        cmocka_unit_test(a_conversation_goes_both_ways),
        cmocka_unit_test(a_killable_command_shows_nothing_of_how_it_is_killed),
        cmocka_unit_test(a_login_that_floods_is_said),
        cmocka_unit_test(forgetting_a_killable_command_ends_it),
        cmocka_unit_test(what_runs_since_another_boot_is_not_killed),
        cmocka_unit_test(a_closed_terminal_hangs_its_command_up),
        cmocka_unit_test(a_command_that_floods_does_not_stop_the_others),
        cmocka_unit_test(a_file_that_does_not_come_whole_is_not_there),
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(rsync_goes_over_the_connection),
        cmocka_unit_test(what_rsync_cannot_write_is_said),
        cmocka_unit_test(a_cut_connection_is_noticed_and_made_again),
        cmocka_unit_test(a_connection_that_stands_still_is_noticed_and_made_again),
        cmocka_unit_test(a_start_that_nobody_answers_loses_the_connection),
        cmocka_unit_test(cut_while_a_file_is_sent_the_old_one_stays),
        cmocka_unit_test(cut_while_rsync_runs_is_a_lost_connection),
        cmocka_unit_test(a_host_that_has_gone_cannot_be_reached_again),
    };
    struct CMUnitTest tests[64];
    size_t n_tests = 0;
    for (size_t i = 0; i < n; i++)
        tests[n_tests++] = cases[i];
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        tests[n_tests++] = own[i];
    return _cmocka_run_group_tests("transport ssh", tests, n_tests, open_host, close_host);
}
