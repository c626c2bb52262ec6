/* SPDX-License-Identifier: Apache-2.0
 * Recipes, from their folders to the workflows that use them. */
#include "workflow/recipes.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strv.h"
#include "base/suggest.h"
#include "workflow/file.h"
#include "workflow/steps.h"
#include "workflow/variables.h"

/* First to last: recipes/ beside the workflow file, $KATALOOP_RECIPES, recipes/ beside the folder
 * of this program, the installed ones. Those that come from nowhere are left out. */
static void recipe_folders(const char *folder, struct strv *ret)
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
    else if (strchr(name->text, '.') || strchr(name->text, '/'))
        diagnostics_hint(c->problems, "a recipe is named without its folder and without `.yaml`");
    else
        diagnostics_hint(c->problems, "looked in %s", strbuf_str(&where));
}

static const struct recipe *load_recipe(struct checker *c, const struct value *name)
{
    const struct recipe *known = workflow_recipe(c->file, name->text);
    if (known)
        return known;
    cleanup_strv struct strv folders = STRV_INIT;
    recipe_folders(c->file->folder, &folders);
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
            workflow_read(r->path, recipe_file_fields, c->file->root, true, c->problems, &unread);
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
    const struct value *steps = value_get(r->root, "steps");
    const struct value *measure = value_get(r->root, "measure");
    if (params)
        check_defaults(c, params);
    if (!steps && !measure)
        diagnostics_add(c->problems, r->root->span, "recipe `%s` has neither `steps` nor `measure`",
                        r->name);
    check_steps(c, steps);
    check_steps(c, measure);
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

void recipes_check(struct workflow_file *f, struct diagnostics *problems)
{
    const struct value *workflows = value_get(f->root, "workflows");
    struct checker c = {.file = f, .problems = problems};
    for (size_t i = 0; workflows && i < workflows->len; i++)
        check_workflow(&c, workflows->keys[i], workflows->key_spans[i]);
    strv_release(&c.chain);
    strv_release(&c.done);
}
