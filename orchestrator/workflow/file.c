/* SPDX-License-Identifier: Apache-2.0
 * Workflow files and recipes from the disk. */
#include "workflow/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/strv.h"
#include "base/suggest.h"
#include "workflow/steps.h"
#include "workflow/variables.h"
#include "workflow/yaml.h"

static const char *const become_choices[] = {"sudo", "none", NULL};
static const char *const host_key_choices[] = {"ask", "accept-new", "strict", NULL};
static const char *const engine_choices[] = {"auto", "guestfs", "ext4", NULL};
static const char *const param_types[] = {"string", "int", "bool", "duration", NULL};

static const struct field host_fields[] = {
    {"ssh", FIELD_DESTINATION, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "user@host:port, a name of ~/.ssh/config, or `local` for this machine"},
    {"workspace", FIELD_STRING, 0, ".", NULL, NULL, NULL,
     "folder of the sources on the host; a relative one starts from the login folder, with `local` "
     "from the folder of this file"},
    {"become", FIELD_ENUM, 0, "sudo", NULL, become_choices, NULL,
     "how root is reached where the login user is not root"},
    {"identity", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "private key file, tried first"},
    {"known_hosts", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file of known host keys, instead of the user's"},
    {"ssh_config", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file that is read instead of ~/.ssh/config"},
    {"host_key", FIELD_ENUM, 0, "ask", NULL, host_key_choices, NULL,
     "what to do with an unknown host key"},
    {"connect_timeout", FIELD_DURATION, 0, "20s", NULL, NULL, NULL,
     "how long connecting and logging in may take"},
    FIELD_END,
};

static const struct field build_fields[] = {
    {"sync", FIELD_LIST, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "files and folders that are sent first, to the same place in the workspace"},
    {"exclude", FIELD_LIST, 0, "target/ .git/", NULL, NULL, NULL,
     "rsync patterns of what is not sent, and not touched on the host"},
    {"delete", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "remove on the host what is missing here"},
    {"dir", FIELD_STRING, 0, ".", NULL, NULL, NULL, "folder to build in, below the workspace"},
    {"run", FIELD_COMMAND, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "the build command"},
    {"env", FIELD_STRINGS, 0, NULL, NULL, NULL, NULL, "environment variables of the build"},
    {"output", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "the file it makes, from `dir`"},
    {"timeout", FIELD_DURATION, 0, "30m", NULL, NULL, NULL, "the longest it may take"},
    FIELD_END,
};

static const struct field image_fields[] = {
    {"path", FIELD_STRING, FIELD_PRIMARY, "auto", NULL, NULL, NULL,
     "the image on the host; auto: what `kata-runtime env` says"},
    {"keep", FIELD_INT, 0, "5", NULL, NULL, NULL, "previous versions kept for roll-back"},
    {"engine", FIELD_ENUM, 0, "auto", NULL, engine_choices, NULL, "what changes the image"},
    FIELD_END,
};

static const struct field workflow_entry_fields[] = {
    {"help", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "one line about it"},
    {"host", FIELD_REF, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, "hosts", "where it runs"},
    {"steps", FIELD_STEPS, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "what it does, in order"},
    FIELD_END,
};

const struct field workflow_file_fields[] = {
    {"version", FIELD_INT, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, NULL,
     "version of this file's format: 1"},
    {"default", FIELD_REF, FIELD_PLAIN, NULL, NULL, NULL, "workflows",
     "the workflow that `kataloop run` runs without a name; else the first"},
    {"hosts", FIELD_NAMED, FIELD_REQUIRED | FIELD_PLAIN, NULL, host_fields, NULL, NULL,
     "machines that run containerd"},
    {"builds", FIELD_NAMED, 0, NULL, build_fields, NULL, NULL, "what is built, and how"},
    {"images", FIELD_NAMED, 0, NULL, image_fields, NULL, NULL, "guest images on the hosts"},
    {"workflows", FIELD_NAMED, FIELD_REQUIRED, NULL, workflow_entry_fields, NULL, NULL,
     "lists of steps by name"},
    FIELD_END,
};

static const struct field param_fields[] = {
    {"type", FIELD_ENUM, 0, "string", NULL, param_types, NULL, "what its values look like"},
    {"default", FIELD_STRING, FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "its value if none is given; a parameter without one must be given"},
    {"help", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "one line about it"},
    FIELD_END,
};

const struct field recipe_file_fields[] = {
    {"version", FIELD_INT, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, NULL,
     "version of this file's format: 1"},
    {"help", FIELD_STRING, FIELD_REQUIRED, NULL, NULL, NULL, NULL, "one line about the recipe"},
    {"params", FIELD_NAMED, 0, NULL, param_fields, NULL, NULL, "what can be set with `with`"},
    {"steps", FIELD_STEPS, 0, NULL, NULL, NULL, NULL, "what is done once, first"},
    {"measure", FIELD_STEPS, 0, NULL, NULL, NULL, NULL, "what is done for each sample"},
    {"repeat", FIELD_INT, 0, "1", NULL, NULL, NULL, "how many samples, if the step does not say"},
    {"warmup", FIELD_INT, 0, "0", NULL, NULL, NULL, "how many repetitions before them"},
    FIELD_END,
};

/* --- reading ---------------------------------------------------------------------------------- */

static void check_version(const struct value *root, struct diagnostics *problems)
{
    const struct value *version = value_get(root, "version");
    if (version && version->kind == VALUE_SCALAR && value_get_int(root, "version", 1) != 1) {
        diagnostics_add(problems, version->span, "version %s is not known here", version->text);
        diagnostics_hint(problems, "this program reads version 1");
    }
}

/* A file as a tree that `fields` describe; NULL with problems, or with an error. */
static struct value *read_checked(const char *path, const struct field *fields,
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

void workflow_recipe_folders(const char *folder, struct strv *ret)
{
    strv_push_owned(ret, path_join(folder, "recipes"));
    const char *named = getenv("KATALOOP_RECIPES");
    if (named && *named)
        strv_push(ret, named);
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n > 0) {
        exe[n] = '\0';
        cleanup_free char *bin = path_dir(exe);
        cleanup_free char *above = path_dir(bin);
        strv_push_owned(ret, path_join(above, "recipes"));
    }
    strv_push(ret, KATALOOP_RECIPES_DIR);
}

static bool name_is_plain(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_") == strlen(name);
}

const struct recipe *workflow_recipe(const struct workflow_file *f, const char *name)
{
    for (size_t i = 0; i < f->n_recipes; i++)
        if (strcmp(f->recipes[i]->name, name) == 0)
            return f->recipes[i];
    return NULL;
}

/* --- recipes ---------------------------------------------------------------------------------- */

struct checker {
    struct workflow_file *file;
    struct diagnostics *problems;
    struct strv chain; /* "workflow x", "recipe y": what is being looked into, outermost first */
    struct strv done;  /* what has been looked into */
};

static void check_steps(struct checker *c, const struct value *steps);

/* Begin to look into `what`, which `where` refers to. False: done before, or a cycle, which is a
 * problem. */
static bool enter(struct checker *c, const char *what, struct span where)
{
    if (strv_contains(&c->chain, what)) {
        cleanup_strbuf struct strbuf way = STRBUF_INIT;
        for (size_t i = 0; i < c->chain.len; i++)
            strbuf_printf(&way, "%s → ", c->chain.items[i]);
        diagnostics_add(c->problems, where, "%s comes back to itself", what);
        diagnostics_hint(c->problems, "%s%s", strbuf_str(&way), what);
        return false;
    }
    if (strv_contains(&c->done, what))
        return false;
    strv_push(&c->chain, what);
    return true;
}

static void leave(struct checker *c)
{
    strv_push_owned(&c->done, c->chain.items[--c->chain.len]);
    c->chain.items[c->chain.len] = NULL;
}

/* The names of the recipes in a folder, which need not be there. */
static void recipes_in(const char *folder, struct strv *ret)
{
    DIR *d = opendir(folder);
    if (!d)
        return;
    for (const struct dirent *e; (e = readdir(d));) {
        const char *end = strrchr(e->d_name, '.');
        if (end && strcmp(end, ".yaml") == 0)
            strv_push_owned(ret, xstrndup(e->d_name, (size_t)(end - e->d_name)));
    }
    closedir(d); /* read only */
}

static void no_recipe(struct checker *c, const struct value *name, const struct strv *folders)
{
    cleanup_strv struct strv known = STRV_INIT;
    cleanup_strbuf struct strbuf where = STRBUF_INIT;
    for (size_t i = 0; i < folders->len; i++) {
        recipes_in(folders->items[i], &known);
        strbuf_printf(&where, "%s%s", i > 0 ? ", " : "", folders->items[i]);
    }
    const char *near = suggest(name->text, (const char *const *)known.items, known.len);
    diagnostics_add(c->problems, name->span, "there is no recipe `%s`", name->text);
    if (near)
        diagnostics_hint(c->problems, "did you mean `%s`?", near);
    else
        diagnostics_hint(c->problems, "looked in %s", strbuf_str(&where));
}

static const struct recipe *load_recipe(struct checker *c, const struct value *name)
{
    const struct recipe *known = workflow_recipe(c->file, name->text);
    if (known)
        return known;
    cleanup_strv struct strv folders = STRV_INIT;
    workflow_recipe_folders(c->file->folder, &folders);
    for (size_t i = 0; name_is_plain(name->text) && i < folders.len; i++) {
        cleanup_free char *path = xasprintf("%s/%s.yaml", folders.items[i], name->text);
        if (access(path, F_OK) < 0)
            continue;
        struct recipe *r = xcalloc(1, sizeof(*r));
        r->name = xstrdup(name->text);
        r->path = steal(&path);
        c->file->recipes =
            xreallocarray(c->file->recipes, c->file->n_recipes + 1, sizeof(struct recipe *));
        c->file->recipes[c->file->n_recipes++] = r;
        cleanup_error struct error unread = ERROR_INIT;
        r->root =
            read_checked(r->path, recipe_file_fields, c->file->root, true, c->problems, &unread);
        if (unread.message)
            diagnostics_add(c->problems, name->span, "%s", unread.message);
        return r;
    }
    no_recipe(c, name, &folders);
    return NULL;
}

static const struct {
    const char *name;
    enum field_type type;
} value_types[] = {{"string", FIELD_STRING},
                   {"int", FIELD_INT},
                   {"bool", FIELD_BOOL},
                   {"duration", FIELD_DURATION}};

bool recipe_check_value(const struct value *param, const char *name, const struct value *v,
                        struct diagnostics *problems)
{
    const char *type = value_get_string(param, "type");
    struct field field = {.name = name, .type = FIELD_STRING};
    for (size_t i = 0; type && i < ARRAY_SIZE(value_types); i++)
        if (strcmp(value_types[i].name, type) == 0)
            field.type = value_types[i].type;
    return schema_check_scalar(v, &field, NULL, problems);
}

static void check_param_value(struct checker *c, const struct value *param, const char *name,
                              const struct value *v)
{
    if (!strstr(v->text, "${")) /* the plan looks at it once the variable is known */
        (void)recipe_check_value(param, name, v, c->problems); /* the problem is what counts */
}

static void check_with(struct checker *c, const struct value *args, const struct recipe *r)
{
    const struct value *params = value_get(r->root, "params");
    const struct value *with = value_get(args, "with");
    for (size_t i = 0; with && i < with->len; i++) {
        const struct value *param = value_get(params, with->keys[i]);
        if (param && with->items[i]->kind == VALUE_SCALAR)
            check_param_value(c, param, with->keys[i], with->items[i]);
        if (param)
            continue;
        cleanup_free char *message =
            xasprintf("recipe `%s` has no parameter `%s`", r->name, with->keys[i]);
        schema_unknown(c->problems, with->key_spans[i], message, with->keys[i],
                       params ? (const char *const *)params->keys : NULL, params ? params->len : 0);
    }
    for (size_t i = 0; params && i < params->len; i++)
        if (!value_get(params->items[i], "default") && !value_get(with, params->keys[i]))
            diagnostics_add(c->problems, args->span, "recipe `%s` needs `%s` in `with`", r->name,
                            params->keys[i]);
}

/* Else a run would do once what it was asked to do twenty times. */
static void check_repeated(struct checker *c, const struct value *args, const struct recipe *r)
{
    static const char *const keys[] = {"repeat", "warmup"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct value *given = value_get(args, keys[i]);
        if (!given || value_get(r->root, "measure"))
            continue;
        diagnostics_add(c->problems, given->span, "recipe `%s` has no `measure`, which `%s` is for",
                        r->name, keys[i]);
        diagnostics_hint(c->problems, "its steps are done once");
    }
}

/* A default may use the parameters above it. */
static void check_defaults(struct checker *c, const struct value *params)
{
    struct value *above = value_new_map(params->span);
    for (size_t i = 0; i < params->len; i++) {
        const struct value *fallback = value_get(params->items[i], "default");
        if (fallback) {
            check_param_value(c, params->items[i], params->keys[i], fallback);
            if (c->problems->len == 0) /* else that name may be known to be wrong already */
                (void)variables_check(fallback, above,
                                      c->problems); /* the problem is what counts */
        }
        value_set(above, params->keys[i], params->items[i]->span, value_copy(params->items[i]));
    }
    value_free(above);
}

static void check_recipe_file(struct checker *c, const struct recipe *r, struct span where)
{
    cleanup_free char *what = xasprintf("recipe %s", r->name);
    if (!enter(c, what, where))
        return;
    const struct value *params = value_get(r->root, "params");
    if (params)
        check_defaults(c, params);
    check_steps(c, value_get(r->root, "steps"));
    check_steps(c, value_get(r->root, "measure"));
    leave(c);
}

static void check_workflow(struct checker *c, const char *name, struct span where)
{
    cleanup_free char *what = xasprintf("workflow %s", name);
    const struct value *entry = value_get(value_get(c->file->root, "workflows"), name);
    if (!entry || !enter(c, what, where))
        return;
    check_steps(c, value_get(entry, "steps"));
    leave(c);
}

static void check_step(struct checker *c, const struct value *step)
{
    const char *kind = value_get_string(step, "kind");
    const struct value *args = value_get(step, "args");
    const struct value *name = value_get(args, kind);
    if (!name || name->kind != VALUE_SCALAR)
        return;
    if (strcmp(kind, STEP_WORKFLOW) == 0)
        check_workflow(c, name->text, name->span);
    if (strcmp(kind, STEP_RECIPE) != 0)
        return;
    const struct recipe *r = load_recipe(c, name);
    if (!r || !r->root)
        return;
    check_with(c, args, r);
    check_repeated(c, args, r);
    check_recipe_file(c, r, name->span);
}

static void check_steps(struct checker *c, const struct value *steps)
{
    for (size_t i = 0; steps && steps->kind == VALUE_LIST && i < steps->len; i++)
        check_step(c, steps->items[i]);
}

static void check_workflows(struct checker *c)
{
    const struct value *workflows = value_get(c->file->root, "workflows");
    for (size_t i = 0; workflows && i < workflows->len; i++)
        check_workflow(c, workflows->keys[i], workflows->key_spans[i]);
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
    f->root = read_checked(f->path, workflow_file_fields, NULL, false, problems, &unread);
    if (unread.message) {
        error_move(err, &unread);
        return error_hint(err, "a workflow file is YAML text, and short: is it the right one?");
    }
    if (f->root) {
        write_out_workspaces(f);
        struct checker c = {.file = f, .problems = problems};
        check_workflows(&c);
        strv_release(&c.chain);
        strv_release(&c.done);
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
