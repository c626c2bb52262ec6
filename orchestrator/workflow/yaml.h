/* SPDX-License-Identifier: Apache-2.0
 * YAML text to values with their places (libfyaml's event parser). */
#ifndef WORKFLOW_YAML_H
#define WORKFLOW_YAML_H

#include <stddef.h>

#include "workflow/diagnostics.h"
#include "workflow/value.h"

/* Limits on a file, which may come from anywhere. Anchors and aliases count as what
 * they stand for. */
enum {
    YAML_MAX_BYTES = 1024 * 1024,
    YAML_MAX_DEPTH = 64,
    YAML_MAX_VALUES = 100000,
    YAML_MAX_NAMES = 10000, /* of one map, or anchors: each is held against all before it */
};

/* The one document in `text` (`len` bytes, NUL after them), as a tree the caller frees with
 * value_free(). NULL where it cannot be read: then at least one problem was added to `problems`.
 * A name that is there twice is a problem too, but the tree is there, to look for others: the last
 * one counts.
 * `file` names it in places and must outlive the tree. */
struct value *yaml_parse(const char *file, const char *text, size_t len,
                         struct diagnostics *problems);

#endif
