/* SPDX-License-Identifier: Apache-2.0
 * What a run says while it goes on: one stream of events, several sinks (terminal, plain lines,
 * JSON lines, the run folder, the store). A sink is a struct of functions with a private handle. */
#ifndef RESULTS_EVENT_H
#define RESULTS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum event_type {
    EVENT_RUN_START,  /* text: workflow's name; detail: file; host */
    EVENT_STEP_START, /* step, label, kind, tells */
    EVENT_STEP_SKIP,  /* step, label, kind; text: why */
    EVENT_OUTPUT,     /* step; text/len: bytes as they came; is_err */
    EVENT_PROGRESS,   /* step; done, total (total -1: not known); text: what, or NULL */
    EVENT_NOTE,       /* step or -1; text: something worth knowing ("ext4 engine: clean, …") */
    EVENT_STEP_END,   /* step, label, kind; duration; changed; failure or NULL; text: summary */
    EVENT_SAMPLE,     /* step, label; sample number; metrics */
    EVENT_ARTIFACT,   /* step; text: name; detail: path below the run folder; done: bytes */
    EVENT_CONTAINER,  /* step; text: the name of a container made; detail: containerd's id of it */
    EVENT_UNDO,       /* text: what is undone; failure where that failed */
    EVENT_RUN_END,    /* duration; failure or NULL */
};

/* One figure of a sample. */
struct metric {
    const char *name; /* "wall", "frozen", "memdump", "image_bytes", "still_running" … */
    const char *unit; /* "ns", "bytes", "pages", "bool" */
    double value;
};

struct event {
    enum event_type type;
    int64_t at;        /* microseconds since 1970; filled in by events_emit() */
    int64_t elapsed;   /* nanoseconds since the run began; filled in by events_emit() */
    int step;          /* plan_step.index; -1: none */
    const char *label; /* borrowed, as all pointers here, for the time of the call */
    const char *kind;
    const char *section; /* of a step: the recipe it came from, or NULL */
    const char *host;    /* EVENT_RUN_START: the host's name; NULL: none */
    const char *text;
    size_t len; /* EVENT_OUTPUT: bytes at text */
    bool is_err;
    bool tells; /* EVENT_STEP_START: its output is wanted for itself, not only while it runs;
                   EVENT_ARTIFACT: worth a line */
    const char *detail;
    int64_t done, total;
    int64_t duration; /* nanoseconds */
    bool changed;
    int sample; /* as plan_step.sample */
    const struct metric *metrics;
    size_t n_metrics;
    const struct error *failure;
};

struct event_sink {
    /* Take one event. -1 stops the run: results that cannot be kept are not worth making. */
    int (*emit)(void *self, const struct event *e, struct error *err);
    /* End (flush, fsync) and free. */
    int (*close)(void *self, struct error *err);
    /* Time went by without an event (redraw what moves). NULL: nothing to do. */
    void (*tick)(void *self);
    /* Has it shown the user what EVENT_RUN_END failed with? NULL: it shows nothing to anybody. */
    bool (*told)(void *self);
    void *self;
};

/* "run_start", "step_end" …, as in the JSON lines. */
const char *event_type_name(enum event_type type);

struct events; /* the stream of one run */
struct events *events_new(void);
/* Takes over the sink. */
void events_add(struct events *es, struct event_sink sink);
/* Dates the event and hands it to every sink, even after one of them has failed (the terminal has
 * to see the end of a run whose store is full). -1 with the first failure. */
int events_emit(struct events *es, struct event *e, struct error *err);
/* Call it now and then while waiting, some ten times a second at most; cheap. */
void events_tick(struct events *es);
/* Has one of the sinks shown the user what the run has failed with? If not, the caller has to. */
bool events_told(struct events *es);
/* Close all sinks; the first failure is reported, all are closed. Frees `es`. */
int events_close(struct events *es, struct error *err);

#endif
