/* SPDX-License-Identifier: Apache-2.0
 * sync: a file or a tree of this machine to the same place on the host, by rsync. */
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "exec/exec.h"
#include "plan/scan.h"
#include "report/stats.h"
#include "steps/common.h"
#include "steps/step.h"
#include "transport/rsync.h"

static const struct field fields[] = {
    {"from", FIELD_STRING, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "file or folder here, below the workflow file's folder"},
    {"to", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "path on the host, below the workspace; default: the same as here"},
    {"exclude", FIELD_LIST, 0, "target/ .git/", NULL, NULL, NULL,
     "rsync patterns of what stays here, and on the host untouched"},
    {"delete", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "remove on the host what is not here"},
    {"become", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "write as root on the host"},
    FIELD_END,
};

/* The same list for the host: entries of the tree by name, type, size and time, what is excluded
 * left out where a simple pattern says so. Its digest changes whenever somebody edits there. */
static const char listing[] =
    "p=$1; shift; [ -e \"$p\" ] || { echo absent; exit 0; }; "
    "find \"$p\" \"$@\" -type f -printf '%P %s %T@\\n' | LC_ALL=C sort | sha256sum";

static char *target_path(const struct exec *x, const struct plan_step *step)
{
    const char *to = value_get_string(step->args, "to");
    return exec_host_path(x, to ? to : value_get_string(step->args, "from"));
}

static void excludes_of(const struct plan_step *step, struct strv *ret)
{
    const struct value *list = value_get(step->args, "exclude");
    for (size_t i = 0; list && i < list->len; i++)
        strv_push(ret, list->items[i]->text);
}

static int fingerprint(const struct plan_step *step, const char *folder, struct sha256 *digest,
                       struct error *err)
{
    cleanup_free char *from = path_join(folder, value_get_string(step->args, "from"));
    cleanup_strv struct strv exclude = STRV_INIT;
    excludes_of(step, &exclude);
    return scan_tree(from, &exclude, digest, NULL, err);
}

/* Patterns of rsync that find(1) can prune: names and anchored paths. Others are looked into,
 * which can only make a step run that need not. */
static void add_prunes(struct strv *argv, const char *root, const struct strv *exclude)
{
    for (size_t i = 0; i < exclude->len; i++) {
        const char *pattern = exclude->items[i];
        size_t len = strlen(pattern);
        bool folder_only = len > 1 && pattern[len - 1] == '/';
        len -= folder_only;
        bool anchored = pattern[0] == '/';
        if (!anchored && memchr(pattern, '/', len))
            continue;
        if (folder_only)
            strv_push_all(argv, "-type", "d", NULL);
        if (anchored) {
            strv_push(argv, "-path");
            strv_printf(argv, "%s%.*s", root, (int)len, pattern);
        } else {
            strv_push(argv, "-name");
            strv_printf(argv, "%.*s", (int)len, pattern);
        }
        strv_push_all(argv, "-prune", "-o", NULL);
    }
}

static int witness(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                   struct error *err)
{
    cleanup_free char *to = target_path(x, step);
    size_t len = strlen(to);
    while (len > 1 && to[len - 1] == '/')
        to[--len] = '\0';
    cleanup_strv struct strv argv = STRV_INIT, exclude = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", listing, "sh", to, NULL);
    excludes_of(step, &exclude);
    add_prunes(&argv, to, &exclude);
    const struct command cmd = {.argv = &argv,
                                .become = value_get_bool(step->args, "become", false)};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "listing what is on the host", &r, err) < 0)
        return -1;
    strbuf_add(ret, r.out.data, r.out.len);
    return 0;
}

struct progress {
    struct exec *x;
    struct error err; /* the first failure of an event sink */
    int failed;
};

static void on_progress(void *data, const char *path, int percent)
{
    struct progress *p = data;
    if (!p->failed)
        p->failed = exec_progress(p->x, path, percent, percent < 0 ? -1 : 100, &p->err);
}

static int check_workspace(struct exec *x, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "test", "-d", x->workspace, NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    if (r.status.code == 0)
        return 0;
    error_set(err, ERR_FAILED, "there is no workspace `%s` on %s", x->workspace,
              transport_name(x->host));
    return error_hint(err, "make the folder there, or set `workspace` of the host to where the "
                           "sources lie");
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    cleanup_free char *from = path_join(x->folder, value_get_string(step->args, "from"));
    cleanup_free char *to = target_path(x, step);
    cleanup_strv struct strv exclude = STRV_INIT;
    excludes_of(step, &exclude);
    if (check_workspace(x, err) < 0)
        return -1;
    const struct rsync_job job = {
        .from = from,
        .to = to,
        .exclude = &exclude,
        .delete_extra = value_get_bool(step->args, "delete", false),
        .become = value_get_bool(step->args, "become", false),
    };
    struct progress progress = {.x = x};
    struct rsync_stats stats = {0};
    int result = rsync_run(x->host, &job, x->deadline, on_progress, &progress, &stats, err);
    if (progress.failed && result == 0) {
        error_move(err, &progress.err);
        return -1;
    }
    error_release(&progress.err);
    if (result < 0)
        return -1;
    *ret_changed = stats.files_sent > 0 || stats.files_deleted > 0;
    cleanup_free char *size = stats_format((double)stats.bytes_sent, "bytes");
    if (stats.files_deleted > 0)
        exec_summary(x, "%lld of %lld files sent, %lld removed, %s", (long long)stats.files_sent,
                     (long long)stats.files_total, (long long)stats.files_deleted, size);
    else
        exec_summary(x, "%lld of %lld files sent, %s", (long long)stats.files_sent,
                     (long long)stats.files_total, size);
    return 0;
}

const struct step_kind step_sync = {
    .name = "sync",
    .help = "send changed files to the host",
    .flags = STEP_SKIPPABLE,
    .timeout = 10 * 60 * NSEC_PER_SEC,
    .fields = fields,
    .fingerprint = fingerprint,
    .witness = witness,
    .run = run,
};
