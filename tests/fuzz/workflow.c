/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a workflow file: checked, planned, its fingerprints taken; what is said about it can
 * be shown on a terminal. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/kataloop-fuzz-XXXXXX";

static void remove_folder(void)
{
    cleanup_error struct error unheard = ERROR_INIT; /* what is left is a small file in /tmp */
    (void)fs_remove_tree(folder, &unheard);
}

/* The file is at the same place each time, in a folder that is made once. */
static const char *place(void)
{
    static char path[64];
    if (path[0])
        return path;
    if (!mkdtemp(folder) || atexit(remove_folder) != 0)
        abort();
    snprintf(path, sizeof(path), "%s/f.yaml", folder);
    return path;
}

static void make_plan(const struct workflow_file *file, struct diagnostics *problems)
{
    cleanup_plan struct plan *plan = NULL;
    cleanup_error struct error err = ERROR_INIT;
    if (plan_make(file, NULL, &plan, problems, &err) < 0) {
        if (!err.message)
            abort();
        return;
    }
    for (size_t i = 0; i < plan->len && i < 10; i++) {
        cleanup_error struct error unread = ERROR_INIT;
        char hex[SHA256_HEX_SIZE];
        if (plan->steps[i]->kind->source) /* sources may be any folder of this machine */
            continue;
        (void)plan_fingerprint(plan, plan->steps[i], hex, &unread);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    if (fs_write_atomic(place(), data, size, 0600, &err) < 0)
        abort();
    if (workflow_load(place(), &file, &problems, &err) == 0)
        make_plan(file, &problems);
    else if (!err.message)
        abort();
    diagnostics_format(&problems, &shown);
    for (size_t i = 0; i < shown.len; i++)
        if ((unsigned char)shown.data[i] < 0x20 && shown.data[i] != '\n')
            abort(); /* that would reach the terminal */
    return 0;
}
