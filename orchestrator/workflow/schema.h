/* SPDX-License-Identifier: Apache-2.0
 * Tables that say what a map may hold. The same tables check files, fill in defaults, and make the
 * JSON Schema that gives editors completion. */
#ifndef WORKFLOW_SCHEMA_H
#define WORKFLOW_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "workflow/diagnostics.h"
#include "workflow/value.h"

enum field_type {
    FIELD_STRING,
    FIELD_INT, /* not negative */
    FIELD_BOOL,
    FIELD_DURATION, /* base/parse.h */
    FIELD_MODE,
    FIELD_DESTINATION, /* base/destination.h */
    FIELD_ENUM,        /* one of `choices` */
    FIELD_REF,         /* the name of an entry in the file's section `ref` */
    FIELD_FILE,        /* a path, which has a '/', or the name of an entry in the section `ref` */
    FIELD_COMMAND,     /* a shell command line, or a list of words, run as it is; not empty */
    FIELD_MAP,         /* a map with the fields of `sub` */
    FIELD_NAMED,       /* a map of any names to maps with the fields of `sub` */
    FIELD_STRINGS,     /* a map of any names to scalars (environment, `with`) */
    FIELD_LIST,        /* a list of scalars; a lone scalar is a list of one */
    FIELD_MAPS,        /* a list of maps with the fields of `sub`; a lone map is a list of one */
    FIELD_STEPS,       /* a list of steps (workflow/steps.h) */
};

enum field_flags {
    FIELD_REQUIRED = 1 << 0,
    FIELD_PRIMARY = 1 << 1, /* what a bare scalar or list stands for: `restart: containerd` */
    FIELD_PLAIN = 1 << 2,   /* no variables are replaced in it or below: one there is a problem */
    FIELD_FILLED = 1 << 3,  /* "" is no value, nor are no steps; of a list: no element */
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    const char *fallback;       /* the default, as it would stand in the file; NULL: none.
                                   FIELD_LIST: words separated by spaces */
    const struct field *sub;    /* FIELD_MAP, FIELD_NAMED, FIELD_MAPS */
    const char *const *choices; /* FIELD_ENUM: ends with NULL */
    const char *ref;            /* FIELD_REF, FIELD_FILE: "hosts", "builds", "images",
                                   "workflows" */
    const char *help;           /* one line, no full stop */
};

#define FIELD_END                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }

/* What a value can refer to. */
struct schema_scope {
    const struct value *root;   /* the workflow file: sections that references name; NULL: none */
    const struct value *params; /* names that variables may have: a map's keys; NULL: any */
    bool expanded;              /* variables have their values: what looks like one now is text */
    bool plain;                 /* below a FIELD_PLAIN */
    const struct field *beside; /* further keys of what the map stands in; NULL: none */
};

/* Check `v` against a table: a copy with shorthands written out and defaults filled in, which the
 * caller frees; never NULL. What is wrong is added to `problems`, all of it. `what` names the map
 * in messages ("host `dev`"). A scalar with a variable in it is not looked into: it is checked once
 * more when the plan has put the variable's value in its place. */
struct value *schema_apply(const struct value *v, const struct field *fields, const char *what,
                           const struct schema_scope *scope, struct diagnostics *problems);
/* Does this text, as the value of `field`, hold? Adds a problem where it does not. No scope:
 * `field` is a recipe's parameter. */
bool schema_check_scalar(const struct value *v, const struct field *field,
                         const struct schema_scope *scope, struct diagnostics *problems);
/* Add the problem that `name` is unknown, with the nearest of `known` as a hint, or all of them. */
void schema_unknown(struct diagnostics *problems, struct span where, const char *message,
                    const char *name, const char *const *known, size_t n);
/* Is a key of the table? NULL: no. */
const struct field *schema_field(const struct field *fields, const char *name);
/* The one that is FIELD_PRIMARY; NULL: none is. */
const struct field *schema_primary(const struct field *fields);

#endif
