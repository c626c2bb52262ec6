/* SPDX-License-Identifier: Apache-2.0
 * What a way into the guest gives to guest.c; for this folder only. A way is one file that exports
 * one const struct guest_way, and one row in guest.c. */
#ifndef GUEST_WAY_H
#define GUEST_WAY_H

#include "guest/guest.h"

struct guest {
    const struct guest_way *way;
    struct transport *transport;
    char *sandbox;
    /* The command that runs, or ran last. */
    char *name;   /* its argv[0] */
    bool running; /* started, its end not seen */
    int64_t deadline;
    size_t max_output;
    guest_output *output;
    void *output_data;
    struct run_result result;
    void *handle; /* the way's own */
};

struct guest_way {
    const char *name;
    /* Get in; fills g->handle, which close() takes even if this fails. */
    int (*open)(struct guest *g, int64_t deadline, struct error *err);
    /* Start a command; g's fields above are filled in. Gets in again where the way was lost. */
    int (*start)(struct guest *g, const struct guest_command *cmd, struct error *err);
    struct proc *(*proc)(struct guest *g); /* NULL: none */
    /* Put what came into g->result. *ret_news: anything? *ret_done: the command has ended, and
     * g->result.status is set. */
    int (*take)(struct guest *g, bool *ret_news, bool *ret_done, struct error *err);
    /* Stop the command that runs, by force where it has to be; afterwards the next one can be
     * started. Never waits for long; works while a stop is asked for. */
    int (*stop)(struct guest *g, struct error *err);
    /* guest_shell(). */
    int (*shell)(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                 struct error *err);
    void (*close)(struct guest *g);
};

extern const struct guest_way guest_console, guest_vsock, guest_host;

#endif
