/* SPDX-License-Identifier: Apache-2.0
 * Rules about the system CRIU runs on: options the kernel lacks, a folder that takes no images. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "diagnose/rules.h"

/* --- 12: missing kernel options ----------------------------------------------------------------
 */

/* Without these no dump works; the others of CRIU's list matter for some workloads only. */
static const char *const needed_options[] = {
    "CONFIG_CHECKPOINT_RESTORE",
    "CONFIG_NAMESPACES",
    "CONFIG_FHANDLE",
    "CONFIG_EVENTFD",
    "CONFIG_EPOLL",
};

/* Where CRIU could not ask for a kind of sockets, and failed for that. It does so at once, and
 * without a word more, where the network namespace is the container's own, and else where one is
 * open. Raw sockets it only asks for. UDP-Lite is what it says where that is all that is missing.
 */
static struct spot find_unasked(const struct scene *s)
{
    struct spot found = scene_said(s, ") are not collected"), lite = {0};
    const char *line;
    if (spot_is(found) || !spot_is(scene_said(s, SCENE_FAILURE)))
        return found;
    for (size_t n = 0; (line = item_line(s->log, n)); n++) {
        struct spot at = {s->log, (int)n};
        if (strstr(line, "Uncollected sockets!") || strstr(line, "Obtaining task stat"))
            found = lite = (struct spot){0};
        else if (!strstr(line, "collect procedure family") || strstr(line, "IPPROTO_RAW"))
            continue;
        else if (strstr(line, "IPPROTO_UDPLITE"))
            lite = spot_is(lite) ? lite : at;
        else
            found = spot_is(found) ? found : at;
    }
    return spot_is(found) ? found : lite;
}

static void explain_udp_lite(const struct scene *s, struct finding *f)
{
    const struct bundle_item *kernel = bundle_find(s->bundle, "/proc/version");
    if (item_line(kernel, 0))
        finding_show(f, (struct spot){kernel, 0});
    finding_explain(f, "Linux 7.1 has no UDP-Lite any more. In a network namespace of the "
                       "container's own CRIU wants to know all sockets, up to 4.2 those too.");
    finding_remedy(f, "criu --version; uname -r    # in the guest",
                   "A CRIU behind 4.2 in the guest, or an older guest kernel.");
}

static void explain_sock_diag(const struct scene *s, struct finding *f)
{
    static const char *const options[] = {"UNIX_DIAG", "INET_DIAG", "INET_UDP_DIAG", "PACKET_DIAG",
                                          "NETLINK_DIAG"};
    const struct bundle_item *config = bundle_find(s->bundle, "kernel configuration");
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        cleanup_free char *unset = xasprintf("# CONFIG_%s is not set", options[i]);
        int line = item_prefix(config, unset);
        if (line >= 0)
            finding_show(f, (struct spot){config, line});
    }
    finding_explain(f, "CRIU asks for sockets by sock_diag, which has a module for each kind. In a "
                       "network namespace of the container's own it wants to know all of them, "
                       "else those that are open.");
    finding_remedy(f,
                   "CONFIG_UNIX_DIAG=y CONFIG_INET_DIAG=y CONFIG_INET_UDP_DIAG=y "
                   "CONFIG_PACKET_DIAG=y CONFIG_NETLINK_DIAG=y",
                   "Build the guest's kernel with them; where they are modules, put those into the "
                   "guest image.");
}

static void check_sock_diag(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct spot unasked = find_unasked(s);
    if (!spot_is(unasked))
        return;
    bool lite = strstr(spot_text(unasked), "IPPROTO_UDPLITE");
    struct finding *f =
        finding_add(out, r, CERTAIN,
                    lite ? "the guest's kernel has no UDP-Lite, and this CRIU insists on it"
                         : "the guest's kernel does not tell CRIU of all sockets");
    finding_show(f, unasked);
    if (lite)
        explain_udp_lite(s, f);
    else
        explain_sock_diag(s, f);
    finding_refute(f, "a later line of the log that says the dump succeeded");
}

static void check_kernel_options(const struct scene *s, const struct rule *r, struct findings *out)
{
    const struct bundle_item *config = bundle_find(s->bundle, "kernel configuration");
    if (s->finished)
        return;
    check_sock_diag(s, r, out);
    for (size_t i = 0; i < ARRAY_SIZE(needed_options); i++) {
        cleanup_free char *unset = xasprintf("# %s is not set", needed_options[i]);
        int line = item_prefix(config, unset);
        if (line < 0)
            continue;
        struct finding *f =
            finding_add(out, r, i == 0 ? CERTAIN : LIKELY, "the guest's kernel is built without %s",
                        needed_options[i]);
        finding_show(f, (struct spot){config, line});
        finding_show(f, s->last_spot);
        finding_explain(f, "CRIU asks the kernel for things that only this option provides.");
        cleanup_free char *set = xasprintf("%s=y", needed_options[i]);
        finding_remedy(f, set,
                       "Build the guest's kernel with it. `criu check` in the guest then says "
                       "that it looks good.");
        finding_refute(f, "`criu check` says that it looks good");
    }
    const struct bundle_item *check = bundle_find(s->bundle, "criu check");
    const char *status = item_value(check, "exit status", NULL);
    int error = item_find(check, "Error (");
    /* It also tells of what is missing and not needed, and then that it looks good. Another status
     * than its own is of one that was cut short in between. Without root it tells of itself. */
    if (error < 0 || !status || strcmp(status, "1") != 0 || item_find(check, "vdso") >= 0 ||
        item_find(check, "Looks good") >= 0 || item_find(check, "CAP_SYS_ADMIN") >= 0 ||
        item_find(check, "need to be root") >= 0)
        return;
    struct finding *f = finding_add(out, r, LIKELY, "`criu check` fails on this kernel");
    finding_show(f, (struct spot){check, error});
    finding_explain(f, "CRIU's own test of what it needs from the kernel does not pass.");
    finding_remedy(f, "criu check --all    # in the guest, as root",
                   "Build the guest's kernel with what the message names, or use another CRIU.");
    finding_refute(f, "`criu check`, as root in the guest, says that it looks good");
}

const struct rule rule_kernel_options = {
    .id = "kernel-options",
    .help = "the kernel lacks an option that CRIU needs",
    .weight = 50,
    .check = check_kernel_options,
    .references = {"https://criu.org/Linux_kernel"},
};

/* --- 13: no space, or read-only ----------------------------------------------------------------
 */

/* A file system's row of one of the two tables of `df`, of blocks and of inodes. */
struct df_row {
    struct spot at; /* nowhere: there is no such row */
    int64_t total, available;
};

/* The tables are told apart by their heads; a row has six words, and the last is its mount point.
 */
static struct df_row df_find(const struct bundle_item *item, bool inodes)
{
    bool in_inodes = false;
    for (size_t i = 0; item && i < item->lines.len; i++) {
        cleanup_free char *line = xstrdup(item->lines.items[i]);
        char *save = NULL, *words[7] = {0};
        size_t n = 0;
        in_inodes = in_inodes || strstr(line, "Inodes");
        for (char *w = strtok_r(line, " \t", &save); w && n < ARRAY_SIZE(words);
             w = strtok_r(NULL, " \t", &save))
            words[n++] = w;
        struct df_row row = {.at = {item, (int)i}};
        if (in_inodes == inodes && n == 6 && words[5][0] == '/' &&
            parse_int(words[1], &row.total) && parse_int(words[3], &row.available))
            return row;
    }
    return (struct df_row){0};
}

/* A total of 0 is a file system that does not count (ramfs; inodes of btrfs). */
static bool df_used_up(const struct df_row *row)
{
    return spot_is(row->at) && row->total > 0 && row->available == 0;
}

struct shortage {
    const char *title;
    struct spot at;
    struct spot row; /* of `df`; may be nowhere */
    enum certainty certainty;
    bool inodes;
};

/* A file system of the images that is used up; without one, the first row of blocks. */
static bool find_full(const struct scene *s, struct shortage *ret)
{
    const struct bundle_item *state = NULL;
    *ret = (struct shortage){.title = "the file system of the images is full", .certainty = LIKELY};
    while ((state = bundle_next(s->bundle, "images state ", state))) {
        struct df_row blocks = df_find(state, false), inodes = df_find(state, true);
        if (df_used_up(&blocks)) {
            ret->at = ret->row = blocks.at;
            return true;
        }
        if (df_used_up(&inodes)) {
            ret->title = "the file system of the images has no free inodes";
            ret->inodes = true;
            ret->at = ret->row = inodes.at;
            return true;
        }
        if (!spot_is(ret->row))
            ret->row = blocks.at;
    }
    return false;
}

/* The first line that says so of the images: the container's /tmp, where CRIU would like a folder
 * to bind a mount to, files of CRIU's and its helpers' own, and links to files of the workload are
 * elsewhere. In small letters it is the client's, of Go. */
static struct spot said_of_images(const struct scene *s, const char *text)
{
    static const char *const elsewhere[] = {"temporary directory", "link remap", "criu.kdat",
                                            "xtables.lock", "cgroup"};
    const struct bundle_item *const items[] = {s->log, s->said};
    for (size_t i = 0; i < ARRAY_SIZE(items); i++)
        for (size_t n = 0; items[i] && n < items[i]->lines.len; n++) {
            const char *line = items[i]->lines.items[n];
            bool other = !strcasestr(line, text);
            for (size_t e = 0; e < ARRAY_SIZE(elsewhere); e++)
                other = other || strstr(line, elsewhere[e]);
            if (!other)
                return (struct spot){items[i], (int)n};
        }
    return (struct spot){0};
}

static bool find_shortage(const struct scene *s, struct shortage *ret)
{
    static const struct {
        const char *text, *title;
    } sayings[] = {
        {"No space left on device", NULL}, /* of blocks or of inodes */
        {"Read-only file system", "the folder of the images is on a read-only file system"},
        {"Disk quota exceeded", "the quota of the images' file system is used up"},
    };
    bool full = find_full(s, ret);
    for (size_t i = 0; i < ARRAY_SIZE(sayings); i++) {
        struct spot at = said_of_images(s, sayings[i].text);
        if (!spot_is(at))
            continue;
        ret->at = at;
        ret->certainty = CERTAIN;
        if (sayings[i].title) {
            ret->title = sayings[i].title;
            ret->inodes = false;
        }
        return true;
    }
    const struct bundle_item *state = NULL;
    while ((state = bundle_next(s->bundle, "images state ", state))) {
        int line = item_find(state, "writable: no");
        if (line < 0)
            continue;
        *ret = (struct shortage){.title = "the folder of the images cannot be written",
                                 .at = {state, line},
                                 .certainty = CERTAIN};
        return true;
    }
    return full;
}

static void check_no_space(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct shortage found;
    if (s->finished || !find_shortage(s, &found))
        return;
    struct finding *f = finding_add(out, r, found.certainty, "%s", found.title);
    finding_show(f, found.at);
    if (found.at.item != found.row.item)
        finding_show(f, found.row);
    if (found.inodes)
        finding_explain(f, "CRIU writes some files for every process there, and each takes an "
                           "inode.");
    else
        finding_explain(
            f, "CRIU writes the memory of all dumped processes there. In a guest it is often a "
               "small tmpfs or the read-only root.");
    finding_remedy(f,
                   found.inodes ? "df -i IMAGES-FOLDER    # in the guest"
                                : "df -h IMAGES-FOLDER    # in the guest",
                   "%s",
                   found.inodes
                       ? "Take away what fills it with small files, make the tmpfs with more "
                         "(nr_inodes=), or put the images elsewhere."
                       : "Put the images where there is room for the container's memory: a larger "
                         "tmpfs, a volume, or a folder shared with the host.");
    finding_refute(f, found.inodes ? "a new file can be made there"
                                   : "a file of the memory's size can be written there");
}

const struct rule rule_no_space = {
    .id = "no-space",
    .help = "no space for the images, or a read-only folder",
    .weight = 81,
    .check = check_no_space,
    .references = {"https://criu.org/Directories"},
};
