/* SPDX-License-Identifier: Apache-2.0
 * A checkpoint watched from inside of its guest: CRIU's log followed, its phase shown, and the
 * moment noticed in which nothing moves any more. */
#ifndef STEPS_CHECKPOINT_WATCH_H
#define STEPS_CHECKPOINT_WATCH_H

#include "criu/phase.h"
#include "exec/exec.h"
#include "guest/guest.h"
#include "steps/stall.h"

struct checkpoint_watch {
    struct guest *guest;     /* the container's; NULL: there is no way in, so nothing is watched */
    bool follow;             /* pass CRIU's log on as the step's output; set by the caller */
    void (*suspect)(void *); /* called when CRIU may hang, before that is sure, and again after each
                                time that it has gone on; NULL: not. Set by the caller */
    void *suspect_data;
    int64_t suspected;       /* since when nothing moved as it was called last */
    bool looking;            /* checkpoint_look.sh runs in the guest */
    int64_t longest;         /* ns between two of its looks, at most */
    char *id;                /* of the container; owned */
    char *log;               /* path of CRIU's log where it runs; NULL: not seen. Owned */
    struct strv pids;        /* CRIU's processes of this checkpoint, all that were seen */
    bool criu_runs;          /* at the last look */
    int64_t ticks;           /* processor time of CRIU's processes by then */
    int64_t offset;          /* bytes of the log that were read */
    int64_t looked;          /* monotonic time of the last look */
    struct criu_phase phase; /* where CRIU was at last */
    struct stall stall;      /* since when nothing moves */
    struct strbuf said;      /* of the looks, what was not taken yet */
    char *why_not;           /* why there is no way in; NULL: there is. Owned */
};

#define CHECKPOINT_WATCH_INIT                                                                      \
    {                                                                                              \
        .phase = CRIU_PHASE_INIT                                                                   \
    }
#define cleanup_checkpoint_watch __attribute__((cleanup(checkpoint_watch_release)))

/* Get into the guest of `c`, which has to outlive `w`, before the checkpoint begins: on the way in
 * nothing is measured. No way in is not a failure (w->why_not); -1 only when the host is lost or a
 * stop is asked for. */
int checkpoint_watch_open(struct checkpoint_watch *w, struct exec *x, struct run_container *c,
                          struct error *err);
/* Begin to look, for the same reason before the checkpoint begins, and as often as `stall_after`
 * (of checkpoint_watch_wait, which calls this where nobody has) asks for. From then on the guest is
 * busy with it. If it cannot be done, that is not a failure either. */
int checkpoint_watch_begin(struct checkpoint_watch *w, struct exec *x, int64_t stall_after,
                           struct error *err);
/* Looks that still go on are ended. */
void checkpoint_watch_release(struct checkpoint_watch *w);

/* Wait for the client of the checkpoint to end, looking at CRIU meanwhile, and once more
 * afterwards. *ret_stalled: it has not ended, and nothing has moved for `stall_after` nanoseconds
 * (stall.h). -1: the step's deadline is over, a stop was asked for, or the connection is lost; the
 * client is not touched in either case. The looks are over then, and the guest is free, where the
 * client has ended or hangs.
 */
int checkpoint_watch_wait(struct checkpoint_watch *w, struct exec *x, struct proc *client,
                          int64_t stall_after, bool *ret_stalled, struct error *err);

/* End CRIU's processes of a checkpoint of container `id` (KILL: one that hangs heeds no other), and
 * no others. Fine where none run, and where there is no way into the guest any more. */
int checkpoint_kill_criu(struct exec *x, const char *id, const char *runtime, struct error *err);

#endif
