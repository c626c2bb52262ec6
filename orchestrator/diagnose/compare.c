/* SPDX-License-Identifier: Apache-2.0
 * Two bundles side by side: facts with weights, those that differ. */
#include "diagnose/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/facts.h"

static void add(struct comparison *c, const struct fact *left, const struct fact *right)
{
    const struct fact *any = left ? left : right;
    c->items = xreallocarray(c->items, c->n + 1, sizeof(*c->items));
    c->items[c->n++] = (struct difference){
        .weight = any->weight,
        .what = xstrdup(any->what),
        .left = left ? xstrdup(left->value) : NULL,
        .right = right ? xstrdup(right->value) : NULL,
        .why = any->why,
    };
}

static int by_weight(const void *one, const void *other)
{
    const struct difference *a = one, *b = other;
    return a->weight != b->weight ? b->weight - a->weight : strcmp(a->what, b->what);
}

void comparison_make(const struct bundle *left, const struct bundle *right, struct comparison *ret)
{
    cleanup_facts struct facts l = FACTS_INIT, r = FACTS_INIT;
    *ret = (struct comparison)COMPARISON_INIT;
    facts_make(left, &l);
    facts_make(right, &r);
    for (size_t i = 0; i < l.n; i++) {
        const struct fact *there = facts_find(&r, l.items[i].what);
        if (there && strcmp(there->value, l.items[i].value) == 0)
            ret->same++;
        else
            add(ret, &l.items[i], there);
    }
    for (size_t i = 0; i < r.n; i++)
        if (!facts_find(&l, r.items[i].what))
            add(ret, NULL, &r.items[i]);
    if (ret->n > 1)
        qsort(ret->items, ret->n, sizeof(*ret->items), by_weight);
}

void comparison_release(struct comparison *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].what);
        free(c->items[i].left);
        free(c->items[i].right);
    }
    free(c->items);
    *c = (struct comparison)COMPARISON_INIT;
}
