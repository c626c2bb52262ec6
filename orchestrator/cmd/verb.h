/* SPDX-License-Identifier: Apache-2.0
 * A verb: one file in this folder that exports one const struct verb, one row in cmd/table.c, from
 * which dispatch, help, completion and manual are made. */
#ifndef CMD_VERB_H
#define CMD_VERB_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strv.h"

struct verb_option {
    char letter;       /* short form; 0: none */
    const char *name;  /* long form; NULL ends a table */
    const char *value; /* what it takes, for help ("FILE"); NULL: nothing */
    const char *help;  /* one line, no full stop */
};

/* A command line, parsed. */
struct invocation {
    const struct verb *verb;
    struct strv options; /* long names as they came… */
    struct strv values;  /* …and their values; "" of those that take none */
    struct strv args;    /* what is not an option; after `--` everything */
    bool told;           /* the verb has said itself what failed */
    int status;          /* exit code where nothing failed: that of a command run for the user */
};

struct verb {
    const char *name;
    const char *synopsis; /* arguments besides the options: "[WORKFLOW]" */
    const char *help;     /* one line, no full stop */
    const char *about;    /* more, for -h and the manual; whole sentences */
    const struct verb_option *options;
    size_t min_args, max_args;
    bool hidden; /* of no use to people: in no help, completion or manual */
    /* Do it. Fails with an error whose code gives the exit code. */
    int (*run)(struct invocation *inv, struct error *err);
};

/* cmd/table.c */
extern const struct verb *const verbs[]; /* ends with NULL */

/* The value of an option (the last, where it came twice), "" for one that takes none; NULL where it
 * was not given. Borrowed. */
const char *invocation_option(const struct invocation *inv, const char *name);

/* Show the user a failure that does not end the verb: its message, and its hint below. What a verb
 * returns with is shown after it. */
void verb_say(const struct error *err);

/* Hint at how the verb is called. Returns -1. */
int verb_hint_usage(const struct verb *v, struct error *err);

/* The whole program: parse, run, say what failed. Returns the exit code. */
int verbs_main(int argc, char **argv);

/* Options that several verbs share. */
#define OPTION_FILE                                                                                \
    {                                                                                              \
        'f', "file", "FILE",                                                                       \
            "read this workflow file, not kataloop.yaml of this folder or one above"               \
    }
#define OPTION_JSON                                                                                \
    {                                                                                              \
        0, "json", NULL, "machine-readable output, one JSON object per line"                       \
    }
#define OPTION_FROM                                                                                \
    {                                                                                              \
        0, "from", "STEP", "begin with this step (its number, kind, or the start of its label)"    \
    }
#define OPTION_ONLY                                                                                \
    {                                                                                              \
        0, "only", "STEP", "the steps of this number, kind, or start of a label alone"             \
    }
#define OPTION_FORCE                                                                               \
    {                                                                                              \
        0, "force", NULL, "do every step, changed or not"                                          \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        0, NULL, NULL, NULL                                                                        \
    }

#endif
