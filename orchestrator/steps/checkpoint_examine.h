/* SPDX-License-Identifier: Apache-2.0
 * Why a checkpoint hangs, failed, or lost its workload: evidence, kept with the run, and findings.
 */
#ifndef STEPS_CHECKPOINT_EXAMINE_H
#define STEPS_CHECKPOINT_EXAMINE_H

#include "diagnose/diagnose.h"
#include "exec/exec.h"
#include "guest/guest.h"

/* Take evidence of the checkpoint that `spec` describes (in the guest; NULL: on the host), keep it
 * as an artifact (BUNDLE_SUFFIX), and say in the step's output what it shows. The caller releases
 * *ret. */
int checkpoint_examine(struct exec *x, struct guest *guest, const struct diagnose_spec *spec,
                       struct findings *ret, struct error *err);

/* What to do about the first finding, as one line for a hint; NULL: nothing was found. The caller
 * frees. */
char *checkpoint_remedy(const struct findings *f);

#endif
