/* SPDX-License-Identifier: Apache-2.0
 * The run folder. */
#include "results/sink_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "results/run_id.h"
#include "results/sink_json.h"

#define EVENTS    "events.jsonl"
#define ELSEWHERE "set KATALOOP_STATE_DIR to a folder that can be written"

enum { LABEL_MAX = 60 }; /* bytes of a label in a file's name */

struct sink_folder {
    char *path;
    struct event_sink events; /* events.jsonl */
    char **logs;              /* log file name by step + 1; NULL: not seen yet */
    size_t n_logs;
    int open_step; /* whose log is open in log_fd */
    int log_fd;    /* -1: none */
};

bool run_folder_is_held(const char *folder)
{
    cleanup_free char *events = path_join(folder, EVENTS);
    cleanup_close int fd = open(events, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return flock(fd, LOCK_SH | LOCK_NB) < 0;
}

char *run_folder_log_name(int step, const char *label)
{
    cleanup_strbuf struct strbuf name = STRBUF_INIT;
    strbuf_printf(&name, "%02d-", step + 1);
    size_t start = name.len;
    for (const char *p = label ? label : step < 0 ? "run" : "step"; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '_' || (*p == '.' && name.len > start);
        if (name.len - start >= LABEL_MAX)
            break;
        if (plain)
            strbuf_putc(&name, *p);
        else if (name.len > start && name.data[name.len - 1] != '-')
            strbuf_putc(&name, '-');
    }
    while (name.len > start && name.data[name.len - 1] == '-')
        strbuf_truncate(&name, name.len - 1);
    if (name.len == start)
        strbuf_puts(&name, "step");
    strbuf_puts(&name, ".log");
    return strbuf_steal(&name);
}

static void remember_label(struct sink_folder *s, int step, const char *label)
{
    size_t at = (size_t)(step + 1);
    if (at >= s->n_logs) {
        s->logs = xreallocarray(s->logs, at + 1, sizeof(*s->logs));
        for (size_t i = s->n_logs; i <= at; i++)
            s->logs[i] = NULL;
        s->n_logs = at + 1;
    }
    if (!s->logs[at])
        s->logs[at] = run_folder_log_name(step, label);
}

static int close_log(struct sink_folder *s, struct error *err)
{
    int fd = steal_fd(&s->log_fd);
    if (fd >= 0 && close(fd) < 0)
        return error_set_errno(err, errno, "closing `%s/%s`", s->path, s->logs[s->open_step + 1]);
    return 0;
}

static int write_output(struct sink_folder *s, const struct event *e, struct error *err)
{
    int step = e->step < 0 ? -1 : e->step;
    if (s->log_fd >= 0 && s->open_step != step && close_log(s, err) < 0)
        return -1;
    remember_label(s, step, e->label);
    cleanup_free char *path = path_join(s->path, s->logs[step + 1]);
    if (s->log_fd < 0) {
        s->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (s->log_fd < 0)
            return error_set_errno(err, errno, "opening `%s`", path);
        s->open_step = step;
    }
    if (fs_write_full(s->log_fd, e->text, e->len) < 0)
        return error_set_errno(err, errno, "writing `%s`", path);
    return 0;
}

static int emit(void *self, const struct event *e, struct error *err)
{
    struct sink_folder *s = self;
    if (e->type == EVENT_STEP_START && e->step >= 0)
        remember_label(s, e->step, e->label);
    if (e->type == EVENT_OUTPUT && e->len > 0 && write_output(s, e, err) < 0)
        return -1;
    if (e->type == EVENT_STEP_END && e->step == s->open_step && close_log(s, err) < 0)
        return -1;
    return s->events.emit(s->events.self, e, err);
}

static int close_sink(void *self, struct error *err)
{
    struct sink_folder *s = self;
    int ret = close_log(s, err);
    struct error second = ERROR_INIT;
    if (s->events.close && s->events.close(s->events.self, &second) < 0) {
        if (ret == 0)
            error_move(err, &second);
        ret = -1;
    }
    error_release(&second);
    for (size_t i = 0; i < s->n_logs; i++)
        free(s->logs[i]);
    free(s->logs);
    free(s->path);
    free(s);
    return ret;
}

/* Point runs/latest at the run: made under another name, then moved, so that it is never missing.
 */
static int link_latest(const char *runs, const char *run, struct error *err)
{
    cleanup_free char *latest = path_join(runs, "latest");
    cleanup_free char *fresh = xasprintf("%s/.latest-%s", runs, run);
    if (symlink(run, fresh) < 0)
        return error_set_errno(err, errno, "making the link `%s`", fresh);
    if (rename(fresh, latest) < 0) {
        int saved = errno;
        unlink(fresh);
        error_set_errno(err, saved, "making the link `%s`", latest);
        return saved == EISDIR ? error_hint(err, "move that folder away") : -1;
    }
    return 0;
}

int run_folder_new(const char *state_folder, char **ret_run, char **ret_path, struct error *err)
{
    cleanup_free char *runs = path_join(state_folder, "runs");
    if (fs_mkdir_parents(runs, err) < 0)
        return error_hint(err, ELSEWHERE);
    for (;;) {
        cleanup_free char *run = run_id_new();
        cleanup_free char *path = path_join(runs, run);
        if (mkdir(path, 0700) == 0) {
            *ret_run = steal(&run);
            *ret_path = steal(&path);
            return 0;
        }
        if (errno != EEXIST) { /* else another run of this second has that name */
            error_set_errno(err, errno, "making the run's folder `%s`", path);
            return error_hint(err, ELSEWHERE);
        }
    }
}

static int fill_folder(struct sink_folder *s, const char *run, struct error *err)
{
    cleanup_free char *runs = path_dir(s->path);
    cleanup_free char *artifacts = path_join(s->path, "artifacts");
    if (mkdir(artifacts, 0700) < 0)
        return error_set_errno(err, errno, "making `%s`", artifacts);
    cleanup_free char *events = path_join(s->path, EVENTS);
    cleanup_close int fd = open(events, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", events);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return error_set_errno(err, errno, "locking `%s`", events);
    s->events = sink_json_new(steal_fd(&fd), true, events, run);
    return link_latest(runs, run, err);
}

int sink_folder_new(const char *folder, const char *run, struct event_sink *ret, struct error *err)
{
    struct sink_folder *s = xcalloc(1, sizeof(*s));
    s->log_fd = -1;
    s->open_step = -1;
    s->path = xstrdup(folder);
    if (fill_folder(s, run, err) < 0) {
        struct error ignored = ERROR_INIT;
        close_sink(s, &ignored);
        error_release(&ignored);
        return error_hint(err, ELSEWHERE);
    }
    *ret = (struct event_sink){.emit = emit, .close = close_sink, .self = s};
    return 0;
}
