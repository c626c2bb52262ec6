/* SPDX-License-Identifier: Apache-2.0
 * What a guest image is: layout and file system, read from the bytes. Partition type ids and names
 * are not trusted; nothing in the image is. */
#ifndef GUESTIMG_IMAGE_H
#define GUESTIMG_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum image_fs { FS_UNKNOWN, FS_EXT4, FS_XFS, FS_EROFS };

struct image {
    char *name; /* the path as given */
    char *path; /* the file itself, symbolic links resolved; absolute */
    int64_t size;
    bool dax_header;        /* NVDIMM metadata at 4 KiB, a second MBR at 2 MiB */
    int64_t offset, length; /* of the root partition, bytes; 0 and size: no partition table */
    int64_t verity_offset;  /* of a second partition: dm-verity hashes; 0: none */
    enum image_fs fs;
    /* FS_EXT4: from its superblock (linux/fs/ext4, "Disk Layout") */
    bool clean;         /* unmounted properly, no errors noted */
    bool journal_dirty; /* needs its journal replayed */
    bool plain;         /* no feature that libext2fs could not write safely */
    uint32_t block_size;
    int64_t blocks, free_blocks;
    bool has_journal;
};

/* Look at the file. Anything but an image of a kind that can be looked into is an error. */
int image_open(const char *path, struct image *ret, struct error *err);
/* The error of an image that open() or realpath() has refused. Returns -1. */
int image_not_opened(const char *path, int errnum, struct error *err);
void image_release(struct image *image);
const char *image_fs_name(enum image_fs fs);

#endif
