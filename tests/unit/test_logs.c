/* SPDX-License-Identifier: Apache-2.0
 * Lines of journald and of CRIU's files, merged and shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "logs/about.h"
#include "logs/criu_files.h"
#include "logs/journal.h"

static void test_journal_sources(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum log_source source;
        const char *text;
        int priority;
    } cases[] = {
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"hello\",\"SYSLOG_IDENTIFIER\":"
         "\"containerd\",\"_SYSTEMD_UNIT\":\"containerd.service\",\"PRIORITY\":\"6\"}",
         LOG_CONTAINERD, "hello", 6},
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"sandbox=1 msg=x\",\"SYSLOG_IDENTIFIER\":"
         "\"kata\"}",
         LOG_SHIM, "sandbox=1 msg=x", -1},
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"msg=x source=agent\",\"SYSLOG_IDENTIFIER\":"
         "\"kata\"}",
         LOG_AGENT, "msg=x source=agent", -1},
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"x\",\"SYSLOG_IDENTIFIER\":\"kata-agent-"
         "12\","
         "\"_SYSTEMD_UNIT\":\"kata-agent.service\"}",
         LOG_AGENT, "x", -1},
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":\"Stopped.\",\"SYSLOG_IDENTIFIER\":"
         "\"systemd\","
         "\"_SYSTEMD_UNIT\":\"init.scope\"}",
         LOG_HOST, "Stopped.", -1},
        /* Bytes that are no UTF-8, and what would move the cursor. */
        {"{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":[97,27,91,50,74,255,98],"
         "\"SYSLOG_IDENTIFIER\":\"kernel\"}",
         LOG_HOST,
         "a\xef\xbf\xbd"
         "b",
         -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct log_line line;
        assert_true(journal_parse(cases[i].json, strlen(cases[i].json), &line));
        assert_int_equal(line.at, 5);
        assert_int_equal(line.source, cases[i].source);
        assert_string_equal(line.text, cases[i].text);
        assert_int_equal(line.priority, cases[i].priority);
        log_line_release(&line);
    }
}

static void test_journal_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"MESSAGE\":\"no time\"}",
        "{\"__REALTIME_TIMESTAMP\":\"x\",\"MESSAGE\":\"m\"}",
        "{\"__REALTIME_TIMESTAMP\":\"-5\",\"MESSAGE\":\"m\"}",
        "{\"__REALTIME_TIMESTAMP\":\"5\",\"MESSAGE\":null}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct log_line line;
        assert_false(journal_parse(bad[i], strlen(bad[i]), &line));
    }
}

static void test_journal_reads_whole_lines(void **state)
{
    (void)state;
    cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
    cleanup_strbuf struct strbuf from = STRBUF_INIT;
    strbuf_puts(&from, "{\"__REALTIME_TIMESTAMP\":\"7\",\"MESSAGE\":\"one\"}\nnoise\n{\"__REAL");
    journal_read(&from, &lines);
    assert_int_equal(lines.len, 1);
    strbuf_puts(&from, "TIME_TIMESTAMP\":\"8\",\"MESSAGE\":\"two\"}\n");
    journal_read(&from, &lines);
    assert_int_equal(lines.len, 2);
    assert_string_equal(lines.items[1].text, "two");
    assert_int_equal(from.len, 0);
}

/* A file changed last at 100.5 s whose last line is of 0.25 s: CRIU started at 100.25 s. */
static void check_criu_dates(const char *zone)
{
    static const char body[] = "(00.000000) Version: 3.19\n"
                               "(00.100000) Error (criu/mem.c:12): no memory\n"
                               "(00.250000) end\n";
    cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
    cleanup_free char *data =
        xasprintf("%zu 100 1970-01-01 00:01:40.500000000%s /tmp/a b/criu-dump.log\n%s",
                  strlen(body), zone, body);
    criu_files_read(data, strlen(data), &lines);
    assert_int_equal(lines.len, 3);
    assert_int_equal(lines.items[0].at, 100250000);
    assert_int_equal(lines.items[1].at, 100350000);
    assert_int_equal(lines.items[1].priority, 3);
    assert_int_equal(lines.items[2].at, 100500000);
    assert_string_equal(lines.items[0].who, "/tmp/a b/criu-dump.log");
    assert_int_equal(lines.items[2].source, LOG_CRIU);
}

static void test_criu_dates(void **state)
{
    (void)state;
    check_criu_dates(" +0000");
    check_criu_dates(""); /* busybox before 1.34 */
}

static void test_criu_out_of_step(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "x\n",
        "9 9\n",
        "-1 1 d t z /p\n(00.000000) a\n",
        "5 x d t z /p\nabcde",
        "5 1 d t z p\nabcde",
        "99 99999999999999999999 d t z /p\nabc\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
        criu_files_read(bad[i], strlen(bad[i]), &lines);
        assert_int_equal(lines.len, 0);
    }
    /* Cut off by a connection that was lost: what is there counts. */
    cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
    static const char cut[] = "500 10 d 00:00:10.0 z /p\n(00.000000) a\n";
    criu_files_read(cut, strlen(cut), &lines);
    assert_int_equal(lines.len, 1);
}

static void add(struct log_lines *l, int64_t at, const char *text, const char *cursor)
{
    log_lines_add(l, (struct log_line){.at = at,
                                       .source = LOG_SHIM,
                                       .priority = -1,
                                       .who = xstrdup("kata"),
                                       .text = xstrdup(text),
                                       .cursor = xstrdup(cursor)});
}

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_merge(void **state)
{
    (void)state;
    cleanup_log_lines struct log_lines l = LOG_LINES_INIT;
    add(&l, 3, "c", "k3");
    add(&l, 1, "a", "k1");
    add(&l, 3, "b", "k4");
    add(&l, 3, "c", "k3");    /* read twice */
    add(&l, 3, "file", NULL); /* the same, of a file */
    add(&l, 3, "file", NULL);
    log_lines_merge(&l);
    static const char *const expected[] = {"a", "c", "b", "file"};
    assert_int_equal(l.len, ARRAY_SIZE(expected));
    for (size_t i = 0; i < l.len; i++)
        assert_string_equal(l.items[i].text, expected[i]);
}

static void test_filter(void **state)
{
    (void)state;
    static const char *const marks[] = {"abc123"};
    struct log_line line = {.at = 50, .who = "kata", .text = "sandbox=abc123 msg=x"};
    struct log_filter f = {.since = 10, .until = 60};
    assert_true(log_filter_wants(&f, &line));
    f.mark = marks;
    f.n_marks = 1;
    assert_true(log_filter_wants(&f, &line));
    line.text = "another";
    assert_false(log_filter_wants(&f, &line));
    line.who = "kata-agent-abc123";
    assert_true(log_filter_wants(&f, &line));
    line.who = "kata-agent";
    line.sure = true;
    assert_true(log_filter_wants(&f, &line));
    line.sure = false;
    assert_false(log_filter_wants(&f, &line));
    f.or_nobodys = true;
    assert_true(log_filter_wants(&f, &line));
    line.text = "sandbox=other msg=x";
    assert_false(log_filter_wants(&f, &line));
    line.sure = true;
    line.at = 61;
    assert_false(log_filter_wants(&f, &line));
    line.at = 9;
    assert_false(log_filter_wants(&f, &line));
}

static void test_about(void **state)
{
    (void)state;
    static const struct {
        const char *text, *who;
        enum log_source source;
        bool names;
    } table[] = {
        {"level=info msg=\"a b\" sandbox=logs-one source=x", "kata", LOG_SHIM, true},
        {"container=one", "kata", LOG_SHIM, true},
        {"a container=", "kata", LOG_SHIM, false},
        {"my_container=one", "kata", LOG_SHIM, false},
        {"msg=\"shim disconnected\" id=one namespace=default", "c", LOG_CONTAINERD, true},
        {"msg=\"loading plugin\" id=io.containerd.a type=b", "c", LOG_CONTAINERD, false},
        {"Started cri-containerd-" ID64 ".scope", "systemd", LOG_HOST, true},
        {"Started x.", "systemd docker-" ID64 ".scope", LOG_HOST, true},
        {"image sha256:" ID64, "c", LOG_CONTAINERD, false},
        {"kata-agent 1 sha256=" ID64 ": x", "kata-agent", LOG_AGENT, false},
        {ID64, "x", LOG_HOST, true},
        {ID64 "0", "x", LOG_HOST, false},
        {"no container", "x", LOG_HOST, false},
        {"Version: 4.1.1", "/tmp/a.log", LOG_CRIU, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct log_line line = {
            .text = (char *)table[i].text, .who = (char *)table[i].who, .source = table[i].source};
        if (log_line_names_container(&line) != table[i].names)
            fail_msg("%s: %d", table[i].text, !table[i].names);
    }
}

static void test_print(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    const struct log_line line = {
        .at = 3723000042, .source = LOG_CRIU, .priority = 3, .who = "p", .text = "no memory"};
    cleanup_strbuf struct strbuf plain = STRBUF_INIT, colour = STRBUF_INIT, json = STRBUF_INIT;
    log_line_print(&line, false, &plain);
    assert_string_equal(strbuf_str(&plain), "01:02:03.000042  criu        no memory\n");
    log_line_print(&line, true, &colour);
    assert_non_null(strstr(strbuf_str(&colour), "\033[31mno memory\033[0m"));
    log_line_print_json(&line, &json);
    assert_string_equal(strbuf_str(&json),
                        "{\"v\":1,\"time\":\"1970-01-01T01:02:03.000042Z\",\"source\":\"criu\","
                        "\"priority\":3,\"who\":\"p\",\"text\":\"no memory\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal_sources),
        cmocka_unit_test(test_journal_refuses),
        cmocka_unit_test(test_journal_reads_whole_lines),
        cmocka_unit_test(test_criu_dates),
        cmocka_unit_test(test_criu_out_of_step),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_about),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
