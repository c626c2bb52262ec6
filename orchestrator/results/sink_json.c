/* SPDX-License-Identifier: Apache-2.0
 * JSON lines to a descriptor. */
#include "results/sink_json.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "results/event_json.h"

struct sink_json {
    int fd;
    bool owned;
    bool failure_said;
    char *name;
    char *run;
    struct strbuf line; /* kept between events for its room */
};

static int emit(void *self, const struct event *e, struct error *err)
{
    struct sink_json *s = self;
    strbuf_truncate(&s->line, 0);
    event_json(e, s->run, &s->line);
    if (fs_write_full(s->fd, s->line.data, s->line.len) < 0)
        return error_set_errno(err, errno, "writing events to `%s`", s->name);
    s->failure_said = s->failure_said || (e->type == EVENT_RUN_END && e->failure);
    return 0;
}

static bool told(void *self)
{
    const struct sink_json *s = self;
    return s->failure_said;
}

static int close_sink(void *self, struct error *err)
{
    struct sink_json *s = self;
    int ret = 0;
    if (s->owned) {
        /* EINVAL: a pipe or a terminal, which has nothing to sync. */
        if (fsync(s->fd) < 0 && errno != EINVAL && errno != EROFS)
            ret = error_set_errno(err, errno, "writing events to `%s`", s->name);
        if (close(s->fd) < 0 && ret == 0)
            ret = error_set_errno(err, errno, "closing `%s`", s->name);
    }
    strbuf_release(&s->line);
    free(s->name);
    free(s->run);
    free(s);
    return ret;
}

struct event_sink sink_json_new(int fd, bool owned, const char *name, const char *run)
{
    struct sink_json *s = xcalloc(1, sizeof(*s));
    s->fd = fd;
    s->owned = owned;
    s->name = xstrdup(name);
    s->run = xstrdup(run);
    return (struct event_sink){.emit = emit, .close = close_sink, .told = told, .self = s};
}
