/* SPDX-License-Identifier: Apache-2.0
 * Bundles: their format, what is refused, what is bounded; streams of the scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "diagnose/bundle.h"
#include "diagnose/stream.h"

static const char sample[] =
    "kataloop-evidence 1\n"
    "[processes]\n"
    "|target 800\n"
    "|criu 812\n"
    "|agent 790\n"
    "|agent 812\n"
    "|nonsense 5\n"
    "|target x\n"
    "[/proc/812/status]\n"
    "|Name:\tcriu\n"
    "|State:\tS (sleeping)\n"
    "|PPid:\t811\n"
    "|TracerPid:\t0\n"
    "|NSpid:\t812\t3\n"
    "|SigBlk:\t0000000000010000\n"
    "|SigIgn:\t0000000000001000\n"
    "|SigCgt:\t0000000000000000\n"
    "|CapEff:\t000001ffffffffff\n"
    "|CapBnd:\t000001ffffffffff\n"
    "|NoNewPrivs:\t1\n"
    "|Seccomp:\t2\n"
    "[/proc/812/stat]\n"
    "|812 (a) b) S 811 810 809 34816 1 2\n"
    "[/proc/812/wchan]\n"
    "|do_wait\n"
    "[/proc/812/syscall]\n"
    "|61 0x320 0x7ffc 0x40000000\n"
    "[/proc/812/cmdline]\n"
    "|criu\n"
    "|dump\n"
    "|-t\n"
    "|800\n"
    "|--work-dir=/w\n"
    "[/proc/812/cgroup]\n"
    "|9:cpu,freezer:/wrong\n"
    "|8:freezer:/f/x\n"
    "|0::/system.slice/kata:agent\n"
    "[/proc/812/limits]\n"
    "|Limit                     Soft Limit           Hard Limit           Units\n"
    "|Max open files            1024                 524288               files\n"
    "|Max file size             unlimited            unlimited            bytes\n"
    "[/proc/812/fd]\n"
    "|total 0\n"
    "|lr-x------ 1 root root 64 Nov 25 02:00 0 -> /dev/null\n"
    "|l-wx------ 1 root root 64 Nov 25 02:00 12 -> /tmp/a -> b\n"
    "|l-wx------ 1 root root 64 Nov 25 02:00 13\n"
    "[/proc/812/stack]\n"
    "!not readable\n"
    "[dmesg]\n"
    "~12 bytes are left out\n"
    "end\n";

static void items_and_processes_are_read(void **state)
{
    (void)state;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(bundle_parse(sample, strlen(sample), "b", &b, &err), 0);
    assert_true(b.complete);
    assert_int_equal(b.n_processes, 3);
    const struct process *p = bundle_process(&b, 812);
    assert_int_equal(p->roles, PROCESS_CRIU | PROCESS_AGENT);
    assert_ptr_equal(bundle_role(&b, PROCESS_CRIU), p);
    assert_string_equal(p->name, "criu");
    assert_int_equal(p->state, 'S');
    assert_int_equal(p->ppid, 811);
    assert_int_equal(p->tracer, 0);
    assert_true(p->has_status);
    assert_true(p->sig_blk == 0x10000 && p->sig_ign == 0x1000 && p->cap_eff == 0x1ffffffffff);
    assert_int_equal(p->no_new_privs, 1);
    assert_int_equal(p->seccomp, 2);
    assert_int_equal(p->group, 810);
    assert_int_equal(p->session, 809);
    assert_int_equal(p->terminal, 34816);
    assert_int_equal(p->ns_pids.len, 2);
    assert_string_equal(p->wchan, "do_wait");
    assert_int_equal(p->syscall, 61);
    assert_string_equal(p->cgroup2, "/system.slice/kata:agent");
    assert_string_equal(p->freezer1, "/f/x");
    assert_string_equal(command_option(&p->command, "--tree", 't'), "800");
    assert_string_equal(command_option(&p->command, "--work-dir", 'W'), "/w");
    assert_null(command_option(&p->command, "--log-file", 'o'));
    assert_int_equal(process_limit(&b, 812, "Max open files", NULL), 1024);
    assert_int_equal(process_limit(&b, 812, "Max file size", NULL), LIMIT_UNLIMITED);
    assert_int_equal(process_limit(&b, 812, "Max nothing", NULL), LIMIT_UNKNOWN);
    bool known;
    assert_string_equal(process_fd(&b, 812, 0, &known), "/dev/null");
    assert_string_equal(process_fd(&b, 812, 12, &known), "/tmp/a -> b");
    assert_null(process_fd(&b, 812, 2, &known));
    assert_true(known);
    assert_null(process_fd(&b, 800, 2, &known));
    assert_false(known);
    assert_null(process_fd(&b, 812, 13, &known));
    assert_false(known);
    const struct process *unknown = bundle_process(&b, 800);
    assert_string_equal(unknown->name, "?");
    assert_false(unknown->has_status);
    assert_int_equal(unknown->tracer, -1);
    assert_string_equal(bundle_find(&b, "/proc/%d/stack", 812)->missing, "not readable");
    assert_string_equal(bundle_find(&b, "dmesg")->cut, "12 bytes are left out");
    int line;
    assert_string_equal(item_value(bundle_find(&b, "/proc/812/status"), "PPid", &line), "811");
    assert_int_equal(item_line_number(bundle_find(&b, "/proc/812/status"), line), 12);
}

static void what_is_no_bundle_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "b is not a bundle: it does not begin with `kataloop-evidence 1`"},
        {"kataloop-evidence \n", "b is not a bundle: it does not begin with `kataloop-evidence 1`"},
        {"{\"v\":1}\n", "b is not a bundle: it does not begin with `kataloop-evidence 1`"},
        {"kataloop-evidence 2\n", "b:1: a bundle of version 2; this program reads version 1"},
        {"kataloop-evidence 1\n|x\n", "b:2: a line before the first item"},
        {"kataloop-evidence 1\n[a\n", "b:2: a header is `[NAME]`"},
        {"kataloop-evidence 1\n[]\n", "b:2: a header is `[NAME]`"},
        {"kataloop-evidence 1\n[a]b]\n",
         "b:2: the name of an item is printable ASCII without brackets"},
        {"kataloop-evidence 1\n[a]\nx\n",
         "b:3: neither a header, nor a line of an item, nor `end`"},
        {"kataloop-evidence 1\n[a]\n\n", "b:3: neither a header, nor a line of an item, nor `end`"},
        {"kataloop-evidence 1\n[a]\n!no\n|x\n",
         "b:4: the item has ended already; a header was expected"},
        {"kataloop-evidence 1\n[a]\n~no\n|x\n",
         "b:4: the item has ended already; a header was expected"},
        {"kataloop-evidence 1\n[a]\n|x\n!no\n", "b:4: an item with lines is not missing"},
        {"kataloop-evidence 1\n[a]\n|\x1b[2J\n",
         "b:3: a control character; it is to be written as \\xNN"},
        {"kataloop-evidence 1\nend\n[a]\n", "b:3: nothing may follow `end`"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        cleanup_error struct error err = ERROR_INIT;
        assert_int_equal(bundle_parse(cases[i].text, strlen(cases[i].text), "b", &b, &err), -1);
        assert_string_equal(err.message, cases[i].want);
        assert_non_null(err.hint);
        assert_int_equal(err.code, ERR_USAGE);
        assert_int_equal(b.n_items, 0);
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    strbuf_puts(&text, "kataloop-evidence 1\n[a]\n|");
    for (int i = 0; i < BUNDLE_LINE_MAX; i++)
        strbuf_putc(&text, 'x');
    strbuf_puts(&text, "\nend\n");
    assert_int_equal(bundle_parse(text.data, text.len, "b", &b, &err), -1);
    assert_string_equal(err.message, "b:3: the line is too long");

    strbuf_truncate(&text, 20);
    for (int i = 0; i <= BUNDLE_ITEMS_MAX; i++)
        strbuf_puts(&text, "[a]\n");
    assert_int_equal(bundle_parse(text.data, text.len, "b", &b, &err), -1);
    assert_string_equal(err.message, "b:4098: too many items");

    strbuf_reserve(&text, BUNDLE_MAX + 1);
    assert_int_equal(bundle_parse(text.data, BUNDLE_MAX + 1, "b", &b, &err), -1);
    assert_string_equal(err.message, "b has 2097153 bytes, too many for a bundle");
}

static void a_bundle_that_was_cut_off_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    for (size_t len = strlen("kataloop-evidence 1\n"); len + 1 < strlen(sample); len++) {
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        cleanup_error struct error err = ERROR_INIT;
        cleanup_free char *exact = xmalloc(len);
        memcpy(exact, sample, len);
        assert_int_equal(bundle_parse(exact, len, "b", &b, &err), 0);
        assert_true(b.complete == (len + 1 == strlen(sample)));
        assert_null(err.message);
    }
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    static const char odd[] = "a\x1b[31m\0b\r\n[not a header]\nend\n\n\xc3\xa4\t.";
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    bundle_begin(&text);
    bundle_put(&text, "odd [1]\n", odd, sizeof(odd) - 1, 1000, false);
    bundle_put(&text, "head", "0123456789", 10, 4, false);
    bundle_put(&text, "tail", "0123456789", 10, 4, true);
    bundle_put(&text, "", "", 0, 4, true);
    bundle_put_missing(&text, "gone", "no\nsuch");
    cleanup_free char *longest = xcalloc(1, BUNDLE_LINE_MAX);
    bundle_put(&text, "long", longest, BUNDLE_LINE_MAX, BUNDLE_LINE_MAX, false);
    bundle_end(&text);

    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(bundle_parse(text.data, text.len, "b", &b, &err), 0);
    assert_int_equal(b.n_items, 6);
    assert_string_equal(b.items[0].name, "odd \\x5b1\\x5d\\x0a");
    assert_int_equal(b.items[0].lines.len, 5);
    assert_string_equal(b.items[0].lines.items[0], "a\\x1b[31m\\x00b\\x0d");
    assert_string_equal(b.items[0].lines.items[1], "[not a header]");
    assert_string_equal(b.items[0].lines.items[2], "end");
    assert_string_equal(b.items[0].lines.items[4], "\xc3\xa4\t.");
    assert_string_equal(b.items[1].lines.items[0], "0123");
    assert_string_equal(b.items[1].cut, "6 bytes are left out");
    assert_string_equal(b.items[2].lines.items[0], "6789");
    assert_string_equal(b.items[3].name, "(no name)");
    assert_int_equal(b.items[3].lines.len, 0);
    assert_string_equal(b.items[4].missing, "no");
    assert_string_equal(b.items[5].cut, "6145 bytes are left out");
}

static void a_name_is_whole_up_to_its_limit(void **state)
{
    (void)state;
    /* What systemd makes of a pod on a node. */
    static const char cgroup[] =
        "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/"
        "kubepods-burstable-pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice/"
        "cri-containerd-4f2a9c1b7e6d5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a.scope/"
        "a-group-of-the-workload-itself.slice/another-one-that-is-below-it.slice/"
        "and-one-more-of-a-service-in-it.service/cgroup.events";
    char longest[2 * BUNDLE_NAME_MAX] = {0};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_true(sizeof(cgroup) > 300);
    bundle_begin(&text);
    bundle_put_missing(&text, cgroup, "");
    for (size_t i = 0; i < 2; i++) {
        memset(longest, i ? 1 : 'x', sizeof(longest) - 1);
        bundle_put_missing(&text, longest, "");
    }
    bundle_end(&text);
    assert_int_equal(bundle_parse(text.data, text.len, "b", &b, &err), 0);
    assert_non_null(bundle_find(&b, "%s", cgroup));
    for (size_t i = 1; i <= 2; i++) {
        size_t len = strlen(b.items[i].name);
        assert_in_range(len, BUNDLE_NAME_MAX - 4, BUNDLE_NAME_MAX);
        assert_string_equal(b.items[i].name + len - 3, "...");
    }
}

/* --- the scripts' stream --------------------------------------------------------------------- */

static bool convert(const char *stream, size_t max, struct bundle *ret)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    bundle_begin(&text);
    bool ended = stream_to_bundle(stream, strlen(stream), "@M", "p: ", max, &text);
    bundle_end(&text);
    assert_int_equal(bundle_parse(text.data, text.len, "b", ret, &err), 0);
    return ended;
}

static void a_stream_becomes_items(void **state)
{
    (void)state;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    assert_true(convert("noise\n\n@M item 10 a b\n1\n2\n\n@M tail 4 t\n123456\n\n@M none 0 n n\n"
                        "why not\n\n@M files 8\n==> /proc/1/status <==\nName: x\n\n"
                        "==> /x <==\n12345678\n@M end\n@M item 5 late\n",
                        1000, &b));
    assert_int_equal(b.n_items, 5);
    assert_string_equal(b.items[0].name, "p: a b");
    assert_int_equal(b.items[0].lines.len, 2);
    assert_string_equal(b.items[1].lines.items[0], "456");
    assert_string_equal(b.items[1].cut, "3 bytes are left out");
    assert_string_equal(b.items[2].name, "p: n n");
    assert_string_equal(b.items[2].missing, "why not");
    assert_string_equal(b.items[3].name, "p: /proc/1/status");
    assert_string_equal(b.items[3].lines.items[0], "Name: x");
    assert_string_equal(b.items[4].name, "p: /x");
    assert_string_equal(b.items[4].cut, "it goes on behind 8 bytes");
}

static void content_cannot_pass_for_a_mark(void **state)
{
    (void)state;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    assert_true(convert("@M item 100 a\n@N item 5 b\n@M\n@M no such\n@M item x y\n ==> /x <==\n\n"
                        "@M end\n",
                        1000, &b));
    assert_int_equal(b.n_items, 1);
    assert_int_equal(b.items[0].lines.len, 5);
}

/* A file that fills its limit is said to go on, unless it is said already that something of it is
 * left out: an item has one such line. */
static void a_file_says_once_that_it_was_cut(void **state)
{
    (void)state;
    enum { LIMIT = 8192, LONG = 3000 };
    static const struct {
        size_t line, max;
        const char *cut, *missing;
    } cases[] = {
        {100, 100000, "it goes on behind 8192 bytes", NULL},
        {LONG, 100000, "2049 bytes are left out", NULL},
        {100, 5000, "3192 bytes are left out", NULL},
        {LONG, 0, NULL, "left out: there is too much in all"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_strbuf struct strbuf stream = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        strbuf_puts(&stream, "@M files 8192\n==> /x <==\n");
        for (size_t n = 0; n < LIMIT; n++)
            strbuf_putc(&stream, n % (cases[i].line + 1) == cases[i].line ? '\n' : 'x');
        strbuf_puts(&stream, "\n@M end\n");
        assert_true(convert(strbuf_str(&stream), cases[i].max, &b));
        assert_int_equal(b.n_items, 1);
        if (cases[i].missing)
            assert_string_equal(b.items[0].missing, cases[i].missing);
        else
            assert_string_equal(b.items[0].cut, cases[i].cut);
    }
}

static void a_stream_is_bounded_in_all(void **state)
{
    (void)state;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    assert_false(
        convert("@M item 100 a\n123456\n\n@M item 100 b\n123456\n\n@M item 100 c\n1\n", 20, &b));
    assert_int_equal(b.n_items, 3);
    assert_null(b.items[0].cut);
    assert_non_null(b.items[1].cut);
    assert_string_equal(b.items[2].missing, "left out: there is too much in all");
}

/* Whatever the items hold, what was taken can be read. */
static void a_stream_is_bounded_when_it_is_no_text(void **state)
{
    (void)state;
    static const char *const contents[] = {"\x01", "\n"};
    for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
        cleanup_strbuf struct strbuf stream = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        for (int item = 0; item < 200; item++) {
            strbuf_printf(&stream, "@M item 8192 i%d\n", item);
            for (int n = 0; n < 8192; n++)
                strbuf_puts(&stream, contents[i]);
            strbuf_puts(&stream, "\n\n");
        }
        strbuf_puts(&stream, "@M end\n");
        assert_true(convert(strbuf_str(&stream), BUNDLE_MAX / 2, &b));
        assert_int_equal(b.n_items, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_and_processes_are_read),
        cmocka_unit_test(what_is_no_bundle_is_refused_with_its_line),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_bundle_that_was_cut_off_is_read_as_far_as_it_goes),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(a_name_is_whole_up_to_its_limit),
        cmocka_unit_test(a_stream_becomes_items),
        cmocka_unit_test(content_cannot_pass_for_a_mark),
        cmocka_unit_test(a_file_says_once_that_it_was_cut),
        cmocka_unit_test(a_stream_is_bounded_in_all),
        cmocka_unit_test(a_stream_is_bounded_when_it_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
