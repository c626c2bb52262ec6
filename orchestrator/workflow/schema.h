/* SPDX-License-Identifier: Apache-2.0
 * Tables that say what a map may hold. The same tables check files, fill in defaults, and make the
 * JSON Schema that gives editors completion. */
#ifndef WORKFLOW_SCHEMA_H
#define WORKFLOW_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum field_type {
    FIELD_STRING,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_DURATION, /* base/parse.h */
    FIELD_MODE,
    FIELD_ENUM,    /* one of `choices` */
    FIELD_REF,     /* the name of an entry in the file's section `ref` */
    FIELD_MAP,     /* a map with the fields of `sub` */
    FIELD_NAMED,   /* a map of any names to maps with the fields of `sub` */
    FIELD_STRINGS, /* a map of any names to scalars (environment, `with`) */
    FIELD_LIST,    /* a list of scalars; a lone scalar is a list of one */
    FIELD_MAPS,    /* a list of maps with the fields of `sub` */
    FIELD_STEPS,   /* a list of steps (steps/step.h) */
};

enum field_flags {
    FIELD_REQUIRED = 1 << 0,
    FIELD_PRIMARY = 1 << 1, /* what a bare scalar stands for: `restart: containerd` */
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    const char *fallback;       /* the default, as it would stand in the file; NULL: none.
                                   FIELD_LIST: words separated by spaces */
    const struct field *sub;    /* FIELD_MAP, FIELD_NAMED, FIELD_MAPS */
    const char *const *choices; /* FIELD_ENUM: ends with NULL */
    const char *ref;            /* FIELD_REF: "hosts", "builds", "images", "workflows",
                                   "recipes" */
    const char *help;           /* one line, no full stop */
};

#define FIELD_END                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

#endif
