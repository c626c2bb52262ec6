/* SPDX-License-Identifier: Apache-2.0
 * CRIU's own figures: the files `stats-dump` and `stats-restore` that it leaves beside the images
 * (or in its work folder). Facts: criu.org/Images and criu.org/Statistics. */
#ifndef CRIU_STATS_H
#define CRIU_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "results/event.h"

struct criu_dump_stats {
    int64_t freezing; /* until all processes stood still, nanoseconds */
    int64_t frozen;   /* while they stood still, nanoseconds: what the workload notices */
    int64_t memdump;  /* collecting memory, nanoseconds */
    int64_t memwrite; /* writing it, nanoseconds */
    int64_t irmap;    /* finding the files of inotify watches, nanoseconds */
    uint64_t pages_scanned;
    uint64_t pages_skipped; /* unchanged since the parent checkpoint */
    uint64_t pages_written;
    uint64_t pages_lazy; /* left for lazy migration */
    uint64_t page_pipes, page_pipe_bufs;
    uint64_t shpages_scanned, shpages_skipped, shpages_written; /* of shared memory */
};

struct criu_restore_stats {
    int64_t forking; /* making the processes, nanoseconds */
    int64_t restore; /* all of it, nanoseconds */
    uint64_t pages_compared, pages_skipped_cow, pages_restored;
};

/* A file has one of the two. What it does not say is 0. */
struct criu_stats {
    bool has_dump, has_restore;
    struct criu_dump_stats dump;
    struct criu_restore_stats restore;
};

/* A file that is larger is not a file of figures. */
enum { CRIU_STATS_MAX = 64 * 1024 };

/* Read the content of such a file. `name` is for errors. A file that is cut off, has other magic
 * numbers or no figures at all is refused. */
int criu_stats_parse(const void *data, size_t len, const char *name, struct criu_stats *ret,
                     struct error *err);

enum { CRIU_METRICS_MAX = 8 };
/* The figures worth comparing as metrics of a sample ("freezing", "frozen", "memdump", "memwrite",
 * "pages_scanned", "pages_written" …; of a restore "forking", "restore", "pages_restored"). Returns
 * how many; their names are static. */
size_t criu_stats_metrics(const struct criu_stats *stats, struct metric ret[CRIU_METRICS_MAX]);

#endif
