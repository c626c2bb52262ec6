/* SPDX-License-Identifier: Apache-2.0
 * A changed image in the place of the old one, whole or not at all; and the versions kept.
 *
 * The copy is made beside the image, changed, flushed, and renamed over it: who has the old file
 * open (a running VM maps it) keeps it. The old file stays as
 * "<image>.kept-<YYYYMMDD-HHMMSS.UUUUUU>-<8 hex digits>" (UTC), a second name given before the
 * rename. An entry whose name is not exactly of that form is not a version: it is neither put back
 * nor removed. */
#ifndef GUESTIMG_PUBLISH_H
#define GUESTIMG_PUBLISH_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* Take the lock of an image ("<image>.lock"), waiting for whoever has it. Returns the descriptor
 * that holds it, -1 with err. Leftovers of runs that died are removed under it: copies, and the
 * second name of the image itself that is left where the rename was not reached. */
int publish_lock(const char *path, struct error *err);
/* Copy the image beside itself: by reference where the file system can, holes kept. The caller
 * frees *ret_copy and removes the file unless it was published; it goes with the process where a
 * signal ends it (guestimg/ending.h). */
int publish_copy(const char *path, char **ret_copy, struct error *err);
/* Put the copy in the image's place. `keep`: how many older versions stay (the image being replaced
 * is one). *ret_kept: the name of the version just kept, owned; NULL with keep 0. A version that
 * could not be removed is a line in `notes`. The one failure that leaves the image replaced, where
 * its folder could not be flushed, says so. */
int publish_replace(const char *path, const char *copy, int keep, char **ret_kept,
                    struct strbuf *notes, struct error *err);
/* Names of the versions kept, youngest first, whole paths. */
int publish_versions(const char *path, struct strv *ret, struct error *err);
/* Put a kept version (NULL: the youngest) back, if it is an image. *ret: the name it had, owned.
 * *ret_kept: the name of the version that the image of now becomes, owned; ret_kept NULL: it goes.
 */
int publish_rollback(const char *path, const char *version, char **ret, char **ret_kept,
                     struct error *err);

#endif
