/* SPDX-License-Identifier: Apache-2.0
 * How long a checkpoint has taken: by two clocks of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "steps/checkpoint_figures.h"
#include "transport/transport.h"

static void the_clock_that_was_not_set_counts(void **state)
{
    (void)state;
    static const struct {
        const char *line; /* wall clock in ns, uptime in hundredths, status */
        int64_t wall;
        int status;
    } cases[] = {
        {"1000000000 1123456789 5000 5012 0", 123456789, 0},
        {"1000000000 1123456789 5000 5012 3", 123456789, 3},
        {"1000000000 1050000000 5000 5000 0", 50000000, 0},    /* hundredths are no better */
        {"1000000000 9000000000 5000 5012 0", 120000000, 0},   /* set forward meanwhile */
        {"9000000000 1000000000 5000 5012 0", 120000000, 0},   /* set back */
        {"1000000000 1000000000 5000 6000 0", 10000000000, 0}, /* by just as much */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        struct checkpoint_time time;
        assert_int_equal(checkpoint_time_parse(cases[i].line, &time, &err), 0);
        assert_int_equal(time.wall, cases[i].wall);
        assert_int_equal(time.status, cases[i].status);
    }
    static const char *const bad[] = {"", "1 2 3 4", "1 2 3 x 0", "date: no such option"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cleanup_error struct error err = ERROR_INIT;
        struct checkpoint_time time;
        assert_int_equal(checkpoint_time_parse(bad[i], &time, &err), -1);
        assert_non_null(strstr(err.message, "the host's clocks cannot be read"));
    }
}

static void a_command_is_timed_and_not_disturbed(void **state)
{
    (void)state;
    cleanup_transport struct transport *here = NULL;
    cleanup_strv struct strv client = STRV_INIT, argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here"};
    struct checkpoint_time time;
    strv_push_all(&client, "sh", "-c", "echo \"<$1>\"; echo err >&2; exit 5", "sh", "it's $HOME",
                  NULL);
    checkpoint_timed_command(&client, &argv);
    const struct command cmd = {.argv = &argv};
    assert_int_equal(transport_open(&spec, &here, &err), 0);
    assert_int_equal(transport_run(here, &cmd, deadline_in(60 * NSEC_PER_SEC), &r, &err), 0);
    assert_int_equal(r.status.code, 0);
    assert_string_equal(strbuf_str(&r.err), "<it's $HOME>\nerr\n");
    assert_int_equal(checkpoint_time_parse(strbuf_str(&r.out), &time, &err), 0);
    assert_int_equal(time.status, 5);
    assert_true(time.wall > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_that_was_not_set_counts),
        cmocka_unit_test(a_command_is_timed_and_not_disturbed),
    };
    return cmocka_run_group_tests_name("checkpoint time", tests, NULL, NULL);
}
