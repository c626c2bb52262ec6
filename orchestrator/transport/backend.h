/* SPDX-License-Identifier: Apache-2.0
 * What a kind of transport gives to transport.c; for this folder only. A kind is one file that
 * exports one const struct transport_ops, and one row in transport.c. */
#ifndef TRANSPORT_BACKEND_H
#define TRANSPORT_BACKEND_H

#include <poll.h>

#include "transport/transport.h"

/* Output nobody takes is kept up to this; a command that says more fails. */
enum { PROC_OUTPUT_MAX = 64 * 1024 * 1024 };

struct transport {
    const struct transport_ops *ops;
    char *name;   /* host_spec.name */
    char *become; /* host_spec.become, or NULL */
    bool lost;
    unsigned generation; /* raised with each connection: procs of an older one are gone */
    bool sending;        /* input that a proc has given away has not left this machine yet */
    uint64_t activity; /* raised whenever something came that may be for any of the procs: then all
                          are pumped once more before anything is waited for */
    void (*tick)(void *data); /* transport_set_tick() */
    void *tick_data;
    int64_t ticked; /* clock_now() of the last one */
    void *handle;   /* the kind's own */
};

struct proc {
    struct transport *transport;
    unsigned generation;        /* of the connection it was started on */
    struct strbuf out, err, in; /* in: queued for standard input */
    bool stdin_ends;            /* close standard input once `in` is sent */
    bool stdin_closed;
    bool killable, become;
    int64_t patience; /* ns before a signal is sent, where nothing else could wait for the end */
    bool ended;
    struct exit_status status;
    void *handle; /* the kind's own */
};

enum { PROC_POLLFDS = 4 };

struct transport_ops {
    /* Start the command of `cmd` for `p` (fields above are filled in). */
    int (*start)(struct proc *p, const struct command *cmd, struct error *err);
    /* What to poll for this proc: fills at most PROC_POLLFDS entries, returns how many. */
    size_t (*pollfds)(struct proc *p, struct pollfd fds[PROC_POLLFDS]);
    /* Move what can be moved without waiting; sets p->ended and p->status at the end. */
    int (*pump)(struct proc *p, struct error *err);
    /* Send a signal ("TERM") to the whole of a killable command. */
    int (*signal)(struct proc *p, const char *signal, struct error *err);
    /* Forget the command, whatever its state. */
    void (*proc_close)(struct proc *p);
    int (*reconnect)(struct transport *t, struct error *err);
    void (*close)(struct transport *t);
};

extern const struct transport_ops transport_local, transport_ssh;

/* Connect and log in; fills t->handle. transport_ssh's part of transport_open(). */
int transport_ssh_open(struct transport *t, const struct host_spec *spec, struct error *err);

#endif
