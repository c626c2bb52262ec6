/* SPDX-License-Identifier: Apache-2.0
 * What a workflow will do, step by step: recipes and other workflows put in, repetitions written
 * out, variables replaced. Made from the file alone; nothing is touched. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/error.h"
#include "base/sha256.h"
#include "steps/step.h"
#include "workflow/file.h"

struct plan {
    const struct workflow_file *file; /* borrowed */
    const char *workflow;             /* borrowed from the file, like all names here */
    const char *host_name;
    const struct value *host;
    const struct value *entries; /* the file's builds and images, by section and name, as they are
                                    for this host: variables replaced, checked */
    struct plan_step **steps;    /* those selected, in order */
    size_t len;
    struct plan_step **all; /* those of the whole workflow; owned */
    size_t n_all;
    struct value **scraps; /* values made on the way, owned */
    size_t n_scraps;
};

enum {
    PLAN_MAX_STEPS = 10000,
    PLAN_MAX_DEPTH = 64, /* of workflows in each other */
};

/* Plan a workflow (NULL: the file's default, or its first). What is wrong only now, with the
 * variables' values in place, goes to `problems`. */
int plan_make(const struct workflow_file *file, const char *workflow, struct plan **ret,
              struct diagnostics *problems, struct error *err);
void plan_free(struct plan *p); /* NULL is fine */
#define cleanup_plan __attribute__((cleanup(plan_freep_)))
void plan_freep_(struct plan **p);

/* Leave out the steps before the first that `from` names, and those `only` does not name (either
 * may be NULL); those that are left keep their index. A name is a number from 1, a label, a kind,
 * or the start of a label. */
int plan_select(struct plan *p, const char *from, const char *only, struct error *err);

/* See what the selected steps name on this machine, and what else their arguments do not say by
 * themselves; what is wrong goes to `problems`. */
int plan_check(const struct plan *p, struct diagnostics *problems, struct error *err);

/* The digest of everything on this machine that the step depends on. */
int plan_fingerprint(const struct plan *p, const struct plan_step *step, char hex[SHA256_HEX_SIZE],
                     struct error *err);

#endif
