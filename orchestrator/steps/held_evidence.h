/* SPDX-License-Identifier: Apache-2.0
 * Evidence of a CRIU at its start, whoever starts it, whether it hangs later or not: what two ways
 * of starting it are compared by. */
#ifndef STEPS_HELD_EVIDENCE_H
#define STEPS_HELD_EVIDENCE_H

#include "diagnose/diagnose.h"
#include "exec/exec.h"
#include "guest/guest.h"

/* Has what starts CRIU ended? Asked again and again; moves on what it waits for. -1: it failed. */
typedef int held_over(void *data, bool *ret, struct error *err);

/* Wait in the guest until a CRIU of spec->container runs, stop it (SIGSTOP), take the evidence, let
 * it go on, and keep the bundle as an artifact of that name. CRIU's time has the evidence's in it
 * then. Where CRIU has come and gone unseen that is noted, and no failure. `g` must be free for the
 * time; `over` may be NULL. */
int held_evidence_take(struct exec *x, struct guest *g, const struct diagnose_spec *spec,
                       const char *name, held_over *over, void *over_data, struct error *err);

#endif
