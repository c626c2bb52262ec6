/* SPDX-License-Identifier: Apache-2.0
 * What checkpoint_look.sh says, look by look. It comes out of a guest: nothing of it is trusted. */
#ifndef STEPS_CHECKPOINT_LOOK_H
#define STEPS_CHECKPOINT_LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

enum {
    LOOK_HEAD_MAX = 65536,  /* bytes of a look in front of its piece of the log */
    LOOK_PIECE_MAX = 65536, /* … and of that piece; checkpoint_look.sh keeps to it */
    LOOK_PIDS_MAX = 1000
};

struct checkpoint_look {
    int64_t ticks;     /* processor time of CRIU and of what it has started, in clock ticks */
    struct strv pids;  /* CRIU's processes that run, each a number above 1. Owned */
    char *log;         /* path of CRIU's log where it runs; NULL: not known. Owned */
    int64_t offset;    /* bytes of the log that were read; 0 where it is not known */
    const char *piece; /* what was read since the last look. Borrowed from what was read here */
    size_t piece_len;
};

#define CHECKPOINT_LOOK_INIT                                                                       \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_checkpoint_look __attribute__((cleanup(checkpoint_look_release)))

/* Read the look that these bytes begin with into *ret, which is empty. *ret_used: how many of them
 * it is; 0: its end has not come yet, and *ret stays empty. -1: this is not a look, and what
 * follows cannot be relied on either. */
int checkpoint_look_read(const char *text, size_t len, struct checkpoint_look *ret,
                         size_t *ret_used, struct error *err);
void checkpoint_look_release(struct checkpoint_look *look);

#endif
