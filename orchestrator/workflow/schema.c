/* SPDX-License-Identifier: Apache-2.0
 * Values against tables of fields. */
#include "workflow/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/destination.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "workflow/steps.h"
#include "workflow/variables.h"

static const char *kind_name(const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        return "nothing";
    case VALUE_SCALAR:
        return "a single value";
    case VALUE_LIST:
        return "a list";
    case VALUE_MAP:
        return "a map";
    }
    return "?";
}

const struct field *schema_field(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

const struct field *schema_primary(const struct field *fields)
{
    for (const struct field *f = fields; f->name; f++)
        if (f->flags & FIELD_PRIMARY)
            return f;
    return NULL;
}

void schema_unknown(struct diagnostics *problems, struct span where, const char *message,
                    const char *name, const char *const *known, size_t n)
{
    diagnostics_add(problems, where, "%s", message);
    cleanup_free char *text = suggest_text(name, known, n);
    if (text)
        diagnostics_hint(problems, "%s", text);
}

static void unknown_key(const struct value *map, size_t i, const struct field *fields,
                        const struct field *beside, const char *what, struct diagnostics *problems)
{
    const struct field *const tables[] = {fields, beside};
    const char *known[64];
    size_t n = 0;
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
        for (const struct field *f = tables[t]; f && f->name && n < ARRAY_SIZE(known); f++)
            known[n++] = f->name;
    cleanup_free char *message = xasprintf("%s has no key `%s`", what, map->keys[i]);
    if (!beside || !schema_field(beside, map->keys[i])) {
        schema_unknown(problems, map->key_spans[i], message, map->keys[i], known, n);
        return;
    }
    diagnostics_add(problems, map->key_spans[i], "%s", message);
    diagnostics_hint(problems, "`%s` stands beside what says the kind, not below it", map->keys[i]);
}

static bool check_reference(const struct value *v, const struct field *field,
                            const struct schema_scope *scope, struct diagnostics *problems)
{
    const struct value *section = scope ? value_get(scope->root, field->ref) : NULL;
    if (section && value_get(section, v->text))
        return true;
    cleanup_free char *message = xasprintf("no entry of `%s` is called `%s`", field->ref, v->text);
    schema_unknown(problems, v->span, message, v->text,
                   section ? (const char *const *)section->keys : NULL, section ? section->len : 0);
    if (!section)
        diagnostics_hint(problems, "the file has no section `%s`", field->ref);
    return false;
}

static bool check_choice(const struct value *v, const struct field *field,
                         struct diagnostics *problems)
{
    size_t n = 0;
    for (; field->choices[n]; n++)
        if (strcmp(field->choices[n], v->text) == 0)
            return true;
    cleanup_free char *message = xasprintf("`%s` cannot be `%s`", field->name, v->text);
    schema_unknown(problems, v->span, message, v->text, field->choices, n);
    return false;
}

static bool check_destination(const struct value *v, struct diagnostics *problems)
{
    cleanup_destination struct destination d = DESTINATION_INIT;
    cleanup_error struct error err = ERROR_INIT;
    if (destination_parse(v->text, &d, &err) == 0)
        return true;
    diagnostics_add(problems, v->span, "%s", err.message);
    diagnostics_hint(problems, "%s", err.hint);
    return false;
}

static void is_empty(const struct value *v, const struct field *field, struct diagnostics *problems)
{
    diagnostics_add(problems, v->span, "`%s` is empty", field->name);
    diagnostics_hint(problems, "%s: %s", field->name, field->help);
}

bool schema_check_scalar(const struct value *v, const struct field *field,
                         const struct schema_scope *scope, struct diagnostics *problems)
{
    int64_t n;
    mode_t mode;
    const char *expected = NULL;
    if ((field->flags & FIELD_FILLED || field->type == FIELD_COMMAND) && !*v->text) {
        is_empty(v, field, problems);
        return false;
    }
    switch (field->type) {
    case FIELD_INT:
        expected = parse_int(v->text, &n) && n >= 0 ? NULL : "a number from 0";
        break;
    case FIELD_BOOL:
        expected =
            strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0 ? NULL : "true or false";
        break;
    case FIELD_DURATION:
        if (!parse_duration(v->text, &n))
            expected = "a duration, like 10s, 200ms or 2m";
        else if (n == 0 && scope) /* without an end, or over at once? A parameter may be 0 */
            expected = "more than 0";
        break;
    case FIELD_MODE:
        expected = parse_mode(v->text, &mode) ? NULL : "a file mode in octal, like \"0755\"";
        break;
    case FIELD_DESTINATION:
        return check_destination(v, problems);
    case FIELD_ENUM:
        return check_choice(v, field, problems);
    case FIELD_REF:
        return check_reference(v, field, scope, problems);
    case FIELD_FILE:
        return strchr(v->text, '/') || check_reference(v, field, scope, problems);
    default:
        break;
    }
    if (expected)
        diagnostics_add(problems, v->span, "`%s` must be %s, not `%s`", field->name, expected,
                        v->text);
    return !expected;
}

static const char *expected_shape(const struct field *field)
{
    switch (field->type) {
    case FIELD_MAP:
    case FIELD_STRINGS:
    case FIELD_NAMED:
        return "a map";
    case FIELD_LIST:
        return "a list of single values";
    case FIELD_MAPS:
        return "a list of maps";
    case FIELD_STEPS:
        return "a list of steps";
    case FIELD_COMMAND:
        return "a command line or a list of words";
    default:
        return "a single value";
    }
}

static void wrong_shape(const struct value *v, const struct field *field,
                        struct diagnostics *problems)
{
    diagnostics_add(problems, v->span, "`%s` must be %s, not %s", field->name,
                    expected_shape(field), kind_name(v));
    if (field->help)
        diagnostics_hint(problems, "%s: %s", field->name, field->help);
}

static void apply_scalar(const struct value *v, const struct field *field,
                         const struct schema_scope *scope, struct diagnostics *problems)
{
    const struct value *params = scope ? scope->params : NULL;
    if (scope && scope->plain && strstr(v->text, "${")) {
        diagnostics_add(problems, v->span, "no variables are replaced in `%s`", field->name);
        diagnostics_hint(problems, "write the value itself");
        return;
    }
    if ((scope && scope->expanded) || variables_check(v, params, problems) == 0)
        (void)schema_check_scalar(v, field, scope, problems); /* the problem is what counts */
}

static struct value *apply_list(const struct value *v, const struct field *field,
                                const struct schema_scope *scope, struct diagnostics *problems)
{
    const struct field element = {
        .name = field->name,
        .type = FIELD_STRING,
        .flags = field->flags & FIELD_FILLED,
        .help = field->help,
    };
    struct value *list = value_new_list(v->span);
    for (size_t i = 0; i < v->len; i++) {
        if (v->items[i]->kind != VALUE_SCALAR) {
            diagnostics_add(problems, v->items[i]->span,
                            "each element of `%s` must be a single value, not %s", field->name,
                            kind_name(v->items[i]));
            diagnostics_hint(problems, "%s: %s", field->name, field->help);
            break;
        }
        apply_scalar(v->items[i], &element, scope, problems);
        value_append(list, value_copy(v->items[i]));
    }
    return list;
}

static struct value *apply_strings(const struct value *v, const struct field *field,
                                   const struct schema_scope *scope, struct diagnostics *problems)
{
    static const struct field element = {.name = "", .type = FIELD_STRING};
    for (size_t i = 0; i < v->len; i++) {
        if (!*v->keys[i] || strchr(v->keys[i], '='))
            diagnostics_add(problems, v->key_spans[i], "`%s` in `%s` cannot be a name", v->keys[i],
                            field->name);
        if (v->items[i]->kind != VALUE_SCALAR)
            diagnostics_add(problems, v->items[i]->span, "`%s` in `%s` must be a single value",
                            v->keys[i], field->name);
        else
            apply_scalar(v->items[i], &element, scope, problems);
    }
    return value_copy(v);
}

static struct value *apply_named(const struct value *v, const struct field *field,
                                 const struct schema_scope *scope, struct diagnostics *problems)
{
    struct value *map = value_new_map(v->span);
    for (size_t i = 0; i < v->len; i++) {
        /* "hosts" names its entries "host `dev`" */
        cleanup_free char *what =
            xasprintf("%.*s `%s`", (int)strlen(field->name) - 1, field->name, v->keys[i]);
        value_set(map, v->keys[i], v->key_spans[i],
                  schema_apply(v->items[i], field->sub, what, scope, problems));
    }
    return map;
}

static struct value *apply_maps(const struct value *v, const struct field *field,
                                const struct schema_scope *scope, struct diagnostics *problems)
{
    struct value *list = value_new_list(v->span);
    cleanup_free char *what = xasprintf("an entry of `%s`", field->name);
    if (v->kind != VALUE_LIST) {
        value_append(list, schema_apply(v, field->sub, what, scope, problems));
        return list;
    }
    for (size_t i = 0; i < v->len; i++)
        value_append(list, schema_apply(v->items[i], field->sub, what, scope, problems));
    return list;
}

/* A scalar where a list may stand is a list of one. */
static struct value *list_of_one(const struct value *v)
{
    struct value *list = value_new_list(v->span);
    value_append(list, value_copy(v));
    return list;
}

static struct value *apply_field(const struct value *v, const struct field *field,
                                 const struct schema_scope *scope, struct diagnostics *problems)
{
    struct schema_scope inner = scope ? *scope : (struct schema_scope){0};
    inner.plain = inner.plain || (field->flags & FIELD_PLAIN);
    inner.beside = NULL;
    scope = &inner;
    switch (field->type) {
    case FIELD_MAP:
        return schema_apply(v, field->sub, field->name, scope, problems);
    case FIELD_MAPS:
        return apply_maps(v, field, scope, problems);
    case FIELD_NAMED:
        if (v->kind == VALUE_MAP)
            return apply_named(v, field, scope, problems);
        break;
    case FIELD_STRINGS:
        if (v->kind == VALUE_MAP)
            return apply_strings(v, field, scope, problems);
        break;
    case FIELD_STEPS:
        if (v->kind == VALUE_LIST && v->len == 0 && field->flags & FIELD_FILLED)
            is_empty(v, field, problems);
        if (v->kind == VALUE_LIST)
            return steps_apply(v, scope, problems);
        break;
    case FIELD_LIST:
        if (v->kind == VALUE_SCALAR) {
            apply_scalar(v, field, scope, problems);
            return list_of_one(v);
        }
        if (v->kind == VALUE_LIST)
            return apply_list(v, field, scope, problems);
        break;
    case FIELD_COMMAND:
        if (v->kind == VALUE_LIST && v->len == 0)
            is_empty(v, field, problems);
        if (v->kind == VALUE_LIST)
            return apply_list(v, field, scope, problems);
        if (v->kind != VALUE_SCALAR)
            break;
        apply_scalar(v, field, scope, problems);
        return value_copy(v);
    default:
        if (v->kind != VALUE_SCALAR)
            break;
        apply_scalar(v, field, scope, problems);
        return value_copy(v);
    }
    wrong_shape(v, field, problems);
    return value_new_map(v->span);
}

static struct value *fallback_value(const struct field *field, struct span where)
{
    if (field->type != FIELD_LIST)
        return value_new_scalar(field->fallback, where);
    struct value *list = value_new_list(where);
    for (const char *p = field->fallback; *p;) {
        size_t len = strcspn(p, " ");
        cleanup_free char *word = xstrndup(p, len);
        if (len > 0)
            value_append(list, value_new_scalar(word, where));
        p += len + (p[len] == ' ');
    }
    return list;
}

struct value *schema_apply(const struct value *v, const struct field *fields, const char *what,
                           const struct schema_scope *scope, struct diagnostics *problems)
{
    struct value *map = value_new_map(v->span);
    const struct field *primary = schema_primary(fields);
    if (v->kind == VALUE_MAP) {
        for (size_t i = 0; i < v->len; i++) {
            const struct field *field = schema_field(fields, v->keys[i]);
            if (!field)
                unknown_key(v, i, fields, scope ? scope->beside : NULL, what, problems);
            else if (v->items[i]->kind == VALUE_NULL)
                diagnostics_add(problems, v->key_spans[i], "`%s` has no value", v->keys[i]);
            else
                value_set(map, v->keys[i], v->key_spans[i],
                          apply_field(v->items[i], field, scope, problems));
        }
    } else if (primary && v->kind != VALUE_NULL) {
        value_set(map, primary->name, v->span, apply_field(v, primary, scope, problems));
    } else if (v->kind != VALUE_NULL) {
        diagnostics_add(problems, v->span, "%s must be a map, not %s", what, kind_name(v));
        return map;
    }
    for (const struct field *f = fields; f->name; f++) {
        if (value_get(map, f->name))
            continue;
        if (f->fallback)
            value_set(map, f->name, v->span, fallback_value(f, v->span));
        else if ((f->flags & FIELD_REQUIRED) && !value_get(v, f->name)) {
            diagnostics_add(problems, v->span, "%s needs `%s`", what, f->name);
            diagnostics_hint(problems, "%s: %s", f->name, f->help);
        }
    }
    return map;
}
