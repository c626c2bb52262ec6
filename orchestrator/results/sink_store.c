/* SPDX-License-Identifier: Apache-2.0
 * Events to rows. */
#include "results/sink_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"

struct sink_store {
    struct store *store;
    char *run, *folder, *address;
    bool undo_failed;
};

static const char *outcome_of(const struct error *failure)
{
    if (!failure)
        return "ok";
    switch (failure->code) {
    case ERR_INTERRUPTED:
        return "interrupted";
    case ERR_UNREACHABLE:
        return "unreachable";
    case ERR_HANG:
        return "hang";
    default:
        return "failed";
    }
}

/* Commands and hosts have had a say in it: other readers of the file expect UTF-8. NULL gives NULL.
 * The caller frees. */
static char *repaired(const char *text)
{
    cleanup_strbuf struct strbuf ret = STRBUF_INIT;
    if (!text)
        return NULL;
    utf8_repair(text, strlen(text), &ret);
    return strbuf_steal(&ret);
}

/* Rows borrow from the event, which is only read: the casts drop a const and nothing else. */
static int put_step(struct sink_store *s, const struct event *e, const char *outcome,
                    struct error *err)
{
    cleanup_free char *summary = repaired(e->text);
    cleanup_free char *error = repaired(e->failure ? e->failure->message : NULL);
    const struct store_step row = {
        .index = e->step,
        .label = (char *)e->label,
        .kind = (char *)e->kind,
        .section = (char *)e->section,
        .outcome = (char *)outcome,
        .summary = summary,
        .error = error,
        .changed = e->changed,
        .duration_ns = e->duration,
    };
    return store_put_step(s->store, s->run, &row, err);
}

static int put_samples(struct sink_store *s, const struct event *e, struct error *err)
{
    for (size_t i = 0; i < e->n_metrics; i++) {
        const struct store_sample row = {
            .step = e->step,
            .sample = e->sample,
            .section = (char *)e->section,
            .metric = (char *)e->metrics[i].name,
            .unit = (char *)e->metrics[i].unit,
            .value = e->metrics[i].value,
        };
        if (store_add_sample(s->store, s->run, &row, err) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct sink_store *s, const struct event *e, struct error *err)
{
    const char *named = e->detail ? e->detail : "";
    cleanup_free char *file = realpath(named, NULL); /* who reads it may be in another folder */
    const struct store_run row = {
        .id = s->run,
        .workflow = (char *)(e->text ? e->text : ""),
        .file = file ? file : (char *)named,
        .host = (char *)(e->host ? e->host : ""),
        .address = s->address,
        .folder = s->folder,
        .started_us = e->at,
    };
    return store_add_run(s->store, &row, err);
}

/* A run that was not cut off has taken away what it made, unless an undo failed. */
static int end(struct sink_store *s, const struct event *e, struct error *err)
{
    cleanup_free char *error = repaired(e->failure ? e->failure->message : NULL);
    if (store_end_run(s->store, s->run, outcome_of(e->failure), error, e->duration, err) < 0)
        return -1;
    bool dirty = s->undo_failed || (e->failure && e->failure->code == ERR_UNREACHABLE);
    return dirty ? 0 : store_set_dirty(s->store, s->run, false, err);
}

static int sink_emit(void *self, const struct event *e, struct error *err)
{
    struct sink_store *s = self;
    switch (e->type) {
    case EVENT_RUN_START:
        return begin(s, e, err);
    case EVENT_STEP_START:
        return put_step(s, e, "running", err);
    case EVENT_STEP_SKIP:
        return put_step(s, e, "skipped", err);
    case EVENT_STEP_END:
        return put_step(s, e, outcome_of(e->failure), err);
    case EVENT_SAMPLE:
        return put_samples(s, e, err);
    case EVENT_ARTIFACT: {
        const struct store_artifact row = {
            .step = e->step, .name = (char *)e->text, .path = (char *)e->detail, .bytes = e->done};
        return store_add_artifact(s->store, s->run, &row, err);
    }
    case EVENT_CONTAINER:
        return store_add_container(s->store, s->run, e->text, e->detail, err);
    case EVENT_UNDO:
        s->undo_failed = s->undo_failed || e->failure;
        return 0;
    case EVENT_RUN_END:
        return end(s, e, err);
    case EVENT_OUTPUT:
    case EVENT_PROGRESS:
    case EVENT_NOTE:
        return 0; /* the run folder has them */
    }
    return 0;
}

static int sink_close(void *self, struct error *err)
{
    (void)err;
    struct sink_store *s = self;
    free(s->run);
    free(s->folder);
    free(s->address);
    free(s);
    return 0;
}

struct event_sink sink_store_new(struct store *store, const char *run, const char *folder,
                                 const char *address)
{
    struct sink_store *s = xcalloc(1, sizeof(*s));
    *s = (struct sink_store){.store = store,
                             .run = xstrdup(run),
                             .folder = xstrdup(folder),
                             .address = xstrdup(address)};
    return (struct event_sink){.emit = sink_emit, .close = sink_close, .self = s};
}
