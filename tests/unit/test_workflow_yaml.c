/* SPDX-License-Identifier: Apache-2.0
 * workflow/yaml, value, diagnostics: good and bad files, messages word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "workflow/yaml.h"

/* The tree that there is all the same, or NULL. */
static struct value *parse_bad(const char *text, const char *expected)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    struct value *root = yaml_parse("f.yaml", text, strlen(text), &problems);
    diagnostics_sort(&problems);
    diagnostics_format(&problems, &shown);
    assert_string_equal(strbuf_str(&shown), expected);
    return root;
}

static void expect_problems(const char *text, const char *expected)
{
    assert_null(parse_bad(text, expected));
}

static struct value *parse(const char *text)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    struct value *root = yaml_parse("f.yaml", text, strlen(text), &problems);
    assert_int_equal(problems.len, 0);
    assert_non_null(root);
    return root;
}

static void every_value_knows_its_place(void **state)
{
    (void)state;
    struct value *root = parse("version: 1\nhosts:\n  dev:\n    ssh: a@b\nlist: [x, 'y z']\n");
    const struct value *dev = value_get(value_get(root, "hosts"), "dev");
    const struct value *ssh = value_get(dev, "ssh");
    assert_string_equal(ssh->text, "a@b");
    assert_int_equal(ssh->span.line, 4);
    assert_int_equal(ssh->span.column, 10);
    assert_int_equal(dev->key_spans[0].column, 5);
    assert_int_equal(value_get_int(root, "version", 0), 1);
    const struct value *list = value_get(root, "list");
    assert_int_equal(list->len, 2);
    assert_string_equal(list->items[1]->text, "y z");
    value_free(root);
}

static void what_was_found_twice_is_told_once(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    static const char *const messages[] = {"b", "a", "b", "c", "b"};
    const struct span where = {.file = "f.yaml", .line = 1, .column = 1};
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        diagnostics_add(&problems, where, "%s", messages[i]);
        diagnostics_hint(&problems, "hint");
    }
    diagnostics_sort(&problems);
    assert_int_equal(problems.len, 3);
    assert_string_equal(problems.items[0].message, "a");
    assert_string_equal(problems.items[1].message, "b");
    assert_string_equal(problems.items[2].message, "c");
}

static void null_is_what_is_written_as_null(void **state)
{
    (void)state;
    struct value *root = parse("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n");
    assert_int_equal(value_get(root, "a")->kind, VALUE_NULL);
    assert_int_equal(value_get(root, "b")->kind, VALUE_NULL);
    assert_int_equal(value_get(root, "c")->kind, VALUE_NULL);
    assert_string_equal(value_get_string(root, "d"), "");
    assert_string_equal(value_get_string(root, "e"), "null");
    value_free(root);
}

static void typed_reads_fall_back_where_a_key_is_absent(void **state)
{
    (void)state;
    struct value *root = parse("wait: 1500ms\non: true\noff: false\nn: 7\n");
    assert_true(value_get_duration(root, "wait", 0) == 1500 * NSEC_PER_MSEC);
    assert_true(value_get_bool(root, "on", false));
    assert_false(value_get_bool(root, "off", true));
    assert_int_equal(value_get_int(root, "n", 0), 7);
    assert_int_equal(value_get_int(root, "none", 3), 3);
    assert_null(value_get_string(NULL, "x"));
    value_free(root);
}

static void an_alias_stands_for_a_copy(void **state)
{
    (void)state;
    struct value *root = parse("a: &x {k: v}\nb: *x\n");
    assert_string_equal(value_get_string(value_get(root, "b"), "k"), "v");
    value_free(root);
}

static void an_anchor_outlives_what_it_stood_at(void **state)
{
    (void)state;
    struct value *root = parse("&k key: v\nb: *k\n");
    assert_string_equal(value_get_string(root, "b"), "key");
    value_free(root);
    root = parse_bad("a: &x {k: v}\na: 2\nb: *x\n",
                     "f.yaml:2:1: error: `a` is here twice, first in line 1\n"
                     "    2 | a: 2\n"
                     "      | ^\n");
    assert_string_equal(value_get_string(root, "a"), "2");
    assert_string_equal(value_get_string(value_get(root, "b"), "k"), "v");
    value_free(root);
}

static void duplicate_names_are_all_reported(void **state)
{
    (void)state;
    value_free(parse_bad("a: 1\nb: 2\na: 3\nb: 4\n",
                         "f.yaml:3:1: error: `a` is here twice, first in line 1\n"
                         "    3 | a: 3\n"
                         "      | ^\n"
                         "f.yaml:4:1: error: `b` is here twice, first in line 2\n"
                         "    4 | b: 4\n"
                         "      | ^\n"));
}

static void an_empty_file_is_said_to_be_empty(void **state)
{
    (void)state;
    expect_problems("", "f.yaml:1:1: error: the file is empty\n    1 | \n      | ^\n");
}

static void a_second_document_is_refused(void **state)
{
    (void)state;
    expect_problems("a: 1\n---\nb: 2\n", "f.yaml:2:1: error: a second document; one is expected\n"
                                         "    2 | ---\n"
                                         "      | ^\n");
}

static void bad_syntax_has_its_place(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb: [1, 2\nc: 3\n";
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    assert_null(yaml_parse("f.yaml", text, sizeof(text) - 1, &problems));
    assert_int_equal(problems.len, 1);
    assert_true(problems.items[0].where.line >= 2 && problems.items[0].where.line <= 4);
    assert_memory_equal(problems.items[0].message, "not YAML: ", 10);
}

static void depth_and_expansion_are_bounded(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf deep = STRBUF_INIT, laughs = STRBUF_INIT;
    for (int i = 0; i < 100; i++)
        strbuf_putc(&deep, '[');
    for (int i = 0; i < 100; i++)
        strbuf_putc(&deep, ']');
    strbuf_puts(&laughs, "a: &a0 [x]\n");
    for (int i = 1; i < 30; i++)
        strbuf_printf(&laughs, "b%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
                      i - 1);
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    assert_null(yaml_parse("f.yaml", deep.data, deep.len, &problems));
    assert_string_equal(problems.items[0].message, "nested more than 64 deep");
    assert_int_equal(problems.items[0].where.column, 66);
    diagnostics_release(&problems);
    assert_null(yaml_parse("f.yaml", laughs.data, laughs.len, &problems));
    assert_string_equal(problems.items[0].message, "more than 100000 values");
}

static void names_are_bounded(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf names = STRBUF_INIT, anchors = STRBUF_INIT;
    for (int i = 0; i < 10001; i++) {
        strbuf_printf(&names, "n%d: 1\n", i);
        strbuf_printf(&anchors, "- &a%d x\n", i);
    }
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    assert_null(yaml_parse("f.yaml", names.data, names.len, &problems));
    assert_null(yaml_parse("g.yaml", anchors.data, anchors.len, &problems));
    assert_int_equal(problems.len, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(problems.items[i].message, "more than 10000 names");
        assert_int_equal(problems.items[i].where.line, 10001);
    }
}

static void excerpts_are_cut_and_harmless(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT, shown = STRBUF_INIT;
    for (int i = 0; i < 150; i++)
        strbuf_puts(&text, "\xc3\xa4");
    strbuf_puts(&text, "\x1b[2J!");
    diagnostics_source(&problems, "f.yaml", strbuf_str(&text));
    diagnostics_add(&problems, (struct span){problems.sources[0]->file, 1, 152}, "bad");
    diagnostics_hint(&problems, "did you mean `%s`?", "good");
    diagnostics_format(&problems, &shown);
    assert_null(strchr(strbuf_str(&shown), '\x1b'));
    assert_non_null(strstr(strbuf_str(&shown), "\xc3\xa4?[2J!\n"));
    assert_non_null(strstr(strbuf_str(&shown), "      = did you mean `good`?\n"));
    assert_true(shown.len < 300);
}

/* Columns count characters; the caret counts what they take on a screen. */
static void a_caret_stands_below_its_character(void **state)
{
    (void)state;
    value_free(parse_bad("{\xc3\xa9\xc3\xa9: 1, \xe6\xbc\xa2: 2, a: 3, a: 4}\n",
                         "f.yaml:1:21: error: `a` is here twice, first in line 1\n"
                         "    1 | {\xc3\xa9\xc3\xa9: 1, \xe6\xbc\xa2: 2, a: 3, a: 4}\n"
                         "      |                      ^\n"));
    expect_problems("a: \xe6\xbc\xa2\xff\n", "f.yaml:1:5: error: not YAML: the text is not UTF-8\n"
                                             "    1 | a: \xe6\xbc\xa2\xff\n"
                                             "      |      ^\n");
}

static void what_is_no_text_is_told_at_its_place(void **state)
{
    (void)state;
    expect_problems("a: 1\nb: \xff\n", "f.yaml:2:4: error: not YAML: the text is not UTF-8\n"
                                       "    2 | b: \xff\n"
                                       "      |    ^\n");
    expect_problems("a: \x1b[31m\n", "f.yaml:1:4: error: not YAML: a control character\n"
                                     "    1 | a: ?[31m\n"
                                     "      |    ^\n");
    expect_problems("a: \xc2\x9b", "f.yaml:1:4: error: not YAML: a control character\n"
                                   "    1 | a: ??\n"
                                   "      |    ^\n");
    /* libfyaml went round for ever on this. */
    expect_problems("%\xfe\xff\x04m \n", "f.yaml:1:2: error: not YAML: the text is not UTF-8\n"
                                         "    1 | %\xfe\xff?m \n"
                                         "      |  ^\n");
    value_free(parse("a: \"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"\t# \xc2\xa0\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_knows_its_place),
        cmocka_unit_test(what_was_found_twice_is_told_once),
        cmocka_unit_test(null_is_what_is_written_as_null),
        cmocka_unit_test(typed_reads_fall_back_where_a_key_is_absent),
        cmocka_unit_test(an_alias_stands_for_a_copy),
        cmocka_unit_test(an_anchor_outlives_what_it_stood_at),
        cmocka_unit_test(what_is_no_text_is_told_at_its_place),
        cmocka_unit_test(duplicate_names_are_all_reported),
        cmocka_unit_test(an_empty_file_is_said_to_be_empty),
        cmocka_unit_test(a_second_document_is_refused),
        cmocka_unit_test(bad_syntax_has_its_place),
        cmocka_unit_test(depth_and_expansion_are_bounded),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(excerpts_are_cut_and_harmless),
        cmocka_unit_test(a_caret_stands_below_its_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
