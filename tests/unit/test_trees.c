/* SPDX-License-Identifier: Apache-2.0
 * Watched trees: a save is seen wherever it is made, and nothing else is. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "watch/trees.h"

#define SETTLE (10 * NSEC_PER_MSEC)

static char folder[] = "/tmp/kataloop-trees-XXXXXX";

static void put(const char *name, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = path_join(folder, name);
    cleanup_free char *dir = path_dir(path);
    assert_int_equal(fs_mkdir_parents(dir, &err), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
    cleanup_free char *path = path_join(folder, name);
    assert_int_equal(unlink(path), 0);
}

/* Watches src/ but target/, and the file one.yaml. */
static struct trees *watched(char since[SHA256_HEX_SIZE])
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv exclude = STRV_INIT;
    struct trees *t = NULL;
    strv_push(&exclude, "target/");
    cleanup_free char *src = path_join(folder, "src");
    cleanup_free char *file = path_join(folder, "one.yaml");
    put("src/deep/a.rs", "a");
    put("src/target/out", "out");
    put("one.yaml", "version: 1");
    assert_int_equal(trees_new(-1, &t, &err), 0);
    assert_int_equal(trees_add(t, src, &exclude, &err), 0);
    assert_int_equal(trees_add(t, file, NULL, &err), 0);
    assert_int_equal(trees_digest(t, since, &err), 0);
    return t;
}

static void assert_saved(struct trees *t, char *since)
{
    cleanup_error struct error err = ERROR_INIT;
    if (trees_wait(t, since, SETTLE, deadline_in(5 * NSEC_PER_SEC), &err) < 0)
        fail_msg("%s", err.message);
}

static void assert_quiet(struct trees *t, char *since)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(trees_wait(t, since, SETTLE, deadline_in(150 * NSEC_PER_MSEC), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
}

static void sees_a_save(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_trees struct trees *t = watched(since);
    put("src/deep/a.rs", "more");
    assert_saved(t, since);
}

static void sees_what_was_saved_before_it_waits(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_trees struct trees *t = watched(since);
    put("src/new.rs", "new");
    drop("src/new.rs");
    put("src/other.rs", "other");
    assert_saved(t, since);
    drop("src/other.rs");
}

static void sees_a_file_put_in_place_by_rename(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_trees struct trees *t = watched(since);
    put("one.yaml.new", "version: 1 # edited");
    cleanup_free char *from = path_join(folder, "one.yaml.new");
    cleanup_free char *to = path_join(folder, "one.yaml");
    assert_int_equal(rename(from, to), 0);
    assert_saved(t, since);
}

static void sees_a_save_behind_a_link(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_error struct error err = ERROR_INIT;
    cleanup_trees struct trees *t = NULL;
    cleanup_free char *link = path_join(folder, "link.yaml");
    put("elsewhere/real.yaml", "version: 1");
    assert_int_equal(symlink("elsewhere/real.yaml", link), 0);
    assert_int_equal(trees_new(-1, &t, &err), 0);
    assert_int_equal(trees_add(t, link, NULL, &err), 0);
    assert_int_equal(trees_digest(t, since, &err), 0);
    put("elsewhere/real.yaml", "version: 1 # edited");
    assert_saved(t, since);
}

static void sees_saves_in_folders_that_came_later(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_error struct error err = ERROR_INIT;
    cleanup_trees struct trees *t = watched(since);
    put("src/later/still/b.rs", "b");
    assert_saved(t, since);
    assert_int_equal(trees_digest(t, since, &err), 0);
    put("src/later/still/b.rs", "b, edited");
    assert_saved(t, since);
}

static void does_not_see_the_excluded_nor_what_is_beside(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_trees struct trees *t = watched(since);
    put("src/target/out", "built again");
    put("src/target/deps/x", "x");
    put("beside.txt", "not ours");
    assert_quiet(t, since);
}

static void does_not_see_what_came_and_went(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_trees struct trees *t = watched(since);
    put("src/4913", "");
    drop("src/4913");
    assert_quiet(t, since);
}

/* A save of many files, and an editor that takes its time between them. */
static void what_comes_in_pieces_is_one_save(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE], before[SHA256_HEX_SIZE], path[] = "src/many-0";
    cleanup_error struct error err = ERROR_INIT;
    cleanup_trees struct trees *t = watched(since);
    memcpy(before, since, sizeof(before));
    pid_t child = fork();
    assert_true(child >= 0);
    for (; child == 0 && path[9] <= '9'; path[9]++) {
        put(path, "piece");
        (void)poll(NULL, 0, 10);
    }
    if (child == 0)
        _exit(0);
    if (trees_wait(t, since, 50 * SETTLE, deadline_in(10 * NSEC_PER_SEC), &err) < 0)
        fail_msg("%s", err.message);
    assert_string_not_equal(since, before);
    assert_quiet(t, since);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (path[9] = '0'; path[9] <= '9'; path[9]++)
        drop(path);
}

static void move(const char *name, const char *other)
{
    cleanup_free char *from = path_join(folder, name);
    cleanup_free char *to = path_join(folder, other);
    assert_int_equal(rename(from, to), 0);
}

static void make(const char *name)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = path_join(folder, name);
    assert_int_equal(fs_mkdir_parents(path, &err), 0);
}

static void waits_for_what_is_not_there(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_error struct error err = ERROR_INIT;
    cleanup_trees struct trees *t = NULL;
    cleanup_free char *path = path_join(folder, "not/there/yet");
    assert_int_equal(trees_new(-1, &t, &err), 0);
    assert_int_equal(trees_add(t, path, NULL, &err), 0);
    assert_int_equal(trees_digest(t, since, &err), 0);
    make("not/there");
    assert_quiet(t, since);
    make("not/there/yet");
    assert_saved(t, since);
    put("not/there/yet/a", "a");
    assert_saved(t, since);
}

/* A folder of which nothing above is watched, as a branch of git that lacks it takes it away. */
static void waits_for_what_went_away(void **state)
{
    (void)state;
    char since[SHA256_HEX_SIZE];
    cleanup_error struct error err = ERROR_INIT;
    cleanup_trees struct trees *t = NULL;
    cleanup_free char *path = path_join(folder, "deep/tree");
    put("deep/tree/a", "a");
    assert_int_equal(trees_new(-1, &t, &err), 0);
    assert_int_equal(trees_add(t, path, NULL, &err), 0);
    assert_int_equal(trees_digest(t, since, &err), 0);
    move("deep/tree", "deep/elsewhere");
    assert_saved(t, since);
    move("deep/elsewhere", "deep/tree");
    assert_saved(t, since);
    assert_int_equal(fs_remove_tree(path, &err), 0);
    assert_saved(t, since);
    put("deep/tree/a", "again");
    assert_saved(t, since);
    put("deep/tree/a", "and edited");
    assert_saved(t, since);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    return fs_remove_tree(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_a_save),
        cmocka_unit_test(sees_what_was_saved_before_it_waits),
        cmocka_unit_test(sees_a_file_put_in_place_by_rename),
        cmocka_unit_test(sees_a_save_behind_a_link),
        cmocka_unit_test(sees_saves_in_folders_that_came_later),
        cmocka_unit_test(does_not_see_the_excluded_nor_what_is_beside),
        cmocka_unit_test(does_not_see_what_came_and_went),
        cmocka_unit_test(what_comes_in_pieces_is_one_save),
        cmocka_unit_test(waits_for_what_is_not_there),
        cmocka_unit_test(waits_for_what_went_away),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
