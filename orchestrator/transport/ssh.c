/* SPDX-License-Identifier: Apache-2.0
 * Commands over an ssh connection: one exec channel each. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "transport/backend.h"
#include "transport/command_line.h"
#include "transport/ssh_group.h"
#include "transport/ssh_session.h"

enum {
    CHUNK = 65536,
    WINDOW = 4 * 1024 * 1024, /* what may be under way unread: enough for 200 ms at 20 MB/s */
    PACKET = 32768,
    QUEUE = 256 * 1024, /* bytes kept between the connection and a descriptor */
};

#define START_TIMEOUT (30 * NSEC_PER_SEC) /* where the caller has no other wish */

/* The connection of a transport. */
struct connection {
    struct ssh *ssh;
    char *destination, *identity, *known_hosts, *ssh_config;
    struct host_spec spec; /* its strings are those above */
};

struct channel {
    LIBSSH2_CHANNEL *channel;
    int in_fd, out_fd;      /* pumped from and to; -1: none */
    struct strbuf out;      /* on its way to out_fd */
    struct ssh_group group; /* of a killable command */
    uint64_t turn;          /* of the session, when it sent last */
};

static struct ssh *ssh_of(const struct transport *t)
{
    return ((struct connection *)t->handle)->ssh;
}

static int gone(const struct transport *t, struct error *err)
{
    error_set(err, ERR_UNREACHABLE, "the connection to %s was lost", t->name);
    return error_hint(err, "see whether the machine still runs, then run again");
}

static int lost(struct transport *t, struct error *err)
{
    t->lost = true;
    return gone(t, err);
}

static bool is_lost_code(int rc)
{
    return rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_SEND ||
           rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_TIMEOUT ||
           rc == LIBSSH2_ERROR_BAD_SOCKET || rc == LIBSSH2_ERROR_SOCKET_NONE;
}

/* What is refused leaves the session as it was; after anything else (a packet that cannot be read,
 * say) nobody knows what becomes of the next one: what undoes needs a new connection. */
static bool is_refusal(int rc)
{
    return rc == LIBSSH2_ERROR_CHANNEL_FAILURE || rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED ||
           rc == LIBSSH2_ERROR_INVAL;
}

/* ssh_wait gave up and has said why. At a stop the session is as it was; where the host has not
 * answered in its time, nobody can go on with it. */
static int gave_up(struct transport *t, const struct error *err)
{
    if (err->code != ERR_INTERRUPTED)
        t->lost = true;
    return -1;
}

static int failed(struct transport *t, int rc, const char *what, struct error *err)
{
    if (is_lost_code(rc))
        return lost(t, err);
    if (rc == LIBSSH2_ERROR_TIMEOUT && err->message)
        return gave_up(t, err);
    ssh_error(ssh_of(t), what, err);
    if (is_refusal(rc))
        return -1;
    t->lost = true;
    return error_hint(err, "run again, over a new connection");
}

/* --- starting ----------------------------------------------------------------------------------
 */

/* The command as text for the login shell of the host, whatever shell that is: quoted words. */
static char *command_text(const struct proc *p, const struct command *cmd, struct channel *c)
{
    const struct ssh *s = ssh_of(p->transport);
    bool root = strcmp(s->settings.user, "root") == 0;
    cleanup_strv struct strv inner = STRV_INIT, argv = STRV_INIT;
    if (cmd->killable)
        ssh_group_announce(&c->group, &inner);
    strv_extend(&inner, cmd->argv);
    struct command whole = *cmd;
    whole.argv = &inner;
    whole.login = false;
    if (cmd->login) { /* what $SHELL is only the host knows */
        strv_push_all(&argv, "sh", "-c", "exec \"${SHELL:-/bin/sh}\" -l -c 'exec \"$@\"' sh \"$@\"",
                      "sh", NULL);
        strv_extend(&argv, &inner);
        strv_release(&inner);
        inner = argv;
        argv = (struct strv)STRV_INIT;
    }
    command_line_add(&whole, root ? NULL : p->transport->become, NULL, &argv);
    cleanup_free char *line = strv_quote(&argv);
    if (!cmd->dir)
        return xasprintf("exec %s", line);
    cleanup_free char *dir = shell_quote(cmd->dir);
    return xasprintf("cd %s || exit 126; exec %s", dir, line);
}

static int open_channel(struct transport *t, struct channel *c, int64_t deadline, struct error *err)
{
    struct ssh *s = ssh_of(t);
    while (!(c->channel =
                 libssh2_channel_open_ex(s->session, "session", 7, WINDOW, PACKET, NULL, 0))) {
        int rc = libssh2_session_last_errno(s->session);
        if (rc != LIBSSH2_ERROR_EAGAIN) {
            failed(t, rc, "opening a channel", err);
            return error_hint(err, "the host may allow no more sessions (MaxSessions of sshd)");
        }
        if (ssh_wait(s, deadline, "opening a channel on", err) < 0)
            return gave_up(t, err);
    }
    return 0;
}

/* The answer to a killable command's start is waited for, stop or no stop: it may run by then, and
 * whoever gave it up here could not end it any more. */
static int exec_on(struct proc *p, const struct command *cmd, struct channel *c, int64_t deadline,
                   struct error *err)
{
    struct ssh *s = ssh_of(p->transport);
    cleanup_free char *text = command_text(p, cmd, c);
    if (cmd->killable)
        cancel_shield_begin();
    int rc = SSH_RETRY(s, deadline, "starting a command on", err,
                       libssh2_channel_exec(c->channel, text));
    if (cmd->killable)
        cancel_shield_end();
    return rc == 0 ? 0 : failed(p->transport, rc, "starting a command", err);
}

static int start_on(struct proc *p, const struct command *cmd, struct channel *c, struct error *err)
{
    struct transport *t = p->transport;
    struct ssh *s = ssh_of(t);
    int64_t deadline = deadline_in(cmd->start_timeout ? cmd->start_timeout : START_TIMEOUT);
    if (open_channel(t, c, deadline, err) < 0)
        return -1;
    int rc = 0;
    if (cmd->pty)
        rc = SSH_RETRY(s, deadline, "asking for a terminal on", err,
                       libssh2_channel_request_pty(c->channel, "xterm"));
    if (rc != 0)
        return failed(t, rc, "asking for a terminal", err);
    if (cancel_check(err) < 0)
        return -1;
    return exec_on(p, cmd, c, deadline, err);
}

static void channel_free(struct channel *c)
{
    cleanup_closep_(&c->in_fd);
    cleanup_closep_(&c->out_fd);
    strbuf_release(&c->out);
    ssh_group_release(&c->group);
    free(c);
}

/* Close the channel without waiting for the host. */
static void drop_channel(const struct proc *p, struct channel *c)
{
    cleanup_error struct error unheard = ERROR_INIT;
    if (!c->channel || proc_is_lost(p))
        return;
    struct ssh *s = ssh_of(p->transport);
    cancel_shield_begin();
    (void)SSH_RETRY(s, deadline_in(NSEC_PER_SEC), "closing a channel on", &unheard,
                    libssh2_channel_free(c->channel));
    cancel_shield_end();
    c->channel = NULL;
}

static int ssh_start(struct proc *p, const struct command *cmd, struct error *err)
{
    struct channel *c = xcalloc(1, sizeof(*c));
    c->in_fd = cmd->stdin_fd > 0 ? cmd->stdin_fd : -1;
    c->out_fd = cmd->stdout_fd > 0 ? cmd->stdout_fd : -1;
    fs_set_nonblocking(c->in_fd);
    fs_set_nonblocking(c->out_fd);
    if (c->in_fd >= 0)
        p->stdin_ends = false;
    cleanup_error struct error failure = ERROR_INIT;
    int result = p->transport->lost ? lost(p->transport, &failure) : start_on(p, cmd, c, &failure);
    if (result < 0) {
        error_move(err, &failure);
        drop_channel(p, c);
        channel_free(c);
        return -1;
    }
    p->handle = c;
    return 0;
}

/* --- pumping -----------------------------------------------------------------------------------
 */

static size_t ssh_pollfds(struct proc *p, struct pollfd fds[PROC_POLLFDS])
{
    const struct channel *c = p->handle;
    const struct ssh *s = ssh_of(p->transport);
    size_t n = 0;
    if (p->ended || proc_is_lost(p))
        return 0;
    fds[n++] = (struct pollfd){.fd = s->fd, .events = ssh_poll_events(s)};
    if (c->in_fd >= 0 && p->in.len < QUEUE)
        fds[n++] = (struct pollfd){.fd = c->in_fd, .events = POLLIN};
    if (c->out_fd >= 0 && c->out.len > 0)
        fds[n++] = (struct pollfd){.fd = c->out_fd, .events = POLLOUT};
    return n;
}

/* From in_fd to the queue. */
static void fill_input(struct proc *p, struct channel *c)
{
    while (c->in_fd >= 0 && p->in.len < QUEUE) {
        ssize_t n = read(c->in_fd, strbuf_reserve(&p->in, CHUNK), CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            cleanup_closep_(&c->in_fd);
            c->in_fd = -1;
            p->stdin_ends = true;
            return;
        }
        p->in.len += (size_t)n;
        p->in.data[p->in.len] = '\0';
    }
}

/* While something is unsent a command may put one packet behind it: else the one that is asked
 * first would keep the others from sending. */
static bool may_send(const struct ssh *s, struct channel *c)
{
    if (ssh_has_unsent(s) && c->turn == s->turn)
        return false;
    c->turn = s->turn;
    return true;
}

static int send_input(struct proc *p, struct channel *c, struct error *err)
{
    static const char what[] = "sending a command's input";
    const struct ssh *s = ssh_of(p->transport);
    fill_input(p, c);
    size_t sent = 0;
    ssize_t rc = 0;
    while (sent < p->in.len && may_send(s, c)) {
        rc = libssh2_channel_write(c->channel, p->in.data + sent, p->in.len - sent);
        if (rc <= 0)
            break;
        sent += (size_t)rc;
    }
    strbuf_consume(&p->in, sent);
    if (rc == LIBSSH2_ERROR_CHANNEL_CLOSED || rc == LIBSSH2_ERROR_CHANNEL_EOF_SENT) {
        strbuf_truncate(&p->in, 0); /* it reads no more, which is its right */
        p->stdin_closed = true;
    } else if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN) {
        return failed(p->transport, (int)rc, what, err);
    }
    if (p->in.len > 0 || !p->stdin_ends || p->stdin_closed)
        return 0;
    rc = libssh2_channel_send_eof(c->channel);
    p->stdin_closed = rc == 0;
    return rc == 0 || rc == LIBSSH2_ERROR_EAGAIN ? 0 : failed(p->transport, (int)rc, what, err);
}

/* Take what is there of one stream, little more than `max` bytes. */
static int take_stream(struct proc *p, struct channel *c, int stream, struct strbuf *to, size_t max,
                       struct error *err)
{
    size_t got = 0;
    while (got < max) {
        ssize_t n = libssh2_channel_read_ex(c->channel, stream, strbuf_reserve(to, CHUNK), CHUNK);
        if (n == LIBSSH2_ERROR_EAGAIN || n == 0)
            return 0;
        if (n < 0)
            return failed(p->transport, (int)n, "reading a command's output", err);
        to->len += (size_t)n;
        to->data[to->len] = '\0';
        got += (size_t)n;
    }
    p->transport->activity++; /* there may be more */
    return 0;
}

/* To out_fd. What the other side does not want any more is dropped. */
static void flush_output(struct channel *c)
{
    size_t done = 0;
    while (c->out_fd >= 0 && done < c->out.len) {
        ssize_t n = write(c->out_fd, c->out.data + done, c->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            cleanup_closep_(&c->out_fd);
            c->out_fd = -1;
            done = c->out.len;
            break;
        }
        done += (size_t)n;
    }
    strbuf_consume(&c->out, done);
}

static int take_group(struct proc *p, struct channel *c, struct error *err)
{
    if (ssh_group_take(&c->group, &p->err) == 0)
        return 0;
    error_set(err, ERR_FAILED, "the login on %s wrote more than %d KiB before the command began",
              p->transport->name, SSH_GROUP_HEAD_MAX >> 10);
    return error_hint(err,
                      "`ssh %s true` shows it; make the login shell's files print nothing where "
                      "there is no terminal",
                      ssh_of(p->transport)->settings.host);
}

static void set_status(struct proc *p, struct channel *c)
{
    char *name = NULL;
    size_t len = 0;
    p->status = (struct exit_status){.code = libssh2_channel_get_exit_status(c->channel)};
    if (libssh2_channel_get_exit_signal(c->channel, &name, &len, NULL, NULL, NULL, NULL) == 0 &&
        name) {
        p->status.code = -1;
        snprintf(p->status.signal, sizeof(p->status.signal), "%.*s", (int)len, name);
        libssh2_free(ssh_of(p->transport)->session, name);
    }
}

static int ssh_pump(struct proc *p, struct error *err)
{
    struct channel *c = p->handle;
    struct transport *t = p->transport;
    if (proc_is_lost(p))
        return gone(t, err);
    ssh_flush(ssh_of(t));
    int seconds;
    if (libssh2_keepalive_send(ssh_of(t)->session, &seconds) == LIBSSH2_ERROR_SOCKET_SEND)
        return lost(t, err);
    if (!p->stdin_closed && send_input(p, c, err) < 0)
        return -1;
    t->sending = ssh_has_unsent(ssh_of(t));
    flush_output(c);
    struct strbuf *out = c->out_fd >= 0 ? &c->out : &p->out;
    if ((c->out_fd < 0 || c->out.len < QUEUE) && take_stream(p, c, 0, out, QUEUE, err) < 0)
        return -1;
    flush_output(c);
    if (take_stream(p, c, SSH_EXTENDED_DATA_STDERR, &p->err, QUEUE, err) < 0)
        return -1;
    if (take_group(p, c, err) < 0)
        return -1;
    if (!libssh2_channel_eof(c->channel))
        return 0;
    if (c->out_fd >= 0 && c->out.len == 0) {
        cleanup_closep_(&c->out_fd); /* the end of file for who reads there */
        c->out_fd = -1;
    }
    int rc = libssh2_channel_wait_closed(c->channel);
    if (rc == LIBSSH2_ERROR_EAGAIN || c->out_fd >= 0)
        return 0;
    if (rc != 0)
        return failed(t, rc, "waiting for a command", err);
    ssh_group_end(&c->group, &p->err);
    set_status(p, c);
    p->ended = true;
    return 0;
}

/* --- ending ------------------------------------------------------------------------------------
 */

static int ssh_signal(struct proc *p, const char *name, struct error *err)
{
    struct channel *c = p->handle;
    int64_t deadline = deadline_in(10 * NSEC_PER_SEC);
    while (c->group.id == 0 &&
           !p->ended) { /* just started: it will say its group, which is no news */
        if (ssh_pump(p, err) < 0)
            return -1;
        if (c->group.id == 0 && !p->ended &&
            ssh_wait(ssh_of(p->transport), deadline, "stopping a command on", err) < 0)
            return -1;
    }
    if (p->ended || c->group.id <= 1)
        return 0;
    cleanup_strv struct strv argv = STRV_INIT;
    ssh_group_kill(&c->group, name, p->patience, &argv);
    deadline += p->patience;
    p->patience = 0;
    const struct command cmd = {.argv = &argv, .become = p->become};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_run(p->transport, &cmd, deadline, &r, err) < 0)
        return -1;
    if (r.status.code == 0 || strstr(strbuf_str(&r.err), "No such process"))
        return 0;
    return transport_status_error(&cmd, &r, "stopping a command", err);
}

static void ssh_proc_close(struct proc *p)
{
    struct channel *c = p->handle;
    drop_channel(p, c);
    channel_free(c);
}

static int connect_to(struct transport *t, struct connection *c, struct error *err)
{
    if (ssh_open(&c->spec, &t->activity, &c->ssh, err) < 0) {
        c->ssh = NULL;
        if (err->code == ERR_FAILED || err->code == ERR_TIMEOUT)
            err->code = ERR_UNREACHABLE;
        return -1;
    }
    t->lost = false;
    t->generation++;
    return 0;
}

static int ssh_reconnect(struct transport *t, struct error *err)
{
    struct connection *c = t->handle;
    ssh_free(c->ssh);
    c->ssh = NULL;
    t->lost = true;
    return connect_to(t, c, err);
}

static void ssh_close(struct transport *t)
{
    struct connection *c = t->handle;
    if (c->ssh && !t->lost) /* a courtesy: what is not heard does no harm */
        (void)libssh2_session_disconnect(c->ssh->session, "done");
    ssh_free(c->ssh);
    free(c->destination);
    free(c->identity);
    free(c->known_hosts);
    free(c->ssh_config);
    free(c);
}

int transport_ssh_open(struct transport *t, const struct host_spec *spec, struct error *err)
{
    struct connection *c = xcalloc(1, sizeof(*c));
    c->destination = xstrdup(spec->destination);
    c->identity = xstrdup(spec->identity);
    c->known_hosts = xstrdup(spec->known_hosts);
    c->ssh_config = xstrdup(spec->ssh_config);
    c->spec = *spec;
    c->spec.name = t->name;
    c->spec.become = t->become;
    c->spec.destination = c->destination;
    c->spec.identity = c->identity;
    c->spec.known_hosts = c->known_hosts;
    c->spec.ssh_config = c->ssh_config;
    t->handle = c;
    if (connect_to(t, c, err) == 0)
        return 0;
    t->lost = true;
    ssh_close(t);
    return -1;
}

const struct transport_ops transport_ssh = {
    .start = ssh_start,
    .pollfds = ssh_pollfds,
    .pump = ssh_pump,
    .signal = ssh_signal,
    .proc_close = ssh_proc_close,
    .reconnect = ssh_reconnect,
    .close = ssh_close,
};
