/* SPDX-License-Identifier: Apache-2.0
 * What a run has made on a host and must take away again. An entry is pushed before the thing is
 * made, so that there is no moment in which it exists and nobody knows; undone in reverse. */
#ifndef EXEC_UNDO_H
#define EXEC_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct exec;

/* Take the thing away. Must be fine where it was never made, or is gone. */
typedef int undo_function(struct exec *x, const char *what, struct error *err);

struct undo_entry {
    char *text; /* for people: "container kataloop-…" */
    char *what; /* for `function`: a name or a path. Never empty */
    undo_function *function;
};

struct undo_stack {
    struct undo_entry *entries; /* owned */
    size_t len;
};

#define UNDO_STACK_INIT                                                                            \
    {                                                                                              \
        0                                                                                          \
    }

/* Returns a ticket for undo_forget(). Copies both texts. */
size_t undo_push(struct undo_stack *s, undo_function *function, const char *what, const char *text);
/* The thing is gone already, in order: nothing to undo. */
void undo_forget(struct undo_stack *s, size_t ticket);
/* Undo one entry now. It is forgotten when that has succeeded. */
int undo_one(struct exec *x, struct undo_stack *s, size_t ticket, struct error *err);
/* How many entries still hold. */
size_t undo_pending(const struct undo_stack *s);
/* Undo, in reverse, all that was pushed when the stack had `mark` entries or more. `announce`: an
 * event tells of each. Goes on after a failure, whose entry stays; -1 with the first. */
int undo_back_to(struct exec *x, struct undo_stack *s, size_t mark, bool announce,
                 struct error *err);
/* Tell of each entry that it stays, and why: the host cannot be reached any more. */
void undo_give_up(struct exec *x, struct undo_stack *s, const struct error *why);
void undo_release(struct undo_stack *s);

#endif
