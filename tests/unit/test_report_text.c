/* SPDX-License-Identifier: Apache-2.0
 * report/: figures, text for a screen, tables, lines, tables of samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/lines.h"
#include "report/samples.h"
#include "report/stats.h"
#include "report/table.h"

static void order_statistics_are_those_of_the_definition(void **state)
{
    (void)state;
    const double odd[] = {3, 1, 2};
    struct stats s = stats_of(odd, 3);
    assert_true(s.n == 3 && s.min == 1 && s.median == 2 && s.p95 == 3 && s.max == 3 && s.mean == 2);
    const double even[] = {4, 1, 3, 2};
    s = stats_of(even, 4);
    assert_true(s.median == 2.5 && s.mean == 2.5);
    const double one[] = {7};
    s = stats_of(one, 1);
    assert_true(s.min == 7 && s.median == 7 && s.p95 == 7 && s.max == 7);
    double many[100];
    for (int i = 0; i < 100; i++)
        many[i] = 100 - i;
    assert_true(stats_of(many, 100).p95 == 95);
    assert_true(stats_of(many, 20).p95 == 99); /* 81 to 100: the 19th */
    assert_true(stats_of(many, 19).p95 == 100);
    const double huge[] = {1.7e308, 1.7e308};
    assert_true(stats_of(huge, 2).median == 1.7e308);
    assert_true(odd[0] == 3); /* not sorted in place */
}

static void figures_are_written_for_people(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *want;
    } cases[] = {
        {8.5e6, "ns", "8.5 ms"},
        {1.5e9, "ns", "1.50 s"},
        {-8.5e6, "ns", "-8.5 ms"},
        {8500, "us", "8.5 ms"},
        {512, "bytes", "512 B"},
        {0, "bytes", "0 B"},
        {12595, "bytes", "12.3 KiB"},
        {1023.9 * 1024, "bytes", "1023.9 KiB"},
        {1023.99 * 1024, "bytes", "1.0 MiB"},
        {3 * 1024.0 * 1024 * 1024 * 1024 * 1024, "bytes", "3072.0 TiB"},
        {1, "bool", "yes"},
        {0, "bool", "no"},
        {42, "pages", "42"},
        {0.5, "count", "0.5"},
        {1.23456, "count", "1.235"},
        {NAN, "ns", "?"},
        {INFINITY, "bytes", "?"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *text = stats_format(cases[i].value, cases[i].unit);
        assert_string_equal(text, cases[i].want);
    }
    cleanup_free char *forever = stats_format(1e300, "ns"); /* does not fit an int64_t */
    assert_non_null(forever);
}

static void width_is_what_a_screen_shows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        {"", 0},          {"abc", 3},      {"✓ ok", 4},      {"日本", 4},
        {"e\xcc\x81", 1}, {"\xff\xfe", 2}, {"a\xe2\x82", 3}, {"\xf0\x9f\x9a\x80", 2},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(text_width(cases[i].text), cases[i].want);
}

static void text_is_cut_to_a_width(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int width;
        bool ascii;
        const char *want;
    } cases[] = {
        {"abcdef", 6, false, "abcdef"}, {"abcdef", 5, false, "abcd…"},
        {"abcdef", 5, true, "abcd~"},   {"abcdef", 1, false, "…"},
        {"abcdef", 0, false, ""},       {"日本語", 5, false, "日本…"},
        {"日本語", 4, false, "日…"},    {"日本語", 6, false, "日本語"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_strbuf struct strbuf cut = STRBUF_INIT;
        int used = text_cut(cases[i].text, cases[i].width, cases[i].ascii, &cut);
        assert_string_equal(strbuf_str(&cut), cases[i].want);
        assert_int_equal(used, text_width(cases[i].want));
    }
}

static void text_is_broken_between_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int width, indent;
        const char *want;
    } cases[] = {
        {"one two three", 20, 2, "one two three\n"},
        {"one two three", 8, 2, "one two\n  three\n"},
        {"one two three", 7, 2, "one two\n  three\n"},
        {"abcdefgh", 3, 0, "abc\ndef\ngh\n"},
        {"a bcdefgh", 4, 1, "a\n bcd\n efg\n h\n"},
        {"", 10, 2, "\n"},
        {"日本語", 4, 0, "日本\n語\n"},
        {"日本", 1, 0, "日\n本\n"},
        {"ab", 1, 5, "a\n     b\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_strbuf struct strbuf out = STRBUF_INIT;
        text_wrap(cases[i].text, cases[i].width, cases[i].indent, &out);
        assert_string_equal(strbuf_str(&out), cases[i].want);
    }
}

static void text_from_elsewhere_cannot_steer_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"plain", "plain"},
        {"\033[31mred\033[0m", "red"},
        {"a\033]0;title\ab", "ab"},
        {"a\033]0;title\033\\b", "ab"},
        {"a\033]8;;http://x never ended", "a"},
        {"a\033P1$r\033\\b", "ab"},
        {"a\033(0b", "ab"},
        {"a\033cb", "ab"},
        {"a\033", "a"},
        {"a\033[", "a"},
        {"a\033[12;3", "a"},
        {"a\033[1\nb", "a b"}, /* broken off: the line break counts */
        {"a\b\b\x7f\x01z", "az"},
        {"a\tb", "a       b"},
        {"one\ntwo", "one two"},
        {"\xc2\x9b"
         "31mx",
         "31mx"}, /* CSI in eight bits */
        {"\x9b"
         "31mx",
         "\xef\xbf\xbd"
         "31mx"},
        {"a\xe2\x80\xae"
         "b",
         "ab"}, /* right-to-left override */
        {"\xff"
         "a\xc3",
         "\xef\xbf\xbd"
         "a\xef\xbf\xbd"},
        {"日本 ✓", "日本 ✓"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *clean = text_clean_string(cases[i].text);
        assert_string_equal(clean, cases[i].want);
    }
    cleanup_strbuf struct strbuf clean = STRBUF_INIT;
    text_clean("a\0b", 3, &clean);
    text_clean("c\033\0d", 4, &clean); /* no sequence begins so: what follows is shown */
    assert_string_equal(strbuf_str(&clean), "abcd");
}

/* --- tables ---------------------------------------------------------------------------------- */

static const struct table_column columns[] = {
    {"name", TABLE_CUT}, {"n", TABLE_RIGHT}, {"what", TABLE_CUT}};

static struct table *some_table(void)
{
    struct table *t = table_new(columns, ARRAY_SIZE(columns));
    static const char *const cells[] = {
        "short", "1", "日本語", "a much longer name", "12345", "x", "\033[2J", NULL, "the end"};
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
        table_cell(t, cells[i]);
    return t;
}

static void tables_are_aligned(void **state)
{
    (void)state;
    cleanup_table struct table *t = some_table();
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    table_print(t, 2, 0, &out);
    assert_string_equal(strbuf_str(&out), "  name                    n  what\n"
                                          "  short                   1  日本語\n"
                                          "  a much longer name  12345  x\n"
                                          "                             the end\n");
    assert_int_equal(table_rows(t), 3);
}

static void tables_fit_any_width(void **state)
{
    (void)state;
    cleanup_table struct table *t = some_table();
    cleanup_strbuf struct strbuf narrow = STRBUF_INIT;
    table_print(t, 0, 26, &narrow);
    assert_string_equal(strbuf_str(&narrow), "name            n  what\n"
                                             "short           1  日本語\n"
                                             "a much lo…  12345  x\n"
                                             "                   the end\n");
    for (int width = 1; width < 60; width++) {
        cleanup_strbuf struct strbuf out = STRBUF_INIT;
        table_print(t, 2, width, &out);
        char *rest = out.data;
        for (char *line; (line = strsep(&rest, "\n")) && rest;)
            assert_true(text_width(line) <= (width > 3 ? width : 3));
    }
}

/* --- lines ----------------------------------------------------------------------------------- */

static int collect(void *self, const char *line, bool is_err, struct error *err)
{
    (void)err;
    strbuf_printf(self, "%s[%s]", is_err ? "!" : "", line);
    return 0;
}

static void output_becomes_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"one\ntwo\n", "[one][two]"}, {"one\ntwo", "[one][two]"},   {"\n\n", "[][]"},
        {"dos\r\n", "[dos]"},         {"10%\r20%\r30%\n", "[30%]"}, {"10%\r\r\r\n", "[10%]"},
        {"a\033[3", "[a]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (size_t piece = 1; piece < 5; piece++) {
            struct lines l = LINES_INIT;
            cleanup_error struct error err = ERROR_INIT;
            cleanup_strbuf struct strbuf got = STRBUF_INIT;
            size_t len = strlen(cases[i].text);
            for (size_t at = 0; at < len; at += piece)
                assert_int_equal(lines_add(&l, cases[i].text + at,
                                           len - at < piece ? len - at : piece, false, collect,
                                           &got, &err),
                                 0);
            lines_flush(&l, collect, &got, &err);
            assert_string_equal(strbuf_str(&got), cases[i].want);
            lines_release(&l);
        }
}

static void streams_are_not_mixed_within_a_line(void **state)
{
    (void)state;
    struct lines l = LINES_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf got = STRBUF_INIT;
    lines_add(&l, "out", 3, false, collect, &got, &err);
    lines_add(&l, "err\n", 4, true, collect, &got, &err);
    cleanup_free char *pending = lines_pending(&l, false);
    assert_string_equal(pending, "out");
    lines_add(&l, "put\n", 4, false, collect, &got, &err);
    assert_string_equal(strbuf_str(&got), "![err][output]");
    lines_release(&l);
}

static void a_line_without_an_end_is_bounded(void **state)
{
    (void)state;
    struct lines l = LINES_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf got = STRBUF_INIT;
    cleanup_free char *big = xmalloc(100000);
    memset(big, 'x', 100000);
    lines_add(&l, big, 100000, false, collect, &got, &err);
    assert_true(got.len >= 6 * 16384 && l.held[0].len < 16384);
    lines_release(&l);
}

/* --- samples --------------------------------------------------------------------------------- */

static void add_sample(struct samples *s, const char *label, int number, double wall, double alive)
{
    const struct metric metrics[] = {{"wall", "ns", wall}, {"still_running", "bool", alive}};
    const struct event e = {.type = EVENT_SAMPLE,
                            .label = label,
                            .kind = "checkpoint",
                            .section = "timed-checkpoint",
                            .sample = number,
                            .metrics = metrics,
                            .n_metrics = 2};
    samples_add_event(s, &e);
}

static void a_narrow_table_leaves_columns_out(void **state)
{
    (void)state;
    static const struct table_column some[] = {{"run", 0},
                                               {"when", TABLE_EXTRA},
                                               {"host", TABLE_CUT | TABLE_EXTRA},
                                               {"time", TABLE_RIGHT}};
    static const struct {
        int width;
        const char *expected;
    } cases[] = {
        {0, "run  when        host        time\nr-1  2026-11-25  first-host   9 s\n"},
        {32, "run  when        host       time\nr-1  2026-11-25  first-ho…   9 s\n"},
        {22, "run  host        time\nr-1  first-host   9 s\n"},
        {12, "run  time\nr-1   9 s\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_table struct table *t = table_new(some, ARRAY_SIZE(some));
        static const char *const cells[] = {"r-1", "2026-11-25", "first-host", "9 s"};
        for (size_t c = 0; c < ARRAY_SIZE(cells); c++)
            table_cell(t, cells[c]);
        cleanup_strbuf struct strbuf out = STRBUF_INIT;
        table_print(t, 0, cases[i].width, &out);
        assert_string_equal(strbuf_str(&out), cases[i].expected);
    }
}

static void samples_become_a_table(void **state)
{
    (void)state;
    cleanup_samples struct samples s = SAMPLES_INIT;
    cleanup_strbuf struct strbuf none = STRBUF_INIT, out = STRBUF_INIT;
    samples_print(&s, 80, &none);
    assert_int_equal(none.len, 0);
    add_sample(&s, "checkpoint warm-up 1", -1, 9e9, 0);
    for (int i = 1; i <= 10; i++) {
        cleanup_free char *label = xasprintf("checkpoint %d/10", i);
        add_sample(&s, label, i, i * 1e8, i != 3);
    }
    samples_print(&s, 0, &out);
    assert_string_equal(strbuf_str(&out),
                        "timed-checkpoint: checkpoint, 10 samples, 1 warm-up left out\n"
                        "  figure            n     min  median     p95     max\n"
                        "  wall             10  0.10 s  0.55 s  1.00 s  1.00 s\n"
                        "  still_running  9/10\n");
    cleanup_strbuf struct strbuf narrow = STRBUF_INIT;
    samples_print(&s, 37, &narrow);
    assert_string_equal(strbuf_str(&narrow), "timed-checkpoint: checkpoint, 10 sam…\n"
                                             "  figure            n  median     max\n"
                                             "  wall             10  0.55 s  1.00 s\n"
                                             "  still_running  9/10\n");
    assert_int_equal(samples_find(&s, "checkpoint", "wall")->n, 10);
    assert_int_equal(samples_find(&s, NULL, "wall")->warmups, 1);
    assert_null(samples_find(&s, "restore", "wall"));
}

static void steps_are_told_apart_by_their_labels_without_numbers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"checkpoint 3/10", "checkpoint"},
        {"checkpoint warm-up 2", "checkpoint"},
        {"checkpoint", "checkpoint"},
        {"build 1/", "build 1/"},
        {"run 10", "run 10"},
        {"1/2", "1/2"},
        {"take a/3", "take a/3"},
        {"warm-up 1", "warm-up 1"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_samples struct samples s = SAMPLES_INIT;
        add_sample(&s, cases[i][0], 1, 1, 1);
        assert_string_equal(s.series[0].what, cases[i][1]);
    }
}

static void only_warmups_still_say_so(void **state)
{
    (void)state;
    cleanup_samples struct samples s = SAMPLES_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    add_sample(&s, "checkpoint warm-up 1", -1, 1, 1);
    add_sample(&s, "checkpoint warm-up 2", -1, 1, 1);
    samples_print(&s, 0, &out);
    assert_string_equal(strbuf_str(&out),
                        "timed-checkpoint: checkpoint, 0 samples, 2 warm-ups left out\n");
    assert_null(samples_find(&s, NULL, "wall"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_statistics_are_those_of_the_definition),
        cmocka_unit_test(figures_are_written_for_people),
        cmocka_unit_test(width_is_what_a_screen_shows),
        cmocka_unit_test(text_is_cut_to_a_width),
        cmocka_unit_test(text_is_broken_between_words),
        cmocka_unit_test(text_from_elsewhere_cannot_steer_a_terminal),
        cmocka_unit_test(tables_are_aligned),
        cmocka_unit_test(tables_fit_any_width),
        cmocka_unit_test(a_narrow_table_leaves_columns_out),
        cmocka_unit_test(output_becomes_lines),
        cmocka_unit_test(streams_are_not_mixed_within_a_line),
        cmocka_unit_test(a_line_without_an_end_is_bounded),
        cmocka_unit_test(samples_become_a_table),
        cmocka_unit_test(steps_are_told_apart_by_their_labels_without_numbers),
        cmocka_unit_test(only_warmups_still_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
