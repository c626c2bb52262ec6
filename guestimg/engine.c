/* SPDX-License-Identifier: Apache-2.0
 * Which engine works on an image. */
#include "guestimg/engine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/suggest.h"

extern const struct image_engine engine_ext4, engine_guestfs;

/* In order of preference. */
static const struct image_engine *const engines[] = {&engine_ext4, &engine_guestfs};

static int unchangeable(const struct image *image, struct error *err)
{
    if (image->fs == FS_EROFS) {
        error_set(err, ERR_FAILED, "`%s` holds an erofs, which is read-only by nature",
                  image->name);
        return error_hint(err, "use an ext4 image while developing (osbuilder's default)");
    }
    if (image->verity_offset > 0) {
        error_set(err, ERR_FAILED, "`%s` is measured: any change breaks its dm-verity hashes",
                  image->name);
        return error_hint(err, "use an image built without measured rootfs while developing");
    }
    return 0;
}

static int no_engine(const char *name, struct error *err)
{
    const char *known[ARRAY_SIZE(engines) + 1] = {"auto"};
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
        known[i + 1] = engines[i]->name;
    error_set(err, ERR_USAGE, "there is no engine `%s`", name);
    return suggest_hint(err, name, known, ARRAY_SIZE(known));
}

int engine_no_room(const struct image_put *put, int64_t free_bytes, struct error *err)
{
    error_set(err, ERR_FAILED,
              "the image is too small for `%s`: %lld bytes, and %lld are free in it",
              put->destination, (long long)put->size, (long long)free_bytes);
    return error_hint(err, "strip the binary, or build the image with more room (osbuilder: "
                           "ROOT_FREE_SPACE)");
}

const struct image_engine *engine_reader(const struct image *image)
{
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        cleanup_strbuf struct strbuf unheard = STRBUF_INIT;
        if (engines[i]->fast && engines[i]->usable(image, &unheard))
            return engines[i];
    }
    return NULL;
}

const struct image_engine *engine_reader_once_unmounted(const struct image *image)
{
    struct image unmounted = *image; /* its strings stay the other's */
    unmounted.clean = true;
    unmounted.journal_dirty = false;
    return engine_reader(&unmounted);
}

const struct image_engine *engine_choose(const struct image *image, const char *name,
                                         struct strbuf *why, struct error *err)
{
    if (unchangeable(image, err) < 0)
        return NULL;
    cleanup_strbuf struct strbuf reasons = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        cleanup_strbuf struct strbuf reason = STRBUF_INIT;
        if (strcmp(name, "auto") != 0 && strcmp(name, engines[i]->name) != 0)
            continue;
        if (engines[i]->usable(image, &reason)) {
            strbuf_printf(why, "%s%s%s", strbuf_str(&reasons), reasons.len > 0 ? "; " : "",
                          strbuf_str(&reason));
            return engines[i];
        }
        strbuf_printf(&reasons, "%s%s: %s", reasons.len > 0 ? "; " : "", engines[i]->name,
                      strbuf_str(&reason));
    }
    if (reasons.len == 0) {
        (void)no_engine(name, err);
        return NULL;
    }
    error_set(err, ERR_FAILED, "`%s` cannot be changed (%s)", image->name, strbuf_str(&reasons));
    if (image->journal_dirty)
        error_hint(err, "its journal must be replayed first: install libguestfs on the host, or "
                        "run e2fsck on the file system while no VM uses it");
    else
        error_hint(err, "install libguestfs on the host (Debian: libguestfs0), or use `--engine "
                        "auto`");
    return NULL;
}
