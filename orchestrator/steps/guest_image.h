/* SPDX-License-Identifier: Apache-2.0
 * Guest images on the host, through guestimg, which is put there where it is missing. */
#ifndef STEPS_GUEST_IMAGE_H
#define STEPS_GUEST_IMAGE_H

#include <jansson.h>

#include "exec/exec.h"

/* The path of an image of the workflow file: what is written there, or for "auto" what
 * `kata-runtime env` says. The caller frees *ret. */
int guest_image_path(struct exec *x, const struct value *image, char **ret, struct error *err);
/* Run guestimg as root with these arguments and --json; *ret is its answer, which the caller frees
 * with json_decref(). Its own errors become ours. */
int guest_image_run(struct exec *x, const struct strv *arguments, const char *what, json_t **ret,
                    struct error *err);

#endif
