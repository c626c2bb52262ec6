/* SPDX-License-Identifier: Apache-2.0
 * The dialogue with a shell on a terminal of the guest (protocol.h): all of a way into the guest
 * but what carries it. For this folder only.
 *
 * A way made of it is a struct carrier, an open() that calls dialogue_open() with it, and
 * DIALOGUE_FUNCTIONS in its struct guest_way. */
#ifndef GUEST_DIALOGUE_H
#define GUEST_DIALOGUE_H

#include "guest/way.h"

/* Why there is no shell, known by what came instead of one. */
struct cause {
    const char *said; /* part of it */
    const char *means;
    const char *hint;
};

struct carrier {
    /* Start what leads to the guest's terminal: what is written to *ret is typed there, what the
     * terminal shows is its output. Called again where that has ended. */
    int (*connect)(struct guest *g, int64_t deadline, struct proc **ret, struct error *err);
    const struct cause *causes; /* ends with .said == NULL */
};

/* These are what struct guest_way says of its functions. */
int dialogue_open(struct guest *g, const struct carrier *carrier, int64_t deadline,
                  struct error *err);
int dialogue_start(struct guest *g, const struct guest_command *cmd, struct error *err);
struct proc *dialogue_proc(struct guest *g);
int dialogue_take(struct guest *g, bool *ret_news, bool *ret_done, struct error *err);
int dialogue_stop(struct guest *g, struct error *err);
int dialogue_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                   struct error *err);
void dialogue_close(struct guest *g);

#define DIALOGUE_FUNCTIONS                                                                         \
    .start = dialogue_start, .proc = dialogue_proc, .take = dialogue_take, .stop = dialogue_stop,  \
    .shell = dialogue_shell, .close = dialogue_close

#endif
