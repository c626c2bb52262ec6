/* SPDX-License-Identifier: Apache-2.0
 * Steps as a file has them. */
#include "workflow/steps.h"

#include <string.h>

#include "base/alloc.h"
#include "steps/step.h"

static const struct field recipe_fields[] = {
    {"recipe", FIELD_STRING, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "name of a recipe"},
    {"with", FIELD_STRINGS, 0, NULL, NULL, NULL, NULL, "values for its parameters"},
    {"repeat", FIELD_INT, 0, NULL, NULL, NULL, NULL, "how many samples are measured"},
    {"warmup", FIELD_INT, 0, NULL, NULL, NULL, NULL,
     "how many repetitions come before them and do not count"},
    FIELD_END,
};

static const struct field workflow_fields[] = {
    {"workflow", FIELD_REF, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, "workflows",
     "name of a workflow of this file, whose steps come here"},
    FIELD_END,
};

const struct field steps_common_fields[] = {
    {"name", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "what the step is called in the output"},
    {"timeout", FIELD_DURATION, 0, NULL, NULL, NULL, NULL, "the longest the step may take"},
    FIELD_END,
};

const struct field *steps_fields(const char *kind)
{
    if (strcmp(kind, STEP_RECIPE) == 0)
        return recipe_fields;
    if (strcmp(kind, STEP_WORKFLOW) == 0)
        return workflow_fields;
    const struct step_kind *found = step_kind_find(kind);
    return found ? found->fields : NULL;
}

static size_t all_kinds(const char **names, size_t max)
{
    size_t n = 0;
    names[n++] = STEP_RECIPE;
    names[n++] = STEP_WORKFLOW;
    for (size_t i = 0; step_kinds[i] && n < max; i++)
        names[n++] = step_kinds[i]->name;
    return n;
}

static void no_kind(const struct value *step, struct diagnostics *problems)
{
    const char *names[32];
    size_t n = all_kinds(names, ARRAY_SIZE(names));
    if (step->len > 0) {
        cleanup_free char *message = xasprintf("`%s` is not a kind of step", step->keys[0]);
        schema_unknown(problems, step->key_spans[0], message, step->keys[0], names, n);
    } else {
        schema_unknown(problems, step->span, "a step must say what it does", "", names, n);
    }
}

/* The key that says what the step is: the first that is a kind's name. */
static const char *kind_of(const struct value *step, struct diagnostics *problems)
{
    for (size_t i = 0; i < step->len; i++)
        if (steps_fields(step->keys[i]))
            return step->keys[i];
    no_kind(step, problems);
    return NULL;
}

static void copy_key(const struct value *from, size_t i, struct value *to)
{
    value_set(to, from->keys[i], from->key_spans[i], value_copy(from->items[i]));
}

/* The arguments in one map: the kind's own value, and the keys beside it. */
static struct value *gather(const struct value *step, const char *kind, struct value *common,
                            struct diagnostics *problems)
{
    struct value *args = value_new_map(step->span);
    const struct value *own = value_get(step, kind);
    const struct field *primary = schema_primary(steps_fields(kind));
    for (size_t i = 0; i < step->len; i++) {
        if (schema_field(steps_common_fields, step->keys[i]))
            copy_key(step, i, common);
        else if (step->items[i] != own)
            copy_key(step, i, args);
        else if (own->kind == VALUE_NULL)
            continue;
        else if (own->kind != VALUE_MAP && primary)
            value_set(args, primary->name, own->span, value_copy(own));
        else if (own->kind != VALUE_MAP)
            diagnostics_add(problems, own->span, "`%s` takes a map of arguments", kind);
        else
            for (size_t j = 0; j < own->len; j++)
                copy_key(own, j, args);
    }
    return args;
}

static struct value *step_apply(const struct value *step, const struct schema_scope *scope,
                                struct diagnostics *problems)
{
    if (step->kind != VALUE_MAP) {
        diagnostics_add(problems, step->span, "a step must be a map, like `restart: containerd`");
        return NULL;
    }
    const char *kind = kind_of(step, problems);
    if (!kind)
        return NULL;
    struct schema_scope own = scope ? *scope : (struct schema_scope){0};
    own.beside = steps_common_fields;
    struct value *common = value_new_map(step->span);
    struct value *gathered = gather(step, kind, common, problems);
    cleanup_free char *what = xasprintf("step `%s`", kind);
    struct value *result = schema_apply(common, steps_common_fields, what, scope, problems);
    for (size_t i = 0; !step_kind_find(kind) && i < common->len; i++) {
        diagnostics_add(problems, common->key_spans[i], "step `%s` has no key `%s`", kind,
                        common->keys[i]);
        diagnostics_hint(problems, "the steps it stands for have their own");
    }
    value_set(result, "kind", step->span, value_new_scalar(kind, step->span));
    value_set(result, "args", step->span,
              schema_apply(gathered, steps_fields(kind), what, &own, problems));
    value_free(common);
    value_free(gathered);
    return result;
}

struct value *steps_apply(const struct value *list, const struct schema_scope *scope,
                          struct diagnostics *problems)
{
    struct value *result = value_new_list(list->span);
    for (size_t i = 0; i < list->len; i++) {
        struct value *step = step_apply(list->items[i], scope, problems);
        if (step)
            value_append(result, step);
    }
    return result;
}
