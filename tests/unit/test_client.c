/* SPDX-License-Identifier: Apache-2.0
 * steps/client: which there are, and what one died of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "steps/client.h"

static void only_the_fatal_line_is_left(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"no logrus here\n", "no logrus here\n"},
        {"img: resolving |--| ; elapsed: 1s\ntime=\"x\" level=warning msg=\"w\"\n"
         "time=\"x\" level=fatal msg=\"failed to resolve \\\"img\\\": timeout\"\n",
         "failed to resolve \"img\": timeout"},
        {"level=fatal msg=\"two\\nlines\"", "two lines"},
        {"level=fatal msg=\"cut off", "cut off"},
        {"level=fatal msg=\"ends in \\", "ends in \\"},
        {"level=fatal msg=\"one\"\nlevel=fatal msg=\"two\"\n", "two"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cleanup_strbuf struct strbuf said = STRBUF_INIT;
        strbuf_puts(&said, cases[i][0]);
        client_only_failure(&said);
        assert_string_equal(strbuf_str(&said), cases[i][1]);
    }
}

/* What a workflow may name is what there is. */
static void the_choices_are_the_clients(void **state)
{
    (void)state;
    assert_string_equal(client_choices[0], "auto");
    size_t n = 0;
    for (; container_clients[n]; n++)
        assert_string_equal(client_choices[n + 1], container_clients[n]->name);
    assert_null(client_choices[n + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choices_are_the_clients),
        cmocka_unit_test(only_the_fatal_line_is_left),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
