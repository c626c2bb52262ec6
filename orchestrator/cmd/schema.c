/* SPDX-License-Identifier: Apache-2.0
 * schema: what editors need to complete and check workflow files. */
#include <stdio.h>

#include "base/alloc.h"
#include "cmd/verb.h"
#include "workflow/file.h"
#include "workflow/schema_json.h"

static const struct verb_option options[] = {
    {0, "recipe", NULL, "the schema of recipes, instead of that of kataloop.yaml"}, OPTION_END};

static int run(struct invocation *inv, struct error *err)
{
    (void)err;
    bool recipe = invocation_option(inv, "recipe") != NULL;
    cleanup_free char *text = recipe ? schema_json(recipe_file_fields, "a recipe of kataloop")
                                     : schema_json(workflow_file_fields, WORKFLOW_FILE_NAME);
    fputs(text, stdout);
    return 0;
}

const struct verb verb_schema = {
    .name = "schema",
    .synopsis = "",
    .help = "print the JSON Schema of kataloop.yaml, for editors",
    .about = "For an editor with the YAML language server, make this the first line of\n"
             "kataloop.yaml: `# yaml-language-server: $schema=kataloop.schema.json`.",
    .options = options,
    .run = run,
};
