/* SPDX-License-Identifier: Apache-2.0
 * Trees by name, size and time. */
#include "plan/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"

enum { DEEPEST = 128 };

struct scan {
    const struct strv *exclude;
    struct sha256 *digest;
    struct scan_stats *stats;
    const char *root;
    struct error *err;
};

/* Does rsync's pattern leave out this entry? `path` is relative to the root of the tree. */
static bool pattern_matches(const char *pattern, const char *path, const char *name, bool folder)
{
    size_t len = strlen(pattern);
    bool folder_only = len > 1 && pattern[len - 1] == '/';
    if (folder_only && !folder)
        return false;
    cleanup_free char *p = xstrndup(pattern, folder_only ? len - 1 : len);
    if (p[0] == '/')
        return fnmatch(p + 1, path, FNM_PATHNAME) == 0;
    if (!strchr(p, '/'))
        return fnmatch(p, name, 0) == 0;
    /* A slash inside: matches at the end of the path. */
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (fnmatch(p, at, FNM_PATHNAME) == 0)
            return true;
    return false;
}

bool scan_excludes(const struct strv *exclude, const char *path, bool folder)
{
    for (size_t i = 0; exclude && i < exclude->len; i++)
        if (pattern_matches(exclude->items[i], path, path_base(path), folder))
            return true;
    return false;
}

static int add_entry(struct scan *s, int dir, const char *name, const char *path,
                     const struct stat *st)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    strbuf_printf(&line, "%o %" PRId64 " %" PRId64 ".%09ld", (unsigned)st->st_mode,
                  S_ISREG(st->st_mode) ? (int64_t)st->st_size : 0,
                  S_ISDIR(st->st_mode) ? 0 : (int64_t)st->st_mtim.tv_sec,
                  S_ISDIR(st->st_mode) ? 0L : st->st_mtim.tv_nsec);
    sha256_add_string(s->digest, path);
    sha256_add_string(s->digest, strbuf_str(&line));
    if (S_ISLNK(st->st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
        if (n < 0)
            return error_set_errno(s->err, errno, "reading the link `%s/%s`", s->root, path);
        target[n] = '\0';
        sha256_add_string(s->digest, target);
    }
    if (s->stats && S_ISREG(st->st_mode)) {
        s->stats->files++;
        s->stats->bytes += st->st_size;
        if (s->stats->names)
            strbuf_add(s->stats->names, path, strlen(path) + 1);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder, in order. Takes over `fd`. */
static int list_folder(struct scan *s, int fd, const char *path, struct strv *names)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        int saved = errno;
        close(fd);
        return error_set_errno(s->err, saved, "opening `%s/%s`", s->root, path);
    }
    const struct dirent *e;
    errno = 0;
    while ((e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            strv_push(names, e->d_name);
    int saved = errno;
    if (closedir(d) < 0 || saved)
        return error_set_errno(s->err, saved ? saved : errno, "reading `%s/%s`", s->root, path);
    if (names->len > 1)
        qsort(names->items, names->len, sizeof(char *), by_name);
    return 0;
}

static int scan_folder(struct scan *s, int dir, const char *path, int depth);

static int scan_entry(struct scan *s, int dir, const char *name, const char *path, int depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT
                   ? 0 /* gone since the folder was read: an editor's file */
                   : error_set_errno(s->err, errno, "looking at `%s/%s`", s->root, path);
    if (scan_excludes(s->exclude, path, S_ISDIR(st.st_mode)))
        return 0;
    if (add_entry(s, dir, name, path, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(s->err, errno, "opening `%s/%s`", s->root, path);
    int result = scan_folder(s, fd, path, depth + 1);
    close(fd); /* read only */
    return result;
}

static int scan_folder(struct scan *s, int dir, const char *path, int depth)
{
    if (depth > DEEPEST)
        return error_set(s->err, ERR_FAILED, "`%s/%s` lies deeper than %d folders", s->root, path,
                         DEEPEST);
    cleanup_strv struct strv names = STRV_INIT;
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return error_set_errno(s->err, errno, "opening `%s/%s`", s->root, path);
    if (list_folder(s, copy, path, &names) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        cleanup_free char *below = xasprintf("%s%s%s", path, *path ? "/" : "", names.items[i]);
        if (scan_entry(s, dir, names.items[i], below, depth) < 0)
            return -1;
    }
    return 0;
}

int scan_tree(const char *root, const struct strv *exclude, struct sha256 *digest,
              struct scan_stats *stats, struct error *err)
{
    struct scan s = {
        .exclude = exclude, .digest = digest, .stats = stats, .root = root, .err = err};
    struct stat st;
    if (stat(root, &st) < 0)
        return error_set_errno(err, errno, "looking at `%s`", root);
    if (!S_ISDIR(st.st_mode))
        return add_entry(&s, AT_FDCWD, root, "", &st);
    cleanup_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", root);
    return scan_folder(&s, fd, "", 0);
}
