/* SPDX-License-Identifier: Apache-2.0
 * The fast engine: libext2fs, for an ext4 that was unmounted cleanly. */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "guestimg/engine.h"
#include "guestimg/fsck.h"

enum { CHUNK = 1 << 20 };

struct ext4 {
    ext2_filsys fs;
    char *path;
    int64_t offset;
    struct strbuf *notes;
};

static int ext4_error(errcode_t code, struct error *err, const char *what, const char *path)
{
    return error_set(err, ERR_FAILED, "%s `%s` in the image: %s", what, path, error_message(code));
}

static bool ext4_usable(const struct image *image, struct strbuf *why)
{
    if (image->fs != FS_EXT4)
        strbuf_printf(why, "the file system is %s", image_fs_name(image->fs));
    else if (image->journal_dirty)
        strbuf_puts(why, "its journal has to be replayed");
    else if (!image->clean)
        strbuf_puts(why, "the file system is not marked clean");
    else if (!image->plain)
        strbuf_puts(why, "it has features that libext2fs does not write");
    else
        strbuf_puts(why, "a clean ext4");
    return image->fs == FS_EXT4 && image->clean && image->plain;
}

static int ext4_open(const char *path, const struct image *image, bool writable,
                     struct strbuf *notes, void **ret, struct error *err)
{
    struct ext4 *e = xcalloc(1, sizeof(*e));
    cleanup_free char *options = xasprintf("offset=%lld", (long long)image->offset);
    initialize_ext2_error_table();
    errcode_t rc =
        ext2fs_open2(path, options,
                     EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES | (writable ? EXT2_FLAG_RW : 0),
                     0, 0, unix_io_manager, &e->fs);
    if (rc) {
        free(e);
        return error_set(err, ERR_FAILED, "opening the file system of `%s`: %s", path,
                         error_message(rc));
    }
    rc = ext2fs_read_bitmaps(e->fs);
    if (rc) {
        ext2fs_free(e->fs);
        free(e);
        return error_set(err, ERR_FAILED, "reading the bitmaps of `%s`: %s", path,
                         error_message(rc));
    }
    e->path = xstrdup(path);
    e->offset = image->offset;
    e->notes = notes;
    *ret = e;
    return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* *ret 0: not there. */
static int find(struct ext4 *e, const char *path, ext2_ino_t *ret, struct error *err)
{
    errcode_t rc = ext2fs_namei_follow(e->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ret);
    if (rc == EXT2_ET_FILE_NOT_FOUND) {
        *ret = 0;
        return 0;
    }
    return rc ? ext4_error(rc, err, "looking for", path) : 0;
}

/* 0: go on, 1: enough, -1: failed. */
typedef int chunk_function(void *data, const char *chunk, size_t len, struct error *err);

static int for_each_chunk(struct ext4 *e, ext2_ino_t ino, const char *path, chunk_function *f,
                          void *data, struct error *err)
{
    ext2_file_t file;
    errcode_t rc = ext2fs_file_open(e->fs, ino, 0, &file);
    if (rc)
        return ext4_error(rc, err, "opening", path);
    cleanup_free char *chunk = xmalloc(CHUNK);
    unsigned int got = 0;
    int result = 0;
    do {
        rc = ext2fs_file_read(file, chunk, CHUNK, &got);
        if (rc)
            result = ext4_error(rc, err, "reading", path);
        else if (got > 0)
            result = f(data, chunk, got, err);
    } while (result == 0 && got > 0);
    ext2fs_file_close(file); /* read only */
    return result < 0 ? -1 : 0;
}

static int add_to_digest(void *data, const char *chunk, size_t len, struct error *err)
{
    (void)err;
    sha256_add(data, chunk, len);
    return 0;
}

static int write_to_fd(void *data, const char *chunk, size_t len, struct error *err)
{
    return fs_write_full(*(int *)data, chunk, len) < 0
               ? error_set_errno(err, errno, "writing out what the file has")
               : 0;
}

static int ext4_stat(void *self, const char *path, struct image_file *ret, struct error *err)
{
    struct ext4 *e = self;
    ext2_ino_t ino;
    *ret = (struct image_file){0};
    if (find(e, path, &ino, err) < 0)
        return -1;
    if (ino == 0)
        return 0;
    struct ext2_inode inode;
    errcode_t rc = ext2fs_read_inode(e->fs, ino, &inode);
    if (rc)
        return ext4_error(rc, err, "reading", path);
    *ret = (struct image_file){
        .exists = true,
        .regular = LINUX_S_ISREG(inode.i_mode),
        .mode = inode.i_mode & 07777,
        .uid = inode_uid(inode),
        .gid = inode_gid(inode),
        .size = (int64_t)EXT2_I_SIZE(&inode),
    };
    return 0;
}

/* The file must be there. */
static int find_there(struct ext4 *e, const char *path, ext2_ino_t *ret, struct error *err)
{
    if (find(e, path, ret, err) < 0)
        return -1;
    return *ret ? 0 : error_set(err, ERR_FAILED, "there is no `%s` in the image", path);
}

static int ext4_digest(void *self, const char *path, char ret[SHA256_HEX_SIZE], struct error *err)
{
    struct ext4 *e = self;
    ext2_ino_t ino;
    if (find_there(e, path, &ino, err) < 0)
        return -1;
    struct sha256 *digest = sha256_new();
    int result = for_each_chunk(e, ino, path, add_to_digest, digest, err);
    sha256_finish(digest, ret);
    return result;
}

/* A file of the image beside its source. */
struct comparison {
    const char *source;
    int fd; /* of the source, read up to the same place */
    bool same;
    struct sha256 *digest;
    char *chunk;
};

static int compare_chunk(void *data, const char *chunk, size_t len, struct error *err)
{
    struct comparison *c = data;
    ssize_t n = fs_read_full(c->fd, c->chunk, len);
    if (n < 0)
        return error_set_errno(err, errno, "reading `%s`", c->source);
    c->same = (size_t)n == len && memcmp(chunk, c->chunk, len) == 0;
    if (!c->same)
        return 1;
    sha256_add(c->digest, chunk, len);
    return 0;
}

static int ext4_holds(void *self, struct image_put *put, bool *ret, struct error *err)
{
    struct ext4 *e = self;
    ext2_ino_t ino;
    if (find_there(e, put->destination, &ino, err) < 0)
        return -1;
    cleanup_close int fd = open(put->source, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", put->source);
    cleanup_free char *chunk = xmalloc(CHUNK);
    struct comparison c = {put->source, fd, true, sha256_new(), chunk};
    int result = for_each_chunk(e, ino, put->destination, compare_chunk, &c, err);
    char digest[SHA256_HEX_SIZE];
    sha256_finish(c.digest, digest);
    if (result == 0 && c.same)
        memcpy(put->sha256, digest, sizeof(digest));
    *ret = c.same;
    return result;
}

static int ext4_read(void *self, const char *path, int fd, struct error *err)
{
    struct ext4 *e = self;
    ext2_ino_t ino;
    if (find_there(e, path, &ino, err) < 0)
        return -1;
    return for_each_chunk(e, ino, path, write_to_fd, &fd, err);
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Make the name `name` of inode `ino` in a folder, which grows where it must. */
static int link_name(struct ext4 *e, ext2_ino_t folder, const char *name, ext2_ino_t ino, int type,
                     struct error *err)
{
    errcode_t rc = ext2fs_link(e->fs, folder, name, ino, type);
    if (rc == EXT2_ET_DIR_NO_SPACE) {
        rc = ext2fs_expand_dir(e->fs, folder);
        if (!rc)
            rc = ext2fs_link(e->fs, folder, name, ino, type);
    }
    return rc ? ext4_error(rc, err, "naming", name) : 0;
}

/* The folder that `path` lies in, made where it is missing. */
static int make_parent(struct ext4 *e, const char *path, ext2_ino_t *ret, struct error *err)
{
    cleanup_free char *dir = path_dir(path);
    if (find(e, dir, ret, err) < 0)
        return -1;
    if (*ret != 0)
        return 0;
    ext2_ino_t above;
    if (make_parent(e, dir, &above, err) < 0)
        return -1;
    errcode_t rc = ext2fs_mkdir(e->fs, above, 0, path_base(dir));
    if (rc == EXT2_ET_DIR_NO_SPACE) {
        rc = ext2fs_expand_dir(e->fs, above);
        if (!rc)
            rc = ext2fs_mkdir(e->fs, above, 0, path_base(dir));
    }
    return rc ? ext4_error(rc, err, "making", dir) : find(e, dir, ret, err);
}

static int new_file(struct ext4 *e, const char *path, ext2_ino_t *ret, struct error *err)
{
    ext2_ino_t folder;
    if (make_parent(e, path, &folder, err) < 0)
        return -1;
    /* The path leads nowhere; a name that is there all the same is a link that does. */
    errcode_t rc =
        ext2fs_lookup(e->fs, folder, path_base(path), (int)strlen(path_base(path)), NULL, ret);
    if (rc == 0)
        return error_set(err, ERR_FAILED, "`%s` in the image is a symbolic link to nothing", path);
    if (rc != EXT2_ET_FILE_NOT_FOUND)
        return ext4_error(rc, err, "looking for", path);
    rc = ext2fs_new_inode(e->fs, folder, LINUX_S_IFREG | 0755, 0, ret);
    if (rc)
        return ext4_error(rc, err, "making", path);
    if (link_name(e, folder, path_base(path), *ret, EXT2_FT_REG_FILE, err) < 0)
        return -1;
    struct ext2_inode inode = {.i_mode = LINUX_S_IFREG | 0755, .i_links_count = 1};
    ext2fs_inode_alloc_stats2(e->fs, *ret, 1, 0);
    if (ext2fs_has_feature_extents(e->fs->super)) {
        ext2_extent_handle_t extents;
        rc = ext2fs_write_new_inode(e->fs, *ret, &inode);
        if (!rc)
            rc = ext2fs_extent_open2(e->fs, *ret, &inode, &extents);
        if (rc)
            return ext4_error(rc, err, "making", path);
        ext2fs_extent_free(extents);
        rc = ext2fs_write_inode(e->fs, *ret, &inode);
    } else {
        rc = ext2fs_write_new_inode(e->fs, *ret, &inode);
    }
    return rc ? ext4_error(rc, err, "making", path) : 0;
}

static int no_space(struct ext4 *e, const struct image_put *put, struct error *err)
{
    int64_t free_bytes =
        (int64_t)ext2fs_free_blocks_count(e->fs->super) * (int64_t)e->fs->blocksize;
    return engine_no_room(put, free_bytes, err);
}

static blk64_t blocks_of(const struct ext4 *e, int64_t size)
{
    return ((blk64_t)size + e->fs->blocksize - 1) / e->fs->blocksize;
}

/* All its blocks at once: one by one, the inode would be written again for each of them. */
static int reserve(struct ext4 *e, ext2_ino_t ino, const struct image_put *put, struct error *err)
{
    blk64_t blocks = blocks_of(e, put->size);
    if (blocks == 0 || !ext2fs_has_feature_extents(e->fs->super))
        return 0;
    errcode_t rc = ext2fs_fallocate(e->fs, EXT2_FALLOCATE_FORCE_INIT, ino, NULL, ~0ULL, 0, blocks);
    return rc == EXT2_ET_BLOCK_ALLOC_FAIL ? no_space(e, put, err)
           : rc                           ? ext4_error(rc, err, "making room for", put->destination)
                                          : 0;
}

static int write_content(struct ext4 *e, ext2_ino_t ino, const struct image_put *put,
                         struct error *err)
{
    cleanup_close int fd = open(put->source, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", put->source);
    ext2_file_t file;
    errcode_t rc = ext2fs_file_open(e->fs, ino, EXT2_FILE_WRITE, &file);
    if (rc)
        return ext4_error(rc, err, "opening", put->destination);
    cleanup_free char *chunk = xmalloc(CHUNK);
    int64_t size = 0;
    int result = 0;
    while (result == 0) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            result = error_set_errno(err, errno, "reading `%s`", put->source);
        if (n <= 0)
            break;
        size += n;
        for (unsigned int done = 0, wrote = 0; done < (unsigned int)n && !rc; done += wrote)
            rc = ext2fs_file_write(file, chunk + done, (unsigned int)n - done, &wrote);
        if (rc)
            result = rc == EXT2_ET_BLOCK_ALLOC_FAIL
                         ? no_space(e, put, err)
                         : ext4_error(rc, err, "writing", put->destination);
    }
    rc = ext2fs_file_close(file);
    /* The source may have become shorter, which who reads it back will tell. */
    if (!rc && result == 0 && size < put->size)
        rc = ext2fs_punch(e->fs, ino, NULL, NULL, blocks_of(e, size), ~0ULL);
    return result < 0 ? -1 : rc ? ext4_error(rc, err, "writing", put->destination) : 0;
}

static int set_attributes(struct ext4 *e, ext2_ino_t ino, const struct image_put *put, bool is_new,
                          struct error *err)
{
    struct ext2_inode inode;
    errcode_t rc = ext2fs_read_inode(e->fs, ino, &inode);
    if (rc)
        return ext4_error(rc, err, "reading", put->destination);
    if (put->has_mode || is_new)
        inode.i_mode = (__u16)(LINUX_S_IFREG | (put->has_mode ? put->mode : 0755));
    if (put->has_owner || is_new) {
        inode.i_uid = (__u16)(put->has_owner ? put->uid : 0);
        inode.i_gid = (__u16)(put->has_owner ? put->gid : 0);
        inode.osd2.linux2.l_i_uid_high = (__u16)(put->has_owner ? put->uid >> 16 : 0);
        inode.osd2.linux2.l_i_gid_high = (__u16)(put->has_owner ? put->gid >> 16 : 0);
    }
    inode.i_mtime = inode.i_ctime = (__u32)time(NULL);
    rc = ext2fs_write_inode(e->fs, ino, &inode);
    return rc ? ext4_error(rc, err, "setting the mode of", put->destination) : 0;
}

static int empty_file(struct ext4 *e, ext2_ino_t ino, const char *path, struct error *err)
{
    struct ext2_inode inode;
    errcode_t rc = ext2fs_read_inode(e->fs, ino, &inode);
    if (!rc && !LINUX_S_ISREG(inode.i_mode))
        return error_set(err, ERR_FAILED, "`%s` in the image is not a regular file", path);
    if (!rc)
        rc = ext2fs_punch(e->fs, ino, &inode, NULL, 0, ~0ULL);
    if (!rc) {
        rc = ext2fs_inode_size_set(e->fs, &inode, 0);
        if (!rc)
            rc = ext2fs_write_inode(e->fs, ino, &inode);
    }
    return rc ? ext4_error(rc, err, "emptying", path) : 0;
}

static int ext4_put(void *self, const struct image_put *put, struct error *err)
{
    struct ext4 *e = self;
    ext2_ino_t ino;
    if (find(e, put->destination, &ino, err) < 0)
        return -1;
    bool is_new = ino == 0;
    if (is_new ? new_file(e, put->destination, &ino, err) < 0
               : empty_file(e, ino, put->destination, err) < 0)
        return -1;
    int64_t needed = put->size + (int64_t)e->fs->blocksize;
    if ((int64_t)ext2fs_free_blocks_count(e->fs->super) * (int64_t)e->fs->blocksize < needed)
        return no_space(e, put, err);
    if (reserve(e, ino, put, err) < 0)
        return -1;
    return write_content(e, ino, put, err) < 0 ? -1 : set_attributes(e, ino, put, is_new, err);
}

/* --- closing -----------------------------------------------------------------------------------
 */

static int ext4_close(void *self, bool check, struct error *err)
{
    struct ext4 *e = self;
    errcode_t rc = ext2fs_close_free(&e->fs);
    int result = 0;
    if (rc)
        result = error_set(err, ERR_FAILED, "writing the file system of `%s`: %s", e->path,
                           error_message(rc));
    else if (check)
        result = fsck_ext4(e->path, e->offset, e->notes, err);
    free(e->path);
    free(e);
    return result;
}

const struct image_engine engine_ext4 = {
    .name = "ext4",
    .fast = true,
    .usable = ext4_usable,
    .open = ext4_open,
    .stat = ext4_stat,
    .digest = ext4_digest,
    .holds = ext4_holds,
    .put = ext4_put,
    .read = ext4_read,
    .close = ext4_close,
};
