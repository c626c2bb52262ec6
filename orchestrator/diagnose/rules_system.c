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
    "CONFIG_UNIX_DIAG",
    "CONFIG_INET_DIAG",
};

static void check_kernel_options(const struct scene *s, const struct rule *r, struct findings *out)
{
    const struct bundle_item *config = bundle_find(s->bundle, "kernel configuration");
    if (s->finished)
        return;
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
    int error = item_find(check, "Error (");
    if (error < 0 || item_find(check, "vdso") >= 0)
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

/* The "available" column of `df`: the fourth number of a line that has a mount point behind it.
 * -1: no such line. */
static int64_t df_available(const struct bundle_item *item, int from, int *ret_line)
{
    for (size_t i = (size_t)from; item && i < item->lines.len; i++) {
        cleanup_free char *line = xstrdup(item->lines.items[i]);
        char *save = NULL, *words[7] = {0};
        size_t n = 0;
        for (char *w = strtok_r(line, " \t", &save); w && n < ARRAY_SIZE(words);
             w = strtok_r(NULL, " \t", &save))
            words[n++] = w;
        int64_t available;
        if (n == 6 && words[5][0] == '/' && words[4][strlen(words[4]) - 1] == '%' &&
            parse_int(words[3], &available)) {
            *ret_line = (int)i;
            return available;
        }
    }
    return -1;
}

struct shortage {
    const char *title;
    struct spot at;
    enum certainty certainty;
};

static bool find_shortage(const struct scene *s, struct shortage *ret)
{
    static const struct {
        const char *text, *title;
    } sayings[] = {
        {"No space left on device", "the file system of the images is full"},
        {"Read-only file system", "the folder of the images is on a read-only file system"},
        {"Disk quota exceeded", "the quota of the images' file system is used up"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sayings); i++) {
        struct spot at = scene_said(s, sayings[i].text);
        if (spot_is(at)) {
            *ret = (struct shortage){sayings[i].title, at, CERTAIN};
            return true;
        }
    }
    const struct bundle_item *state = NULL;
    while ((state = bundle_next(s->bundle, "images state ", state))) {
        int line = item_find(state, "writable: no"), inodes_line;
        if (line >= 0) {
            *ret = (struct shortage){
                "the folder of the images cannot be written", {state, line}, CERTAIN};
            return true;
        }
        if (df_available(state, 0, &line) == 0) {
            *ret =
                (struct shortage){"the file system of the images is full", {state, line}, LIKELY};
            return true;
        }
        /* The second table is that of the inodes; a total of 0 is a file system that has none. */
        if (df_available(state, line + 1, &inodes_line) == 0 &&
            !strstr(item_line(state, (size_t)inodes_line), " 0 ")) {
            *ret = (struct shortage){
                "the file system of the images has no free inodes", {state, inodes_line}, LIKELY};
            return true;
        }
    }
    return false;
}

static void check_no_space(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct shortage found;
    if (s->finished || !find_shortage(s, &found))
        return;
    struct finding *f = finding_add(out, r, found.certainty, "%s", found.title);
    finding_show(f, found.at);
    const struct bundle_item *state = bundle_next(s->bundle, "images state ", NULL);
    int line;
    if (found.at.item != state && df_available(state, 0, &line) >= 0)
        finding_show(f, (struct spot){state, line});
    finding_explain(
        f, "CRIU writes the memory of all dumped processes there. In a guest it is often a "
           "small tmpfs or the read-only root.");
    finding_remedy(
        f, "df -h IMAGES-FOLDER    # in the guest",
        "Put the images where there is room for the container's memory: a larger tmpfs, a "
        "volume, or a folder shared with the host.");
    finding_refute(f, "a file of the memory's size can be written there");
}

const struct rule rule_no_space = {
    .id = "no-space",
    .help = "no space for the images, or a read-only folder",
    .weight = 81,
    .check = check_no_space,
    .references = {"https://criu.org/Directories"},
};
