/* SPDX-License-Identifier: Apache-2.0
 * What a tree of this machine looks like, without reading its files. */
#ifndef PLAN_SCAN_H
#define PLAN_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strbuf.h"
#include "base/strv.h"

struct scan_stats {
    int64_t files;        /* regular files */
    int64_t bytes;        /* their sizes */
    struct strbuf *names; /* NULL, or where their names are put, relative to the root, each with a
                             NUL after it */
};

/* Add every entry below `root` (or `root` itself, a file) to the digest: name, type, permissions,
 * size, modification time, target of a link; in order of name, so that the same tree gives the same
 * digest. `exclude`: rsync patterns, of which names, "name/", "/anchored" and "path/with/slash"
 * with the wildcards of fnmatch(3) are understood; what another pattern would leave out is in the
 * digest, which can only make it change more often. `stats` may be NULL. */
int scan_tree(const char *root, const struct strv *exclude, struct sha256 *digest,
              struct scan_stats *stats, struct error *err);

/* Would it leave out the entry at `path`, relative to the root? `folder`: it is one. Of `path` the
 * folders above it are not looked at. */
bool scan_excludes(const struct strv *exclude, const char *path, bool folder);

#endif
