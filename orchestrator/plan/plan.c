/* SPDX-License-Identifier: Apache-2.0
 * From a workflow to its steps. */
#include "plan/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/suggest.h"
#include "workflow/steps.h"
#include "workflow/variables.h"

/* Where the steps being planned come from. */
struct context {
    struct plan *plan;
    struct diagnostics *problems;
    const struct value *values; /* of the variables */
    const char *section;        /* recipe, or NULL */
    int sample, samples;        /* this one, and how many; warm-ups: -1 */
    int nth;                    /* of the warm-ups or samples, from 1 */
    int depth;                  /* workflows that this one was put in by */
    int pass;
    int *passes; /* how many there have been, workflows put in counted too */
};

static void plan_steps(const struct context *c, const struct value *steps);

/* Keep a value until the plan is freed. */
static struct value *keep(struct plan *p, struct value *v)
{
    p->scraps = xreallocarray(p->scraps, p->n_scraps + 1, sizeof(struct value *));
    p->scraps[p->n_scraps++] = v;
    return v;
}

/* What the step is about, as people see it: "agent", "src/agent/". */
static char *subject_text(const struct plan_step *s)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    const struct field *primary = schema_primary(s->kind->fields);
    if (s->kind->describe)
        s->kind->describe(s, &b);
    else if (primary && value_get_string(s->args, primary->name))
        strbuf_puts(&b, value_get_string(s->args, primary->name));
    return strbuf_steal(&b);
}

static char *make_label(const struct context *c, const struct plan_step *s, const char *subject,
                        const char *name)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    if (name)
        strbuf_puts(&b, name);
    else
        strbuf_printf(&b, "%s%s%s", s->kind->name, *subject ? " " : "", subject);
    if (c->sample > 0)
        strbuf_printf(&b, " %d/%d", c->nth, c->samples);
    else if (c->sample < 0)
        strbuf_printf(&b, " warm-up %d", c->nth);
    return strbuf_steal(&b);
}

/* One that can be left out is known from run to run by what it is about. Another one about the
 * same, with other arguments (a second injection into an image), is told apart by a number. */
static char *make_key(const struct plan *p, const struct plan_step *s, const char *subject)
{
    char *key = xasprintf("%s %s %s %s", p->file->folder, p->host_name, s->kind->name, subject);
    size_t len = strlen(key);
    int64_t others = 0, n = 1;
    for (size_t i = 0; s->kind->flags & STEP_SKIPPABLE && i < p->n_all; i++) {
        const struct plan_step *earlier = p->all[i];
        if (earlier->kind != s->kind || strncmp(earlier->key, key, len) != 0)
            continue;
        const char *rest = earlier->key + len;
        if (*rest && (*rest != '\n' || !parse_int(rest + 1, &n)))
            continue; /* a longer name */
        if (value_equal(earlier->args, s->args)) {
            free(key);
            return xstrdup(earlier->key);
        }
        n = *rest ? n : 1;
        others = n > others ? n : others;
    }
    if (others == 0)
        return key;
    char *numbered = xasprintf("%s\n%" PRId64, key, others + 1);
    free(key);
    return numbered;
}

static struct plan_step *add_step(const struct context *c, const struct step_kind *kind,
                                  struct value *args, const char *name, int64_t timeout)
{
    struct plan *p = c->plan;
    struct plan_step *s = xcalloc(1, sizeof(*s));
    *s = (struct plan_step){
        .kind = kind,
        .index = (int)p->n_all,
        .args = args,
        .host = p->host,
        .host_name = p->host_name,
        .section = c->section,
        .sample = c->sample,
        .pass = c->pass,
        .timeout = timeout > 0 ? timeout : kind->timeout,
    };
    const struct field *primary = schema_primary(kind->fields);
    if (primary && primary->type == FIELD_REF)
        s->subject =
            value_get(value_get(p->entries, primary->ref), value_get_string(args, primary->name));
    cleanup_free char *subject = subject_text(s);
    s->label = make_label(c, s, subject, name);
    s->key = make_key(p, s, subject);
    p->all = xreallocarray(p->all, p->n_all + 1, sizeof(struct plan_step *));
    p->all[p->n_all++] = s;
    p->steps = xreallocarray(p->steps, p->len + 1, sizeof(struct plan_step *));
    p->steps[p->len++] = s;
    return s;
}

/* A build is its syncs, then the build. */
static void add_syncs(const struct context *c, const struct value *build)
{
    const struct value *list = value_get(build, "sync");
    const struct step_kind *sync = step_kind_find("sync");
    for (size_t i = 0; list && i < list->len; i++) {
        struct value *raw = value_new_map(list->items[i]->span);
        value_set(raw, "from", raw->span, value_copy(list->items[i]));
        static const char *const passed_on[] = {"exclude", "delete"};
        for (size_t j = 0; j < ARRAY_SIZE(passed_on); j++)
            value_set(raw, passed_on[j], raw->span, value_copy(value_get(build, passed_on[j])));
        const struct schema_scope scope = {.root = c->plan->file->root, .expanded = true};
        add_step(c, sync, schema_apply(raw, sync->fields, "sync", &scope, c->problems), NULL, 0);
        value_free(raw);
    }
}

static int at_most(int64_t n)
{
    return n < PLAN_MAX_STEPS ? (int)n : PLAN_MAX_STEPS;
}

/* Repetitions of nothing count too: each is a pass. */
static bool is_full(const struct context *c)
{
    return c->plan->len >= PLAN_MAX_STEPS || *c->passes >= PLAN_MAX_STEPS;
}

/* The parameters' values, those of `outer` below them; kept with the plan. */
static const struct value *recipe_values(const struct context *outer, const struct recipe *r,
                                         const struct value *with)
{
    const struct value *params = value_get(r->root, "params");
    struct value *values = keep(outer->plan, value_copy(outer->values));
    for (size_t i = 0; params && i < params->len; i++) {
        const char *name = params->keys[i];
        const struct value *given = value_get(with, name);
        const struct value *fallback = value_get(params->items[i], "default");
        if (!given && !fallback)
            continue;
        struct value *v = given ? value_copy(given) : variables_expand(fallback, values);
        (void)recipe_check_value(params->items[i], name, v,
                                 outer->problems); /* the problem is what counts */
        value_set(values, name, v->span, v);
    }
    return values;
}

/* A number that a step says, or else its recipe. */
static int number_of(const struct context *c, const struct recipe *r, const struct value *args,
                     const char *key)
{
    const struct schema_scope scope = {.root = c->plan->file->root, .expanded = true};
    const struct value *given = value_get(args, key);
    struct value *v = variables_expand(given ? given : value_get(r->root, key), c->values);
    int64_t n = 0;
    if (schema_check_scalar(v, schema_field(recipe_file_fields, key), &scope, c->problems))
        (void)parse_int(v->text, &n); /* it is a number */
    value_free(v);
    return at_most(n);
}

static void plan_recipe(const struct context *outer, const struct value *args)
{
    const struct recipe *r = workflow_recipe(outer->plan->file, value_get_string(args, "recipe"));
    struct context c = *outer;
    c.values = recipe_values(outer, r, value_get(args, "with"));
    c.section = r->name;
    c.pass = ++*c.passes;
    if (value_get(r->root, "steps"))
        plan_steps(&c, value_get(r->root, "steps"));
    const struct value *measure = value_get(r->root, "measure");
    if (!measure)
        return;
    int repeat = number_of(&c, r, args, "repeat"), warmup = number_of(&c, r, args, "warmup");
    c.samples = repeat;
    for (int i = 0; i < warmup + repeat && !is_full(&c) && c.problems->len == 0; i++) {
        c.sample = i < warmup ? -1 : i - warmup + 1;
        c.nth = c.sample < 0 ? i + 1 : c.sample;
        c.pass = ++*c.passes;
        plan_steps(&c, measure);
    }
}

/* That of a name with a variable in it is known only here, and so is a circle of such. */
static void plan_workflow(const struct context *outer, const struct value *name)
{
    const struct value *workflows = value_get(outer->plan->file->root, "workflows");
    struct context c = *outer;
    ++*c.passes;
    if (++c.depth > PLAN_MAX_DEPTH) {
        diagnostics_add(c.problems, name->span, "workflow %s: more than %d workflows in each other",
                        name->text, PLAN_MAX_DEPTH);
        diagnostics_hint(c.problems, "does it come back to itself, by a variable?");
        return;
    }
    plan_steps(&c, value_get(value_get(workflows, name->text), "steps"));
}

static void plan_step(const struct context *c, const struct value *step)
{
    const char *kind_name = value_get_string(step, "kind");
    const struct schema_scope scope = {.root = c->plan->file->root, .expanded = true};
    struct value *expanded = variables_expand(step, c->values);
    struct value *args = schema_apply(value_get(expanded, "args"), steps_fields(kind_name),
                                      kind_name, &scope, c->problems);
    const struct value *limit = value_get(expanded, "timeout");
    if (limit)
        (void)schema_check_scalar(limit, schema_field(steps_common_fields, "timeout"), &scope,
                                  c->problems); /* the problem is what counts */
    int64_t timeout = value_get_duration(expanded, "timeout", 0);
    const char *name = value_get_string(expanded, "name");
    const struct step_kind *kind = step_kind_find(kind_name);
    if (!kind)
        keep(c->plan, args);
    if (c->problems->len > 0) {
        if (kind)
            value_free(args);
    } else if (strcmp(kind_name, STEP_RECIPE) == 0) {
        plan_recipe(c, args);
    } else if (strcmp(kind_name, STEP_WORKFLOW) == 0) {
        plan_workflow(c, value_get(args, STEP_WORKFLOW));
    } else {
        const struct value *build =
            strcmp(kind_name, "build") == 0
                ? value_get(value_get(c->plan->entries, "builds"), value_get_string(args, "build"))
                : NULL;
        if (build)
            add_syncs(c, build);
        add_step(c, kind, args, name,
                 timeout > 0 ? timeout : value_get_duration(build, "timeout", 0));
    }
    value_free(expanded);
}

static void plan_steps(const struct context *c, const struct value *steps)
{
    for (size_t i = 0; i < steps->len && !is_full(c); i++)
        plan_step(c, steps->items[i]);
}

static int choose(struct plan *p, const char *name, struct error *err)
{
    const struct value *workflows = value_get(p->file->root, "workflows");
    if (!name)
        name = value_get_string(p->file->root, "default");
    if (workflows->len == 0) {
        error_set(err, ERR_USAGE, "`%s` has no workflow", p->file->path);
        return error_hint(err,
                          "add one to its section `workflows`: a name, its `host` and its `steps`");
    }
    for (size_t i = 0; i < workflows->len; i++) {
        if (name && strcmp(workflows->keys[i], name) != 0)
            continue;
        p->workflow = workflows->keys[i];
        p->host_name = value_get_string(workflows->items[i], "host");
        p->host = value_get(value_get(p->file->root, "hosts"), p->host_name);
        return 0;
    }
    error_set(err, ERR_USAGE, "`%s` has no workflow `%s`", p->file->path, name);
    return suggest_hint(err, name, (const char *const *)workflows->keys, workflows->len);
}

static int conclude(const struct plan *p, struct diagnostics *problems, struct error *err)
{
    diagnostics_sort(problems);
    size_t n = problems->len + problems->dropped;
    if (n == 0)
        return 0;
    return error_set(err, ERR_USAGE, "%zu problem%s in `%s`", n, n == 1 ? "" : "s", p->file->path);
}

int plan_make(const struct workflow_file *file, const char *workflow, struct plan **ret,
              struct diagnostics *problems, struct error *err)
{
    cleanup_plan struct plan *p = xcalloc(1, sizeof(*p));
    p->file = file;
    if (choose(p, workflow, err) < 0)
        return -1;
    const struct value *entry = value_get(value_get(file->root, "workflows"), p->workflow);
    const struct value *values = keep(p, workflow_host_variables(file, p->host_name));
    int passes = 0;
    const struct context c = {.plan = p, .problems = problems, .values = values, .passes = &passes};
    p->entries = keep(p, workflow_entries(file, values, problems));
    plan_steps(&c, value_get(entry, "steps"));
    if (conclude(p, problems, err) < 0)
        return -1;
    if (p->len >= PLAN_MAX_STEPS || passes >= PLAN_MAX_STEPS) {
        error_set(err, ERR_USAGE, "workflow `%s` has more than %d steps", p->workflow,
                  PLAN_MAX_STEPS);
        return error_hint(err,
                          "each sample counts (`repeat`), with all the steps that it measures");
    }
    *ret = steal(&p);
    return 0;
}

static void step_free(struct plan_step *s)
{
    free(s->label);
    free(s->key);
    value_free(s->args);
    free(s);
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_all; i++)
        step_free(p->all[i]);
    for (size_t i = 0; i < p->n_scraps; i++)
        value_free(p->scraps[i]);
    free(p->all);
    free(p->steps);
    free(p->scraps);
    free(p);
}

void plan_freep_(struct plan **p)
{
    plan_free(*p);
}

static bool names_step(const struct plan_step *s, const char *name)
{
    int64_t number;
    if (parse_int(name, &number))
        return number == s->index + 1;
    return strcmp(s->kind->name, name) == 0 ||
           (*name && strncmp(s->label, name, strlen(name)) == 0);
}

static int no_such_step(const struct plan *p, const char *name, struct error *err)
{
    const char *names[128];
    size_t n = 0;
    for (size_t i = 0; i < p->len && n + 1 < ARRAY_SIZE(names); i++) {
        names[n++] = p->steps[i]->label;
        names[n++] = p->steps[i]->kind->name;
    }
    error_set(err, ERR_USAGE, "workflow `%s` has no step `%s`", p->workflow, name);
    const char *near = suggest(name, names, n);
    if (near)
        return error_hint(err, "did you mean `%s`?", near);
    return error_hint(err, "`kataloop plan` lists its steps; a step is named by its number, its "
                           "label or its kind");
}

int plan_select(struct plan *p, const char *from, const char *only, struct error *err)
{
    size_t kept = 0;
    bool begun = from == NULL;
    bool any = only == NULL;
    for (size_t i = 0; i < p->len; i++) {
        begun = begun || names_step(p->steps[i], from);
        any = any || names_step(p->steps[i], only);
    }
    if (!begun || !any)
        return no_such_step(p, begun ? only : from, err);
    cleanup_free bool *keep_it = xcalloc(p->len, sizeof(bool));
    begun = from == NULL;
    any = false;
    for (size_t i = 0; i < p->len; i++) {
        begun = begun || names_step(p->steps[i], from);
        keep_it[i] = begun && (!only || names_step(p->steps[i], only));
        any = any || keep_it[i];
    }
    if (!any && from && only)
        return error_set(err, ERR_USAGE, "no step `%s` from step `%s` on", only, from);
    for (size_t i = 0; i < p->len; i++)
        if (keep_it[i])
            p->steps[kept++] = p->steps[i];
    p->len = kept;
    return 0;
}

/* A repetition of an earlier step. */
static bool is_repeated(const struct plan *p, size_t index)
{
    const struct plan_step *s = p->steps[index];
    for (size_t i = 0; i < index; i++) {
        const struct span *a = &p->steps[i]->args->span, *b = &s->args->span;
        if (a->file == b->file && a->line == b->line && a->column == b->column &&
            strcmp(p->steps[i]->key, s->key) == 0)
            return true;
    }
    return false;
}

int plan_check(const struct plan *p, struct diagnostics *problems, struct error *err)
{
    for (size_t i = 0; i < p->len; i++)
        if (p->steps[i]->kind->check && !is_repeated(p, i))
            p->steps[i]->kind->check(p->steps[i], p->file->folder, problems);
    return conclude(p, problems, err);
}
