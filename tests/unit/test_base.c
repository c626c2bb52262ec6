/* SPDX-License-Identifier: Apache-2.0
 * base/: pure functions on tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/destination.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/sha256.h"
#include "base/strv.h"
#include "base/suggest.h"

static void errors_carry_context_and_the_first_hint(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    assert_int_equal(error_set_errno(&err, 2, "opening `%s`", "/x"), -1);
    assert_int_equal(error_hint(&err, "make it"), -1);
    error_hint(&err, "a hint from further out");
    error_wrap(&err, "injecting into %s", "guest");
    assert_string_equal(err.message,
                        "injecting into guest: opening `/x`: No such file or directory");
    assert_string_equal(err.hint, "make it");
    assert_int_equal(error_exit_code(&err), 1);
    error_set(&err, ERR_UNREACHABLE, "gone");
    assert_null(err.hint);
    assert_int_equal(error_exit_code(&err), 5);
    error_release(&err);
    assert_int_equal(error_exit_code(&err), 0);
}

static void words_are_quoted_for_a_shell_only_where_needed(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},
        {"$HOME", "'$HOME'"},
        {"a\nb", "'a\nb'"},
        {"/usr/bin/x-1.2", "/usr/bin/x-1.2"},
        {"~", "'~'"},
        {"a=b", "a=b"},
        {"*", "'*'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *quoted = shell_quote(cases[i][0]);
        assert_string_equal(quoted, cases[i][1]);
    }
}

/* Plain is only what is so to every shell. */
static void every_other_character_is_quoted(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char word[] = {'a', (char)c, '\0'};
        cleanup_free char *quoted = shell_quote(word);
        bool plain = (c < 128 && isalnum(c)) || strchr("_@%+=:,./-", c);
        if ((strcmp(quoted, word) == 0) != plain)
            fail_msg("byte %d: %s", c, quoted);
    }
}

static void durations_are_read_strictly(void **state)
{
    (void)state;
    int64_t ns = 0;
    assert_true(parse_duration("10s", &ns) && ns == 10 * NSEC_PER_SEC);
    assert_true(parse_duration("1.5s", &ns) && ns == 1500 * NSEC_PER_MSEC);
    assert_true(parse_duration("200ms", &ns) && ns == 200 * NSEC_PER_MSEC);
    assert_true(parse_duration("2m", &ns) && ns == 120 * NSEC_PER_SEC);
    assert_true(parse_duration("3", &ns) && ns == 3 * NSEC_PER_SEC);
    static const char *const bad[] = {"", "s", "-1s", "1.s", "1 s", "1d", "99999999999h"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse_duration(bad[i], &ns));
}

static void numbers_and_modes_are_read_strictly(void **state)
{
    (void)state;
    int64_t n;
    mode_t mode;
    assert_true(parse_int("-42", &n) && n == -42);
    assert_false(parse_int("4x", &n) || parse_int("", &n) || parse_int(" 4", &n) ||
                 parse_int("99999999999999999999", &n));
    assert_true(parse_mode("0755", &mode) && mode == 0755);
    assert_true(parse_mode("644", &mode) && mode == 0644);
    assert_false(parse_mode("0888", &mode) || parse_mode("", &mode) || parse_mode("77777", &mode));
}

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    static const char *const names[] = {"restart", "container", "checkpoint", "sync", "run"};
    assert_string_equal(suggest("chekpoint", names, ARRAY_SIZE(names)), "checkpoint");
    assert_string_equal(suggest("snyc", names, ARRAY_SIZE(names)), "sync");
    assert_string_equal(suggest("restrat", names, ARRAY_SIZE(names)), "restart");
    assert_null(suggest("zebra", names, ARRAY_SIZE(names)));
    assert_null(suggest("x", names, ARRAY_SIZE(names)));
    char word[201]; /* a third of which is much */
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(suggest(word, names, ARRAY_SIZE(names)));
}

static void paths_are_joined_and_split(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"}, {"/", "b", "/b"},
        {"/a", "/b", "/b"},  {"", "b", "b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *joined = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
    }
    static const char *const dirs[][2] = {{"/a/b/c", "/a/b"}, {"/a", "/"}, {"a", "."}};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        cleanup_free char *dir = path_dir(dirs[i][0]);
        assert_string_equal(dir, dirs[i][1]);
    }
    assert_string_equal(path_base("/a/b/c"), "c");
}

static void state_is_kept_where_the_environment_says(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        {"/own", "/xdg", "/home/me", "/own"},
        {"", "/xdg", "/home/me", "/xdg/kataloop"},
        {"", "relative", "/home/me", "/home/me/.local/state/kataloop"}, /* as if it were not set */
        {"", "", "/home/me", "/home/me/.local/state/kataloop"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        setenv("KATALOOP_STATE_DIR", cases[i][0], 1);
        setenv("XDG_STATE_HOME", cases[i][1], 1);
        setenv("HOME", cases[i][2], 1);
        cleanup_free char *folder = state_dir();
        assert_string_equal(folder, cases[i][3]);
    }
    static const char *const tildes[][2] = {
        {"~", "/home/me"}, {"~/x", "/home/me/x"}, {"~you/x", "~you/x"}, {"a~", "a~"}};
    for (size_t i = 0; i < ARRAY_SIZE(tildes); i++) {
        cleanup_free char *path = path_expand_home(tildes[i][0]);
        assert_string_equal(path, tildes[i][1]);
    }
}

/* A folder with a file `kept` of "old". */
static char *make_folder(void)
{
    cleanup_error struct error err = ERROR_INIT;
    char folder[] = "/tmp/kataloop-base-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *kept = path_join(folder, "kept");
    assert_int_equal(fs_write_atomic(kept, "old", 3, 0600, &err), 0);
    return xstrdup(folder);
}

static void a_tree_is_removed_and_not_what_its_links_lead_to(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *outside = make_folder();
    cleanup_free char *kept = path_join(outside, "kept");
    cleanup_free char *tree = make_folder();
    cleanup_free char *deep = path_join(tree, "a/b");
    cleanup_free char *link = path_join(tree, "a/link");
    assert_int_equal(fs_mkdir_parents(deep, &err), 0);
    assert_int_equal(symlink(outside, link), 0);
    assert_int_equal(fs_remove_tree(tree, &err), 0);
    assert_int_equal(access(tree, F_OK), -1);
    assert_int_equal(access(kept, F_OK), 0);
    assert_int_equal(fs_remove_tree(outside, &err), 0);
}

static void a_file_that_cannot_be_put_in_place_leaves_nothing(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *folder = make_folder();
    cleanup_free char *target = path_join(folder, "target");
    cleanup_free char *kept = path_join(folder, "kept");
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(fs_write_atomic(target, "new", 3, 0600, &err), -1);
    assert_int_equal(rmdir(target), 0);
    assert_int_equal(unlink(kept), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else was in it */
}

static void paths_that_leave_their_folder_are_known(void **state)
{
    (void)state;
    static const char *const leave[] = {"/", "/a", "..", "../a", "a/../..", "./../a", "a//../../b"};
    static const char *const stay[] = {"",       ".",    "a",   "./a/",
                                       "a/../b", "a/..", "..a", "a/b/../../c"};
    for (size_t i = 0; i < ARRAY_SIZE(leave); i++)
        if (!path_leaves(leave[i]))
            fail_msg("`%s` leaves", leave[i]);
    for (size_t i = 0; i < ARRAY_SIZE(stay); i++)
        if (path_leaves(stay[i]))
            fail_msg("`%s` stays", stay[i]);
}

static void paths_that_lead_elsewhere_are_known(void **state)
{
    (void)state;
    static const char *const plain[] = {"/a", "/a/b", "/..a/.b/c..", "/a b/..."};
    static const char *const others[] = {"",      "/",     "a",      "a/b",  "/a/", "//a",
                                         "/a//b", "/./a",  "/a/.",   "/..",  "/.",  "/a/../b",
                                         "/a/..", "../a/", "/a/b//", "/a/./"};
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        if (!path_is_plain(plain[i]))
            fail_msg("`%s` is plain", plain[i]);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (path_is_plain(others[i]))
            fail_msg("`%s` is not", others[i]);
}

static void destinations_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *user, *host;
        int port;
    } cases[] = {
        {"dev", NULL, "dev", 0},
        {"root@dev", "root", "dev", 0},
        {"a@b@dev:2222", "a@b", "dev", 2222},
        {"ssh://root@dev:65535", "root", "dev", 65535},
        {"ssh://dev", NULL, "dev", 0},
        {"::1", NULL, "::1", 0},
        {"root@fe80::1%eth0", "root", "fe80::1%eth0", 0},
        {"root@[::1]:22", "root", "::1", 22},
        {"ssh://[::1]", NULL, "::1", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_destination struct destination d = DESTINATION_INIT;
        if (destination_parse(cases[i].text, &d, &err) < 0)
            fail_msg("%s", err.message);
        assert_string_equal(d.host, cases[i].host);
        assert_string_equal(d.user ? d.user : "none", cases[i].user ? cases[i].user : "none");
        assert_int_equal(d.port, cases[i].port);
    }
}

static void destinations_that_are_none_say_why(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "the host is missing"},
        {"@", "no user stands before the `@`"},
        {"root@", "the host is missing"},
        {"-oProxyCommand=x", "`-oProxyCommand=x` is not the name or address of a host"},
        {"-l@dev", "`-l` is not a user name"},
        {"root@dev:0", "`0` is not a port from 1 to 65535"},
        {"root@dev:99999", "`99999` is not a port from 1 to 65535"},
        {"dev:", "`` is not a port from 1 to 65535"},
        {"dev:ssh", "`ssh` is not a port from 1 to 65535"},
        {"dev/x", "`dev/x` is not the name or address of a host"},
        {"a b", "it has white space in it"},
        {"1:2:x", "`1:2:x` is not the name or address of a host"},
        {"[::1", "`[::1` is not an address in brackets"},
        {"[::1]22", "`[::1]22` is not an address in brackets"},
        {"ssh://::1", "after `ssh://` an address stands in brackets, `[::1]`"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_destination struct destination d = DESTINATION_INIT;
        cleanup_free char *expected =
            xasprintf("`%s` names no host to log in to: %s", cases[i][0], cases[i][1]);
        assert_int_equal(destination_parse(cases[i][0], &d, &err), -1);
        assert_int_equal(err.code, ERR_USAGE);
        assert_string_equal(err.message, expected);
        assert_non_null(err.hint);
        assert_null(d.host);
    }
    for (const char *c = "'`\"$\\;&<>|(){},/[]"; *c; c++) { /* what a shell could take amiss */
        cleanup_error struct error err = ERROR_INIT;
        cleanup_destination struct destination d = DESTINATION_INIT;
        cleanup_free char *text = xasprintf("root@a%cb", *c);
        if (destination_parse(text, &d, &err) == 0)
            fail_msg("%s", text);
    }
}

static void base64_goes_there_and_back_at_any_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 4, 49151, 49152, 49153, 100000};
    cleanup_free char *data = xmalloc(100000);
    for (size_t i = 0; i < 100000; i++)
        data[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT, back = STRBUF_INIT;
        base64_encode(data, lengths[i], &text);
        assert_int_equal(text.len, (lengths[i] + 2) / 3 * 4);
        assert_true(base64_decode(text.data, text.len, &back));
        assert_int_equal(back.len, lengths[i]);
        assert_memory_equal(back.data, data, lengths[i]);
    }
    static const char *const bad[] = {"YQ", "YQ=", "Y!==", "=", "YQ==YQ"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cleanup_strbuf struct strbuf back = STRBUF_INIT;
        if (base64_decode(bad[i], strlen(bad[i]), &back))
            fail_msg("%s", bad[i]);
    }
}

static void sha256_is_that_of_the_standard(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    struct sha256 *s = sha256_new();
    sha256_add(s, "abc", 3); /* FIPS 180-2, appendix B.1 */
    sha256_finish(s, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void base64_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes; /* NULL: it is none */
    } cases[] = {
        {"", ""},         {" \n", ""},    {"QUJD", "ABC"},    {"QU\nI=\r\n", "AB"},
        {"QQ==", "A"},    {"QUJ", NULL},  {"QUJ?", NULL},     {"QUJD----", NULL},
        {"Q===", NULL},   {"====", NULL}, {"QQ==QUJD", NULL}, {"QUI=QQ==", NULL},
        {"QUJDQQ", NULL}, {"=QUJ", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_strbuf struct strbuf bytes = STRBUF_INIT, again = STRBUF_INIT;
        bool is = base64_decode(cases[i].text, strlen(cases[i].text), &bytes);
        assert_int_equal(is, cases[i].bytes != NULL);
        assert_string_equal(strbuf_str(&bytes), is ? cases[i].bytes : "");
        base64_encode(bytes.data, bytes.len, &again);
        assert_true(base64_decode(strbuf_str(&again), again.len, &bytes));
        assert_int_equal(bytes.len, is ? 2 * strlen(cases[i].bytes) : 0);
    }
    cleanup_strbuf struct strbuf bytes = STRBUF_INIT;
    assert_false(base64_decode("QU\0D", 4, &bytes));
}

static void durations_read_well(void **state)
{
    (void)state;
    static const struct {
        int64_t nsec;
        const char *text;
    } cases[] = {
        {8500000, "8.5 ms"},
        {420 * NSEC_PER_MSEC, "0.42 s"},
        {12300 * NSEC_PER_MSEC, "12.3 s"},
        {185 * NSEC_PER_SEC, "3 m 05 s"},
        {7800 * NSEC_PER_SEC, "2 h 10 m"},
        /* no "100.0 ms", "10.00 s" or "60.0 s" */
        {99960000, "0.10 s"},
        {9996 * NSEC_PER_MSEC, "10.0 s"},
        {59970 * NSEC_PER_MSEC, "1 m 00 s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *text = duration_format(cases[i].nsec);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_carry_context_and_the_first_hint),
        cmocka_unit_test(words_are_quoted_for_a_shell_only_where_needed),
        cmocka_unit_test(every_other_character_is_quoted),
        cmocka_unit_test(durations_are_read_strictly),
        cmocka_unit_test(numbers_and_modes_are_read_strictly),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(paths_are_joined_and_split),
        cmocka_unit_test(state_is_kept_where_the_environment_says),
        cmocka_unit_test(a_tree_is_removed_and_not_what_its_links_lead_to),
        cmocka_unit_test(a_file_that_cannot_be_put_in_place_leaves_nothing),
        cmocka_unit_test(paths_that_leave_their_folder_are_known),
        cmocka_unit_test(paths_that_lead_elsewhere_are_known),
        cmocka_unit_test(destinations_are_taken_apart),
        cmocka_unit_test(destinations_that_are_none_say_why),
        cmocka_unit_test(base64_goes_there_and_back_at_any_length),
        cmocka_unit_test(sha256_is_that_of_the_standard),
        cmocka_unit_test(base64_is_read_strictly),
        cmocka_unit_test(durations_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
