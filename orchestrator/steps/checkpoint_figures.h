/* SPDX-License-Identifier: Apache-2.0
 * What a checkpoint came to: its time, its images' size, CRIU's own figures. */
#ifndef STEPS_CHECKPOINT_FIGURES_H
#define STEPS_CHECKPOINT_FIGURES_H

#include <stdint.h>

#include "criu/stats.h"
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

/* What one dump came to. */
struct checkpoint_figures {
    int64_t wall;       /* nanoseconds */
    bool running;       /* the workload afterwards */
    double image_bytes; /* 0: the images are not where they could be measured */
    struct criu_stats stats;
};

/* Read what a client's checkpoint of `c` has left: whether the workload runs and the images' size
 * in `folder`, of the host; CRIU's figures from there, or in the guest beside its log (`guest`,
 * `log`: NULL where not known), or nowhere. */
int checkpoint_figures_read(struct exec *x, const struct run_container *c, const char *folder,
                            struct guest *guest, const char *log, struct checkpoint_figures *ret,
                            struct error *err);
/* CRIU's own figures from a folder of the guest; if there are none, that is not a failure. */
int checkpoint_stats_in_guest(struct exec *x, struct guest *guest, const char *folder,
                              struct criu_stats *ret, struct error *err);
/* Emit them as the step's sample. */
int checkpoint_emit_sample(struct exec *x, const struct plan_step *step,
                           const struct checkpoint_figures *figures, struct error *err);

#endif
