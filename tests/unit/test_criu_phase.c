/* SPDX-License-Identifier: Apache-2.0
 * Phases of a dump, read from a log that comes in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "criu/phase.h"
#include "transport/transport.h"

static const char log_text[] = "(00.000015) Version: 4.1.1 (gitid 0)\n"
                               "(00.010000) Dumping processes (pid: 812 comm: sh)\n"
                               "(00.120000) Seized task 812, state 0\n"
                               "(00.200000) Obtaining task stat ... \n"
                               "(00.300000) Parasite syscall_ip at 0x401000\n";

static void names_the_phase_and_its_begin(void **state)
{
    (void)state;
    struct criu_phase p = CRIU_PHASE_INIT;
    criu_phase_add(&p, log_text, strlen(log_text));
    assert_string_equal(p.name, "infecting a process");
    assert_int_equal(p.since, 300000000);
    assert_int_equal(p.last, 300000000);
    static const char more[] = "(00.400000) nothing of note\n";
    criu_phase_add(&p, more, strlen(more));
    assert_string_equal(p.name, "infecting a process");
    assert_int_equal(p.last - p.since, 100000000);
}

static void a_part_of_criu_may_name_itself(void **state)
{
    (void)state;
    static const char *const lines[] = {"(00.1) net: Lock network\n", "(00.1) Lock network\n"};
    for (size_t i = 0; i < 2; i++) {
        struct criu_phase p = CRIU_PHASE_INIT;
        criu_phase_add(&p, lines[i], strlen(lines[i]));
        assert_non_null(p.name);
        assert_string_equal(p.name, "locking the network");
    }
}

static void takes_pieces_of_any_size(void **state)
{
    (void)state;
    struct criu_phase p = CRIU_PHASE_INIT;
    for (size_t i = 0; i < strlen(log_text); i++)
        criu_phase_add(&p, log_text + i, 1);
    assert_string_equal(p.name, "infecting a process");
    assert_int_equal(p.since, 300000000);
}

static void a_line_that_has_not_ended_says_nothing(void **state)
{
    (void)state;
    struct criu_phase p = CRIU_PHASE_INIT;
    static const char part[] = "(00.010000) Dumping processes (pid: 812";
    criu_phase_add(&p, part, strlen(part));
    assert_null(p.name);
    assert_int_equal(p.last, -1);
}

static void survives_what_is_no_log(void **state)
{
    (void)state;
    struct criu_phase p = CRIU_PHASE_INIT;
    char junk[5000];
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)(i * 31);
    criu_phase_add(&p, junk, sizeof(junk));
    criu_phase_add(&p, "\n\n", 2);
    criu_phase_add(&p, log_text, strlen(log_text));
    assert_string_equal(p.name, "infecting a process");
}

static void a_filtered_log_says_the_same(void **state)
{
    (void)state;
    static const char between[] = "(00.310000) a line that begins no phase\n";
    cleanup_strbuf struct strbuf filter = STRBUF_INIT, lines = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    criu_phase_filter(&filter);
    strbuf_puts(&lines, log_text);
    strbuf_puts(&lines, between);
    strbuf_puts(&lines, between);
    strbuf_puts(&lines, "(00.320000) and one more\n");
    cleanup_transport struct transport *here = NULL;
    const struct host_spec local = {.name = "here"};
    assert_int_equal(transport_open(&local, &here, &err), 0);
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result left = RUN_RESULT_INIT;
    strv_push_all(&argv, "sed", "-n", strbuf_str(&filter), NULL);
    const struct command cmd = {.argv = &argv, .input = lines.data, .input_len = lines.len};
    assert_int_equal(transport_check(here, &cmd, deadline_in(10 * NSEC_PER_SEC), "", &left, &err),
                     0);
    assert_null(strstr(strbuf_str(&left.out), between));
    struct criu_phase whole = CRIU_PHASE_INIT, filtered = CRIU_PHASE_INIT;
    criu_phase_add(&whole, lines.data, lines.len);
    criu_phase_add(&filtered, left.out.data, left.out.len);
    assert_ptr_equal(filtered.name, whole.name);
    assert_int_equal(filtered.since, whole.since);
    assert_int_equal(filtered.last, whole.last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_phase_and_its_begin),
        cmocka_unit_test(a_part_of_criu_may_name_itself),
        cmocka_unit_test(takes_pieces_of_any_size),
        cmocka_unit_test(a_line_that_has_not_ended_says_nothing),
        cmocka_unit_test(survives_what_is_no_log),
        cmocka_unit_test(a_filtered_log_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
