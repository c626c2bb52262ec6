/* SPDX-License-Identifier: Apache-2.0
 * From which looks on a checkpoint hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "steps/stall.h"

/* What `s` is told in turn: of each look, when it was (seconds from the begin), and what it saw. */
static void looks(struct stall *s, const struct motion *seen, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct motion now = seen[i];
        now.at *= NSEC_PER_SEC;
        stall_look(s, &now);
    }
}

#define LOOKS(s, ...)                                                                              \
    do {                                                                                           \
        const struct motion list_[] = {__VA_ARGS__};                                               \
        looks(s, list_, ARRAY_SIZE(list_));                                                        \
    } while (0)
#define CRIU(second, t, o)                                                                         \
    {                                                                                              \
        .at = (second), .criu_runs = true, .criu = 1, .ticks = (t), .offset = (o),                 \
        .host = HOST_NOT_ASKED                                                                     \
    }
#define HOST(second, figure)                                                                       \
    {                                                                                              \
        .at = (second), .host = (figure)                                                           \
    }

static struct stall begun(void)
{
    struct stall s;
    stall_begin(&s, 10 * NSEC_PER_SEC, 0);
    return s;
}

static void a_criu_that_stands_still_is_a_stall(void **state)
{
    (void)state;
    struct stall s = begun();
    LOOKS(&s, CRIU(1, 5, 100), CRIU(3, 5, 100), CRIU(5, 5, 100), CRIU(7, 5, 100));
    assert_int_equal(s.quiet_since, NSEC_PER_SEC); /* when it was first seen like that */
    assert_false(stall_is_suspected(&s, 5 * NSEC_PER_SEC));
    assert_true(stall_is_suspected(&s, 6 * NSEC_PER_SEC));
    assert_false(stall_is_near(&s, 10 * NSEC_PER_SEC));
    assert_true(stall_is_near(&s, 11 * NSEC_PER_SEC));
    assert_false(stall_is_there(&s));
    LOOKS(&s, CRIU(11, 5, 100));
    assert_true(stall_is_there(&s));
}

static void what_moves_begins_it_anew(void **state)
{
    (void)state;
    const struct motion moves[] = {
        CRIU(9, 6, 100),
        CRIU(9, 5, 101),
        {.at = 9, .criu_runs = true, .criu = 2, .ticks = 5, .offset = 100, .host = HOST_NOT_ASKED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        struct stall s = begun();
        struct motion after = moves[i];
        LOOKS(&s, CRIU(1, 5, 100), CRIU(3, 5, 100), CRIU(5, 5, 100), CRIU(7, 5, 100), moves[i]);
        assert_int_equal(s.quiet_since, 9 * NSEC_PER_SEC);
        after.at = 12;
        LOOKS(&s, after);
        assert_false(stall_is_suspected(&s, 12 * NSEC_PER_SEC));
        assert_false(stall_is_near(&s, 12 * NSEC_PER_SEC));
        assert_false(stall_is_there(&s));
    }
}

/* The host stood still, or the way to it: then few looks came, and time alone has passed. */
static void time_alone_is_no_stall(void **state)
{
    (void)state;
    struct stall s = begun();
    LOOKS(&s, CRIU(1, 5, 100), CRIU(60, 5, 100), CRIU(61, 5, 100));
    assert_false(stall_is_near(&s, 61 * NSEC_PER_SEC));
    LOOKS(&s, CRIU(62, 5, 100));
    assert_true(stall_is_near(&s, 62 * NSEC_PER_SEC));
    assert_false(stall_is_there(&s));
    LOOKS(&s, CRIU(63, 5, 100));
    assert_true(stall_is_there(&s));
}

static void without_a_criu_the_host_has_to_stand_still_too(void **state)
{
    (void)state;
    struct stall s = begun();
    assert_false(stall_asks_host(&s, false, 4 * NSEC_PER_SEC));
    assert_true(stall_asks_host(&s, false, 5 * NSEC_PER_SEC));
    assert_false(stall_asks_host(&s, true, 5 * NSEC_PER_SEC));
    LOOKS(&s, HOST(1, HOST_NOT_ASKED), HOST(3, HOST_NOT_ASKED), HOST(5, 1000));
    LOOKS(&s, HOST(7, 1050)); /* works: 50 ticks in two seconds */
    assert_int_equal(s.quiet_since, 7 * NSEC_PER_SEC);
    LOOKS(&s, HOST(9, 1053), HOST(12, 1057), HOST(14, 1060), HOST(16, 1063), HOST(17, 1064));
    assert_true(stall_is_there(&s)); /* what it does when it has nothing to do */
    assert_false(stall_is_suspected(&s, 17 * NSEC_PER_SEC)); /* what that begins moves the host */
}

static void a_host_asked_once_says_nothing(void **state)
{
    (void)state;
    struct stall s = begun();
    LOOKS(&s, HOST(2, HOST_NOT_ASKED), HOST(4, HOST_NOT_ASKED), HOST(9, HOST_NOT_ASKED),
          HOST(12, 1000));
    assert_int_equal(s.quiet_looks, 4);
    assert_false(stall_is_near(&s, 12 * NSEC_PER_SEC));
    assert_false(stall_is_there(&s));
    LOOKS(&s, HOST(13, 1001));
    assert_true(stall_is_there(&s));
}

static void a_host_that_cannot_be_seen_is_no_excuse(void **state)
{
    (void)state;
    struct stall s = begun();
    LOOKS(&s, HOST(2, HOST_NOT_ASKED), HOST(4, HOST_NOT_ASKED), HOST(6, HOST_UNSEEN),
          HOST(10, HOST_UNSEEN));
    assert_true(stall_is_there(&s));
}

/* What the host did while CRIU worked is no part of what is compared when it has gone. */
static void what_the_host_did_before_does_not_count(void **state)
{
    (void)state;
    struct stall s = begun();
    LOOKS(&s, HOST(6, 1000), CRIU(7, 1, 1));
    LOOKS(&s, {.at = 8, .criu = 1, .ticks = 0, .offset = 1, .host = 9000});
    LOOKS(&s, {.at = 9, .criu = 1, .ticks = 0, .offset = 1, .host = 9001});
    assert_int_equal(s.quiet_since, 8 * NSEC_PER_SEC);
    assert_int_equal(s.quiet_looks, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_criu_that_stands_still_is_a_stall),
        cmocka_unit_test(what_moves_begins_it_anew),
        cmocka_unit_test(time_alone_is_no_stall),
        cmocka_unit_test(without_a_criu_the_host_has_to_stand_still_too),
        cmocka_unit_test(a_host_asked_once_says_nothing),
        cmocka_unit_test(a_host_that_cannot_be_seen_is_no_excuse),
        cmocka_unit_test(what_the_host_did_before_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
