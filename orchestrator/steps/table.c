/* SPDX-License-Identifier: Apache-2.0
 * The kinds of steps, in the order help lists them. A new kind is one file and one row here. */
#include <string.h>

#include "steps/step.h"

extern const struct step_kind step_sync, step_build, step_inject, step_restart, step_container,
    step_checkpoint, step_restore, step_criu, step_guest_command, step_run;

const struct step_kind *const step_kinds[] = {
    &step_sync,          &step_build,      &step_inject,  &step_restart,
    &step_container,     &step_checkpoint, &step_restore, &step_criu,
    &step_guest_command, &step_run,        NULL,
};

const struct step_kind *step_kind_find(const char *name)
{
    for (size_t i = 0; step_kinds[i]; i++)
        if (strcmp(step_kinds[i]->name, name) == 0)
            return step_kinds[i];
    return NULL;
}

bool step_kind_follows(const struct step_kind *kind, const struct step_kind *earlier)
{
    for (size_t i = 0; kind->after && kind->after[i]; i++)
        if (strcmp(kind->after[i], earlier->name) == 0)
            return true;
    return false;
}
