/* SPDX-License-Identifier: Apache-2.0
 * When a checkpoint hangs, by what was seen of it: neither CRIU's log nor CRIU itself has moved,
 * nor, while no CRIU runs, the host's side of it, for a time and for some looks in a row.
 *
 * Time alone makes no stall: where the host, or the way to it, stood still for a while, nothing
 * could move. */
#ifndef STEPS_STALL_H
#define STEPS_STALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STALL_LOOKS = 4,     /* so many in a row have to see nothing move */
    HOST_NOT_ASKED = -1, /* of struct motion's host */
    HOST_UNSEEN = -2     /* it was asked, and does not say */
};

/* What moves, as one look saw it. */
struct motion {
    int64_t at;     /* when that was; monotonic, nanoseconds */
    bool criu_runs; /* a CRIU of this checkpoint runs */
    size_t criu;    /* how many of its processes were seen until then */
    int64_t ticks;  /* their processor time, in clock ticks */
    int64_t offset; /* bytes of CRIU's log that were read */
    int64_t host;   /* checkpoint_host.sh's number, in clock ticks, or one of the two above */
};

struct stall {
    int64_t after;        /* nothing may move for so long; nanoseconds */
    int64_t quiet_since;  /* monotonic time since which nothing moves */
    int quiet_looks;      /* how many have seen that */
    bool telling;         /* the last look has seen all that could move */
    struct motion before; /* what the next one is compared with */
};

void stall_begin(struct stall *s, int64_t after, int64_t now);
/* Is the host's side to be asked for the look that now comes? Not before the guest's has been
 * quiet for a while: it costs a command. */
bool stall_asks_host(const struct stall *s, bool criu_runs, int64_t now);
/* Take the next look. The host's side counts from the second time on that it was asked: what it
 * did before the first nobody knows. */
void stall_look(struct stall *s, const struct motion *seen);
/* Has CRIU stood still for more than half of that time? */
bool stall_is_suspected(const struct stall *s, int64_t now);
/* Would one more look that sees nothing move make it a stall? */
bool stall_is_near(const struct stall *s, int64_t now);
bool stall_is_there(const struct stall *s);

#endif
