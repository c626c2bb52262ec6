/* SPDX-License-Identifier: Apache-2.0
 * The inside of the ssh transport, for ssh*.c only: one libssh2 session over one socket, or over a
 * channel of another session (ProxyJump). */
#ifndef TRANSPORT_SSH_SESSION_H
#define TRANSPORT_SSH_SESSION_H

#include <libssh2.h>

#include "transport/backend.h"
#include "transport/ssh_settings.h"

struct ssh {
    LIBSSH2_SESSION *session;
    int fd;                  /* the socket; of the first hop where there are jumps. Owned by that */
    struct ssh *jump;        /* the hop before, owned; NULL: none */
    LIBSSH2_CHANNEL *tunnel; /* of the hop before: what this session runs over */
    struct strbuf unsent; /* packets, as bytes, that the socket or the tunnel has not taken yet */
    uint64_t turn;        /* raised whenever `unsent` has all gone */
    bool broken;          /* what was to be sent cannot be */
    bool over;            /* nothing comes in any more */
    char *farewell;       /* what the host said when it ended the session, cleaned; NULL: nothing */
    struct ssh_settings settings;
    uint64_t *activity; /* raised by what comes in, for hops before it too; borrowed */
    enum host_key_policy policy;
    int64_t timeout;  /* nanoseconds that connecting and logging in may take… */
    int64_t deadline; /* …which begins again after each question to the user */
};

/* Connect and log in. `activity`: raised by what comes in; borrowed. */
int ssh_open(const struct host_spec *spec, uint64_t *activity, struct ssh **ret, struct error *err);
void ssh_free(struct ssh *s); /* NULL is fine */

/* libssh2 gives each packet away whole, and never sees that a socket is full: what it does not take
 * is kept in `unsent` and goes out from ssh_flush(). Else libssh2 would hold a half-sent packet
 * that only the same call can finish, and refuse all others until then: for good, where nobody is
 * left to call. So LIBSSH2_ERROR_EAGAIN always means that something has to come in first. Who has
 * much to send waits for ssh_has_unsent() to be over. */
void ssh_flush(struct ssh *s); /* of the hops before too; that it failed is what is read next */
bool ssh_has_unsent(const struct ssh *s);
/* What to poll s->fd for. */
short ssh_poll_events(const struct ssh *s);

/* Wait until the session can go on after LIBSSH2_ERROR_EAGAIN. `what` for the message of a
 * time-out. */
int ssh_wait(struct ssh *s, int64_t deadline, const char *what, struct error *err);
/* Fill `err` with what libssh2 says; ERR_UNREACHABLE. Returns -1. */
int ssh_error(struct ssh *s, const char *what, struct error *err);

/* Call a libssh2 function that gives an int until that is not EAGAIN. */
#define SSH_RETRY(s, deadline, what, err, call)                                                    \
    ({                                                                                             \
        int rc_;                                                                                   \
        while ((rc_ = (int)(call)) == LIBSSH2_ERROR_EAGAIN)                                        \
            if (ssh_wait(s, deadline, what, err) < 0) {                                            \
                rc_ = LIBSSH2_ERROR_TIMEOUT;                                                       \
                break;                                                                             \
            }                                                                                      \
        rc_;                                                                                       \
    })

/* ssh_socket.c: a connected, non-blocking TCP socket, or -1. */
int ssh_socket_connect(const char *host, int port, int64_t deadline, struct error *err);
/* ssh_hostkey.c: before the handshake, prefer kinds of keys that are known; after it, check. */
void ssh_hostkey_prefer_known(struct ssh *s);
int ssh_hostkey_check(struct ssh *s, struct error *err);
/* ssh_login.c: until s->deadline. */
int ssh_login(struct ssh *s, struct error *err);

#endif
