/* SPDX-License-Identifier: Apache-2.0
 * Copy, rename, keep, put back. */
#include "guestimg/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "guestimg/ending.h"
#include "guestimg/image.h"

#define COPY_MARK ".guestimg-"
#define KEPT_MARK ".kept-"
#define LOCK_MARK ".lock"

/* What stands behind the marks: d a decimal digit, x a hexadecimal one, others themselves. */
static const char copy_form[] = "xxxxxxxxxxxxxxxx";
static const char kept_form[] = "dddddddd-dddddd.dddddd-xxxxxxxx";

static bool has_form(const char *text, const char *form)
{
    for (; *form && *text; text++, form++) {
        bool digit = *text >= '0' && *text <= '9';
        bool good = *form == 'd'   ? digit
                    : *form == 'x' ? digit || (*text >= 'a' && *text <= 'f')
                                   : *text == *form;
        if (!good)
            return false;
    }
    return !*form && !*text;
}

/* Entries beside `path` whose names are its name, `mark`, and something of that form, as whole
 * paths. Others that begin so are the user's, or the lock of a version. */
static int list_beside(const char *path, const char *mark, const char *form, struct strv *ret,
                       struct error *err)
{
    cleanup_free char *dir = path_dir(path);
    cleanup_free char *start = xasprintf("%s%s", path_base(path), mark);
    DIR *d = opendir(dir);
    if (!d)
        return error_set_errno(err, errno, "opening `%s`", dir);
    const struct dirent *e;
    errno = 0;
    while ((e = readdir(d)))
        if (strncmp(e->d_name, start, strlen(start)) == 0 &&
            has_form(e->d_name + strlen(start), form))
            strv_push_owned(ret, path_join(dir, e->d_name));
    int saved = errno;
    closedir(d); /* read only */
    return saved ? error_set_errno(err, saved, "reading `%s`", dir) : 0;
}

static int remove_copies(const char *path, struct error *err)
{
    cleanup_strv struct strv copies = STRV_INIT;
    if (list_beside(path, COPY_MARK, copy_form, &copies, err) < 0)
        return -1;
    for (size_t i = 0; i < copies.len; i++)
        if (unlink(copies.items[i]) < 0 && errno != ENOENT)
            return error_set_errno(err, errno, "removing `%s`", copies.items[i]);
    return 0;
}

/* A version that is the image itself is none: rolling back to it would do nothing. */
static int remove_second_names(const char *path, struct error *err)
{
    cleanup_strv struct strv versions = STRV_INIT;
    struct stat image, version;
    if (stat(path, &image) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "looking at `%s`", path);
    if (list_beside(path, KEPT_MARK, kept_form, &versions, err) < 0)
        return -1;
    for (size_t i = 0; i < versions.len; i++)
        if (lstat(versions.items[i], &version) == 0 && version.st_dev == image.st_dev &&
            version.st_ino == image.st_ino && unlink(versions.items[i]) < 0)
            return error_set_errno(err, errno, "removing `%s`", versions.items[i]);
    return 0;
}

int publish_lock(const char *path, struct error *err)
{
    cleanup_free char *name = xasprintf("%s" LOCK_MARK, path);
    cleanup_close int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        error_set_errno(err, errno, "opening the lock `%s`", name);
        return error_hint(err, "the image's folder must be writable: a changed copy is made there");
    }
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_set_errno(err, errno, "taking the lock `%s`", name);
    if (remove_copies(path, err) < 0 || remove_second_names(path, err) < 0)
        return -1;
    return steal_fd(&fd);
}

/* --- copying -----------------------------------------------------------------------------------
 */

static int no_space(const char *path, struct error *err)
{
    cleanup_free char *dir = path_dir(path);
    error_set(err, ERR_FAILED, "there is no space for a copy of `%s` in `%s`", path_base(path),
              dir);
    return error_hint(err, "free some space there; older versions are kept as `%s" KEPT_MARK "*`",
                      path_base(path));
}

static int copy_error(int errnum, const char *path, struct error *err)
{
    return errnum == ENOSPC || errnum == EDQUOT
               ? no_space(path, err)
               : error_set_errno(err, errnum, "copying `%s`", path);
}

/* Plain reading and writing, for file systems without copy_file_range. */
static ssize_t copy_some(int from, int to, off_t at, size_t len)
{
    static char buffer[1 << 20];
    ssize_t n = pread(from, buffer, len < sizeof(buffer) ? len : sizeof(buffer), at);
    for (ssize_t done = 0; done < n;) {
        ssize_t m = pwrite(to, buffer + done, (size_t)(n - done), at + done);
        if (m < 0)
            return -1;
        done += m;
    }
    return n;
}

static int copy_range(int from, int to, off_t at, off_t end)
{
    bool plain = false;
    while (at < end) {
        loff_t in = at, out = at;
        ssize_t n = plain ? copy_some(from, to, at, (size_t)(end - at))
                          : copy_file_range(from, &in, to, &out, (size_t)(end - at), 0);
        if (n < 0 && errno == EINTR)
            continue;
        /* 0: some file systems say so of what they cannot copy (its manual, BUGS). */
        if (!plain && (n == 0 || (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                                            errno == EOPNOTSUPP)))) {
            plain = true;
            continue;
        }
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += n;
    }
    return 0;
}

/* 0 or errno. */
static int copy_content(int from, int to, off_t size)
{
    if (ftruncate(to, size) < 0)
        return errno;
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0; /* a hole up to the end */
        if (data < 0)
            data = at;
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            hole = size;
        int result = copy_range(from, to, data, hole);
        if (result)
            return result;
        at = hole;
    }
    return 0;
}

static int check_space(const char *path, const struct stat *st, struct error *err)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return error_set_errno(err, errno, "looking at the space beside `%s`", path);
    int64_t free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    return free_bytes < (int64_t)st->st_blocks * 512 ? no_space(path, err) : 0;
}

int publish_copy(const char *path, char **ret_copy, struct error *err)
{
    cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0)
        return error_set_errno(err, errno, "opening `%s`", path);
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(err, errno, "asking for random bytes");
    cleanup_free char *copy = xasprintf("%s" COPY_MARK "%016llx", path, (unsigned long long)random);
    if (ending_set_file(copy, err) < 0)
        return -1;
    cleanup_close int to = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return copy_error(errno, path, err);
    /* Blocks shared by reference need no space: ask first only where that is not possible. */
    int result = 0;
    if (ioctl(to, FICLONE, from) < 0) {
        result = check_space(path, &st, err);
        int failed = result == 0 ? copy_content(from, to, st.st_size) : 0;
        if (failed)
            result = copy_error(failed, path, err);
    }
    if (result == 0 && (fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0))
        result = error_set_errno(err, errno, "setting the owner of `%s`", copy);
    if (close(steal_fd(&to)) < 0 && result == 0)
        result = copy_error(errno, path, err);
    if (result < 0) {
        (void)unlink(copy); /* what failed before is what is told */
        return -1;
    }
    *ret_copy = steal(&copy);
    return 0;
}

/* --- publishing --------------------------------------------------------------------------------
 */

static int sync_path(const char *path, int flags, struct error *err)
{
    cleanup_close int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_set_errno(err, errno, "flushing `%s`", path);
    return 0;
}

static int by_age(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a); /* their names begin with the time */
}

int publish_versions(const char *path, struct strv *ret, struct error *err)
{
    if (list_beside(path, KEPT_MARK, kept_form, ret, err) < 0)
        return -1;
    if (ret->len > 1)
        qsort(ret->items, ret->len, sizeof(char *), by_age);
    return 0;
}

/* A second name for the image as it is. */
static int keep_version(const char *path, char **ret, struct error *err)
{
    char when[32];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &utc);
    uint32_t random;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_set_errno(err, errno, "asking for random bytes");
    cleanup_free char *name =
        xasprintf("%s" KEPT_MARK "%s.%06ld-%08x", path, when, now.tv_nsec / 1000, random);
    if (link(path, name) < 0)
        return error_set_errno(err, errno, "keeping `%s` as `%s`", path, name);
    *ret = steal(&name);
    return 0;
}

/* Leave `kept` (NULL: nothing was) and the youngest `others`; where the clock was set back its name
 * is older than theirs. The image is replaced by now: what cannot be removed is no failure. */
static void prune(const char *path, const char *kept, int others, struct strbuf *notes)
{
    cleanup_strv struct strv versions = STRV_INIT;
    cleanup_error struct error unread = ERROR_INIT;
    if (publish_versions(path, &versions, &unread) < 0)
        strbuf_printf(notes, "old versions were not removed: %s\n", unread.message);
    for (size_t i = 0; i < versions.len; i++) {
        if ((kept && strcmp(versions.items[i], kept) == 0) || others-- > 0)
            continue;
        if (unlink(versions.items[i]) < 0 && errno != ENOENT)
            strbuf_printf(notes, "the old version `%s` could not be removed: %s\n",
                          versions.items[i], strerror(errno));
    }
}

/* Rename `from` to the image's name; ret_kept: as in publish_rollback(). */
static int take_place(const char *path, const char *from, char **ret_kept, struct error *err)
{
    cleanup_free char *kept = NULL;
    if (ret_kept && keep_version(path, &kept, err) < 0)
        return -1;
    if (rename(from, path) < 0) {
        int saved = errno;
        if (kept)
            (void)unlink(kept);
        return error_set_errno(err, saved, "renaming `%s` to `%s`", from, path);
    }
    if (ret_kept)
        *ret_kept = steal(&kept);
    return 0;
}

int publish_replace(const char *path, const char *copy, int keep, char **ret_kept,
                    struct strbuf *notes, struct error *err)
{
    cleanup_free char *dir = path_dir(path);
    cleanup_free char *kept = NULL;
    if (sync_path(copy, O_RDONLY, err) < 0 ||
        take_place(path, copy, keep > 0 ? &kept : NULL, err) < 0)
        return -1;
    (void)ending_set_file(NULL, err); /* none: cannot fail */
    if (sync_path(dir, O_RDONLY | O_DIRECTORY, err) < 0)
        return error_wrap(err, "`%s` IS replaced, but that may not outlive a crash", path);
    prune(path, kept, kept ? keep - 1 : 0, notes);
    *ret_kept = steal(&kept);
    return 0;
}

static int check_version(const char *version, struct error *err)
{
    struct image image;
    if (image_open(version, &image, err) < 0)
        return error_wrap(err, "putting `%s` back", version);
    image_release(&image);
    return 0;
}

int publish_rollback(const char *path, const char *version, char **ret, char **ret_kept,
                     struct error *err)
{
    cleanup_strv struct strv versions = STRV_INIT;
    if (publish_versions(path, &versions, err) < 0)
        return -1;
    const char *chosen = NULL;
    for (size_t i = 0; i < versions.len && !chosen; i++)
        if (!version || strcmp(versions.items[i], version) == 0 ||
            strcmp(path_base(versions.items[i]), version) == 0)
            chosen = versions.items[i];
    if (!chosen) {
        error_set(err, ERR_FAILED,
                  version ? "there is no version `%2$s` of `%1$s`" : "no version of `%1$s` is kept",
                  path, version);
        return error_hint(err, "`guestimg list` shows those that are");
    }
    cleanup_free char *dir = path_dir(path);
    if (check_version(chosen, err) < 0 || take_place(path, chosen, ret_kept, err) < 0)
        return -1;
    if (sync_path(dir, O_RDONLY | O_DIRECTORY, err) < 0)
        return error_wrap(err, "`%s` IS put back, but that may not outlive a crash", chosen);
    *ret = xstrdup(chosen);
    return 0;
}
