/* SPDX-License-Identifier: Apache-2.0
 * CRIU's figures. */
#include "criu/stats.h"

#include "criu/stats.pb-c.h"

/* criu/include/magic.h: a service file's magic, then that of its kind, both little-endian. */
enum { SERVICE_MAGIC = 0x55105940, STATS_MAGIC = 0x57093306 };
enum { HEADER_SIZE = 12 }; /* the magics, and the length of the message behind them */

static const int64_t nsec_per_usec = 1000;

static uint32_t read_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct criu_dump_stats dump_of(const Kataloop__Criu__Dump *d)
{
    return (struct criu_dump_stats){
        .freezing = d->freezing_us * nsec_per_usec,
        .frozen = d->frozen_us * nsec_per_usec,
        .memdump = d->memdump_us * nsec_per_usec,
        .memwrite = d->memwrite_us * nsec_per_usec,
        .irmap = d->irmap_us * nsec_per_usec,
        .pages_scanned = d->pages_scanned,
        .pages_skipped = d->pages_skipped,
        .pages_written = d->pages_written,
        .pages_lazy = d->pages_lazy,
        .page_pipes = d->page_pipes,
        .page_pipe_bufs = d->page_pipe_bufs,
        .shpages_scanned = d->shpages_scanned,
        .shpages_skipped = d->shpages_skipped,
        .shpages_written = d->shpages_written,
    };
}

static struct criu_restore_stats restore_of(const Kataloop__Criu__Restore *r)
{
    return (struct criu_restore_stats){
        .forking = r->forking_us * nsec_per_usec,
        .restore = r->restore_us * nsec_per_usec,
        .pages_compared = r->pages_compared,
        .pages_skipped_cow = r->pages_skipped_cow,
        .pages_restored = r->pages_restored,
    };
}

static int check_header(const unsigned char *data, size_t len, const char *name, struct error *err)
{
    if (len < HEADER_SIZE)
        return error_set(err, ERR_FAILED, "`%s` is cut off: %zu bytes, its header has %d", name,
                         len, HEADER_SIZE);
    if (read_u32(data) != SERVICE_MAGIC || read_u32(data + 4) != STATS_MAGIC)
        return error_set(err, ERR_FAILED,
                         "`%s` is not a file of CRIU's figures: it begins with %08x %08x, not with"
                         " %08x %08x",
                         name, read_u32(data), read_u32(data + 4), (unsigned)SERVICE_MAGIC,
                         (unsigned)STATS_MAGIC);
    if (len > CRIU_STATS_MAX)
        return error_set(err, ERR_FAILED, "`%s` has %zu bytes, too many for CRIU's figures", name,
                         len);
    uint32_t said = read_u32(data + 8);
    if (said > len - HEADER_SIZE)
        return error_set(err, ERR_FAILED, "`%s` is cut off: %u bytes of figures, %zu are there",
                         name, said, len - HEADER_SIZE);
    return 0;
}

int criu_stats_parse(const void *data, size_t len, const char *name, struct criu_stats *ret,
                     struct error *err)
{
    const unsigned char *bytes = data;
    if (check_header(bytes, len, name, err) < 0)
        return error_hint(err, "CRIU writes it when it ends; see its log for why it did not");
    Kataloop__Criu__Stats *stats =
        kataloop__criu__stats__unpack(NULL, read_u32(bytes + 8), bytes + HEADER_SIZE);
    if (!stats)
        return error_set(err, ERR_FAILED, "`%s` is damaged: its figures cannot be decoded", name);
    struct criu_stats found = {.has_dump = stats->dump, .has_restore = stats->restore};
    if (stats->dump)
        found.dump = dump_of(stats->dump);
    if (stats->restore)
        found.restore = restore_of(stats->restore);
    kataloop__criu__stats__free_unpacked(stats, NULL);
    if (!found.has_dump && !found.has_restore)
        return error_set(err, ERR_FAILED, "`%s` has figures of neither a dump nor a restore", name);
    *ret = found;
    return 0;
}

size_t criu_stats_metrics(const struct criu_stats *stats, struct metric ret[CRIU_METRICS_MAX])
{
    size_t n = 0;
    if (stats->has_dump) {
        const struct criu_dump_stats *d = &stats->dump;
        ret[n++] = (struct metric){"freezing", "ns", (double)d->freezing};
        ret[n++] = (struct metric){"frozen", "ns", (double)d->frozen};
        ret[n++] = (struct metric){"memdump", "ns", (double)d->memdump};
        ret[n++] = (struct metric){"memwrite", "ns", (double)d->memwrite};
        ret[n++] = (struct metric){"pages_scanned", "pages", (double)d->pages_scanned};
        ret[n++] = (struct metric){"pages_written", "pages", (double)d->pages_written};
    } else if (stats->has_restore) {
        const struct criu_restore_stats *r = &stats->restore;
        ret[n++] = (struct metric){"forking", "ns", (double)r->forking};
        ret[n++] = (struct metric){"restore", "ns", (double)r->restore};
        ret[n++] = (struct metric){"pages_restored", "pages", (double)r->pages_restored};
    }
    return n;
}
