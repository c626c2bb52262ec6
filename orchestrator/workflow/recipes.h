/* SPDX-License-Identifier: Apache-2.0
 * The recipes of a workflow file. */
#ifndef WORKFLOW_RECIPES_H
#define WORKFLOW_RECIPES_H

#include <stdbool.h>

#include "workflow/diagnostics.h"
#include "workflow/value.h"

struct workflow_file;

/* A recipe: a scenario with parameters. */
struct recipe {
    char *name;         /* of the file, without ".yaml" */
    char *path;         /* as shown in messages */
    struct value *root; /* checked against recipe_file_fields */
};

/* Load the recipes that the workflows of a file use, into f->recipes, and check how they are used;
 * also that no workflow and no recipe comes back to itself. */
void recipes_check(struct workflow_file *f, struct diagnostics *problems);
/* A recipe that the file uses; NULL: none of that name. */
const struct recipe *workflow_recipe(const struct workflow_file *f, const char *name);
/* Is `v`, all its variables replaced, of the type of a recipe's parameter `name`? `param` is its
 * entry in `params`. Adds a problem where it is not. */
bool recipe_check_value(const struct value *param, const char *name, const struct value *v,
                        struct diagnostics *problems);

#endif
