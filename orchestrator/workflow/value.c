/* SPDX-License-Identifier: Apache-2.0
 * Trees of scalars, lists and maps. */
#include "workflow/value.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"

static struct value *value_new(enum value_kind kind, struct span span)
{
    struct value *v = xcalloc(1, sizeof(*v));
    v->kind = kind;
    v->span = span;
    return v;
}

struct value *value_new_scalar(const char *text, struct span span)
{
    struct value *v = value_new(text ? VALUE_SCALAR : VALUE_NULL, span);
    v->text = xstrdup(text);
    return v;
}

struct value *value_new_list(struct span span)
{
    return value_new(VALUE_LIST, span);
}

struct value *value_new_map(struct span span)
{
    return value_new(VALUE_MAP, span);
}

void value_append(struct value *list, struct value *item)
{
    list->items = xreallocarray(list->items, list->len + 1, sizeof(struct value *));
    list->items[list->len++] = item;
}

void value_set(struct value *map, const char *key, struct span key_span, struct value *item)
{
    for (size_t i = 0; i < map->len; i++) {
        if (strcmp(map->keys[i], key) != 0)
            continue;
        value_free(map->items[i]);
        map->items[i] = item;
        map->key_spans[i] = key_span;
        return;
    }
    map->keys = xreallocarray(map->keys, map->len + 1, sizeof(char *));
    map->key_spans = xreallocarray(map->key_spans, map->len + 1, sizeof(struct span));
    map->keys[map->len] = xstrdup(key);
    map->key_spans[map->len] = key_span;
    value_append(map, item);
}

struct value *value_copy(const struct value *v)
{
    struct value *copy = value_new(v->kind, v->span);
    copy->text = xstrdup(v->text);
    for (size_t i = 0; i < v->len; i++) {
        struct value *item = value_copy(v->items[i]);
        if (v->kind == VALUE_MAP)
            value_set(copy, v->keys[i], v->key_spans[i], item);
        else
            value_append(copy, item);
    }
    return copy;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (!a || !b || a->kind != b->kind || a->len != b->len)
        return a == b;
    if (a->kind == VALUE_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->len; i++)
        if ((a->kind == VALUE_MAP && strcmp(a->keys[i], b->keys[i]) != 0) ||
            !value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

void value_free(struct value *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->len; i++) {
        value_free(v->items[i]);
        if (v->keys)
            free(v->keys[i]);
    }
    free(v->items);
    free(v->keys);
    free(v->key_spans);
    free(v->text);
    free(v);
}

const struct value *value_get(const struct value *map, const char *key)
{
    if (!map || map->kind != VALUE_MAP)
        return NULL;
    for (size_t i = 0; i < map->len; i++)
        if (strcmp(map->keys[i], key) == 0)
            return map->items[i];
    return NULL;
}

const char *value_get_string(const struct value *map, const char *key)
{
    const struct value *v = value_get(map, key);
    return v && v->kind == VALUE_SCALAR ? v->text : NULL;
}

int64_t value_get_int(const struct value *map, const char *key, int64_t absent)
{
    const char *text = value_get_string(map, key);
    int64_t n;
    return text && parse_int(text, &n) ? n : absent;
}

bool value_get_bool(const struct value *map, const char *key, bool absent)
{
    const char *text = value_get_string(map, key);
    return text ? strcmp(text, "true") == 0 : absent;
}

int64_t value_get_duration(const struct value *map, const char *key, int64_t absent)
{
    const char *text = value_get_string(map, key);
    int64_t nsec;
    return text && parse_duration(text, &nsec) ? nsec : absent;
}
