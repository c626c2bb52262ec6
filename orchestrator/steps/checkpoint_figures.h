/* SPDX-License-Identifier: Apache-2.0
 * What a checkpoint came to: its time, its images' size, CRIU's own figures. */
#ifndef STEPS_CHECKPOINT_FIGURES_H
#define STEPS_CHECKPOINT_FIGURES_H

#include <stdint.h>

#include "exec/exec.h"
#include "guest/guest.h"
#include "steps/step.h"

/* Append the words that run `client` timed on the host. */
void checkpoint_timed_command(const struct strv *client, struct strv *ret);

struct checkpoint_time {
    int64_t wall; /* nanoseconds, on the host, from the client's start to its end */
    int status;   /* the client's exit status */
};

/* Read what the timed command has printed. */
int checkpoint_time_parse(const char *line, struct checkpoint_time *ret, struct error *err);

/* Emit the sample of a checkpoint. `folder`: of the host, with the images. CRIU's figures are
 * there, or in the guest beside its log (`guest`, `log`: NULL where not known), or nowhere. */
int checkpoint_emit_sample(struct exec *x, const struct plan_step *step,
                           const struct checkpoint_time *time, bool running, const char *folder,
                           struct guest *guest, const char *log, struct error *err);

#endif
