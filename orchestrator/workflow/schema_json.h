/* SPDX-License-Identifier: Apache-2.0
 * The tables of fields as a JSON Schema (draft 7, which editors know). */
#ifndef WORKFLOW_SCHEMA_JSON_H
#define WORKFLOW_SCHEMA_JSON_H

#include "workflow/schema.h"

/* The schema of a file that `fields` describe, indented, a line end after it. It lets through
 * whatever the program takes; what it cannot say (names that must exist, cycles, a step's required
 * fields, which may stand in two places) is left to the program. The caller frees. */
char *schema_json(const struct field *fields, const char *title);

#endif
