/* SPDX-License-Identifier: Apache-2.0
 * A kind of step: one file in this folder that exports one const struct step_kind, one row in
 * steps/table.c. Everything that differs between kinds is here; nothing else knows their names. */
#ifndef STEPS_STEP_H
#define STEPS_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "workflow/schema.h"
#include "workflow/value.h"

struct exec; /* exec/exec.h: the run, its host, its events, its undo stack */

/* A step of a plan, variables expanded, defaults filled in, references resolved. Owned by the
 * plan. */
struct plan_step {
    const struct step_kind *kind;
    int index;          /* in the whole plan, from 0, however much of it is selected */
    char *label;        /* as people see it: "build agent", "checkpoint 3/10" */
    char *key;          /* what identifies it from run to run: "<folder> <host> <kind> <what>", and
                           "\n<number>" where there are others of that */
    struct value *args; /* checked against kind->fields */
    const struct value *host; /* the entry of `hosts` it runs on */
    const char *host_name;
    const struct value *subject; /* the entry (build, image) the primary argument refers to, or
                                    NULL. Variables replaced; borrowed from the plan */
    const char *section;         /* the recipe it came from, or NULL */
    int sample;      /* from 1 for a measured repetition; 0: not measured; -1: warm-up */
    int pass;        /* steps of one pass through a recipe share it; 0: of no recipe. Containers
                        made in a pass are removed at its end */
    int64_t timeout; /* nanoseconds the step may take */
};

enum step_flags {
    STEP_SKIPPABLE = 1 << 0,  /* not done again while nothing changed (fingerprint, witness) */
    STEP_MEASURED = 1 << 1,   /* gives samples */
    STEP_TELLS = 1 << 2,      /* its output is wanted for itself: it stays on a terminal */
    STEP_CONTAINERD = 1 << 3, /* is about containers or their guests' images */
};

struct step_kind {
    const char *name;
    const char *help; /* one line */
    unsigned flags;
    int64_t timeout;            /* where the file gives none, nanoseconds */
    const struct field *fields; /* ends with FIELD_END */
    /* Kinds of earlier steps whose change makes this one run again; ends with NULL. */
    const char *const *after;

    /* Text for label and key after the kind's name; NULL: the primary argument. */
    void (*describe)(const struct plan_step *step, struct strbuf *ret);
    /* What is wrong with the arguments that the table cannot say, variables replaced, and with what
     * they name on this machine; `folder`: of the workflow file. NULL: nothing more. */
    void (*check)(const struct plan_step *step, const char *folder, struct diagnostics *problems);
    /* The file or folder of this machine the step reads, as the workflow file says it, and in
     * *ret_exclude the rsync patterns of what it leaves out. `watch` waits on it. NULL: it reads
     * none. */
    const char *(*source)(const struct plan_step *step, struct strv *ret_exclude);
    /* Add what this step depends on and can be seen on this machine to the digest (its arguments
     * are in it already): sources by name, size and time. NULL: nothing more. */
    int (*fingerprint)(const struct plan_step *step, const char *folder, struct sha256 *digest,
                       struct error *err);
    /* What on the host shows that the step's effect is still there (a file's inode, size and time;
     * a unit's start). Compared with what it was after the step last ran. Needs the connection.
     * NULL: nothing to look at. */
    int (*witness)(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                   struct error *err);
    /* Do it. *ret_changed: did the host change (false: found as it should be)? True on entry. */
    int (*run)(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err);
};

/* steps/table.c */
extern const struct step_kind *const step_kinds[];        /* ends with NULL */
const struct step_kind *step_kind_find(const char *name); /* NULL: no such kind */
/* Must `kind` run again when a step of kind `earlier` has changed something (kind->after)? */
bool step_kind_follows(const struct step_kind *kind, const struct step_kind *earlier);

#endif
