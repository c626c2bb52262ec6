/* SPDX-License-Identifier: Apache-2.0
 * Evidence of a checkpoint, and what it shows. */
#include "steps/checkpoint_examine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

/* Emulated machines are slow; elsewhere it takes less than a second. */
#define TAKE_TIME (60 * NSEC_PER_SEC)

int checkpoint_examine(struct exec *x, struct guest *guest, const struct diagnose_spec *spec,
                       struct findings *ret, struct error *err)
{
    const struct evidence_place place = evidence_in_guest(guest);
    cleanup_strbuf struct strbuf text = STRBUF_INIT, shown = STRBUF_INIT;
    cleanup_bundle struct bundle bundle = BUNDLE_INIT;
    if (exec_progress(x, "taking evidence", 0, -1, err) < 0 ||
        diagnose_take(x->host, guest ? &place : NULL, spec, deadline_in(TAKE_TIME), &text, err) <
            0 ||
        exec_artifact(x, "checkpoint" BUNDLE_SUFFIX, text.data, text.len, ARTIFACT_TOLD, err) < 0 ||
        bundle_parse(text.data, text.len, "the evidence", &bundle, err) < 0)
        return -1;
    findings_make(&bundle, ret);
    findings_text(ret, 0, false, &shown);
    return exec_output(x, shown.data, shown.len, false, err);
}

char *checkpoint_remedy(const struct findings *f)
{
    if (f->n == 0)
        return NULL;
    const struct finding *first = &f->items[0];
    const char *command = first->command;
    bool one_line = command && !strchr(command, '\n');
    return xasprintf("%s%s%s", first->remedy, one_line ? ": " : "", one_line ? command : "");
}
