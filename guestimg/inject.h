/* SPDX-License-Identifier: Apache-2.0
 * Files into an image: what is there already is left alone, the rest goes into a copy that is
 * checked, read back, and put in the image's place. */
#ifndef GUESTIMG_INJECT_H
#define GUESTIMG_INJECT_H

#include "guestimg/engine.h"

struct inject_job {
    const char *image;
    struct image_put *puts; /* sources not looked at yet */
    size_t n_puts;
    const char *engine;                                /* "auto", "ext4", "guestfs" */
    int keep;                                          /* older versions to keep */
    void (*chosen)(const struct image_engine *engine); /* told before it is opened */
};

struct inject_result {
    bool changed;
    char *path;          /* of the image file itself; owned */
    const char *engine;  /* that did it, or looked */
    struct strbuf why;   /* why this engine */
    struct strbuf notes; /* lines */
    char *kept;          /* the version kept, or NULL; owned */
};

/* "SRC:DEST[:MODE[:UID:GID]]". The strings of *ret are owned by the caller. ERR_USAGE with what is
 * wrong. A colon in a path cannot be written. */
int inject_parse_put(const char *text, struct image_put *ret, struct error *err);
void image_put_release(struct image_put *put);

/* Do it. The image is as it was, whole, where this fails; but for a message that it IS replaced
 * (publish_replace). */
int inject(struct inject_job *job, struct inject_result *ret, struct error *err);
void inject_result_release(struct inject_result *r);

#endif
