/* SPDX-License-Identifier: Apache-2.0
 * The containers of this run: named, waited for, removed. */
#include "steps/own_container.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "guest/guest.h"

#define POLL_PACE (100 * NSEC_PER_MSEC)

static int undo_container(struct exec *x, const char *name, struct error *err)
{
    for (size_t i = 0; i < x->n_containers; i++) {
        struct run_container *c = &x->containers[i];
        if (c->removed || strcmp(c->name, name) != 0)
            continue;
        guest_close(steal(&c->guest)); /* before what it leads to goes */
        cleanup_strv struct strv argv = STRV_INIT;
        c->client->remove(c->space, c->name, &argv);
        const struct command cmd = {.argv = &argv, .become = true};
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        if (exec_run_command(x, &cmd, &r, err) < 0)
            return -1;
        /* One that never came to be is as good as one that is gone. */
        if (r.status.code != 0 && !strstr(strbuf_str(&r.err), "no such container") &&
            !strstr(strbuf_str(&r.err), "not found"))
            return transport_status_error(&cmd, &r, "removing the container", err);
        c->removed = true;
    }
    return 0;
}

struct run_container *own_container_add(struct exec *x, const struct own_container_spec *spec)
{
    /* First of all: what `spec` points to may be one of those that move below. */
    struct run_container made = {
        .name = xasprintf("kataloop-%s-%zu", x->run_id, x->n_containers + 1),
        .space = xstrdup(spec->space),
        .runtime = xstrdup(spec->runtime),
        .image = xstrdup(spec->image),
        .client = spec->client,
    };
    strv_extend(&made.command, spec->command);
    cleanup_free char *text = xasprintf("container %s", made.name);
    made.ticket = undo_push(&x->undo, undo_container, made.name, text);
    x->containers = xreallocarray(x->containers, x->n_containers + 1, sizeof(*x->containers));
    x->containers[x->n_containers] = made;
    return &x->containers[x->n_containers++];
}

int own_container_made(struct exec *x, struct run_container *c, struct strbuf *said,
                       struct error *err)
{
    strbuf_rtrim(said);
    const char *last = strrchr(strbuf_str(said), '\n');
    last = last ? last + 1 : strbuf_str(said);
    c->id = xstrdup(*last ? last : c->name);
    return exec_container(x, c->name, c->id, err);
}

int own_container_remove(struct exec *x, struct run_container *c, struct error *err)
{
    return undo_one(x, &x->undo, c->ticket, err);
}

int own_container_wait(struct exec *x, const struct run_container *c, struct error *err)
{
    for (;;) {
        bool running = false;
        if (client_running(x, c, &running, err) < 0)
            return -1;
        if (running)
            return 0;
        if (exec_pause(x, POLL_PACE, "the container's task", err) < 0)
            return err->code == ERR_TIMEOUT ? error_hint(err, "does its command end at once?") : -1;
    }
}
