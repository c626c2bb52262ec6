/* SPDX-License-Identifier: Apache-2.0
 * Watched trees. inotify watches folders one by one and follows names, so a file is watched through
 * its folder (editors put a new file in its place), and folders that come later are added then. */
#include "watch/trees.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "plan/scan.h"

enum { DEEPEST = 128 }; /* as plan/scan.c */

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF |         \
     IN_ATTRIB | IN_ONLYDIR)
/* Which of them may mean that other folders are to be watched now. */
#define FOLDER_EVENTS (IN_ISDIR | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW)

struct tree {
    char *path;
    struct strv exclude;
};

struct trees {
    int fd;
    int out;            /* borrowed; below 0: none */
    struct tree *items; /* owned */
    size_t len;
};

int trees_new(int out, struct trees **ret, struct error *err)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return error_set_errno(err, errno, "watching files");
    *ret = xcalloc(1, sizeof(**ret));
    (*ret)->fd = fd;
    (*ret)->out = out;
    return 0;
}

void trees_free(struct trees *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->len; i++) {
        free(t->items[i].path);
        strv_release(&t->items[i].exclude);
    }
    free(t->items);
    close(t->fd); /* read only */
    free(t);
}

void trees_freep_(struct trees **t)
{
    trees_free(*t);
}

static bool is_away(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR;
}

/* 1: it is not there. */
static int watch_folder(struct trees *t, const char *path, struct error *err)
{
    if (inotify_add_watch(t->fd, path, EVENTS) >= 0)
        return 0;
    if (is_away(errno))
        return 1;
    int saved = errno;
    error_set_errno(err, saved, "watching `%s`", path);
    if (saved == ENOSPC)
        error_hint(err, "the system has no watches left: raise fs.inotify.max_user_watches with "
                        "sysctl, or leave folders out with `exclude`");
    return -1;
}

/* `relative`: of `path` to the root of the tree, "" for the root itself. */
static int watch_below(struct trees *t, const struct tree *tree, const char *path,
                       const char *relative, int depth, struct error *err)
{
    if (depth > DEEPEST)
        return 0;
    if (watch_folder(t, path, err) < 0)
        return -1;
    DIR *d = opendir(path);
    if (!d)
        return is_away(errno) ? 0 : error_set_errno(err, errno, "opening `%s`", path);
    int result = 0;
    const struct dirent *e;
    while (result == 0 && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        cleanup_free char *below = path_join(path, e->d_name);
        cleanup_free char *name = xasprintf("%s%s%s", relative, *relative ? "/" : "", e->d_name);
        struct stat st;
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode) &&
            !scan_excludes(&tree->exclude, name, true))
            result = watch_below(t, tree, below, name, depth + 1, err);
    }
    closedir(d); /* read only */
    return result;
}

/* What is away comes back in the nearest folder above it that is there. */
static int watch_above(struct trees *t, const char *path, struct error *err)
{
    cleanup_free char *folder = path_dir(path);
    int away = watch_folder(t, folder, err);
    bool last = strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0;
    return away > 0 && !last ? watch_above(t, folder, err) : away < 0 ? -1 : 0;
}

static int watch_tree(struct trees *t, const struct tree *tree, struct error *err)
{
    struct stat st;
    if (stat(tree->path, &st) == 0 && S_ISDIR(st.st_mode))
        return watch_below(t, tree, tree->path, "", 0, err);
    /* A link is put in place here, and what it leads to is saved there. */
    cleanup_free char *real = realpath(tree->path, NULL);
    if (watch_above(t, tree->path, err) < 0 || (real && watch_above(t, real, err) < 0))
        return -1;
    /* It may have come while nobody was watching yet. */
    return stat(tree->path, &st) == 0 && S_ISDIR(st.st_mode)
               ? watch_below(t, tree, tree->path, "", 0, err)
               : 0;
}

int trees_add(struct trees *t, const char *path, const struct strv *exclude, struct error *err)
{
    t->items = xreallocarray(t->items, t->len + 1, sizeof(*t->items));
    struct tree *tree = &t->items[t->len++];
    *tree = (struct tree){.path = xstrdup(path)};
    if (exclude)
        strv_extend(&tree->exclude, exclude);
    return watch_tree(t, tree, err);
}

int trees_digest(const struct trees *t, char hex[SHA256_HEX_SIZE], struct error *err)
{
    struct sha256 *digest = sha256_new();
    int result = 0;
    for (size_t i = 0; i < t->len && result == 0; i++) {
        cleanup_error struct error failure = ERROR_INIT;
        sha256_add_string(digest, t->items[i].path);
        result = scan_tree(t->items[i].path, &t->items[i].exclude, digest, NULL, &failure);
        if (result == 0)
            continue;
        if (!is_away(failure.errnum)) {
            error_move(err, &failure);
            break;
        }
        sha256_add_string(digest, "away"); /* for a moment, or in another branch */
        result = 0;
    }
    sha256_finish(digest, hex);
    return result;
}

/* Take what has come, all of it. *ret_folders: something came that may be a folder to watch too. */
static int drain(struct trees *t, bool *ret_folders, struct error *err)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (;;) {
        ssize_t n = read(t->fd, buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0)
            return error_set_errno(err, errno, "watching files");
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *e = (const void *)at;
            if (e->mask & FOLDER_EVENTS)
                *ret_folders = true;
            at += sizeof(*e) + e->len;
        }
    }
}

/* 1: something came. 0: the deadline is over. */
static int wait_event(struct trees *t, int64_t deadline, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = t->fd, .events = POLLIN}, {.fd = cancel_fd(), .events = POLLIN}, {.fd = t->out}};
        int ready = poll(fds, ARRAY_SIZE(fds), deadline_poll_ms(deadline));
        if (ready < 0 && errno != EINTR)
            return error_set_errno(err, errno, "watching files");
        if (cancel_check(err) < 0)
            return -1;
        if (ready > 0 && fds[2].revents & POLLERR)
            return error_set_errno(err, EPIPE, "nobody reads what is printed any more");
        if (ready > 0 && fds[0].revents)
            return 1;
        if (clock_now() >= deadline)
            return 0;
    }
}

/* Folders that came are watched too: watching one again changes nothing. */
static int watch_all_again(struct trees *t, struct error *err)
{
    for (size_t i = 0; i < t->len; i++)
        if (watch_tree(t, &t->items[i], err) < 0)
            return -1;
    return 0;
}

static int settle_down(struct trees *t, int64_t settle, struct error *err)
{
    int64_t last = deadline_in(10 * settle);
    int came;
    do {
        bool folders = false;
        if (drain(t, &folders, err) < 0 || (folders && watch_all_again(t, err) < 0))
            return -1;
        came = wait_event(t, deadline_min(deadline_in(settle), last), err);
    } while (came > 0 && clock_now() < last);
    return came < 0 ? -1 : 0;
}

int trees_wait(struct trees *t, char since[SHA256_HEX_SIZE], int64_t settle, int64_t deadline,
               struct error *err)
{
    for (;;) {
        int came = wait_event(t, deadline, err);
        if (came < 0)
            return -1;
        if (came == 0)
            return error_set(err, ERR_TIMEOUT, "nothing was saved");
        char now[SHA256_HEX_SIZE];
        if (settle_down(t, settle, err) < 0 || trees_digest(t, now, err) < 0)
            return -1;
        if (strcmp(now, since) != 0) {
            memcpy(since, now, SHA256_HEX_SIZE);
            return 0;
        }
    }
}
