/* SPDX-License-Identifier: Apache-2.0
 * Hosts and their commands, whatever the kind of transport. */
#include "transport/transport.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "transport/backend.h"

enum { PROCS_AT_ONCE = 64 };

int transport_open(const struct host_spec *spec, struct transport **ret, struct error *err)
{
    bool local = !spec->destination || strcmp(spec->destination, "local") == 0;
    signal(SIGPIPE, SIG_IGN);
    struct transport *t = xcalloc(1, sizeof(*t));
    t->ops = local ? &transport_local : &transport_ssh;
    t->name = xstrdup(spec->name ? spec->name : local ? "local" : spec->destination);
    t->become = xstrdup(spec->become);
    if (!local && transport_ssh_open(t, spec, err) < 0) {
        free(t->name);
        free(t->become);
        free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

int transport_reconnect(struct transport *t, struct error *err)
{
    return t->ops->reconnect(t, err);
}

void transport_probe(struct transport *t, int64_t patience)
{
    if (t->lost || transport_is_local(t))
        return;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "true");
    const struct command cmd = {.argv = &argv, .start_timeout = patience};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error silence = ERROR_INIT;
    /* A start that is not answered loses it by itself; one that is refused is an answer. */
    if (transport_run(t, &cmd, deadline_in(patience), &r, &silence) < 0 &&
        silence.code == ERR_TIMEOUT)
        t->lost = true;
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    t->ops->close(t);
    free(t->name);
    free(t->become);
    free(t);
}

void transport_closep_(struct transport **t)
{
    transport_close(*t);
}

const char *transport_name(const struct transport *t)
{
    return t->name;
}

bool transport_is_local(const struct transport *t)
{
    return t->ops == &transport_local;
}

bool transport_is_lost(const struct transport *t)
{
    return t->lost;
}

void transport_set_tick(struct transport *t, void (*tick)(void *data), void *data)
{
    t->tick = tick;
    t->tick_data = data;
}

int proc_start(struct transport *t, const struct command *cmd, struct proc **ret, struct error *err)
{
    struct proc *p = xcalloc(1, sizeof(*p));
    p->transport = t;
    p->generation = t->generation;
    p->killable = cmd->killable;
    p->become = cmd->become;
    p->patience = cmd->patience;
    p->stdin_ends = !cmd->keep_stdin;
    if (cmd->input_len > 0)
        strbuf_add(&p->in, cmd->input, cmd->input_len);
    if (t->ops->start(p, cmd, err) < 0) {
        strbuf_release(&p->in);
        free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

static int pump(struct proc *p, bool *ret_news, struct error *err)
{
    size_t before = p->out.len + p->err.len;
    if (p->transport->ops->pump(p, err) < 0)
        return -1;
    if (p->out.len > PROC_OUTPUT_MAX || p->err.len > PROC_OUTPUT_MAX)
        return error_set(err, ERR_FAILED, "a command wrote more than %d MiB that nobody took",
                         PROC_OUTPUT_MAX >> 20);
    *ret_news = p->ended || p->out.len + p->err.len > before;
    return 0;
}

/* However quiet the host is, a pump sends what shows that it is still there. */
#define LOOK_AGAIN (10 * NSEC_PER_SEC)
#define TICK       (100 * NSEC_PER_MSEC)

/* Output without a pause must not keep it either. */
static void tick_where_due(struct proc *const *procs, size_t n)
{
    int64_t now = clock_now();
    for (size_t i = 0; i < n; i++) {
        struct transport *t = procs[i] ? procs[i]->transport : NULL;
        if (!t || !t->tick || now - t->ticked < TICK)
            continue;
        t->ticked = now;
        t->tick(t->tick_data);
    }
}

/* Wait once for anything that lets one of the procs move. */
static int wait_once(struct proc *const *procs, size_t n, int64_t deadline, struct error *err)
{
    struct pollfd fds[PROCS_AT_ONCE * PROC_POLLFDS + 1];
    size_t n_fds = 0;
    int64_t next = deadline_min(deadline, deadline_in(LOOK_AGAIN));
    for (size_t i = 0; i < n; i++) {
        struct transport *t = procs[i] ? procs[i]->transport : NULL;
        if (!t)
            continue;
        n_fds += t->ops->pollfds(procs[i], fds + n_fds);
        next = deadline_min(next, t->tick ? t->ticked + TICK : DEADLINE_NEVER);
    }
    fds[n_fds++] = (struct pollfd){.fd = cancel_fd(), .events = POLLIN};
    int ready = poll(fds, n_fds, deadline_poll_ms(next));
    if (ready < 0 && errno != EINTR)
        return error_set_errno(err, errno, "waiting for a command");
    if (cancel_check(err) < 0)
        return -1;
    if (ready == 0 && clock_now() >= deadline)
        return error_set(err, ERR_TIMEOUT, "timed out");
    return 0;
}

static uint64_t activity_of(struct proc *const *procs, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += procs[i] ? procs[i]->transport->activity : 0;
    return sum;
}

int proc_wait_any(struct proc *const *procs, size_t n, int64_t deadline, size_t *ret_index,
                  struct error *err)
{
    if (n > PROCS_AT_ONCE)
        return error_set(err, ERR_FAILED, "more than %d commands at once", PROCS_AT_ONCE);
    /* Output without a pause must not keep a caller from its deadline, nor from a Ctrl-C. */
    bool late = deadline > 0 && clock_now() >= deadline;
    for (;;) {
        uint64_t before = activity_of(procs, n);
        tick_where_due(procs, n);
        if (cancel_check(err) < 0)
            return -1;
        for (size_t i = 0; i < n; i++) {
            bool news = false;
            if (!procs[i])
                continue;
            if (!procs[i]->ended && pump(procs[i], &news, err) < 0)
                return -1;
            if (procs[i]->ended || (news && !late)) {
                *ret_index = i;
                return 0;
            }
            if (news)
                return error_set(err, ERR_TIMEOUT, "timed out");
        }
        if (activity_of(procs, n) == before && wait_once(procs, n, deadline, err) < 0)
            return -1;
    }
}

int proc_wait(struct proc *p, int64_t deadline, struct error *err)
{
    size_t index;
    while (!p->ended)
        if (proc_wait_any(&p, 1, deadline, &index, err) < 0)
            return -1;
    return 0;
}

struct strbuf *proc_out(struct proc *p)
{
    return &p->out;
}

struct strbuf *proc_err(struct proc *p)
{
    return &p->err;
}

bool proc_ended(const struct proc *p, struct exit_status *ret)
{
    if (p->ended && ret)
        *ret = p->status;
    return p->ended;
}

bool proc_is_lost(const struct proc *p)
{
    return p->transport->lost || p->generation != p->transport->generation;
}

int proc_write(struct proc *p, const void *data, size_t len, struct error *err)
{
    if (p->stdin_ends || p->stdin_closed)
        return error_set(err, ERR_FAILED, "standard input of the command is closed");
    strbuf_add(&p->in, data, len);
    return 0;
}

int proc_flush(struct proc *p, int64_t deadline, struct error *err)
{
    bool news;
    for (;;) {
        uint64_t before = p->transport->activity;
        tick_where_due(&p, 1);
        if (!p->ended && pump(p, &news, err) < 0)
            return -1;
        if (p->ended || (p->in.len == 0 && !p->transport->sending))
            return 0;
        if (p->transport->activity == before && wait_once(&p, 1, deadline, err) < 0)
            return -1;
    }
}

int proc_close_stdin(struct proc *p, struct error *err)
{
    (void)err;
    p->stdin_ends = true;
    return 0;
}

int proc_kill(struct proc *p, int64_t grace, struct error *err)
{
    if (p->ended)
        return 0;
    if (!p->killable)
        return error_set(err, ERR_FAILED, "the command was not started to be killed");
    static const char *const signals[] = {"TERM", "KILL"};
    struct error failure = ERROR_INIT; /* success leaves `err` alone */
    int result = -1;
    cancel_shield_begin();
    if (p->patience > 0)
        result = proc_wait(p, deadline_in(p->patience), &failure);
    if (failure.code != ERR_UNREACHABLE) /* else the host has to wait for it, at its signal */
        p->patience = 0;
    for (size_t i = 0; i < ARRAY_SIZE(signals) && result < 0; i++) {
        error_release(&failure);
        result = p->transport->ops->signal(p, signals[i], &failure);
        if (result == 0)
            result = proc_wait(p, deadline_in(i == 0 ? grace : 10 * NSEC_PER_SEC), &failure);
        if (result == 0 || failure.code == ERR_UNREACHABLE)
            break;
    }
    cancel_shield_end();
    if (result < 0)
        error_move(err, &failure);
    error_release(&failure);
    return result;
}

void proc_free(struct proc *p)
{
    if (!p)
        return;
    if (!p->ended && p->killable && !p->transport->lost) {
        cleanup_error struct error ignored = ERROR_INIT; /* closing it below is all that is left */
        (void)proc_kill(p, NSEC_PER_SEC, &ignored);
    }
    p->transport->ops->proc_close(p);
    strbuf_release(&p->out);
    strbuf_release(&p->err);
    strbuf_release(&p->in);
    free(p);
}

void proc_freep_(struct proc **p)
{
    proc_free(*p);
}
