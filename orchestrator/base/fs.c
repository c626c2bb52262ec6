/* SPDX-License-Identifier: Apache-2.0
 * Local files and paths. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

char *path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir[0] == '\0')
        return xstrdup(name);
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    if (len == 1 && dir[0] == '/')
        len = 0;
    return xasprintf("%.*s/%s", (int)len, dir, name);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    if (slash == path)
        return xstrdup("/");
    return xstrndup(path, (size_t)(slash - path));
}

bool path_leaves(const char *path)
{
    int depth = 0; /* below where it starts */
    if (path[0] == '/')
        return true;
    for (size_t len; *path && depth >= 0; path += len + (path[len] == '/')) {
        len = strcspn(path, "/");
        if (len == 2 && strncmp(path, "..", 2) == 0)
            depth--;
        else if (len > 0 && !(len == 1 && path[0] == '.'))
            depth++;
    }
    return depth < 0;
}

bool path_is_plain(const char *path)
{
    bool any = false;
    for (size_t len; *path == '/'; path += len, any = true) {
        len = strcspn(++path, "/");
        if (len == 0 || (len <= 2 && strncmp(path, "..", len) == 0))
            return false;
    }
    return any;
}

char *home_dir(void)
{
    const char *home = getenv("HOME");
    if (home && *home)
        return xstrdup(home);
    const struct passwd *pw = getpwuid(getuid());
    return xstrdup(pw ? pw->pw_dir : "/");
}

char *path_expand_home(const char *path)
{
    if (path[0] != '~' || (path[1] != '\0' && path[1] != '/'))
        return xstrdup(path);
    cleanup_free char *home = home_dir();
    return xasprintf("%s%s", home, path + 1);
}

char *state_dir(void)
{
    const char *own = getenv("KATALOOP_STATE_DIR");
    if (own && *own)
        return xstrdup(own);
    const char *xdg = getenv("XDG_STATE_HOME");
    if (xdg && xdg[0] == '/')
        return path_join(xdg, "kataloop");
    cleanup_free char *home = home_dir();
    return path_join(home, ".local/state/kataloop");
}

int fs_mkdir_parents(const char *path, struct error *err)
{
    cleanup_free char *copy = xstrdup(path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST)
            return error_set_errno(err, errno, "creating folder `%s`", copy);
        *p = kept;
        if (kept == '\0')
            break;
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return error_set_errno(err, errno, "creating folder `%s`", path);
    if (!S_ISDIR(st.st_mode))
        return error_set_errno(err, ENOTDIR, "creating folder `%s`", path);
    return 0;
}

int fs_read(const char *path, size_t max, struct strbuf *ret, struct error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", path);
    struct strbuf b = STRBUF_INIT;
    for (;;) {
        ssize_t n = read(fd, strbuf_reserve(&b, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            strbuf_release(&b);
            return error_set_errno(err, saved, "reading `%s`", path);
        }
        if (n == 0)
            break;
        b.len += (size_t)n;
        if (b.len > max) {
            strbuf_release(&b);
            return error_set(err, ERR_FAILED, "reading `%s`: larger than %zu bytes", path, max);
        }
    }
    strbuf_reserve(&b, 0);
    b.data[b.len] = '\0';
    strbuf_release(ret);
    *ret = b;
    return 0;
}

ssize_t fs_read_full(int fd, void *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, (char *)data + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int fs_write_full(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int fs_flush_output(struct error *err)
{
    errno = 0; /* a write that failed earlier may have left no cause */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return errno ? error_set_errno(err, errno, "standard output could not be written")
                 : error_set(err, ERR_FAILED, "standard output could not be written");
}

void fs_set_nonblocking(int fd)
{
    if (fd >= 0) /* an open descriptor has flags, and takes this one */
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Asking for it is setting it; this program has one thread. */
static mode_t less_umask(mode_t mode)
{
    mode_t mask = umask(077);
    umask(mask);
    return mode & ~mask;
}

static int write_and_close(int fd, const void *data, size_t len, mode_t mode)
{
    if (fs_write_full(fd, data, len) < 0 || fchmod(fd, less_umask(mode)) < 0 || fsync(fd) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return close(fd);
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "creating `%s`", temporary);
    if (write_and_close(fd, data, len, mode) < 0 || rename(temporary, path) < 0) {
        int saved = errno;
        unlink(temporary);
        return error_set_errno(err, saved, "writing `%s`", path);
    }
    return 0;
}

void fs_guard_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            abort(); /* nobody is left to tell */
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

int fs_remove_tree(const char *path, struct error *err)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        return error_set_errno(err, errno, "removing `%s`", path);
    return 0;
}
