/* SPDX-License-Identifier: Apache-2.0
 * Tables of fields to JSON Schema. */
#include "workflow/schema_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "steps/step.h"
#include "workflow/steps.h"

/* jansson fails for want of memory only: all text here is the program's own. */
static json_t *have(json_t *v)
{
    if (!v)
        abort();
    return v;
}

static void put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, have(value)) < 0)
        abort();
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, have(value)) < 0)
        abort();
}

static json_t *reference(const char *name)
{
    cleanup_free char *path = xasprintf("#/definitions/%s", name);
    return have(json_pack("{s:s}", "$ref", path));
}

static json_t *any_of(json_t *first, json_t *second)
{
    return have(json_pack("{s:[o,o]}", "anyOf", have(first), have(second)));
}

static json_t *list_of(json_t *item)
{
    return have(json_pack("{s:s, s:o}", "type", "array", "items", have(item)));
}

static json_t *map_of(json_t *entry)
{
    return have(json_pack("{s:s, s:o}", "type", "object", "additionalProperties", have(entry)));
}

static json_t *map_with(const struct field *fields);

static json_t *choices(const struct field *f)
{
    json_t *names = have(json_array());
    for (size_t i = 0; f->choices[i]; i++)
        append(names, json_string(f->choices[i]));
    return any_of(have(json_pack("{s:o}", "enum", names)), reference("variable"));
}

static json_t *shape_of(const struct field *f)
{
    switch (f->type) {
    case FIELD_INT:
        return reference("integer");
    case FIELD_BOOL:
        return reference("boolean");
    case FIELD_DURATION:
        return reference("duration");
    case FIELD_MODE:
        return reference("mode");
    case FIELD_ENUM:
        return choices(f);
    case FIELD_MAP:
        return map_with(f->sub);
    case FIELD_NAMED:
        return map_of(map_with(f->sub));
    case FIELD_STRINGS:
        return map_of(reference("scalar"));
    case FIELD_COMMAND:
    case FIELD_LIST:
        return any_of(reference("scalar"), list_of(reference("scalar")));
    case FIELD_MAPS:
        return any_of(map_with(f->sub), list_of(map_with(f->sub)));
    case FIELD_STEPS: {
        json_t *steps = list_of(reference("step"));
        if (f->flags & FIELD_FILLED)
            put(steps, "minItems", json_integer(1));
        return steps;
    }
    case FIELD_STRING:
    case FIELD_DESTINATION:
    case FIELD_REF:
    case FIELD_FILE:
        break;
    }
    return reference("scalar");
}

/* Beside a reference draft 7 takes no notice of anything: hence allOf. */
static json_t *property(const struct field *f)
{
    json_t *p = have(json_pack("{s:[o]}", "allOf", shape_of(f)));
    if (f->help)
        put(p, "description", json_string(f->help));
    if (f->fallback)
        put(p, "default", json_string(f->fallback));
    return p;
}

static void put_properties(json_t *properties, const struct field *fields)
{
    for (const struct field *f = fields; f->name; f++)
        put(properties, f->name, property(f));
}

/* A map with these fields, or what its primary field stands for. */
static json_t *map_with(const struct field *fields)
{
    json_t *properties = have(json_object()), *required = have(json_array());
    put_properties(properties, fields);
    for (const struct field *f = fields; f->name; f++)
        if ((f->flags & FIELD_REQUIRED) && !f->fallback)
            append(required, json_string(f->name));
    bool may_be_empty = json_array_size(required) == 0;
    json_t *map = have(json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
                                 "required", required, "additionalProperties", 0));
    const struct field *primary = schema_primary(fields);
    if (!primary && !may_be_empty)
        return map;
    json_t *ways = have(json_pack("[o]", map));
    if (primary)
        append(ways, shape_of(primary));
    if (may_be_empty)
        append(ways, json_pack("{s:s}", "type", "null"));
    return have(json_pack("{s:o}", "anyOf", ways));
}

/* A kind's own value: a map of its arguments, the value of its primary one, or nothing. None is
 * required here: they may stand beside the kind as well. */
static json_t *kind_value(const struct field *fields, const char *help)
{
    json_t *properties = have(json_object());
    put_properties(properties, fields);
    json_t *ways = have(json_pack("[{s:s, s:o, s:b}, {s:s}]", "type", "object", "properties",
                                  properties, "additionalProperties", 0, "type", "null"));
    const struct field *primary = schema_primary(fields);
    if (primary)
        append(ways, shape_of(primary));
    json_t *value = have(json_pack("{s:o}", "anyOf", ways));
    if (help)
        put(value, "description", json_string(help));
    return value;
}

static json_t *step_of_kind(const char *kind, const char *help)
{
    json_t *properties = have(json_object());
    put_properties(properties, steps_fields(kind));
    if (step_kind_find(kind))
        put_properties(properties, steps_common_fields);
    put(properties, kind, kind_value(steps_fields(kind), help));
    return have(json_pack("{s:s, s:o, s:[s], s:b}", "type", "object", "properties", properties,
                          "required", kind, "additionalProperties", 0));
}

static json_t *step(void)
{
    json_t *kinds = have(json_array());
    append(kinds, step_of_kind(STEP_RECIPE, "the steps of a recipe"));
    append(kinds, step_of_kind(STEP_WORKFLOW, "the steps of another workflow of this file"));
    for (size_t i = 0; step_kinds[i]; i++)
        append(kinds, step_of_kind(step_kinds[i]->name, step_kinds[i]->help));
    return have(json_pack("{s:o}", "anyOf", kinds));
}

/* A single value, as text that matches or as what YAML makes of it. */
static json_t *scalar_like(const char *type, const char *pattern)
{
    return have(json_pack("{s:[{s:s}, {s:s, s:s}, {s:s}]}", "anyOf", "type", type, "type", "string",
                          "pattern", pattern, "$ref", "#/definitions/variable"));
}

static json_t *definitions(void)
{
    json_t *d = have(json_object());
    put(d, "scalar", json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean"));
    put(d, "variable", json_pack("{s:s, s:s}", "type", "string", "pattern", "\\$\\{[^}]*\\}"));
    put(d, "integer", scalar_like("integer", "^[0-9]+$"));
    put(d, "boolean", scalar_like("boolean", "^(true|false)$"));
    put(d, "duration", scalar_like("number", "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)?$"));
    put(d, "mode", scalar_like("integer", "^0?[0-7]{1,4}$"));
    put(d, "step", step());
    return d;
}

char *schema_json(const struct field *fields, const char *title)
{
    json_t *properties = have(json_object()), *required = have(json_array());
    put_properties(properties, fields);
    for (const struct field *f = fields; f->name; f++)
        if (f->flags & FIELD_REQUIRED)
            append(required, json_string(f->name));
    json_t *root = have(json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:o}", "$schema",
                                  "http://json-schema.org/draft-07/schema#", "title", title, "type",
                                  "object", "properties", properties, "required", required,
                                  "additionalProperties", 0, "definitions", definitions()));
    char *dumped = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (!dumped)
        abort();
    char *text = xasprintf("%s\n", dumped);
    free(dumped);
    return text;
}
