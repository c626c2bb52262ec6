/* SPDX-License-Identifier: Apache-2.0
 * Layout and file system of an image, from its bytes. */
#include "guestimg/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    SECTOR = 512,
    MBR_TABLE = 446, /* four entries of 16 bytes: first sector at 8, sectors at 12 */
    MBR_SIGNATURE = 510,
    GPT_HEADER = 512, /* begins with "EFI PART" */
    DAX_BLOCK = 4096, /* nd_pfn_sb of the kernel's nvdimm driver begins with its signature */
    EXT4_SUPER = 1024,
    EXT4_MAGIC = 0xef53,
    EROFS_SUPER = 1024,
};

#define EROFS_MAGIC 0xe0f5e1e2U

/* Incompatible features that libext2fs writes safely: filetype, meta_bg, extents, 64bit, flex_bg,
 * large_dir, metadata_csum_seed.
 * Not: journal to replay (0x4), journal device, MMP, encryption, inline data, casefold.
 */
#define EXT4_PLAIN_INCOMPAT (0x0002U | 0x0010U | 0x0040U | 0x0080U | 0x0200U | 0x2000U | 0x4000U)
#define EXT4_NEEDS_RECOVERY 0x0004U
#define EXT4_ORPHAN_PRESENT 0x10000U /* read-only compatible: files to be deleted at mount */
#define EXT4_HAS_JOURNAL    0x0004U
#define EXT4_STATE_VALID    0x0001U
#define EXT4_STATE_ERROR    0x0002U

static uint16_t get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

const char *image_fs_name(enum image_fs fs)
{
    static const char *const names[] = {"unknown", "ext4", "xfs", "erofs"};
    return names[fs];
}

void image_release(struct image *image)
{
    free(image->name);
    free(image->path);
    *image = (struct image){0};
}

/* Read `len` bytes; false where the file has not that many there. */
static bool read_at(int fd, int64_t offset, void *to, size_t len)
{
    return pread(fd, to, len, (off_t)offset) == (ssize_t)len;
}

static bool is_mbr(const unsigned char *sector)
{
    return sector[MBR_SIGNATURE] == 0x55 && sector[MBR_SIGNATURE + 1] == 0xaa;
}

/* The partition table: the first entry is the root, a second one holds hashes. */
static int read_partitions(int fd, struct image *image, struct error *err)
{
    unsigned char sector[SECTOR];
    if (!read_at(fd, 0, sector, sizeof(sector)) || !is_mbr(sector))
        return 0;
    const unsigned char *entry = sector + MBR_TABLE;
    int64_t offset = (int64_t)get32(entry + 8) * SECTOR;
    int64_t length = (int64_t)get32(entry + 12) * SECTOR;
    if (offset == 0 || length == 0)
        return 0;
    if (offset > image->size || length > image->size - offset) {
        error_set(err, ERR_FAILED, "`%s`: its first partition ends at byte %lld, the file at %lld",
                  image->name, (long long)(offset + length), (long long)image->size);
        return error_hint(err, "the file was cut off: fetch or build it again");
    }
    image->offset = offset;
    image->length = length;
    image->verity_offset = (int64_t)get32(entry + 16 + 8) * SECTOR;
    static const char signature[16] = "NVDIMM_PFN_INFO";
    char found[sizeof(signature)];
    image->dax_header = read_at(fd, DAX_BLOCK, found, sizeof(found)) &&
                        memcmp(found, signature, sizeof(found)) == 0;
    return 0;
}

static void read_ext4(const unsigned char *super, struct image *image)
{
    uint16_t state = get16(super + 58);
    uint32_t compat = get32(super + 92), incompat = get32(super + 96);
    bool orphans = get32(super + 100) & EXT4_ORPHAN_PRESENT;
    uint32_t log_block_size = get32(super + 24);
    image->fs = FS_EXT4;
    image->block_size = log_block_size <= 6 ? 1024U << log_block_size : 0;
    image->blocks = get32(super + 4);
    image->free_blocks = get32(super + 12);
    image->has_journal = compat & EXT4_HAS_JOURNAL;
    image->journal_dirty = incompat & EXT4_NEEDS_RECOVERY;
    image->clean = state & EXT4_STATE_VALID && !(state & EXT4_STATE_ERROR) &&
                   !image->journal_dirty && !orphans;
    image->plain =
        image->block_size > 0 && (incompat & ~(EXT4_PLAIN_INCOMPAT | EXT4_NEEDS_RECOVERY)) == 0;
}

static void read_file_system(int fd, struct image *image)
{
    unsigned char super[1024], start[4];
    if (read_at(fd, image->offset, start, sizeof(start)) && memcmp(start, "XFSB", 4) == 0) {
        image->fs = FS_XFS;
        return;
    }
    if (!read_at(fd, image->offset + EXT4_SUPER, super, sizeof(super)))
        return;
    if (get16(super + 56) == EXT4_MAGIC)
        read_ext4(super, image);
    else if (get32(super) == EROFS_MAGIC)
        image->fs = FS_EROFS;
}

/* A clear word about what people give by mistake. */
static int no_image(int fd, const struct image *image, struct error *err)
{
    unsigned char start[6] = {0}, gpt[8] = {0};
    (void)read_at(fd, 0, start, sizeof(start)); /* shorter than that: none of these */
    (void)read_at(fd, GPT_HEADER, gpt, sizeof(gpt));
    error_set(err, ERR_FAILED, "`%s` is not a guest image: no file system of a known kind is in it",
              image->name);
    if ((start[0] == 0x1f && start[1] == 0x8b) || memcmp(start, "070701", 6) == 0)
        return error_hint(err, "it looks like an initrd; this version changes images only");
    if (memcmp(start, "QFI\xfb", 4) == 0)
        return error_hint(err, "it is a qcow2 file; convert it: qemu-img convert -O raw");
    if (memcmp(gpt, "EFI PART", sizeof(gpt)) == 0)
        return error_hint(err, "it has a GPT; partitions are found in an MBR only, as Kata's image "
                               "builder makes it");
    return error_hint(err, "known are raw images with ext4, xfs or erofs, with or without "
                           "partitions; `kata-runtime env` names the one in use");
}

static int check_length(const struct image *image, struct error *err)
{
    if (image->fs != FS_EXT4 || image->block_size == 0 ||
        image->blocks <= image->length / image->block_size)
        return 0;
    error_set(err, ERR_FAILED, "`%s`: its file system has %lld bytes, there is room for %lld",
              image->name, (long long)(image->blocks * image->block_size),
              (long long)image->length);
    return error_hint(err, "the file was cut off: fetch or build it again");
}

int image_not_opened(const char *path, int errnum, struct error *err)
{
    error_set_errno(err, errnum, "opening the image `%s`", path);
    return error_hint(err, errnum == EACCES
                               ? "guest images are often root's: try it with sudo"
                               : "`kata-runtime env --json` says which image is in use");
}

int image_open(const char *path, struct image *ret, struct error *err)
{
    struct image image = {.name = xstrdup(path)};
    image.path = realpath(path, NULL);
    /* O_NONBLOCK: a pipe is looked at too, and waits for no writer. */
    cleanup_close int fd = image.path ? open(image.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    struct stat st;
    int result = 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        result = image_not_opened(path, errno, err);
    } else if (!S_ISREG(st.st_mode)) {
        result = error_set(err, ERR_FAILED, "`%s` is not a regular file", path);
    } else {
        image.size = st.st_size;
        image.length = st.st_size;
        result = read_partitions(fd, &image, err);
    }
    if (result == 0) {
        read_file_system(fd, &image);
        result = image.fs == FS_UNKNOWN ? no_image(fd, &image, err) : check_length(&image, err);
    }
    if (result < 0) {
        image_release(&image);
        return -1;
    }
    *ret = image;
    return 0;
}
