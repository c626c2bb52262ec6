/* SPDX-License-Identifier: Apache-2.0
 * A bundle as a list of facts that can be compared with those of another one: each with a name that
 * means the same in both, a value without noise, and how much a difference can matter. */
#ifndef DIAGNOSE_FACTS_H
#define DIAGNOSE_FACTS_H

#include <stddef.h>

#include "diagnose/bundle.h"

struct fact {
    char *what, *value; /* "target: frozen", "yes"; owned */
    int weight;         /* how much a difference can matter: the higher comes first */
    const char *why;    /* it can; static, may be NULL */
};

struct facts {
    struct fact *items; /* owned */
    size_t n;
};

#define FACTS_INIT                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_facts __attribute__((cleanup(facts_release)))

/* *ret is the caller's (facts_release). */
void facts_make(const struct bundle *b, struct facts *ret);
const struct fact *facts_find(const struct facts *f, const char *what); /* NULL: not there */
void facts_release(struct facts *f);

#endif
