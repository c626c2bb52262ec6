/* SPDX-License-Identifier: Apache-2.0
 * What steps call: events in the step's name, commands with the step's deadline. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "exec/exec.h"

#define TICK       (100 * NSEC_PER_MSEC) /* how often what moves on a terminal is drawn */
#define KILL_GRACE (5 * NSEC_PER_SEC)    /* between TERM and KILL */

void exec_summary(struct exec *x, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(x->summary);
    x->summary = xvasprintf(fmt, ap);
    va_end(ap);
}

int exec_note(struct exec *x, struct error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    struct event e = {.type = EVENT_NOTE, .step = x->step, .label = x->label, .text = text};
    return events_emit(x->events, &e, err);
}

int exec_progress(struct exec *x, const char *text, int64_t done, int64_t total, struct error *err)
{
    struct event e = {.type = EVENT_PROGRESS,
                      .step = x->step,
                      .label = x->label,
                      .text = text,
                      .done = done,
                      .total = total};
    return events_emit(x->events, &e, err);
}

int exec_sample(struct exec *x, int sample, const struct metric *metrics, size_t n,
                struct error *err)
{
    struct event e = {.type = EVENT_SAMPLE,
                      .step = x->step,
                      .label = x->label,
                      .section = x->section,
                      .sample = sample,
                      .metrics = metrics,
                      .n_metrics = n};
    return events_emit(x->events, &e, err);
}

int exec_container(struct exec *x, const char *name, const char *id, struct error *err)
{
    struct event e = {
        .type = EVENT_CONTAINER, .step = x->step, .label = x->label, .text = name, .detail = id};
    return events_emit(x->events, &e, err);
}

bool exec_is_artifact_name(const char *name)
{
    return *name && name[0] != '.' && !strchr(name, '/');
}

int exec_artifact(struct exec *x, const char *name, const void *data, size_t len,
                  enum artifact_told told, struct error *err)
{
    if (!exec_is_artifact_name(name))
        return error_set(err, ERR_FAILED, "`%s` cannot be the name of an artifact", name);
    cleanup_free char *folder = path_join(x->run_folder, "artifacts");
    if (fs_mkdir_parents(folder, err) < 0)
        return -1;
    cleanup_free char *relative = xasprintf("artifacts/%s", name);
    for (int n = 2;; n++) {
        cleanup_free char *path = path_join(x->run_folder, relative);
        if (access(path, F_OK) < 0)
            break;
        free(relative);
        relative = xasprintf("artifacts/%d-%s", n, name);
    }
    cleanup_free char *path = path_join(x->run_folder, relative);
    if (fs_write_atomic(path, data, len, 0600, err) < 0)
        return -1;
    struct event e = {.type = EVENT_ARTIFACT,
                      .step = x->step,
                      .label = x->label,
                      .text = name,
                      .detail = relative,
                      .done = (int64_t)len,
                      .tells = told == ARTIFACT_TOLD};
    return events_emit(x->events, &e, err);
}

int exec_output(struct exec *x, const char *bytes, size_t len, bool is_err, struct error *err)
{
    if (len == 0)
        return 0;
    struct event e = {.type = EVENT_OUTPUT,
                      .step = x->step,
                      .label = x->label,
                      .text = bytes,
                      .len = len,
                      .is_err = is_err};
    return events_emit(x->events, &e, err);
}

/* Pass on what came, keep the end of it. */
static int take(struct exec *x, struct strbuf *from, struct strbuf *to, size_t keep, bool is_err,
                struct error *err)
{
    int result = exec_output(x, from->data, from->len, is_err, err);
    strbuf_add(to, from->data, from->len);
    strbuf_truncate(from, 0);
    if (to->len > 2 * keep)
        strbuf_consume(to, to->len - keep);
    return result;
}

void exec_cut_off(struct exec *x, struct proc *p, struct error *err)
{
    cleanup_error struct error unheard = ERROR_INIT;
    cancel_shield_begin();
    transport_probe(x->host, EXEC_PATIENCE);
    bool lost = transport_is_lost(x->host);
    int result = lost ? transport_reconnect(x->host, &unheard) : 0;
    if (result == 0)
        result = proc_kill(p, KILL_GRACE, &unheard);
    cancel_shield_end();
    /* The new connection has no news of it: that it was told to end has to do. */
    bool told = lost && !transport_is_lost(x->host) && unheard.code == ERR_UNREACHABLE;
    if (result < 0 && !told)
        error_hint(err, "the command may still run on %s: %s", transport_name(x->host),
                   unheard.message);
}

/* Start a command and wait for its end; one that is cut short is killed. */
static int stream(struct exec *x, const struct command *cmd, size_t keep, bool pass_on,
                  struct run_result *ret, struct error *err)
{
    cleanup_proc struct proc *p = NULL;
    run_result_release(ret);
    if (proc_start(x->host, cmd, &p, err) < 0)
        return -1;
    int result = 0;
    size_t index;
    while (result == 0 && !proc_ended(p, NULL)) {
        result = proc_wait_any(&p, 1, x->deadline, &index, err);
        if (result == 0 && pass_on)
            result = take(x, proc_out(p), &ret->out, keep, false, err);
        if (result == 0 && pass_on)
            result = take(x, proc_err(p), &ret->err, keep, true, err);
    }
    if (result == 0) {
        strbuf_add(&ret->out, proc_out(p)->data, proc_out(p)->len);
        strbuf_add(&ret->err, proc_err(p)->data, proc_err(p)->len);
        proc_ended(p, &ret->status);
        return 0;
    }
    if (cmd->killable)
        exec_cut_off(x, p, err);
    return -1;
}

int exec_stream(struct exec *x, const struct command *cmd, size_t keep, struct run_result *ret,
                struct error *err)
{
    return stream(x, cmd, keep, true, ret, err);
}

int exec_stream_quietly(struct exec *x, const struct command *cmd, struct run_result *ret,
                        struct error *err)
{
    return stream(x, cmd, 0, false, ret, err);
}

int exec_run_command(struct exec *x, const struct command *cmd, struct run_result *ret,
                     struct error *err)
{
    return transport_run(x->host, cmd, x->deadline, ret, err);
}

int exec_check_command(struct exec *x, const struct command *cmd, const char *what,
                       struct run_result *ret, struct error *err)
{
    return transport_check(x->host, cmd, x->deadline, what, ret, err);
}

int exec_pause(struct exec *x, int64_t nsec, const char *waiting_for, struct error *err)
{
    int64_t until = deadline_in(nsec);
    do {
        if (cancel_check(err) < 0)
            return -1;
        if (clock_now() >= x->deadline)
            return error_set(err, ERR_TIMEOUT, "timed out waiting for %s", waiting_for);
        int64_t next = deadline_min(deadline_min(until, x->deadline), deadline_in(TICK));
        struct pollfd fd = {.fd = cancel_fd(), .events = POLLIN};
        if (poll(&fd, 1, deadline_poll_ms(next)) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "waiting for %s", waiting_for);
        events_tick(x->events);
    } while (clock_now() < until);
    return 0;
}

char *exec_host_path(const struct exec *x, const char *path)
{
    return strcmp(path, ".") == 0 ? xstrdup(x->workspace) : path_join(x->workspace, path);
}
