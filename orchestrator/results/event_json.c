/* SPDX-License-Identifier: Apache-2.0
 * Events as JSON lines. */
#include "results/event_json.h"

#include <jansson.h>
#include <math.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "results/encode.h"

static void put(json_t *to, const char *key, json_t *value)
{
    /* Fails for want of memory only, or where value could not be made for that reason. */
    if (json_object_set_new(to, key, value) < 0)
        abort();
}

static bool put_bytes(json_t *to, const char *key, const char *text, size_t len)
{
    cleanup_strbuf struct strbuf repaired = STRBUF_INIT;
    bool whole = utf8_repair(text ? text : "", len, &repaired);
    put(to, key, json_stringn(strbuf_str(&repaired), repaired.len));
    return whole;
}

static void put_text(json_t *to, const char *key, const char *text)
{
    if (text)
        put_bytes(to, key, text, strlen(text));
}

static void put_time(json_t *to, int64_t usec)
{
    cleanup_free char *seconds = clock_format_utc(usec);
    seconds[strcspn(seconds, "Z")] = '\0';
    cleanup_free char *text = xasprintf("%s.%06dZ", seconds, (int)(usec % 1000000));
    put(to, "time", json_string(text));
}

static void put_output(json_t *to, const struct event *e)
{
    put(to, "stream", json_string(e->is_err ? "stderr" : "stdout"));
    if (put_bytes(to, "text", e->text, e->len))
        return;
    cleanup_strbuf struct strbuf exact = STRBUF_INIT;
    base64_encode(e->text, e->len, &exact);
    put(to, "base64", json_string(strbuf_str(&exact)));
}

static void put_metrics(json_t *to, const struct event *e)
{
    json_t *all = json_array();
    for (size_t i = 0; i < e->n_metrics; i++) {
        json_t *one = json_object();
        double value = e->metrics[i].value;
        put_text(one, "name", e->metrics[i].name);
        put_text(one, "unit", e->metrics[i].unit);
        put(one, "value", isfinite(value) ? json_real(value) : json_null());
        json_array_append_new(all, one);
    }
    put(to, "sample", json_integer(e->sample));
    put(to, "metrics", all);
}

static void put_failure(json_t *to, const struct error *failure)
{
    put(to, "ok", json_boolean(!failure));
    if (!failure)
        return;
    json_t *error = json_object();
    put(error, "exit_code", json_integer(error_exit_code(failure)));
    put_text(error, "message", failure->message ? failure->message : "failed");
    put_text(error, "hint", failure->hint);
    if (failure->where.file) {
        put_text(error, "file", failure->where.file);
        put(error, "line", json_integer(failure->where.line));
        put(error, "column", json_integer(failure->where.column));
    }
    put(to, "error", error);
}

/* What only this type of event has. */
static void put_special(json_t *to, const struct event *e)
{
    switch (e->type) {
    case EVENT_RUN_START:
        put_text(to, "workflow", e->text);
        put_text(to, "file", e->detail);
        put_text(to, "host", e->host);
        break;
    case EVENT_STEP_START:
        break;
    case EVENT_STEP_SKIP:
        put_text(to, "why", e->text);
        break;
    case EVENT_OUTPUT:
        put_output(to, e);
        break;
    case EVENT_PROGRESS:
        put_text(to, "text", e->text);
        put(to, "done", json_integer(e->done));
        put(to, "total", e->total < 0 ? json_null() : json_integer(e->total));
        break;
    case EVENT_NOTE:
        put_text(to, "text", e->text);
        break;
    case EVENT_STEP_END:
        put_failure(to, e->failure);
        put(to, "duration_ns", json_integer(e->duration));
        put(to, "changed", json_boolean(e->changed));
        put_text(to, "summary", e->text);
        break;
    case EVENT_SAMPLE:
        put_metrics(to, e);
        break;
    case EVENT_ARTIFACT:
        put_text(to, "name", e->text);
        put_text(to, "path", e->detail);
        put(to, "bytes", json_integer(e->done));
        break;
    case EVENT_UNDO:
        put_text(to, "text", e->text);
        put_failure(to, e->failure);
        break;
    case EVENT_RUN_END:
        put_failure(to, e->failure);
        put(to, "duration_ns", json_integer(e->duration));
        break;
    }
}

void event_json(const struct event *e, const char *run, struct strbuf *ret)
{
    json_t *o = json_object();
    put(o, "v", json_integer(EVENT_JSON_VERSION));
    put(o, "event", json_string(event_type_name(e->type)));
    put_time(o, e->at);
    put(o, "elapsed_ns", json_integer(e->elapsed));
    if (e->type == EVENT_RUN_START || e->type == EVENT_RUN_END) {
        put_text(o, "run", run);
    } else {
        if (e->step >= 0)
            put(o, "step", json_integer(e->step));
        put_text(o, "label", e->label);
        put_text(o, "kind", e->kind);
        put_text(o, "section", e->section);
    }
    put_special(o, e);
    char *line = json_dumps(o, JSON_COMPACT);
    if (!line)
        abort();
    strbuf_puts(ret, line);
    strbuf_putc(ret, '\n');
    free(line);
    json_decref(o);
}
