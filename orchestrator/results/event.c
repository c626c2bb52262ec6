/* SPDX-License-Identifier: Apache-2.0
 * The stream of events: dates them and hands each to every sink. */
#include "results/event.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"

struct events {
    int64_t began; /* clock_now() of EVENT_RUN_START, of events_new() before that */
    struct event_sink *sinks;
    size_t n;
};

static const char *const type_names[] = {
    [EVENT_RUN_START] = "run_start", [EVENT_STEP_START] = "step_start",
    [EVENT_STEP_SKIP] = "step_skip", [EVENT_OUTPUT] = "output",
    [EVENT_PROGRESS] = "progress",   [EVENT_NOTE] = "note",
    [EVENT_STEP_END] = "step_end",   [EVENT_SAMPLE] = "sample",
    [EVENT_ARTIFACT] = "artifact",   [EVENT_CONTAINER] = "container",
    [EVENT_UNDO] = "undo",           [EVENT_RUN_END] = "run_end",
};

const char *event_type_name(enum event_type type)
{
    return (size_t)type < ARRAY_SIZE(type_names) ? type_names[type] : "unknown";
}

struct events *events_new(void)
{
    struct events *es = xcalloc(1, sizeof(*es));
    es->began = clock_now();
    return es;
}

void events_add(struct events *es, struct event_sink sink)
{
    es->sinks = xreallocarray(es->sinks, es->n + 1, sizeof(*es->sinks));
    es->sinks[es->n++] = sink;
}

/* Keep the first failure for the caller, drop later ones. */
static void keep_first(int *ret, struct error *err, struct error *own)
{
    if (*ret == 0)
        error_move(err, own);
    else
        error_release(own);
    *ret = -1;
}

int events_emit(struct events *es, struct event *e, struct error *err)
{
    int ret = 0;
    int64_t now = clock_now();
    if (e->type == EVENT_RUN_START)
        es->began = now;
    e->at = clock_wall_usec();
    e->elapsed = now - es->began;
    for (size_t i = 0; i < es->n; i++) {
        struct error own = ERROR_INIT;
        if (es->sinks[i].emit(es->sinks[i].self, e, &own) < 0)
            keep_first(&ret, err, &own);
    }
    return ret;
}

void events_tick(struct events *es)
{
    for (size_t i = 0; i < es->n; i++)
        if (es->sinks[i].tick)
            es->sinks[i].tick(es->sinks[i].self);
}

bool events_told(struct events *es)
{
    bool told = false;
    for (size_t i = 0; i < es->n; i++)
        told = told || (es->sinks[i].told && es->sinks[i].told(es->sinks[i].self));
    return told;
}

int events_close(struct events *es, struct error *err)
{
    int ret = 0;
    for (size_t i = 0; i < es->n; i++) {
        struct error own = ERROR_INIT;
        if (es->sinks[i].close(es->sinks[i].self, &own) < 0)
            keep_first(&ret, err, &own);
    }
    free(es->sinks);
    free(es);
    return ret;
}
