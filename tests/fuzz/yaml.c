/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as YAML: a tree or problems, and the problems can be shown. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "workflow/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    cleanup_free char *text = xstrndup((const char *)data, size);
    struct value *root = yaml_parse("f.yaml", text, strlen(text), &problems);
    if (!root && problems.len == 0)
        abort(); /* nothing, and no word about it */
    diagnostics_sort(&problems);
    diagnostics_format(&problems, &shown);
    value_free(root);
    return 0;
}
