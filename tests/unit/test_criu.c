/* SPDX-License-Identifier: Apache-2.0
 * criu/: files of figures, made here byte by byte, and logs; whole, cut off, and garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "criu/log.h"
#include "criu/stats.h"

/* --- an encoder ------------------------------------------------------------------------------ */

static void put_u32(struct strbuf *b, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        strbuf_putc(b, (char)(value >> 8 * i));
}

static void put_varint(struct strbuf *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        strbuf_putc(b, (char)(value | 0x80));
    strbuf_putc(b, (char)value);
}

static void put_number(struct strbuf *b, unsigned field, uint64_t value)
{
    put_varint(b, field << 3); /* wire type 0 */
    put_varint(b, value);
}

static void put_message(struct strbuf *b, unsigned field, const struct strbuf *message)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, message->len);
    strbuf_add(b, strbuf_str(message), message->len);
}

/* A file whose entry has `message` as its field. */
static void make_file(struct strbuf *ret, unsigned field, const struct strbuf *message)
{
    cleanup_strbuf struct strbuf entry = STRBUF_INIT;
    put_message(&entry, field, message);
    put_u32(ret, 0x55105940);
    put_u32(ret, 0x57093306);
    put_u32(ret, (uint32_t)entry.len);
    strbuf_add(ret, entry.data, entry.len);
}

static void make_dump(struct strbuf *ret)
{
    cleanup_strbuf struct strbuf dump = STRBUF_INIT;
    for (unsigned field = 1; field <= 14; field++)
        put_number(&dump, field, 1000 * field);
    put_number(&dump, 15, 7); /* one that this version does not know */
    make_file(ret, 1, &dump);
}

/* --- figures --------------------------------------------------------------------------------- */

static void figures_of_a_dump_are_read(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf file = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    make_dump(&file);
    struct criu_stats s;
    assert_int_equal(criu_stats_parse(file.data, file.len, "stats-dump", &s, &err), 0);
    assert_true(s.has_dump && !s.has_restore);
    assert_int_equal(s.dump.freezing, 1000000); /* 1000 us */
    assert_int_equal(s.dump.frozen, 2000000);
    assert_int_equal(s.dump.memdump, 3000000);
    assert_int_equal(s.dump.memwrite, 4000000);
    assert_int_equal(s.dump.pages_scanned, 5000);
    assert_int_equal(s.dump.pages_skipped, 6000);
    assert_int_equal(s.dump.pages_written, 7000);
    assert_int_equal(s.dump.irmap, 8000000);
    assert_int_equal(s.dump.pages_lazy, 9000);
    assert_int_equal(s.dump.page_pipes, 10000);
    assert_int_equal(s.dump.page_pipe_bufs, 11000);
    assert_int_equal(s.dump.shpages_scanned, 12000);
    assert_int_equal(s.dump.shpages_skipped, 13000);
    assert_int_equal(s.dump.shpages_written, 14000);

    struct metric metrics[CRIU_METRICS_MAX];
    size_t n = criu_stats_metrics(&s, metrics);
    assert_int_equal(n, 6);
    assert_string_equal(metrics[1].name, "frozen");
    assert_string_equal(metrics[1].unit, "ns");
    assert_true(metrics[1].value == 2e6);
}

static void an_older_file_has_zeros_for_what_it_lacks(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf dump = STRBUF_INIT, file = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    put_number(&dump, 2, 0xffffffff);
    make_file(&file, 1, &dump);
    struct criu_stats s;
    assert_int_equal(criu_stats_parse(file.data, file.len, "f", &s, &err), 0);
    assert_true(s.dump.frozen == INT64_C(4294967295000));
    assert_int_equal(s.dump.pages_written, 0);
}

static void figures_of_a_restore_are_read(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf restore = STRBUF_INIT, file = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    for (unsigned field = 1; field <= 5; field++)
        put_number(&restore, field, field);
    make_file(&file, 2, &restore);
    struct criu_stats s;
    assert_int_equal(criu_stats_parse(file.data, file.len, "stats-restore", &s, &err), 0);
    assert_true(s.has_restore && !s.has_dump);
    assert_int_equal(s.restore.pages_compared, 1);
    assert_int_equal(s.restore.pages_skipped_cow, 2);
    assert_int_equal(s.restore.forking, 3000);
    assert_int_equal(s.restore.restore, 4000);
    assert_int_equal(s.restore.pages_restored, 5);
    struct metric metrics[CRIU_METRICS_MAX];
    assert_int_equal(criu_stats_metrics(&s, metrics), 3);
}

static void assert_refused(const void *data, size_t len, const char *want)
{
    cleanup_error struct error err = ERROR_INIT;
    struct criu_stats s = {.has_dump = true};
    assert_int_equal(criu_stats_parse(data, len, "f", &s, &err), -1);
    assert_string_equal(err.message, want);
    assert_true(s.has_dump); /* left alone */
}

static void bad_files_are_refused_with_the_reason(void **state)
{
    (void)state;
    assert_refused("", 0, "`f` is cut off: 0 bytes, its header has 12");
    assert_refused("0123456789ab", 12,
                   "`f` is not a file of CRIU's figures: it begins with 33323130 37363534, not with"
                   " 55105940 57093306");
    static const char cut_off[] = "\x40\x59\x10\x55\x06\x33\x09\x57\x05\0\0\0\x0a";
    assert_refused(cut_off, 13, "`f` is cut off: 5 bytes of figures, 1 are there");
    static const char lying[] = "\x40\x59\x10\x55\x06\x33\x09\x57\xff\xff\xff\xff\x0a";
    assert_refused(lying, 13, "`f` is cut off: 4294967295 bytes of figures, 1 are there");
    static const char empty[] = "\x40\x59\x10\x55\x06\x33\x09\x57\0\0\0\0";
    assert_refused(empty, 12, "`f` has figures of neither a dump nor a restore");
    static const char damaged[] = "\x40\x59\x10\x55\x06\x33\x09\x57\x02\0\0\0\x0a\x7f";
    assert_refused(damaged, 14, "`f` is damaged: its figures cannot be decoded");
    cleanup_free char *big = xcalloc(1, CRIU_STATS_MAX + 1);
    memcpy(big, damaged, 14);
    assert_refused(big, CRIU_STATS_MAX + 1, "`f` has 65537 bytes, too many for CRIU's figures");
}

static void any_cut_and_any_changed_byte_is_survived(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf file = STRBUF_INIT;
    make_dump(&file);
    for (size_t len = 0; len < file.len; len++) {
        cleanup_error struct error err = ERROR_INIT;
        struct criu_stats s;
        cleanup_free char *exact = xmalloc(len + 1); /* so that a sanitizer sees reads beyond it */
        memcpy(exact, file.data, len);
        assert_int_equal(criu_stats_parse(exact, len, "f", &s, &err), -1);
        assert_non_null(err.message);
    }
    for (size_t at = 0; at < file.len; at++)
        for (int byte = 0; byte < 256; byte++) {
            cleanup_error struct error err = ERROR_INIT;
            struct criu_stats s;
            char before = file.data[at];
            file.data[at] = (char)byte;
            int result = criu_stats_parse(file.data, file.len, "f", &s, &err);
            assert_true((result < 0) == (err.message != NULL));
            file.data[at] = before;
        }
}

/* --- the log --------------------------------------------------------------------------------- */

static void lines_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at, pid;
        enum criu_log_level level;
        const char *place, *message;
    } cases[] = {
        {"(00.012345) Error (criu/mem.c:123): Can't dump page", 12345000, 0, CRIU_LOG_ERROR,
         "criu/mem.c:123", "Can't dump page"},
        {"(12.000001) Warn  (criu/files.c:9): odd: very", 12000001000, 0, CRIU_LOG_WARNING,
         "criu/files.c:9", "odd: very"},
        {"(00.030000)     57: Error (criu/x.c:1): no", 30000000, 57, CRIU_LOG_ERROR, "criu/x.c:1",
         "no"},
        {"(00.040000) pie: 57: Restoring", 40000000, 57, CRIU_LOG_OTHER, NULL, "Restoring"},
        {"(00.050000) Parasite syscall_ip at 0x401000", 50000000, 0, CRIU_LOG_OTHER, NULL,
         "Parasite syscall_ip at 0x401000"},
        {"(00.050000) Error in words only", 50000000, 0, CRIU_LOG_OTHER, NULL,
         "Error in words only"},
        {"(00.050000) Error (no place): x", 50000000, 0, CRIU_LOG_OTHER, NULL,
         "Error (no place): x"},
        {"Error (criu/util.c:5): before the clock", -1, 0, CRIU_LOG_ERROR, "criu/util.c:5",
         "before the clock"},
        {"(00.05", -1, 0, CRIU_LOG_OTHER, NULL, "(00.05"},
        {"(.5) x", -1, 0, CRIU_LOG_OTHER, NULL, "(.5) x"},
        {"(99999999999999999999.1) x", -1, 0, CRIU_LOG_OTHER, NULL, "(99999999999999999999.1) x"},
        {"", -1, 0, CRIU_LOG_OTHER, NULL, ""},
        {"(00.1) \033[31mred\a", 100000000, 0, CRIU_LOG_OTHER, NULL, "red"},
        {"(00.1) Error (a:\033[2J1): x", 100000000, 0, CRIU_LOG_ERROR, "a:1", "x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct criu_log_line line;
        criu_log_parse_line(cases[i].text, strlen(cases[i].text), &line);
        assert_true(line.at == cases[i].at);
        assert_true(line.pid == cases[i].pid);
        assert_int_equal(line.level, cases[i].level);
        if (cases[i].place)
            assert_string_equal(line.place, cases[i].place);
        else
            assert_null(line.place);
        assert_string_equal(line.message, cases[i].message);
        criu_log_line_release(&line);
    }
}

static void a_log_says_how_it_ended(void **state)
{
    (void)state;
    static const char text[] = "(00.000001) Version: 3.17.1\n"
                               "(00.100000) Error (criu/a.c:1): first\n"
                               "\n"
                               "(00.200000) Error (criu/a.c:2): second\n"
                               "(00.150000) Dumping finished successfully\n"
                               "(00.30";
    cleanup_criu_log struct criu_log log;
    criu_log_read(text, strlen(text), &log);
    assert_int_equal(log.n_lines, 5);
    assert_int_equal(log.n_errors, 2);
    assert_string_equal(log.errors[0].message, "first");
    assert_int_equal(log.last_at, 200000000);
    assert_true(log.finished);
    assert_int_equal(log.n_tail, 5);
    assert_string_equal(log.tail[4].message, "(00.30");
}

static void a_log_of_any_length_is_bounded(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&text, "(00.%06d) Error (criu/a.c:%d): %d\n", i, i, i);
    cleanup_criu_log struct criu_log log;
    criu_log_read(text.data, text.len, &log);
    assert_int_equal(log.n_lines, 1000);
    assert_int_equal(log.n_errors, CRIU_LOG_ERRORS);
    assert_string_equal(log.errors[0].message, "0");
    assert_int_equal(log.n_tail, CRIU_LOG_TAIL);
    assert_string_equal(log.tail[0].message, "980");
    assert_string_equal(log.tail[CRIU_LOG_TAIL - 1].message, "999");
    assert_false(log.finished);
}

static void a_success_is_known_of_all_that_criu_does(void **state)
{
    (void)state;
    static const char *const whats[] = {"Dumping", "Pre-dumping", "Restore"};
    for (size_t i = 0; i < ARRAY_SIZE(whats); i++) {
        cleanup_free char *text = xasprintf("(00.1) %s finished successfully\n", whats[i]);
        cleanup_criu_log struct criu_log log;
        criu_log_read(text, strlen(text), &log);
        assert_true(log.finished);
    }
}

static void a_log_of_garbage_is_survived(void **state)
{
    (void)state;
    enum { LEN = 60000 };
    cleanup_free char *garbage = xmalloc(LEN);
    uint32_t noise = 1;
    for (int i = 0; i < LEN; i++) {
        noise = noise * 1664525 + 1013904223; /* Numerical Recipes' generator: the same each time */
        garbage[i] = (char)(noise >> 24);
    }
    cleanup_criu_log struct criu_log log, empty, nuls;
    criu_log_read(garbage, LEN, &log);
    for (size_t i = 0; i < log.n_tail; i++)
        assert_null(strpbrk(log.tail[i].message, "\033\r\n\a\b"));
    criu_log_read("", 0, &empty);
    assert_int_equal(empty.n_lines, 0);
    assert_true(empty.last_at == -1);
    memset(garbage, 0, LEN);
    criu_log_read(garbage, LEN, &nuls);
    assert_int_equal(nuls.n_lines, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_a_dump_are_read),
        cmocka_unit_test(an_older_file_has_zeros_for_what_it_lacks),
        cmocka_unit_test(figures_of_a_restore_are_read),
        cmocka_unit_test(bad_files_are_refused_with_the_reason),
        cmocka_unit_test(any_cut_and_any_changed_byte_is_survived),
        cmocka_unit_test(lines_are_taken_apart),
        cmocka_unit_test(a_log_says_how_it_ended),
        cmocka_unit_test(a_log_of_any_length_is_bounded),
        cmocka_unit_test(a_success_is_known_of_all_that_criu_does),
        cmocka_unit_test(a_log_of_garbage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
