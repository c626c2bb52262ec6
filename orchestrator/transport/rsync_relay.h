/* SPDX-License-Identifier: Apache-2.0
 * The bridge between a local rsync and the connection that is open: rsync starts this program as
 * its remote shell, which hands its standard input and output and the command over a socketpair;
 * the command is then started on the host with these as its own. */
#ifndef TRANSPORT_RSYNC_RELAY_H
#define TRANSPORT_RSYNC_RELAY_H

#include "transport/transport.h"

struct rsync_relay;

/* Adds to `env` what the local rsync must be started with; it inherits our descriptor. */
int rsync_relay_new(struct rsync_relay **ret, struct strv *env, struct error *err);
void rsync_relay_free(struct rsync_relay *r); /* NULL is fine; forgets the far half */
#define cleanup_rsync_relay __attribute__((cleanup(rsync_relay_freep_)))
void rsync_relay_freep_(struct rsync_relay **r);

/* The value of rsync's --rsh. Borrowed. */
const char *rsync_relay_shell(const struct rsync_relay *r);
/* Call it once rsync is started: waits for its remote shell and starts the far half on `t`. 0 also
 * where rsync ended without asking for one. */
int rsync_relay_accept(struct rsync_relay *r, struct transport *t, bool become, int64_t deadline,
                       struct error *err);
/* The far half while it runs, or NULL. Borrowed. */
struct proc *rsync_relay_far(const struct rsync_relay *r);
/* The far half has ended: give its status to the remote shell, forget it. */
void rsync_relay_end(struct rsync_relay *r);

#endif
