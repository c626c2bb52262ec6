/* SPDX-License-Identifier: Apache-2.0
 * From what a person calls a container to what containerd, the shim and kata-runtime call it. */
#ifndef GUEST_FIND_H
#define GUEST_FIND_H

#include "transport/transport.h"

struct guest_container {
    char *id;      /* containerd's full id */
    char *sandbox; /* of the virtual machine it runs in: its pod's id under CRI, else its own */
    char *name;    /* its client's name for it; the id where it has none */
    char *runtime; /* "io.containerd.kata.v2" */
};

void guest_container_release(struct guest_container *c);
#define cleanup_guest_container __attribute__((cleanup(guest_container_release)))

/* Find a container of a namespace of containerd by its id, its name, or the start of its id; what
 * comes first here counts for more. None, and more than one, is an error that says so. Asks
 * containerd through ctr, which comes with it. */
int guest_find(struct transport *t, const char *space, const char *what, int64_t deadline,
               struct guest_container *ret, struct error *err);

#endif
