/* SPDX-License-Identifier: Apache-2.0
 * An engine: something that reads and changes the files in an image. One file that exports one
 * const struct image_engine, one row in engine.c. */
#ifndef GUESTIMG_ENGINE_H
#define GUESTIMG_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strbuf.h"
#include "guestimg/image.h"

/* A file in an image. */
struct image_file {
    bool exists;
    bool regular;
    mode_t mode; /* permissions only */
    uid_t uid;
    gid_t gid;
    int64_t size;
};

/* What is put into an image. */
struct image_put {
    char *source;      /* file of the host */
    char *destination; /* absolute path in the image */
    bool has_mode, has_owner;
    mode_t mode; /* else that of the file replaced, else 0755 */
    uid_t uid;   /* else those of the file replaced, else 0 */
    gid_t gid;
    int64_t size;                 /* of the source… */
    char sha256[SHA256_HEX_SIZE]; /* …and its digest, filled in by `holds`; "": not known yet */
};

struct image_engine {
    const char *name;
    /* Opening costs next to nothing: it reads for the others too, what they would need long for. */
    bool fast;
    /* Can it work on this image, safely? `why`: the reason, either way. */
    bool (*usable)(const struct image *image, struct strbuf *why);
    /* Open the file `path`, which has the layout of `image`. `notes` takes lines worth telling. */
    int (*open)(const char *path, const struct image *image, bool writable, struct strbuf *notes,
                void **ret, struct error *err);
    /* A file, symbolic links followed inside the image. One that is not there is not an error. */
    int (*stat)(void *self, const char *path, struct image_file *ret, struct error *err);
    /* The digest of a regular file. */
    int (*digest)(void *self, const char *path, char ret[SHA256_HEX_SIZE], struct error *err);
    /* Are the bytes of the regular file at put->destination those of put->source? The sizes are the
     * same. Where they are, put->sha256 is the digest of what was read from the image. */
    int (*holds)(void *self, struct image_put *put, bool *ret, struct error *err);
    /* Write a file; parents that are missing are made (0755, root). */
    int (*put)(void *self, const struct image_put *put, struct error *err);
    /* Copy a regular file to `fd`. */
    int (*read)(void *self, const char *path, int fd, struct error *err);
    /* Check the file system (writable only), flush, and free. What was written is safe only where
     * this succeeds. `check` false: it was not changed, or is to be thrown away. */
    int (*close)(void *self, bool check, struct error *err);
};

/* The error of a file that is larger than what is free in the image. Returns -1. */
int engine_no_room(const struct image_put *put, int64_t free_bytes, struct error *err);
/* The fast engine that can read an image as it is, whichever changes it. NULL: none can. */
const struct image_engine *engine_reader(const struct image *image);
/* The same, once another engine has mounted it and unmounted it again. */
const struct image_engine *engine_reader_once_unmounted(const struct image *image);
/* The engine of a name, or for "auto" the first that is usable. `why` gets the reason. NULL with
 * err. */
const struct image_engine *engine_choose(const struct image *image, const char *name,
                                         struct strbuf *why, struct error *err);

#endif
