/* SPDX-License-Identifier: Apache-2.0
 * rsync over the connection that is already open: the local rsync runs with kataloop itself as its
 * remote shell (hidden verb), which passes its standard input and output over a socketpair to this
 * process, where they are pumped through a channel that runs `rsync --server …` on the host. */
#ifndef TRANSPORT_RSYNC_H
#define TRANSPORT_RSYNC_H

#include "transport/transport.h"

struct rsync_job {
    const char *from;           /* local file, or folder (contents are synced, as with "from/") */
    const char *to;             /* absolute path on the host: file, or folder (created) */
    const struct strv *exclude; /* rsync patterns; NULL: none */
    bool delete_extra; /* remove on the host what is missing here (never what is excluded) */
    bool become;       /* the receiving rsync runs as root */
};

struct rsync_stats {
    int64_t files_sent;    /* regular files transferred */
    int64_t items_changed; /* these, and links, modes, times, new folders, what was removed */
    int64_t files_total;
    int64_t files_deleted;
    int64_t bytes_sent;  /* on the wire, both from --stats */
    int64_t bytes_total; /* size of the tree */
};

/* Called for each line "path sent" and with the share done (0…100, -1: not known); may be NULL. */
typedef void rsync_progress(void *data, const char *path, int percent);

/* Sync over the connection that is open, by the rsync of both ends; folders above `to` are made.
 * What rsync itself says is in the error. */
int rsync_run(struct transport *t, const struct rsync_job *job, int64_t deadline,
              rsync_progress *progress, void *progress_data, struct rsync_stats *ret,
              struct error *err);

/* main() of the hidden verb: argv[0] is the verb, then what rsync gives: host, command. Returns the
 * exit code. */
int rsync_shell_main(int argc, char **argv);
#define RSYNC_SHELL_VERB "__rsync-shell"

#endif
