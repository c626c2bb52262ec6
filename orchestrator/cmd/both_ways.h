/* SPDX-License-Identifier: Apache-2.0
 * CRIU by hand and CRIU started by the agent, both run now, for `diagnose --compare`. */
#ifndef CMD_BOTH_WAYS_H
#define CMD_BOTH_WAYS_H

#include "cmd/verb.h"

/* Run the workflow that the command line names, or else the default one, or else the first of the
 * file, that has a step `criu` and a step `checkpoint` with `evidence`: the paths of both bundles,
 * owned by the caller. A checkpoint that hangs or fails once its evidence is there is no failure of
 * this: *ret_status is the run's exit code. */
int both_ways_run(struct invocation *inv, char **ret_manual, char **ret_agent, int *ret_status,
                  struct error *err);

#endif
