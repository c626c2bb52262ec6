/* SPDX-License-Identifier: Apache-2.0
 * Commands over a line that takes little at a time, where a packet is half sent more often than
 * not: over a slow line itself, and over a jump that a slow line leads to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "tests/unit/support/sshd.h"
#include "tests/unit/support/transport_cases.h"
#include "transport/rsync.h"

static struct ssh_place place;

static int open_over(const char *destination)
{
    struct error err = ERROR_INIT;
    cleanup_free char *config = in_place(&place, "config");
    const struct host_spec spec = {.name = "dev", .destination = destination, .ssh_config = config};
    if (transport_open(&spec, &case_host, &err) < 0)
        fail_msg("%s", err.message);
    return 0;
}

static int open_slow(void **state)
{
    (void)state;
    return open_over("slow");
}

static int open_far(void **state)
{
    (void)state;
    return open_over("far");
}

static int close_host(void **state)
{
    (void)state;
    transport_close(case_host);
    return 0;
}

static void still_works(void)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){0}, "echo here", &r);
    assert_string_equal(strbuf_str(&r.out), "here\n");
    assert_false(transport_is_lost(case_host));
}

/* The packet that the deadline cuts in two is no command's any more, and must go out whole. */
static void a_cut_upload_leaves_the_connection_usable(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    cleanup_free char *data = xcalloc(1, SIZE);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "cat >/dev/null", NULL);
    const struct command cmd = {.argv = &argv, .input = data, .input_len = SIZE};
    for (int i = 0; i < 5; i++) {
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        cleanup_error struct error err = ERROR_INIT;
        int64_t deadline = deadline_in((100 + 7 * i) * NSEC_PER_MSEC);
        assert_int_equal(transport_run(case_host, &cmd, deadline, &r, &err), -1);
        assert_int_equal(err.code, ERR_TIMEOUT);
        still_works();
    }
}

static void a_cut_sync_leaves_the_connection_usable(void **state)
{
    (void)state;
    cleanup_free char *from = in_place(&place, "big");
    cleanup_free char *to = in_place(&place, "there");
    write_text(from, "");
    assert_int_equal(truncate(from, 16 << 20), 0);
    const struct rsync_job job = {.from = from, .to = to};
    for (int i = 0; i < 3; i++) {
        struct rsync_stats stats = {0};
        cleanup_error struct error err = ERROR_INIT;
        int64_t deadline = deadline_in((500 + 7 * i) * NSEC_PER_MSEC);
        assert_int_equal(rsync_run(case_host, &job, deadline, NULL, NULL, &stats, &err), -1);
        assert_int_equal(err.code, ERR_TIMEOUT);
        still_works();
    }
}

/* What makes room for more output goes the way that the input keeps full. */
static void much_both_ways_loses_nothing(void **state)
{
    (void)state;
    enum { SIZE = 3 << 19 };
    cleanup_free char *data = xmalloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 251);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    run_shell((struct command){.input = data, .input_len = SIZE},
              "head -c 20000000 /dev/zero & cat >&2; wait", &r);
    assert_int_equal(r.out.len, 20000000);
    assert_int_equal(r.err.len, SIZE);
    assert_memory_equal(r.err.data, data, SIZE);
    still_works();
}

/* One that sends all the time takes neither the input nor the turn of another. */
static void an_upload_leaves_the_others_their_input(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 }; /* two seconds of that line, whatever the kernel holds of it */
    cleanup_free char *data = xcalloc(1, SIZE);
    struct error err = ERROR_INIT;
    cleanup_proc struct proc *upload =
        start_shell((struct command){.input = data, .input_len = SIZE}, "wc -c");
    cleanup_proc struct proc *talk = start_shell((struct command){.keep_stdin = true},
                                                 "while read -r x; do echo \"<$x>\"; done");
    struct proc *const both[] = {upload, talk};
    size_t index;
    for (int i = 0; i < 3; i++) {
        cleanup_free char *line = xasprintf("%d\n", i);
        cleanup_free char *expected = xasprintf("<%d>\n", i);
        assert_int_equal(proc_write(talk, line, strlen(line), &err), 0);
        while (!memchr(strbuf_str(proc_out(talk)), '\n', proc_out(talk)->len)) {
            assert_false(proc_ended(upload, NULL));
            if (proc_wait_any(both, 2, deadline_in(20 * NSEC_PER_SEC), &index, &err) < 0)
                fail_msg("%s", err.message);
        }
        assert_string_equal(strbuf_str(proc_out(talk)), expected);
        strbuf_truncate(proc_out(talk), 0);
    }
    assert_int_equal(proc_close_stdin(talk, &err), 0);
    assert_int_equal(proc_wait(upload, deadline_in(30 * NSEC_PER_SEC), &err), 0);
    assert_string_equal(strbuf_str(proc_out(upload)), "8388608\n");
    assert_int_equal(proc_wait(talk, deadline_in(30 * NSEC_PER_SEC), &err), 0);
}

/* What proc_flush() says has gone out is there, without another look at the command. */
static void what_is_flushed_has_gone_out(void **state)
{
    (void)state;
    enum { PACKET = 32700, MOST = 8 }; /* the last of some number of packets stays half sent */
    cleanup_free char *data = xcalloc(MOST, PACKET);
    cleanup_free char *file = in_place(&place, "flushed");
    cleanup_free char *script = xasprintf("cat > %s", file);
    struct error err = ERROR_INIT;
    cleanup_proc struct proc *p = start_shell((struct command){.keep_stdin = true}, script);
    int64_t deadline = deadline_in(20 * NSEC_PER_SEC);
    off_t sent = 0;
    for (size_t i = 1; i <= MOST; i++) {
        struct stat st = {0};
        assert_int_equal(proc_write(p, data, i * PACKET, &err), 0);
        assert_int_equal(proc_flush(p, deadline, &err), 0);
        sent += (off_t)(i * PACKET);
        while (stat(file, &st) < 0 || st.st_size < sent)
            assert_true(clock_now() < deadline);
    }
    assert_int_equal(unlink(file), 0);
}

static void killing_works_while_its_input_is_under_way(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    cleanup_free char *data = xcalloc(1, SIZE);
    cleanup_error struct error err = ERROR_INIT;
    cleanup_proc struct proc *p =
        start_shell((struct command){.input = data, .input_len = SIZE, .killable = true},
                    "cat >/dev/null; exec sleep 60");
    assert_int_equal(proc_wait(p, deadline_in(100 * NSEC_PER_MSEC), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    error_release(&err);
    if (proc_kill(p, 10 * NSEC_PER_SEC, &err) < 0)
        fail_msg("%s", err.message);
    still_works();
}

/* After bytes that make no sense nothing is right any more: what undoes needs a new connection. */
static void what_cannot_be_read_loses_the_connection(void **state)
{
    (void)state;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv};
    place.slow.faults->garble = true;
    assert_int_equal(transport_run(case_host, &cmd, deadline_in(20 * NSEC_PER_SEC), &r, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_string_equal(err.hint, "run again, over a new connection");
    assert_true(transport_is_lost(case_host));
    error_release(&err);
    assert_int_equal(transport_reconnect(case_host, &err), 0);
    still_works();
}

/* In a process of its own, as a stop is for good. 0: as it should be, else what was not. */
static int start_and_be_stopped(void *data)
{
    (void)data;
    cancel_install();
    cleanup_error struct error err = ERROR_INIT;
    cleanup_transport struct transport *host = NULL;
    cleanup_free char *config = in_place(&place, "config");
    const struct host_spec spec = {.name = "dev", .destination = "slow", .ssh_config = config};
    if (transport_open(&spec, &host, &err) < 0)
        return 1;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "kill -INT \"$0\"; exec sleep 60", NULL);
    strv_printf(&argv, "%ld", (long)getpid());
    const struct command cmd = {.argv = &argv, .killable = true};
    cleanup_proc struct proc *p = NULL;
    place.slow.faults->late_ms = 300; /* the command has begun long before that is heard of */
    int started = proc_start(host, &cmd, &p, &err);
    place.slow.faults->late_ms = 0;
    if (started < 0)
        return 2;
    if (proc_wait(p, deadline_in(20 * NSEC_PER_SEC), &err) == 0 || err.code != ERR_INTERRUPTED)
        return 3;
    error_release(&err);
    return proc_kill(p, 10 * NSEC_PER_SEC, &err) == 0 && proc_ended(p, NULL) ? 0 : 4;
}

/* What may run already must not be given up: nobody could end it any more. */
static void a_stop_while_a_command_starts_loses_none(void **state)
{
    (void)state;
    assert_int_equal(without_a_terminal(start_and_be_stopped, NULL), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], RSYNC_SHELL_VERB) == 0)
        return rsync_shell_main(argc - 1, argv + 1);
    if (ssh_place_make(&place) < 0) {
        puts("1..0 # SKIP there is no sshd on this machine");
        return 0;
    }
    ssh_place_slow(&place);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cut_upload_leaves_the_connection_usable, open_slow,
                                        close_host),
        cmocka_unit_test_setup_teardown(a_cut_sync_leaves_the_connection_usable, open_slow,
                                        close_host),
        cmocka_unit_test_setup_teardown(much_both_ways_loses_nothing, open_slow, close_host),
        cmocka_unit_test_setup_teardown(an_upload_leaves_the_others_their_input, open_slow,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_is_flushed_has_gone_out, open_slow, close_host),
        cmocka_unit_test_setup_teardown(killing_works_while_its_input_is_under_way, open_slow,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_loses_the_connection, open_slow,
                                        close_host),
        cmocka_unit_test(a_stop_while_a_command_starts_loses_none),
        cmocka_unit_test_setup_teardown(a_cut_upload_leaves_the_connection_usable, open_far,
                                        close_host),
        cmocka_unit_test_setup_teardown(much_both_ways_loses_nothing, open_far, close_host),
        cmocka_unit_test_setup_teardown(an_upload_leaves_the_others_their_input, open_far,
                                        close_host),
        cmocka_unit_test_setup_teardown(what_is_flushed_has_gone_out, open_far, close_host),
    };
    int failed = cmocka_run_group_tests_name("transport over a slow line", tests, NULL, NULL);
    ssh_place_remove(&place);
    return failed;
}
