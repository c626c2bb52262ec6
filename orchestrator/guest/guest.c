/* SPDX-License-Identifier: Apache-2.0
 * Guests and their commands, whatever the way in. */
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/suggest.h"
#include "guest/way.h"

static const struct guest_way *const ways[] = {&guest_vsock, &guest_console, &guest_host};

/* What `auto` gives the faster way before it takes the other. */
#define QUICK (10 * NSEC_PER_SEC)

static const struct guest_way *find_way(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        if (strcmp(ways[i]->name, name) == 0)
            return ways[i];
    return NULL;
}

int guest_way_check(const char *way, struct error *err)
{
    const char *known[ARRAY_SIZE(ways) + 1] = {"auto"};
    if (!way || strcmp(way, "auto") == 0 || find_way(way))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        known[i + 1] = ways[i]->name;
    error_set(err, ERR_USAGE, "there is no way into a guest called `%s`", way);
    return suggest_hint(err, way, known, ARRAY_SIZE(known));
}

static int open_way(struct guest *g, const struct guest_way *way, int64_t deadline,
                    struct error *err)
{
    if (g->handle)
        g->way->close(g);
    g->way = way;
    return way->open(g, deadline, err);
}

/* Why vsock does not work is of no interest where the console does, and where that does not either,
 * its reason is the one that counts. A host that is lost, and Ctrl-C, are for both. */
static int open_machine(struct guest *g, int64_t deadline, struct error *err)
{
    cleanup_error struct error quick = ERROR_INIT;
    if (open_way(g, &guest_vsock, deadline_min(deadline, deadline_in(QUICK)), &quick) == 0)
        return 0;
    if (!error_ends_all(&quick))
        return open_way(g, &guest_console, deadline, err);
    error_move(err, &quick);
    return -1;
}

bool guest_is_machine(const char *runtime)
{
    return !runtime || strstr(runtime, "kata");
}

int guest_open(struct transport *t, const struct guest_spec *spec, int64_t deadline,
               struct guest **ret, struct error *err)
{
    bool is_auto = !spec->way || strcmp(spec->way, "auto") == 0;
    if (guest_way_check(spec->way, err) < 0)
        return -1;
    const struct guest_way *way = is_auto ? &guest_host : find_way(spec->way);
    cleanup_guest struct guest *g = xcalloc(1, sizeof(*g));
    g->transport = t;
    g->sandbox = xstrdup(spec->sandbox);
    if ((is_auto && guest_is_machine(spec->runtime) ? open_machine(g, deadline, err)
                                                    : open_way(g, way, deadline, err)) < 0)
        return error_wrap(err, "the guest of %.12s", spec->sandbox);
    *ret = steal(&g);
    return 0;
}

void guest_close(struct guest *g)
{
    if (!g)
        return;
    cleanup_error struct error unheard = ERROR_INIT; /* closing it is all that is left */
    (void)guest_stop(g, &unheard);
    if (g->handle)
        g->way->close(g);
    run_result_release(&g->result);
    free(g->sandbox);
    free(g->name);
    free(g);
}

void guest_closep_(struct guest **g)
{
    guest_close(*g);
}

const char *guest_way_name(const struct guest *g)
{
    return g->way->name;
}

int guest_start(struct guest *g, const struct guest_command *cmd, int64_t deadline,
                struct error *err)
{
    if (g->running)
        return error_set(err, ERR_FAILED, "`%s` still runs in the guest", g->name);
    free(g->name);
    g->name = xstrdup(cmd->argv->items[0]);
    g->deadline = deadline;
    g->max_output = cmd->max_output ? cmd->max_output : GUEST_OUTPUT_MAX;
    if (cmd->output)
        g->max_output = SIZE_MAX;
    g->output = cmd->output;
    g->output_data = cmd->output_data;
    run_result_release(&g->result);
    if (g->way->start(g, cmd, err) < 0)
        return error_wrap(err, "`%s` in the guest", g->name);
    g->running = true;
    return 0;
}

struct proc *guest_proc(struct guest *g)
{
    return g->way->proc(g);
}

/* To the one who wants it as it comes. */
static void pass_on(struct guest *g)
{
    struct strbuf *streams[] = {&g->result.out, &g->result.err};
    for (size_t i = 0; g->output && i < ARRAY_SIZE(streams); i++) {
        if (streams[i]->len > 0)
            g->output(g->output_data, streams[i]->data, streams[i]->len, i == 1);
        strbuf_truncate(streams[i], 0);
    }
}

/* Look at what came; without news, wait once. */
static int look(struct guest *g, int64_t until, bool *ret_done, struct error *err)
{
    for (bool news = false;;) {
        size_t index;
        if (g->way->take(g, &news, ret_done, err) < 0)
            return -1;
        if (g->result.out.len > g->max_output || g->result.err.len > g->max_output)
            return error_set(err, ERR_FAILED, "it wrote more than %zu bytes", g->max_output);
        pass_on(g);
        struct proc *p = g->way->proc(g);
        if (*ret_done)
            return 0;
        if (clock_now() >= g->deadline)
            return error_set(err, ERR_TIMEOUT, "it did not end in time and was stopped");
        if (news || !p)
            return 0;
        cleanup_error struct error waiting = ERROR_INIT;
        if (proc_wait_any(&p, 1, deadline_min(until, g->deadline), &index, &waiting) == 0)
            continue;
        if (waiting.code == ERR_TIMEOUT && until < g->deadline)
            return 0;
        if (waiting.code != ERR_TIMEOUT) {
            error_move(err, &waiting);
            return -1;
        }
    }
}

int guest_advance(struct guest *g, int64_t until, bool *ret_done, struct error *err)
{
    *ret_done = !g->running;
    if (!g->running)
        return 0;
    if (look(g, until, ret_done, err) == 0) {
        g->running = !*ret_done;
        return 0;
    }
    cleanup_error struct error stopping = ERROR_INIT;
    if (guest_stop(g, &stopping) < 0)
        error_hint(err, "it may still run in the guest: %s", stopping.message);
    return error_wrap(err, "`%s` in the guest", g->name);
}

int guest_stop(struct guest *g, struct error *err)
{
    if (!g->running)
        return 0;
    cancel_shield_begin();
    int result = g->way->stop(g, err);
    cancel_shield_end();
    pass_on(g);
    g->running = false;
    return result;
}

int guest_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                struct proc **ret, struct error *err)
{
    if (g->running)
        return error_set(err, ERR_FAILED, "`%s` still runs in the guest", g->name);
    if (g->way->shell(g, rows, columns, deadline, err) < 0)
        return error_wrap(err, "a shell in the guest");
    *ret = g->way->proc(g);
    return 0;
}

void guest_take(struct guest *g, struct run_result *ret)
{
    run_result_release(ret);
    *ret = g->result;
    g->result = (struct run_result)RUN_RESULT_INIT;
}

int guest_run(struct guest *g, const struct guest_command *cmd, int64_t deadline,
              struct run_result *ret, struct error *err)
{
    int result = guest_start(g, cmd, deadline, err);
    for (bool done = false; result == 0 && !done;)
        result = guest_advance(g, DEADLINE_NEVER, &done, err);
    guest_take(g, ret);
    return result;
}

int guest_check(struct guest *g, const struct guest_command *cmd, int64_t deadline,
                const char *what, struct run_result *ret, struct error *err)
{
    if (guest_run(g, cmd, deadline, ret, err) < 0)
        return error_wrap(err, "%s", what);
    if (ret->status.code == 0)
        return 0;
    const struct command said = {.argv = cmd->argv};
    return transport_status_error(&said, ret, what, err);
}
