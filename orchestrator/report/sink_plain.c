/* SPDX-License-Identifier: Apache-2.0
 * The run as plain lines. */
#include "report/sink_plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/text.h"
#include "report/lines.h"
#include "report/samples.h"
#include "report/say.h"

struct sink_plain {
    int out, err;
    char *run;
    struct lines lines;
    struct samples samples;
    bool failure_said, hint_said;
};

static int write_line(int fd, const char *indent, const char *line, struct error *err)
{
    cleanup_free char *text = xasprintf("%s%s\n", indent, line);
    if (fs_write_full(fd, text, strlen(text)) < 0)
        return error_set_errno(err, errno, "writing the run's lines");
    return 0;
}

/* Takes over `line`. */
static int write_owned(int fd, const char *indent, char *line, struct error *err)
{
    int result = write_line(fd, indent, line, err);
    free(line);
    return result;
}

static int write_output(void *self, const char *line, bool is_err, struct error *err)
{
    const struct sink_plain *s = self;
    (void)is_err; /* one stream, so that the order stays */
    return write_line(s->out, "  ", line, err);
}

/* "[3] checkpoint 1/10", and ": " with `more` behind it where there is more. */
static int write_step(const struct sink_plain *s, const struct event *e, const char *more,
                      struct error *err)
{
    cleanup_free char *label = text_clean_string(e->label);
    cleanup_free char *clean = text_clean_string(more);
    return write_owned(s->out, "",
                       xasprintf("[%d] %s%s%s", e->step + 1, label, more ? ": " : "", clean), err);
}

static int write_failure(struct sink_plain *s, const struct error *failure, const char *label,
                         struct error *err)
{
    if (!s->failure_said && write_owned(s->err, "", say_failure(failure, label), err) < 0)
        return -1;
    s->failure_said = true;
    if (!failure->hint || s->hint_said)
        return 0;
    s->hint_said = true;
    return write_owned(s->err, "", say_hint(failure), err);
}

static int end_step(struct sink_plain *s, const struct event *e, struct error *err)
{
    cleanup_free char *end = say_step_end(e);
    if (write_step(s, e, end, err) < 0)
        return -1;
    return e->failure ? write_failure(s, e->failure, e->label, err) : 0;
}

static int end_run(struct sink_plain *s, const struct event *e, struct error *err)
{
    cleanup_strbuf struct strbuf table = STRBUF_INIT;
    samples_print(&s->samples, 0, &table);
    if (fs_write_full(s->out, strbuf_str(&table), table.len) < 0)
        return error_set_errno(err, errno, "writing the table of samples");
    if (e->failure && write_failure(s, e->failure, NULL, err) < 0)
        return -1;
    return write_owned(s->out, "", say_run_end(e, s->run), err);
}

static int emit(void *self, const struct event *e, struct error *err)
{
    struct sink_plain *s = self;
    if (e->type != EVENT_OUTPUT && e->type != EVENT_PROGRESS &&
        lines_flush(&s->lines, write_output, s, err) < 0)
        return -1;
    switch (e->type) {
    case EVENT_RUN_START:
        return write_owned(s->out, "", say_run_start(e, s->run), err);
    case EVENT_STEP_START:
        return write_step(s, e, NULL, err);
    case EVENT_STEP_SKIP: {
        cleanup_free char *why = xasprintf("skipped, %s", e->text ? e->text : "unchanged");
        return write_step(s, e, why, err);
    }
    case EVENT_OUTPUT:
        return lines_add(&s->lines, e->text, e->len, e->is_err, write_output, s, err);
    case EVENT_NOTE: {
        cleanup_free char *text = text_clean_string(e->text);
        return write_line(s->out, "  note: ", text, err);
    }
    case EVENT_STEP_END:
        return end_step(s, e, err);
    case EVENT_SAMPLE:
        samples_add_event(&s->samples, e);
        return 0;
    case EVENT_ARTIFACT:
        return !e->tells ? 0 : write_owned(s->out, "  ", say_artifact(e), err);
    case EVENT_UNDO:
        return write_owned(e->failure ? s->err : s->out, "  ", say_undo(e), err);
    case EVENT_RUN_END:
        return end_run(s, e, err);
    case EVENT_PROGRESS:
    case EVENT_CONTAINER: /* the step's summary names it */
        return 0;
    }
    return 0;
}

static bool told(void *self)
{
    const struct sink_plain *s = self;
    return s->failure_said;
}

static int close_sink(void *self, struct error *err)
{
    struct sink_plain *s = self;
    int result = lines_flush(&s->lines, write_output, s, err);
    lines_release(&s->lines);
    samples_release(&s->samples);
    free(s->run);
    free(s);
    return result;
}

struct event_sink sink_plain_new(int out, int err, const char *run)
{
    struct sink_plain *s = xcalloc(1, sizeof(*s));
    s->out = out;
    s->err = err;
    s->run = xstrdup(run);
    return (struct event_sink){.emit = emit, .close = close_sink, .told = told, .self = s};
}
