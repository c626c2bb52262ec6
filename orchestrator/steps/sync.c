/* SPDX-License-Identifier: Apache-2.0
 * sync: a file or a tree of this machine to the same place on the host, by rsync. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    {"from", FIELD_STRING, FIELD_REQUIRED | FIELD_PRIMARY | FIELD_FILLED, NULL, NULL, NULL, NULL,
     "file or folder here, from the workflow file's folder"},
    {"to", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "path on the host, below the workspace, or from `/`; default: the same as here"},
    {"exclude", FIELD_LIST, 0, "target/ .git/", NULL, NULL, NULL,
     "rsync patterns of what is not sent, and not touched on the host"},
    {"delete", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "remove on the host what is missing here"},
    {"become", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "write as root on the host"},
    FIELD_END,
};

/* The files that were sent, as they are on the host: $1 is the folder (or file), their names come
 * on standard input. The digest changes whenever somebody edits or removes one there; what a build
 * puts beside them does not count. */
static const char listing[] = "p=$1; if [ -d \"$p\" ]; then cd -- \"$p\" || exit; "
                              "LC_ALL=C xargs -0 -r stat -c '%n %s %.9Y' -- 2>&1; "
                              "else stat -c '%s %.9Y' -- \"$p\" 2>&1; fi | sha256sum";

/* With the place where that is another one: the same source may go to several. */
static void describe(const struct plan_step *step, struct strbuf *ret)
{
    const char *from = value_get_string(step->args, "from");
    const char *to = value_get_string(step->args, "to");
    strbuf_puts(ret, from);
    if (to && strcmp(to, from) != 0)
        strbuf_printf(ret, " to %s", to);
}

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

static void check(const struct plan_step *step, const char *folder, struct diagnostics *problems)
{
    const struct value *from = value_get(step->args, "from"), *to = value_get(step->args, "to");
    cleanup_free char *path = path_join(folder, from->text);
    if (access(path, F_OK) < 0) {
        diagnostics_add(problems, from->span, "looking at `%s`: %s", path, strerror(errno));
        diagnostics_hint(problems, "this path starts from the workflow file's folder");
    }
    if (!to && path_leaves(from->text)) {
        diagnostics_add(problems, from->span, "`%s` has no place below the workspace of its own",
                        from->text);
        diagnostics_hint(problems, "say where it goes: `sync: {from: %s, to: …}`", from->text);
    }
    if (to && to->text[0] != '/' && path_leaves(to->text)) {
        diagnostics_add(problems, to->span, "`%s` is not below the workspace", to->text);
        diagnostics_hint(problems, "for a place elsewhere, write a path that begins with `/`");
    }
}

static const char *source(const struct plan_step *step, struct strv *ret_exclude)
{
    excludes_of(step, ret_exclude);
    return value_get_string(step->args, "from");
}

static int fingerprint(const struct plan_step *step, const char *folder, struct sha256 *digest,
                       struct error *err)
{
    cleanup_free char *from = path_join(folder, value_get_string(step->args, "from"));
    cleanup_strv struct strv exclude = STRV_INIT;
    excludes_of(step, &exclude);
    return scan_tree(from, &exclude, digest, NULL, err);
}

static int witness(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                   struct error *err)
{
    cleanup_free char *from = path_join(x->folder, value_get_string(step->args, "from"));
    cleanup_free char *to = target_path(x, step);
    cleanup_strv struct strv argv = STRV_INIT, exclude = STRV_INIT;
    cleanup_strbuf struct strbuf names = STRBUF_INIT;
    struct scan_stats stats = {.names = &names};
    excludes_of(step, &exclude);
    struct sha256 *digest = sha256_new(); /* of no use here: the names are */
    int scanned = scan_tree(from, &exclude, digest, &stats, err);
    char unused[SHA256_HEX_SIZE];
    sha256_finish(digest, unused);
    if (scanned < 0)
        return -1;
    strv_push_all(&argv, "sh", "-c", listing, "sh", to, NULL);
    const struct command cmd = {.argv = &argv,
                                .become = value_get_bool(step->args, "become", false),
                                .input = names.data,
                                .input_len = names.len};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "looking at what is on the host", &r, err) < 0)
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

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    cleanup_free char *from = path_join(x->folder, value_get_string(step->args, "from"));
    cleanup_free char *to = target_path(x, step);
    cleanup_strv struct strv exclude = STRV_INIT;
    excludes_of(step, &exclude);
    if (step_check_folder(x, x->workspace, err) < 0)
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
    *ret_changed = stats.items_changed > 0;
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
    .describe = describe,
    .check = check,
    .source = source,
    .fingerprint = fingerprint,
    .witness = witness,
    .run = run,
};
