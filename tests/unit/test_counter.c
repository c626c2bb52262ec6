/* SPDX-License-Identifier: Apache-2.0
 * steps/counter: what proves that a workload went on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "steps/counter.h"

static void the_number_is_the_last_word(void **state)
{
    (void)state;
    assert_int_equal(counter_number("word 17"), 17);
    assert_int_equal(counter_number("17"), 17);
    assert_int_equal(counter_number("two words 0"), 0);
    assert_int_equal(counter_number("word"), -1);
    assert_int_equal(counter_number("word -3"), -1);
    assert_int_equal(counter_number("word 3 "), -1);
    assert_int_equal(counter_number(""), -1);
}

static void went_on_is_the_same_word_and_no_less(void **state)
{
    static const struct {
        const char *before, *now, *failure; /* NULL: it went on */
    } cases[] = {
        {"w 5", "w 5", NULL},
        {"w 5", "w 100", NULL},
        {"5", "6", NULL},
        {"w 5", "w 4", "went back"},
        {"w 5", "v 6", "started again"},
        {"w 5", "wx 6", "started again"},
        {"w 5", "6", "started again"},
        {"5", "w 6", "started again"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        int result = counter_went_on(cases[i].before, cases[i].now, &err);
        assert_int_equal(result, cases[i].failure ? -1 : 0);
        if (cases[i].failure)
            assert_non_null(strstr(err.message, cases[i].failure));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_is_the_last_word),
        cmocka_unit_test(went_on_is_the_same_word_and_no_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
