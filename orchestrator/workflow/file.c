/* SPDX-License-Identifier: Apache-2.0
 * Workflow files from the disk. */
#include "workflow/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/parse.h"
#include "workflow/variables.h"
#include "workflow/yaml.h"

static void check_version(const struct value *root, struct diagnostics *problems)
{
    const struct value *version = value_get(root, "version");
    if (version && version->kind == VALUE_SCALAR && value_get_int(root, "version", 1) != 1) {
        diagnostics_add(problems, version->span, "version %s is not known here", version->text);
        diagnostics_hint(problems, "this program reads version 1");
    }
}

struct value *workflow_read(const char *path, const struct field *fields,
                            const struct value *scope_root, bool with_params,
                            struct diagnostics *problems, struct error *err)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (fs_read(path, YAML_MAX_BYTES, &text, err) < 0) {
        err->code = ERR_USAGE;
        return NULL;
    }
    struct value *raw = yaml_parse(path, strbuf_str(&text), text.len, problems);
    if (!raw)
        return NULL;
    const struct schema_scope scope = {
        .root = scope_root ? scope_root : raw,
        .params = with_params ? value_get(raw, "params") : NULL,
    };
    struct value *root = schema_apply(raw, fields, path_base(path), &scope, problems);
    check_version(root, problems);
    value_free(raw);
    return root;
}

/* The caller's, root's, or that of who became root by sudo. */
static bool is_trusted(const struct stat *st)
{
    uid_t me = geteuid();
    int64_t sudo_uid;
    if (st->st_uid == me || st->st_uid == 0)
        return true;
    const char *before_sudo = me == 0 ? getenv("SUDO_UID") : NULL;
    return before_sudo && parse_int(before_sudo, &sudo_uid) && (int64_t)st->st_uid == sudo_uid;
}

int workflow_find(const char *folder, char **ret, struct error *err)
{
    cleanup_free char *start = realpath(folder, NULL);
    if (!start) {
        error_set_errno(err, errno, "looking at `%s`", folder);
        return err->errnum == ENOENT
                   ? error_hint(err, "was this folder removed? `cd` to one that is there")
                   : -1;
    }
    cleanup_free char *at = xstrdup(start);
    for (;;) {
        cleanup_free char *path = path_join(at, WORKFLOW_FILE_NAME);
        struct stat st, link; /* who owns a link says what it leads to */
        if (stat(path, &st) == 0 && lstat(path, &link) == 0) {
            if (!is_trusted(&st) || !is_trusted(&link)) {
                error_set(err, ERR_USAGE, "`%s` belongs to another user", path);
                return error_hint(err, "if you trust what is in it: `-f %s`", path);
            }
            *ret = steal(&path);
            return 0;
        }
        if (strcmp(at, "/") == 0)
            break;
        char *up = path_dir(at);
        free(at);
        at = up;
    }
    error_set(err, ERR_USAGE, "there is no " WORKFLOW_FILE_NAME " in `%s` or a folder above it",
              start);
    return error_hint(err, "`kataloop init` writes one; `-f FILE` names one");
}

/* As it would stand in the file, had it been written in full. Where `~` is on another machine is
 * known there only: it is the login folder, from which a relative path starts anyway. */
static char *full_workspace(const char *workspace, bool local, const char *folder)
{
    if (local) {
        cleanup_free char *expanded = path_expand_home(workspace);
        return strcmp(expanded, ".") == 0 ? xstrdup(folder) : path_join(folder, expanded);
    }
    if (workspace[0] != '~' || (workspace[1] != '/' && workspace[1] != '\0'))
        return xstrdup(workspace);
    const char *below = workspace + 1 + strspn(workspace + 1, "/");
    return xstrdup(*below ? below : ".");
}

static void write_out_workspaces(struct workflow_file *f)
{
    const struct value *hosts = value_get(f->root, "hosts");
    for (size_t i = 0; hosts && i < hosts->len; i++) {
        struct value *host = hosts->items[i];
        const struct value *workspace = value_get(host, "workspace");
        const char *ssh = value_get_string(host, "ssh");
        if (!workspace || workspace->kind != VALUE_SCALAR || !ssh)
            continue; /* a problem, which has been told */
        const struct span where = workspace->span;
        cleanup_free char *full =
            full_workspace(workspace->text, strcmp(ssh, "local") == 0, f->folder);
        value_set(host, "workspace", where, value_new_scalar(full, where));
    }
}

int workflow_load(const char *path, struct workflow_file **ret, struct diagnostics *problems,
                  struct error *err)
{
    cleanup_workflow_file struct workflow_file *f = xcalloc(1, sizeof(*f));
    cleanup_free char *real = realpath(path, NULL);
    if (!real) {
        error_set_errno(err, errno, "opening `%s`", path);
        err->code = ERR_USAGE;
        return error_hint(err, "`-f` names a workflow file; without it kataloop.yaml of this "
                               "folder or one above is taken");
    }
    f->path = xstrdup(path);
    f->folder = path_dir(real);
    cleanup_error struct error unread = ERROR_INIT;
    f->root = workflow_read(f->path, workflow_file_fields, NULL, false, problems, &unread);
    if (unread.message) {
        error_move(err, &unread);
        return error_hint(err, "a workflow file is YAML text, and short: is it the right one?");
    }
    if (f->root) {
        write_out_workspaces(f);
        recipes_check(f, problems);
    }
    if (problems->len > 0) {
        diagnostics_sort(problems);
        size_t n = problems->len + problems->dropped;
        return error_set(err, ERR_USAGE, "%zu problem%s in `%s`", n, n == 1 ? "" : "s", path);
    }
    *ret = steal(&f);
    return 0;
}

/* --- for one host ------------------------------------------------------------------------------
 */

struct value *workflow_host_variables(const struct workflow_file *f, const char *host_name)
{
    const struct span where = f->root->span;
    struct value *ret = value_new_map(where);
    const struct value *host = value_get(value_get(f->root, "hosts"), host_name);
    const char *workspace = value_get_string(host, "workspace");
    value_set(ret, "host.name", where, value_new_scalar(host_name, where));
    if (workspace)
        value_set(ret, "host.workspace", where, value_new_scalar(workspace, where));
    return ret;
}

struct value *workflow_entries(const struct workflow_file *f, const struct value *variables,
                               struct diagnostics *problems)
{
    static const char *const sections[] = {"builds", "images"};
    const struct schema_scope scope = {.root = f->root, .expanded = true};
    struct value *ret = value_new_map(f->root->span);
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        const struct value *section = value_get(f->root, sections[i]);
        const struct field *fields = schema_field(workflow_file_fields, sections[i])->sub;
        struct value *map = value_new_map(f->root->span);
        for (size_t j = 0; section && j < section->len; j++) {
            struct value *expanded = variables_expand(section->items[j], variables);
            value_set(map, section->keys[j], section->key_spans[j],
                      schema_apply(expanded, fields, section->keys[j], &scope, problems));
            value_free(expanded);
        }
        value_set(ret, sections[i], f->root->span, map);
    }
    return ret;
}

void workflow_file_free(struct workflow_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_recipes; i++) {
        free(f->recipes[i]->name);
        free(f->recipes[i]->path);
        value_free(f->recipes[i]->root);
        free(f->recipes[i]);
    }
    free(f->recipes);
    value_free(f->root);
    free(f->path);
    free(f->folder);
    free(f);
}

void workflow_file_freep_(struct workflow_file **f)
{
    workflow_file_free(*f);
}
