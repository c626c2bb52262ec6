/* SPDX-License-Identifier: Apache-2.0
 * One run of a plan. */
#include "cmd/round.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "exec/exec.h"
#include "report/sink_plain.h"
#include "report/sink_terminal.h"
#include "results/sink_folder.h"
#include "results/sink_json.h"
#include "results/sink_store.h"

static void add_screen(struct events *events, const struct round_options *options, const char *run)
{
    if (options->json) {
        events_add(events, sink_json_new(STDOUT_FILENO, false, "standard output", run));
    } else if (terminal_capable(STDOUT_FILENO)) {
        struct terminal_options looks = terminal_options_of_environment();
        events_add(events, sink_terminal_new(STDOUT_FILENO, &looks, run));
    } else {
        events_add(events, sink_plain_new(STDOUT_FILENO, STDERR_FILENO, run));
    }
}

static int connect_host(const struct session *s, struct events *events, struct transport **host,
                        struct error *err)
{
    if (*host) /* of the last round: the machine may have slept since */
        transport_probe(*host, 10 * NSEC_PER_SEC);
    if (*host && !transport_is_lost(*host))
        return 0;
    int64_t start = clock_now();
    int result = *host ? transport_reconnect(*host, err) : session_connect(s, host, err);
    if (result < 0)
        return -1;
    if (transport_is_local(*host))
        return 0;
    cleanup_free char *time = duration_format(clock_now() - start);
    cleanup_free char *text = xasprintf("connected to %s in %s", transport_name(*host), time);
    struct event e = {.type = EVENT_NOTE, .step = -1, .text = text};
    return events_emit(events, &e, err);
}

static int run_connected(const struct session *s, struct store *store, struct events *events,
                         const struct exec_options *options, struct transport **host,
                         struct error *err)
{
    if (connect_host(s, events, host, err) < 0) {
        cleanup_error struct error unheard = ERROR_INIT; /* why there is no connection is told */
        (void)store_set_dirty(store, options->run_id, false, &unheard); /* nothing was made there */
        return -1;
    }
    return exec_plan(*host, s->plan, options, events, store, err);
}

int round_run(const struct session *s, struct store *store, const struct round_options *options,
              struct transport **host, bool *ret_told, struct error *err)
{
    cleanup_free char *state = state_dir();
    cleanup_free char *run = NULL;
    cleanup_free char *folder = NULL;
    struct event_sink folder_sink;
    *ret_told = false;
    if (store_mark_lost(store, err) < 0 || run_folder_new(state, &run, &folder, err) < 0 ||
        sink_folder_new(folder, run, &folder_sink, err) < 0)
        return -1;
    if (options->ret_run)
        *options->ret_run = xstrdup(run);
    struct events *events = events_new();
    const char *address = value_get_string(s->plan->host, "ssh");
    /* First: others read what it wrote. */
    events_add(events, sink_store_new(store, run, folder, address));
    events_add(events, folder_sink);
    add_screen(events, options, run);

    int64_t start = clock_now();
    struct event begin = {.type = EVENT_RUN_START,
                          .step = -1,
                          .text = s->plan->workflow,
                          .detail = s->file->path,
                          .host = s->plan->host_name};
    const struct exec_options how = {.force = options->force, .run_id = run, .run_folder = folder};
    cleanup_error struct error failure = ERROR_INIT, unheard = ERROR_INIT;
    int result = events_emit(events, &begin, &failure);
    if (result == 0)
        result = run_connected(s, store, events, &how, host, &failure);
    struct event end = {.type = EVENT_RUN_END,
                        .step = -1,
                        .duration = clock_now() - start,
                        .failure = result < 0 ? &failure : NULL};
    int told = events_emit(events, &end, &unheard);
    *ret_told = events_told(events);
    cleanup_error struct error second = ERROR_INIT; /* the first one is told */
    int closed = events_close(events, told < 0 ? &second : &unheard);
    if (result < 0)
        error_move(err, &failure);
    else if (told < 0 || closed < 0)
        error_move(err, &unheard);
    return result < 0 || told < 0 || closed < 0 ? -1 : 0;
}
