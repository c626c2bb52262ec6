/* SPDX-License-Identifier: Apache-2.0
 * steps/client: which there are, what one died of; and of which version programs say they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "doctor/check.h"
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

static void versions_are_found_and_compared(void **state)
{
    static const struct {
        const char *text;
        int version; /* 1000 * major + minor; -1: none */
    } cases[] = {
        {"nerdctl version 2.1.6", 2001},
        {"nerdctl version v2.10.0-rc1", 2010},
        {"rsync  version 3.2.7  protocol version 31", 3002},
        {"Version: 4.1.1", 4001},
        {"protocol 31", -1},
        {"31.", -1},
        {"20261126.5", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(doctor_version_in(cases[i].text), cases[i].version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choices_are_the_clients),
        cmocka_unit_test(only_the_fatal_line_is_left),
        cmocka_unit_test(versions_are_found_and_compared),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
