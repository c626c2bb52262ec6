/* SPDX-License-Identifier: Apache-2.0
 * The engine for every file system: libguestfs, loaded when it is needed, so that this program runs
 * on hosts that have none. One drive, no inspection: the partition is known from its offset. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <guestfs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "guestimg/engine.h"
#include "guestimg/fsck.h"
#include "guestimg/watchdog.h"

/* Emulated appliances need up to a minute and a half. */
#define LAUNCH_TIMEOUT (300 * NSEC_PER_SEC)

/* The functions used, by the names and types of guestfs.h. */
#define FUNCTIONS(X)                                                                               \
    X(create)                                                                                      \
    X(close)                                                                                       \
    X(set_error_handler)                                                                           \
    X(last_error)                                                                                  \
    X(last_errno)                                                                                  \
    X(set_tmpdir)                                                                                  \
    X(set_backend)                                                                                 \
    X(set_backend_setting)                                                                         \
    X(add_drive_opts_argv)                                                                         \
    X(launch)                                                                                      \
    X(shutdown)                                                                                    \
    X(mount_options)                                                                               \
    X(umount)                                                                                      \
    X(statns)                                                                                      \
    X(free_statns)                                                                                 \
    X(statvfs)                                                                                     \
    X(free_statvfs)                                                                                \
    X(checksum)                                                                                    \
    X(pread)                                                                                       \
    X(mkdir_p)                                                                                     \
    X(upload)                                                                                      \
    X(download)                                                                                    \
    X(chmod)                                                                                       \
    X(chown)                                                                                       \
    X(xfs_repair_argv)

struct api {
    void *library;
#define X(name) __typeof__(&guestfs_##name) name;
    FUNCTIONS(X)
#undef X
};

struct guestfs {
    struct api api;
    guestfs_h *g;
    char *path;
    int64_t offset;
    const char *device; /* of the root, in the appliance */
    enum image_fs fs;
    bool writable;
    char *scratch; /* folder of the temporary files of the library and its programs; NULL: none */
    char *tmpdir;  /* what TMPDIR was before; NULL: not set */
    struct watchdog watchdog; /* from before the appliance starts until the handle is closed */
    struct strbuf *notes;
};

static bool load(struct api *api)
{
    api->library = dlopen("libguestfs.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!api->library)
        return false;
    bool whole = true;
#define X(name)                                                                                    \
    api->name = (__typeof__(&guestfs_##name))dlsym(api->library, "guestfs_" #name);                \
    whole = whole && api->name;
    FUNCTIONS(X)
#undef X
    return whole;
}

static bool guestfs_usable(const struct image *image, struct strbuf *why)
{
    (void)image;
    struct api api;
    bool loaded = load(&api);
    if (loaded)
        strbuf_puts(why, "libguestfs, for any file system");
    else
        strbuf_puts(why, "libguestfs is not on this host");
    return loaded;
}

static int guestfs_error(const struct guestfs *e, struct error *err, const char *what)
{
    const char *said = e->api.last_error(e->g);
    cleanup_free char *line = xstrdup(said ? said : "no reason given");
    line[strcspn(line, "\n")] = '\0';
    error_set(err, ERR_FAILED, "libguestfs: %s: %s", what, line);
    if (e->api.last_errno(e->g) == ENOSPC || (said && strstr(said, "No space left")))
        return error_hint(err, "the image is too small for the file: strip the binary, or build "
                               "the image with more room");
    return -1;
}

/* --- launching ---------------------------------------------------------------------------------
 */

/* What is killed leaves its temporary files: they are in a folder of ours. For the library by its
 * own setting, as it keeps its appliances where TMPDIR leads when it begins; for its programs by
 * that. */
static int make_scratch(struct guestfs *e, struct error *err)
{
    const char *tmpdir = getenv("TMPDIR"), *where = getenv("LIBGUESTFS_TMPDIR");
    if (!where || !*where)
        where = tmpdir && *tmpdir ? tmpdir : "/tmp";
    cleanup_free char *folder = path_join(where, "guestimg-XXXXXX");
    if (!mkdtemp(folder))
        return error_set_errno(err, errno, "making a folder for temporary files, `%s`", folder);
    e->scratch = steal(&folder);
    e->tmpdir = xstrdup(tmpdir);
    if (setenv("TMPDIR", e->scratch, 1) < 0)
        return error_set_errno(err, errno, "setting TMPDIR");
    return 0;
}

static void remove_scratch(struct guestfs *e)
{
    cleanup_error struct error failure = ERROR_INIT;
    if (!e->scratch)
        return;
    int back = e->tmpdir ? setenv("TMPDIR", e->tmpdir, 1) : unsetenv("TMPDIR");
    if (back < 0 || fs_remove_tree(e->scratch, &failure) < 0)
        strbuf_printf(e->notes, "the temporary folder `%s` stays: %s\n", e->scratch,
                      failure.message ? failure.message : strerror(errno));
    free(e->tmpdir);
    free(e->scratch);
    e->tmpdir = e->scratch = NULL;
}

static int make_handle(struct guestfs *e, const char *path, bool emulate, struct error *err)
{
    e->g = e->api.create();
    if (!e->g)
        return error_set_errno(err, errno, "libguestfs gives no handle");
    e->api.set_error_handler(e->g, NULL, NULL); /* what fails is asked for, not printed */
    const struct guestfs_add_drive_opts_argv drive = {
        .bitmask = GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK | GUESTFS_ADD_DRIVE_OPTS_READONLY_BITMASK,
        .format = "raw",
        .readonly = !e->writable,
    };
    if (make_scratch(e, err) < 0)
        return -1;
    if (e->api.set_tmpdir(e->g, e->scratch) < 0 || e->api.set_backend(e->g, "direct") < 0 ||
        (emulate && e->api.set_backend_setting(e->g, "force_tcg", "1") < 0) ||
        e->api.add_drive_opts_argv(e->g, path, &drive) < 0)
        return guestfs_error(e, err, "setting up");
    return 0;
}

/* Whoever stops this program finds no appliance and no temporary files left. */
static void close_handle(struct guestfs *e)
{
    watchdog_stop(&e->watchdog);
    if (e->g)
        e->api.close(e->g);
    e->g = NULL;
    remove_scratch(e);
    watchdog_end(&e->watchdog);
}

static int launch(struct guestfs *e, const char *path, struct error *err)
{
    for (int round = 0; round < 2; round++) {
        /* libguestfs itself would wait for twenty minutes. */
        watchdog_begin(&e->watchdog, deadline_in(LAUNCH_TIMEOUT));
        if (make_handle(e, path, round == 1, err) < 0)
            return -1;
        if (e->api.launch(e->g) == 0) {
            watchdog_relax(&e->watchdog);
            return 0;
        }
        guestfs_error(e, err, "starting the appliance");
        if (round == 0) {
            close_handle(e);
            error_release(err);
            strbuf_puts(e->notes, "the appliance did not start with hardware virtualization: "
                                  "emulated instead, which is slower\n");
        }
    }
    return error_hint(err, "`libguestfs-test-tool` on the host shows what is wrong with it");
}

/* Where image.c has found the root: the first entry of the partition table, which Linux calls 1
 * wherever it lies, or the whole disk. Asking the appliance (part_list) would take it seconds. */
static const char *root_device(const struct image *image)
{
    return image->offset == 0 ? "/dev/sda" : "/dev/sda1";
}

static void release(struct guestfs *e)
{
    close_handle(e);
    free(e->path);
    free(e);
}

static int guestfs_open_image(const char *path, const struct image *image, bool writable,
                              struct strbuf *notes, void **ret, struct error *err)
{
    struct guestfs *e = xcalloc(1, sizeof(*e));
    e->writable = writable;
    e->notes = notes;
    e->fs = image->fs;
    e->path = xstrdup(path);
    e->offset = image->offset;
    e->device = root_device(image);
    int result = load(&e->api) ? 0 : error_set(err, ERR_FAILED, "libguestfs cannot be loaded");
    if (result == 0)
        result = launch(e, path, err);
    if (result == 0 && e->api.mount_options(e->g, writable ? "" : "ro", e->device, "/") < 0)
        result = guestfs_error(e, err, "mounting the root");
    if (result < 0) {
        release(e);
        return -1;
    }
    *ret = e;
    return 0;
}

/* --- files -------------------------------------------------------------------------------------
 */

/* Each call is a round trip into the appliance, which may be emulated: tenths of a second. */
static int stat_file(void *self, const char *path, struct image_file *ret, struct error *err)
{
    struct guestfs *e = self;
    *ret = (struct image_file){0};
    struct guestfs_statns *st = e->api.statns(e->g, path);
    if (!st && e->api.last_errno(e->g) == ENOENT)
        return 0;
    if (!st)
        return guestfs_error(e, err, path);
    *ret = (struct image_file){
        .exists = true,
        .regular = (st->st_mode & 0170000) == 0100000,
        .mode = (mode_t)(st->st_mode & 07777),
        .uid = (uid_t)st->st_uid,
        .gid = (gid_t)st->st_gid,
        .size = st->st_size,
    };
    e->api.free_statns(st);
    return 0;
}

static int digest_file(void *self, const char *path, char ret[SHA256_HEX_SIZE], struct error *err)
{
    struct guestfs *e = self;
    cleanup_free char *digest = e->api.checksum(e->g, "sha256", path);
    if (!digest)
        return guestfs_error(e, err, path);
    snprintf(ret, SHA256_HEX_SIZE, "%s", digest);
    return 0;
}

/* Does it begin as its source does? Programs hardly ever do that are not the same (the linker's
 * build id stands in front), and this is read sooner than all of it is summed up. */
static int begins_alike(struct guestfs *e, const struct image_put *put, bool *ret,
                        struct error *err)
{
    char start[4096];
    cleanup_close int fd = open(put->source, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : fs_read_full(fd, start, sizeof(start));
    if (n < 0)
        return error_set_errno(err, errno, "reading `%s`", put->source);
    *ret = true;
    if (n == 0)
        return 0;
    size_t len = 0;
    cleanup_free char *there = e->api.pread(e->g, put->destination, sizeof(start), 0, &len);
    if (!there)
        return guestfs_error(e, err, put->destination);
    *ret = len == (size_t)n && memcmp(there, start, len) == 0;
    return 0;
}

static int holds_file(void *self, struct image_put *put, bool *ret, struct error *err)
{
    struct guestfs *e = self;
    char digest[SHA256_HEX_SIZE];
    if (begins_alike(e, put, ret, err) < 0)
        return -1;
    if (!*ret)
        return 0;
    if (!*put->sha256 && sha256_file(put->source, put->sha256, err) < 0)
        return -1;
    if (digest_file(e, put->destination, digest, err) < 0)
        return -1;
    *ret = strcmp(digest, put->sha256) == 0;
    return 0;
}

/* Said beforehand, as an upload that fails for want of room says only that it could not write. */
static int check_room(const struct guestfs *e, const struct image_put *put,
                      const struct image_file *old, struct error *err)
{
    struct guestfs_statvfs *st = e->api.statvfs(e->g, "/");
    if (!st)
        return guestfs_error(e, err, "looking at the free space");
    int64_t free_bytes = st->bfree * st->frsize + (old->regular ? old->size : 0);
    e->api.free_statvfs(st);
    return put->size <= free_bytes ? 0 : engine_no_room(put, free_bytes, err);
}

static int put_file(void *self, const struct image_put *put, struct error *err)
{
    struct guestfs *e = self;
    struct image_file old;
    if (stat_file(e, put->destination, &old, err) < 0)
        return -1;
    if (old.exists && !old.regular)
        return error_set(err, ERR_FAILED, "`%s` in the image is not a regular file",
                         put->destination);
    if (check_room(e, put, &old, err) < 0)
        return -1;
    cleanup_free char *dir = path_dir(put->destination);
    if (!old.exists && e->api.mkdir_p(e->g, dir) < 0)
        return guestfs_error(e, err, dir);
    if (e->api.upload(e->g, put->source, put->destination) < 0)
        return guestfs_error(e, err, put->destination);
    mode_t mode = put->has_mode ? put->mode : old.exists ? old.mode : 0755;
    uid_t uid = put->has_owner ? put->uid : old.exists ? old.uid : 0;
    gid_t gid = put->has_owner ? put->gid : old.exists ? old.gid : 0;
    if (e->api.chown(e->g, (int)uid, (int)gid, put->destination) < 0 ||
        e->api.chmod(e->g, (int)mode, put->destination) < 0) /* last: chown drops set-id bits */
        return guestfs_error(e, err, put->destination);
    return 0;
}

static int copy_out(const char *path, int to, struct error *err)
{
    enum { CHUNK = 1 << 20 };
    cleanup_free char *chunk = xmalloc(CHUNK);
    cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = from < 0 ? -1 : 1;
    while (n > 0) {
        n = fs_read_full(from, chunk, CHUNK);
        if (n > 0 && fs_write_full(to, chunk, (size_t)n) < 0)
            return error_set_errno(err, errno, "writing out what the file has");
    }
    return n < 0 ? error_set_errno(err, errno, "reading `%s`", path) : 0;
}

/* By a file of ours: libguestfs takes a name, opens it and cuts it off. /dev/fd/1 would be a file
 * that others have begun to write, or, where sshd started this program, a socket, which cannot be
 * opened at all. */
static int fetch_file(void *self, const char *path, int fd, struct error *err)
{
    struct guestfs *e = self;
    cleanup_free char *file = path_join(e->scratch, "fetched");
    if (e->api.download(e->g, path, file) < 0)
        return guestfs_error(e, err, path);
    return copy_out(file, fd, err);
}

/* XFS is checked inside the appliance, which has its tools. */
static int check_xfs(struct guestfs *e, struct error *err)
{
    const struct guestfs_xfs_repair_argv look = {.bitmask = GUESTFS_XFS_REPAIR_NOMODIFY_BITMASK,
                                                 .nomodify = 1};
    int found = e->api.xfs_repair_argv(e->g, e->device, &look);
    if (found < 0)
        return guestfs_error(e, err, "checking the file system");
    return found == 0
               ? 0
               : error_set(err, ERR_FAILED, "the changed file system does not pass xfs_repair");
}

static int guestfs_close_image(void *self, bool check, struct error *err)
{
    struct guestfs *e = self;
    cleanup_error struct error failure = ERROR_INIT;
    int result = e->api.umount(e->g, "/") < 0 ? guestfs_error(e, &failure, "unmounting") : 0;
    if (result == 0 && check && e->fs == FS_XFS)
        result = check_xfs(e, &failure);
    /* A failing shutdown is a lost write. */
    if (e->api.shutdown(e->g) < 0 && result == 0)
        result = guestfs_error(e, &failure, "shutting the appliance down");
    if (result == 0 && check && e->fs == FS_EXT4)
        result = fsck_ext4(e->path, e->offset, e->notes, &failure);
    if (result < 0)
        error_move(err, &failure);
    release(e);
    return result;
}

const struct image_engine engine_guestfs = {
    .name = "guestfs",
    .usable = guestfs_usable,
    .open = guestfs_open_image,
    .stat = stat_file,
    .digest = digest_file,
    .holds = holds_file,
    .put = put_file,
    .read = fetch_file,
    .close = guestfs_close_image,
};
