/* SPDX-License-Identifier: Apache-2.0
 * What a workflow file holds, as a tree: scalars, lists and maps, each with its place in the file.
 * Scalars stay text until a schema gives them a type; variables (${name}) stay in them until the
 * plan expands them. Trees are immutable once built. */
#ifndef WORKFLOW_VALUE_H
#define WORKFLOW_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/span.h"

enum value_kind { VALUE_NULL, VALUE_SCALAR, VALUE_LIST, VALUE_MAP };

struct value {
    enum value_kind kind;
    struct span span;       /* of the value itself */
    char *text;             /* VALUE_SCALAR: owned */
    struct value **items;   /* LIST: elements; MAP: values; owned */
    char **keys;            /* MAP: owned, in file order */
    struct span *key_spans; /* MAP: places of the keys */
    size_t len;
};

struct value *value_new_scalar(const char *text, struct span span);
struct value *value_new_list(struct span span);
struct value *value_new_map(struct span span);
void value_append(struct value *list, struct value *item);
/* Add or replace; takes ownership of `item`. */
void value_set(struct value *map, const char *key, struct span key_span, struct value *item);
struct value *value_copy(const struct value *v);
/* The same kinds, texts and keys in the same order, wherever they stand. NULL equals NULL alone. */
bool value_equal(const struct value *a, const struct value *b);
void value_free(struct value *v); /* NULL is fine */

/* The value of a key, NULL where there is none (or `map` is NULL or no map). Borrowed. */
const struct value *value_get(const struct value *map, const char *key);

/* Typed reads of a key in a map that a schema has checked (and filled with defaults). */
const char *value_get_string(const struct value *map, const char *key); /* NULL where absent */
int64_t value_get_int(const struct value *map, const char *key, int64_t absent);
bool value_get_bool(const struct value *map, const char *key, bool absent);
int64_t value_get_duration(const struct value *map, const char *key, int64_t absent); /* nsec */

#endif
