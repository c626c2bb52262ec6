/* SPDX-License-Identifier: Apache-2.0
 * The check of a changed file system. */
#ifndef GUESTIMG_FSCK_H
#define GUESTIMG_FSCK_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

/* Run e2fsck on the ext4 that begins at byte `offset` of a file, changing nothing. Where the host
 * has no e2fsck a line in `notes` says so. */
int fsck_ext4(const char *path, int64_t offset, struct strbuf *notes, struct error *err);

#endif
