/* SPDX-License-Identifier: Apache-2.0
 * Containers that this run makes, and therefore removes. */
#ifndef STEPS_OWN_CONTAINER_H
#define STEPS_OWN_CONTAINER_H

#include "base/clock.h"
#include "exec/exec.h"
#include "steps/client.h"

/* A client that is ended in the middle of a start leaves things behind that nothing takes away:
 * nerdctl's logger, which waits for ever for a task that never comes; containerd's shim, which it
 * forgets where its own clean-up fails; a container that is made after its removal was tried. So
 * what makes or starts one may end by itself first (struct command, patience); a busy emulated host
 * takes half a minute, others seconds. */
#define OWN_CONTAINER_PATIENCE (60 * NSEC_PER_SEC)

/* What it is made of; all is copied. */
struct own_container_spec {
    const struct container_client *client;
    const char *space, *image, *runtime;
    const struct strv *command;
};

/* Give it a name and put its removal on the undo stack, before it is made. Valid until the next
 * one is added. */
struct run_container *own_container_add(struct exec *x, const struct own_container_spec *spec);
/* The client has made it; containerd's id of it is the last line of what it said, or, where it said
 * nothing, the name. */
int own_container_made(struct exec *x, struct run_container *c, struct strbuf *said,
                       struct error *err);
/* Remove it now; fine where it was removed before. */
int own_container_remove(struct exec *x, struct run_container *c, struct error *err);
/* Wait until its task runs. */
int own_container_wait(struct exec *x, const struct run_container *c, struct error *err);

#endif
