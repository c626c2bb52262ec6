/* SPDX-License-Identifier: Apache-2.0
 * What a look at a checkpoint says, out of a guest that may say anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "steps/checkpoint_figures.h"
#include "steps/checkpoint_look.h"

static const char whole[] = "criu 42 812 813\nlog 70 /tmp/a b/dump.log\ndata 6\nab\n\0\xff\n";
enum { WHOLE = sizeof(whole) - 1 };

static void a_look_has_all_that_was_said(void **state)
{
    (void)state;
    cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
    cleanup_error struct error err = ERROR_INIT;
    size_t used;
    assert_int_equal(checkpoint_look_read(whole, WHOLE, &look, &used, &err), 0);
    assert_int_equal(used, WHOLE);
    assert_int_equal(look.ticks, 42);
    assert_int_equal(look.pids.len, 2);
    assert_string_equal(look.pids.items[0], "812");
    assert_string_equal(look.pids.items[1], "813");
    assert_string_equal(look.log, "/tmp/a b/dump.log");
    assert_int_equal(look.offset, 70);
    assert_int_equal(look.piece_len, 6);
    assert_memory_equal(look.piece, "ab\n\0\xff\n", 6);
}

static void without_a_criu_little_is_said(void **state)
{
    (void)state;
    cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
    cleanup_error struct error err = ERROR_INIT;
    size_t used;
    static const char two[] = "criu 0\ndata 0\ncriu 7 9\n";
    assert_int_equal(checkpoint_look_read(two, strlen(two), &look, &used, &err), 0);
    assert_int_equal(used, strlen("criu 0\ndata 0\n")); /* the next one is not its */
    assert_int_equal(look.pids.len, 0);
    assert_null(look.log);
    assert_int_equal(look.piece_len, 0);
}

static void until_its_end_has_come_there_is_no_look(void **state)
{
    (void)state;
    for (size_t len = 0; len < WHOLE; len++) {
        cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
        cleanup_error struct error err = ERROR_INIT;
        size_t used = 1;
        cleanup_free char *part = xmalloc(len + 1);
        memcpy(part, whole, len);
        assert_int_equal(checkpoint_look_read(part, len, &look, &used, &err), 0);
        assert_int_equal(used, 0);
        assert_null(look.log);
        assert_null(look.pids.items);
    }
}

static void what_is_no_look_is_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "\n",
        "hello\n",
        "criu\n",
        "criu \n",
        "criu x 5\n",
        "criu -1\n",
        "criu 0 1\n", /* all of the guest ends with it */
        "criu 0 -5\n",
        "criu 0 5 \n",
        "criu 0 99999999999999999999\n",
        "data 0\n",
        "log 0 /a\n",
        "criu 0\ncriu 0\n",
        "criu 0\nlog 0\n",
        "criu 0\nlog 0 a\n",
        "criu 0\nlog -1 /a\n",
        "criu 0\nlog 0 /a\nlog 0 /b\n",
        "criu 0\ndata -1\n",
        "criu 0\ndata 65537\n",
        "criu 0\ndata x\n",
        "criu 0\ndata \n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
        cleanup_error struct error err = ERROR_INIT;
        size_t used;
        if (checkpoint_look_read(table[i], strlen(table[i]), &look, &used, &err) != -1)
            fail_msg("`%s` is taken for a look", table[i]);
        assert_string_equal(err.message, "what a look at CRIU says is not understood");
        assert_null(look.log);
    }
    cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
    cleanup_error struct error err = ERROR_INIT;
    size_t used;
    static const char nul[] = "criu 0\nlog 5 /a\0b\ndata 0\n";
    assert_int_equal(checkpoint_look_read(nul, sizeof(nul) - 1, &look, &used, &err), -1);
}

static void what_has_no_end_is_refused(void **state)
{
    (void)state;
    enum { LEN = LOOK_HEAD_MAX + 1 };
    cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
    cleanup_error struct error err = ERROR_INIT;
    size_t used;
    cleanup_free char *text = xcalloc(1, LEN);
    memset(text, 'c', LEN);
    assert_int_equal(checkpoint_look_read(text, LEN - 1, &look, &used, &err), 0);
    assert_int_equal(used, 0);
    assert_int_equal(checkpoint_look_read(text, LEN, &look, &used, &err), -1);
    assert_string_equal(err.message, "what a look at CRIU says has no end");
}

/* What the timed command on the host has printed: the wall clock, or the uptime where that was set
 * meanwhile; nothing that cannot be. */
static void the_time_of_a_checkpoint_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t wall; /* -1: cannot be read */
    } cases[] = {
        {"1700000000000000000 1700000001230000000 12345 12468 0", 1230 * NSEC_PER_MSEC},
        {"1700000000000000000 1700000099000000000 12345 12468 0", 1230 * NSEC_PER_MSEC},
        {"1700000000000000000 1690000000000000000 12345 12468 0", 1230 * NSEC_PER_MSEC},
        {"1700000000%N 1700000001%N 12345 12468 0", -1},
        {"1700000000000000000 1700000001230000000 0", -1},
        {"1700000000000000000 1700000001230000000 12468 12345 0", -1},
        {"-9223372036854775807 9223372036854775807 1 2 0", -1},
        {"1 2 0 9223372036854775807 0", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        struct checkpoint_time time = {.wall = -1};
        int result = checkpoint_time_parse(cases[i].line, &time, &err);
        assert_int_equal(result, cases[i].wall < 0 ? -1 : 0);
        assert_int_equal(time.wall, cases[i].wall);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_has_all_that_was_said),
        cmocka_unit_test(without_a_criu_little_is_said),
        cmocka_unit_test(until_its_end_has_come_there_is_no_look),
        cmocka_unit_test(what_is_no_look_is_refused),
        cmocka_unit_test(what_has_no_end_is_refused),
        cmocka_unit_test(the_time_of_a_checkpoint_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
