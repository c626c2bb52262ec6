/* SPDX-License-Identifier: Apache-2.0
 * Files and folders of this machine, waited on until somebody saves something in them (inotify). */
#ifndef WATCH_TREES_H
#define WATCH_TREES_H

#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strv.h"

struct trees;

/* `out`: where is written what comes of a change; a wait fails when it is a pipe whose reader has
 * gone. Below 0: nowhere. */
int trees_new(int out, struct trees **ret, struct error *err);
void trees_free(struct trees *t); /* NULL is fine */
#define cleanup_trees __attribute__((cleanup(trees_freep_)))
void trees_freep_(struct trees **t);

/* Watch a file, or a folder with all below it but what `exclude` (rsync patterns, NULL: none; as
 * plan/scan.h understands them) leaves out. Copies. A path that is not there, or goes away later,
 * is waited for. Fails where the system has no watches left. */
int trees_add(struct trees *t, const char *path, const struct strv *exclude, struct error *err);

/* What all of it looks like now: names, sizes, times (plan/scan.h), and what is away. */
int trees_digest(const struct trees *t, char hex[SHA256_HEX_SIZE], struct error *err);

/* Wait until something has changed that was not there, or was otherwise, when it looked like
 * `since` (of trees_digest()); then until nothing has moved for `settle` nanoseconds (ten times
 * that at most), so that one save of many files is one change. `since` is what it looks like then.
 * What comes and goes in between (an editor's temporary files) is not a change. ERR_TIMEOUT when
 * the deadline passes first, ERR_INTERRUPTED when a stop is asked for, EPIPE when nobody reads
 * `out` any more. */
int trees_wait(struct trees *t, char since[SHA256_HEX_SIZE], int64_t settle, int64_t deadline,
               struct error *err);

#endif
