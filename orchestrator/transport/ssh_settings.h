/* SPDX-License-Identifier: Apache-2.0
 * Where a host is and how to log in, as ssh(1) itself would: asked of `ssh -G` where ssh is
 * installed. */
#ifndef TRANSPORT_SSH_SETTINGS_H
#define TRANSPORT_SSH_SETTINGS_H

#include "transport/transport.h"

enum { SSH_PORT = 22 };

struct ssh_settings {
    char *host, *user;
    int port;
    char *alias;             /* name in known_hosts instead of host and port; NULL: none */
    struct strv identities;  /* private key files, in the order to try */
    bool named_identity;     /* the first of them is host_spec.identity */
    struct strv known_hosts; /* files; a new key goes to the first */
    char *agent;             /* socket of the agent; NULL: $SSH_AUTH_SOCK, "none": no agent */
    char *jump;              /* hosts to go through, "a,b"; NULL: none */
};

/* What `ssh -G` says of the destination, with what the workflow file sets in front of it; without
 * ssh, what the destination says by itself and OpenSSH's defaults. ERR_USAGE where ssh refuses its
 * configuration. */
int ssh_settings_read(const struct host_spec *spec, struct ssh_settings *ret, struct error *err);
void ssh_settings_release(struct ssh_settings *s);

#endif
