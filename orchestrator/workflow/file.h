/* SPDX-License-Identifier: Apache-2.0
 * A workflow file and the recipes it uses, checked as a whole. */
#ifndef WORKFLOW_FILE_H
#define WORKFLOW_FILE_H

#include "base/error.h"
#include "workflow/diagnostics.h"
#include "workflow/recipes.h"
#include "workflow/schema.h"
#include "workflow/value.h"

struct workflow_file {
    char *path;              /* as shown in messages */
    char *folder;            /* absolute: what relative paths in it start from */
    struct value *root;      /* checked against workflow_file_fields; the workspace of a host that
                                is this machine is absolute */
    struct recipe **recipes; /* those its workflows use; owned */
    size_t n_recipes;
};

#define WORKFLOW_FILE_NAME "kataloop.yaml"

/* workflow/fields.c */
extern const struct field workflow_file_fields[], recipe_file_fields[];

/* The file at `path` as a tree that `fields` describe, its version checked; NULL with problems, or
 * with an error. `scope_root`: the tree whose entries are referred to; NULL: this one.
 * `with_params`: its own parameters are variables in it. The caller frees. */
struct value *workflow_read(const char *path, const struct field *fields,
                            const struct value *scope_root, bool with_params,
                            struct diagnostics *problems, struct error *err);

/* Look for kataloop.yaml in `folder` and those above it, as git looks for .git. The caller frees
 * *ret. Not found: ERR_USAGE with what to do; the same where it is somebody else's, who could have
 * put it in /tmp: what is in it would be run. */
int workflow_find(const char *folder, char **ret, struct error *err);
/* Read and check a file and its recipes. A file that cannot be read is an error; what is wrong in
 * it is in `problems`, and then *ret is NULL and the error says how many. */
int workflow_load(const char *path, struct workflow_file **ret, struct diagnostics *problems,
                  struct error *err);
void workflow_file_free(struct workflow_file *f); /* NULL is fine */
#define cleanup_workflow_file __attribute__((cleanup(workflow_file_freep_)))
void workflow_file_freep_(struct workflow_file **f);

/* The variables that a host gives, names to scalars: host.name and host.workspace. A host that the
 * file does not have gives its name alone. The caller frees. */
struct value *workflow_host_variables(const struct workflow_file *f, const char *host_name);
/* The sections that steps refer to, `builds` and `images`, as they are with these variables; a
 * value that does not hold then is a problem. Always both, empty where the file has none. The
 * caller frees. */
struct value *workflow_entries(const struct workflow_file *f, const struct value *variables,
                               struct diagnostics *problems);

#endif
