/* SPDX-License-Identifier: Apache-2.0
 * Events as JSON lines. */
#include "results/event_json.h"

#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "results/json_put.h"

static void put_output(json_t *to, const struct event *e)
{
    json_put(to, "stream", json_string(e->is_err ? "stderr" : "stdout"));
    if (json_put_bytes(to, "text", e->text, e->len))
        return;
    cleanup_strbuf struct strbuf exact = STRBUF_INIT;
    base64_encode(e->text, e->len, &exact);
    json_put(to, "base64", json_string(strbuf_str(&exact)));
}

static void put_metrics(json_t *to, const struct event *e)
{
    json_t *all = json_array();
    for (size_t i = 0; i < e->n_metrics; i++) {
        json_t *one = json_object();
        json_put_text(one, "name", e->metrics[i].name);
        json_put_text(one, "unit", e->metrics[i].unit);
        json_put_real(one, "value", e->metrics[i].value);
        json_append(all, one);
    }
    json_put(to, "sample", json_integer(e->sample));
    json_put(to, "metrics", all);
}

static void put_failure(json_t *to, const struct error *failure)
{
    json_put(to, "ok", json_boolean(!failure));
    if (!failure)
        return;
    json_t *error = json_object();
    json_put(error, "exit_code", json_integer(error_exit_code(failure)));
    json_put_text(error, "message", failure->message ? failure->message : "failed");
    json_put_text(error, "hint", failure->hint);
    if (failure->where.file) {
        json_put_text(error, "file", failure->where.file);
        json_put(error, "line", json_integer(failure->where.line));
        json_put(error, "column", json_integer(failure->where.column));
    }
    json_put(to, "error", error);
}

/* What only this type of event has. */
static void put_special(json_t *to, const struct event *e)
{
    switch (e->type) {
    case EVENT_RUN_START:
        json_put_text(to, "workflow", e->text);
        json_put_text(to, "file", e->detail);
        json_put_text(to, "host", e->host);
        break;
    case EVENT_STEP_START:
        break;
    case EVENT_STEP_SKIP:
        json_put_text(to, "why", e->text);
        break;
    case EVENT_OUTPUT:
        put_output(to, e);
        break;
    case EVENT_PROGRESS:
        json_put_text(to, "text", e->text);
        json_put(to, "done", json_integer(e->done));
        json_put(to, "total", e->total < 0 ? json_null() : json_integer(e->total));
        break;
    case EVENT_NOTE:
        json_put_text(to, "text", e->text);
        break;
    case EVENT_STEP_END:
        put_failure(to, e->failure);
        json_put(to, "duration_ns", json_integer(e->duration));
        json_put(to, "changed", json_boolean(e->changed));
        json_put_text(to, "summary", e->text);
        break;
    case EVENT_SAMPLE:
        put_metrics(to, e);
        break;
    case EVENT_ARTIFACT:
        json_put_text(to, "name", e->text);
        json_put_text(to, "path", e->detail);
        json_put(to, "bytes", json_integer(e->done));
        break;
    case EVENT_CONTAINER:
        json_put_text(to, "name", e->text);
        json_put_text(to, "id", e->detail);
        break;
    case EVENT_UNDO:
        json_put_text(to, "text", e->text);
        put_failure(to, e->failure);
        break;
    case EVENT_RUN_END:
        put_failure(to, e->failure);
        json_put(to, "duration_ns", json_integer(e->duration));
        break;
    }
}

void event_json(const struct event *e, const char *run, struct strbuf *ret)
{
    json_t *o = json_object();
    json_put(o, "v", json_integer(EVENT_JSON_VERSION));
    json_put(o, "event", json_string(event_type_name(e->type)));
    json_put_time(o, "time", e->at);
    json_put(o, "elapsed_ns", json_integer(e->elapsed));
    if (e->type == EVENT_RUN_START || e->type == EVENT_RUN_END) {
        json_put_text(o, "run", run);
    } else {
        if (e->step >= 0)
            json_put(o, "step", json_integer(e->step));
        json_put_text(o, "label", e->label);
        json_put_text(o, "kind", e->kind);
        json_put_text(o, "section", e->section);
    }
    put_special(o, e);
    json_line(o, ret);
}
