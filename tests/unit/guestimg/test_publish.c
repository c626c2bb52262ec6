/* SPDX-License-Identifier: Apache-2.0
 * Publishing where the disk fails, or the kernel copies nothing: fsync() and copy_file_range() are
 * this file's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "guestimg/publish.h"

/* What cannot be flushed. */
static bool files_fail, folders_fail;

int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) ? folders_fail : files_fail)) {
        errno = EIO;
        return -1;
    }
    return 0;
}

/* As between file systems of two kinds; or where nothing can be copied, and that is not said. */
static bool copies_nothing;

ssize_t copy_file_range(int from, off64_t *in, int to, off64_t *out, size_t len, unsigned int flags)
{
    (void)from;
    (void)in;
    (void)to;
    (void)out;
    (void)len;
    (void)flags;
    errno = EXDEV;
    return copies_nothing ? 0 : -1;
}

/* An image of the name `image` and a file `copy`, in a folder of each test's own. */
struct place {
    char folder[64];
    char *image, *copy;
};

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof(*p));
    snprintf(p->folder, sizeof(p->folder), "/tmp/kataloop-publish-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->image = path_join(p->folder, "kata.img");
    p->copy = path_join(p->folder, "copy");
    files_fail = folders_fail = false;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    cleanup_error struct error err = ERROR_INIT;
    int result = fs_remove_tree(p->folder, &err);
    free(p->image);
    free(p->copy);
    free(p);
    return result;
}

static void put(const char *path, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

static void holds(const char *path, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf now = STRBUF_INIT;
    assert_int_equal(fs_read(path, 100, &now, &err), 0);
    assert_string_equal(strbuf_str(&now), text);
}

static void no_version_is_kept(const char *image)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv versions = STRV_INIT;
    assert_int_equal(publish_versions(image, &versions, &err), 0);
    assert_int_equal(versions.len, 0);
}

static void a_folder_that_cannot_be_flushed_is_told_after_the_rename(void **state)
{
    struct place *p = *state;
    put(p->image, "old");
    put(p->copy, "new");
    folders_fail = true;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf notes = STRBUF_INIT;
    cleanup_free char *kept = NULL;
    assert_int_equal(publish_replace(p->image, p->copy, 1, &kept, &notes, &err), -1);
    cleanup_free char *expected = xasprintf("`%s` IS replaced, but that may not outlive a crash: "
                                            "flushing `%s`: Input/output error",
                                            p->image, p->folder);
    assert_string_equal(err.message, expected);
    holds(p->image, "new");
}

static void a_copy_that_cannot_be_flushed_replaces_nothing(void **state)
{
    struct place *p = *state;
    put(p->image, "old");
    put(p->copy, "new");
    files_fail = true;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf notes = STRBUF_INIT;
    cleanup_free char *kept = NULL;
    assert_int_equal(publish_replace(p->image, p->copy, 1, &kept, &notes, &err), -1);
    cleanup_free char *expected = xasprintf("flushing `%s`: Input/output error", p->copy);
    assert_string_equal(err.message, expected);
    holds(p->image, "old");
    no_version_is_kept(p->image);
}

static void of_an_image_that_stays_no_version_is_kept(void **state)
{
    struct place *p = *state;
    put(p->image, "old");
    assert_int_equal(mkdir(p->copy, 0700), 0); /* which takes no file's place */
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf notes = STRBUF_INIT;
    cleanup_free char *kept = NULL;
    assert_int_equal(publish_replace(p->image, p->copy, 1, &kept, &notes, &err), -1);
    assert_non_null(strstr(err.message, "renaming `"));
    assert_null(kept);
    holds(p->image, "old");
    no_version_is_kept(p->image);
}

static void going_back_is_flushed_too(void **state)
{
    struct place *p = *state;
    cleanup_free char *version = xasprintf("%s.kept-20260101-000000.000000-00000000", p->image);
    put(p->image, "new");
    put(version, "XFSB"); /* an image, by its first bytes */
    folders_fail = true;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *back = NULL, *kept = NULL;
    assert_int_equal(publish_rollback(p->image, NULL, &back, &kept, &err), -1);
    cleanup_free char *expected = xasprintf("`%s` IS put back, but that may not outlive a crash: "
                                            "flushing `%s`: Input/output error",
                                            version, p->folder);
    assert_string_equal(err.message, expected);
    holds(p->image, "XFSB");
    holds(kept, "new");
}

/* By hand, where the kernel cannot: more than one buffer of data, and holes that stay holes. */
static void a_copy_made_by_hand_is_the_same(void **state)
{
    enum { DATA = (2 << 20) + 7, HOLE = 8 << 20, SIZE = DATA + HOLE + 5 };
    struct place *p = *state;
    cleanup_free char *content = xcalloc(1, SIZE);
    for (size_t i = 0; i < DATA; i++)
        content[i] = (char)(i * 7 + i / 251);
    memcpy(content + SIZE - 5, "tail", 5);
    cleanup_close int fd = open(p->image, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, content, DATA, 0), DATA);
    assert_int_equal(pwrite(fd, "tail", 5, SIZE - 5), 5);
    assert_int_equal(fchmod(fd, 0640), 0);

    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *copy = NULL;
    cleanup_strbuf struct strbuf now = STRBUF_INIT;
    struct stat before, st;
    if (publish_copy(p->image, &copy, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_blocks <= before.st_blocks + (1 << 20) / 512);
    assert_int_equal(fs_read(copy, SIZE, &now, &err), 0);
    assert_int_equal(now.len, SIZE);
    assert_memory_equal(now.data, content, SIZE);
}

static void so_is_one_where_the_kernel_copies_nothing(void **state)
{
    copies_nothing = true;
    a_copy_made_by_hand_is_the_same(state);
    copies_nothing = false;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_folder_that_cannot_be_flushed_is_told_after_the_rename),
        TEST(a_copy_that_cannot_be_flushed_replaces_nothing),
        TEST(of_an_image_that_stays_no_version_is_kept),
        TEST(going_back_is_flushed_too),
        TEST(a_copy_made_by_hand_is_the_same),
        TEST(so_is_one_where_the_kernel_copies_nothing),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
