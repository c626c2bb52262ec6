/* SPDX-License-Identifier: Apache-2.0
 * Publishing where the disk fails: fsync() is this file's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "guestimg/publish.h"

/* Files are flushed, folders are not. */
int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EIO;
        return -1;
    }
    return 0;
}

static void put(const char *path, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

static void a_folder_that_cannot_be_flushed_is_told_after_the_rename(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-publish-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *image = path_join(folder, "kata.img");
    cleanup_free char *copy = path_join(folder, "copy");
    put(image, "old");
    put(copy, "new");
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strbuf struct strbuf notes = STRBUF_INIT, now = STRBUF_INIT;
    cleanup_free char *kept = NULL;
    assert_int_equal(publish_replace(image, copy, 1, &kept, &notes, &err), -1);
    cleanup_free char *expected = xasprintf("`%s` IS replaced, but that may not outlive a crash: "
                                            "flushing `%s`: Input/output error",
                                            image, folder);
    assert_string_equal(err.message, expected);
    assert_int_equal(fs_read(image, 100, &now, &err), 0);
    assert_string_equal(strbuf_str(&now), "new");
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_that_cannot_be_flushed_is_told_after_the_rename),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
