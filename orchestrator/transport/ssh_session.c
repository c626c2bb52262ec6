/* SPDX-License-Identifier: Apache-2.0
 * A session from its socket to its login, through jump hosts where there are any. */
#include "transport/ssh_session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/text.h"

#define DEFAULT_TIMEOUT (20 * NSEC_PER_SEC)

enum {
    KEEPALIVE_SECONDS = 15,
    MOST_JUMPS = 8,
    UNSENT_MAX = 16 << 20, /* a packet for each command, and what a host asks that reads nothing */
};

int ssh_error(struct ssh *s, const char *what, struct error *err)
{
    char *text = NULL;
    if (err->code == ERR_INTERRUPTED || err->code == ERR_TIMEOUT)
        return -1; /* ssh_wait has said it */
    libssh2_session_last_error(s->session, &text, NULL, 0);
    return error_set(err, ERR_UNREACHABLE, "%s on %s: %s", what, s->settings.host,
                     text && *text ? text : "the connection was closed");
}

int ssh_wait(struct ssh *s, int64_t deadline, const char *what, struct error *err)
{
    uint64_t before = *s->activity;
    ssh_flush(s);
    /* What has come in meanwhile, or that nothing will, is for the call that is made again. */
    bool news = s->broken || *s->activity != before;
    struct pollfd fds[] = {{.fd = s->fd, .events = ssh_poll_events(s)},
                           {.fd = cancel_fd(), .events = POLLIN}};
    if (poll(fds, ARRAY_SIZE(fds), news ? 0 : deadline_poll_ms(deadline)) < 0 && errno != EINTR)
        return error_set_errno(err, errno, "waiting for %s", s->settings.host);
    if (cancel_check(err) < 0)
        return -1;
    if (clock_now() < deadline)
        return 0;
    error_set(err, ERR_UNREACHABLE, "%s %s: timed out", what, s->settings.host);
    return error_hint(err,
                      "the machine may be overloaded, or something other than sshd listens there");
}

static void on_disconnect(LIBSSH2_SESSION *session, int reason, const char *message,
                          int message_len, const char *language, int language_len, void **abstract)
{
    (void)session, (void)reason, (void)language, (void)language_len;
    struct ssh *s = *abstract;
    cleanup_free char *said = xstrndup(message, message_len > 0 ? (size_t)message_len : 0);
    free(s->farewell);
    s->farewell = text_clean_string(said);
}

/* --- the bytes below the session ---------------------------------------------------------------
 *
 * libssh2 talks to the agent by these two as well: then `fd` is the agent's. */

static ssize_t on_receive(libssh2_socket_t fd, void *buffer, size_t len, int flags, void **abstract)
{
    struct ssh *s = *abstract;
    ssize_t n;
    if (fd == s->fd && s->broken)
        return -ECONNRESET;
    if (fd == s->fd && s->tunnel) {
        n = libssh2_channel_read(s->tunnel, buffer, len);
        if (n < 0)
            n = n == LIBSSH2_ERROR_EAGAIN ? -EAGAIN : -ECONNRESET;
    } else {
        n = recv(fd, buffer, len, flags);
        if (n < 0)
            n = -errno;
    }
    if (n > 0 && fd == s->fd)
        ++*s->activity;
    if (fd == s->fd && n <= 0 && n != -EAGAIN && n != -EINTR)
        s->over = true;
    return n;
}

/* Bytes that were taken; 0: none now; -1: none any more. */
static ssize_t send_some(struct ssh *s, const char *data, size_t len)
{
    if (s->tunnel) {
        if (ssh_has_unsent(s->jump))
            return 0;
        ssize_t n = libssh2_channel_write(s->tunnel, data, len);
        return n == LIBSSH2_ERROR_EAGAIN ? 0 : n < 0 ? -1 : n;
    }
    ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return n;
}

void ssh_flush(struct ssh *s)
{
    size_t sent = 0;
    if (s->jump) {
        ssh_flush(s->jump);
        s->broken = s->broken || s->jump->broken;
    }
    while (!s->broken && sent < s->unsent.len) {
        ssize_t n = send_some(s, s->unsent.data + sent, s->unsent.len - sent);
        if (n == 0)
            break;
        if (n < 0)
            s->broken = true;
        else
            sent += (size_t)n;
    }
    strbuf_consume(&s->unsent, sent);
    if (sent > 0 && s->unsent.len == 0)
        s->turn++;
}

bool ssh_has_unsent(const struct ssh *s)
{
    return s->unsent.len > 0 || (s->jump && ssh_has_unsent(s->jump));
}

short ssh_poll_events(const struct ssh *s)
{
    while (s->jump) /* what a tunnel does not take waits for the socket, or for the hop's word */
        s = s->jump;
    return POLLIN | (s->unsent.len > 0 ? POLLOUT : 0);
}

static ssize_t on_send(libssh2_socket_t fd, const void *buffer, size_t len, int flags,
                       void **abstract)
{
    struct ssh *s = *abstract;
    if (fd != s->fd) {
        ssize_t n = send(fd, buffer, len, flags | MSG_NOSIGNAL);
        return n < 0 ? -errno : n;
    }
    strbuf_add(&s->unsent, buffer, len);
    ssh_flush(s);
    s->broken = s->broken || s->unsent.len > UNSENT_MAX;
    return s->broken ? -ECONNRESET : (ssize_t)len;
}

/* --- opening -----------------------------------------------------------------------------------
 */

void ssh_free(struct ssh *s)
{
    if (!s)
        return;
    /* While there is a connection libssh2 wants to hear the other side's word before it frees a
     * channel, and frees nothing until then. What was written still goes out. */
    if (s->fd >= 0)
        (void)shutdown(s->fd, SHUT_RDWR); /* lost already: just as well */
    if (s->session)
        libssh2_session_free(s->session); /* frees its channels too */
    if (s->tunnel)
        libssh2_channel_free(s->tunnel);
    if (s->jump)
        ssh_free(s->jump);
    else if (s->fd >= 0)
        close(s->fd); /* everything that mattered was answered */
    ssh_settings_release(&s->settings);
    strbuf_release(&s->unsent);
    free(s->farewell);
    free(s);
}

/* A channel of the last hop to the host. */
static int open_tunnel(struct ssh *s, struct error *err)
{
    while (!(s->tunnel = libssh2_channel_direct_tcpip_ex(s->jump->session, s->settings.host,
                                                         s->settings.port, "127.0.0.1", 0))) {
        if (libssh2_session_last_errno(s->jump->session) != LIBSSH2_ERROR_EAGAIN) {
            ssh_error(s->jump, "opening the way through", err);
            return error_wrap(err, "connecting to %s port %d", s->settings.host, s->settings.port);
        }
        if (ssh_wait(s->jump, s->deadline, "connecting through", err) < 0)
            return -1;
    }
    return 0;
}

static int start_session(struct ssh *s, struct error *err)
{
    s->session = libssh2_session_init_ex(NULL, NULL, NULL, s);
    if (!s->session)
        return error_set(err, ERR_FAILED, "libssh2 has no memory for a session");
    libssh2_session_set_blocking(s->session, 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_RECV, (void *)on_receive);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_SEND, (void *)on_send);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_DISCONNECT, (void *)on_disconnect);
#pragma GCC diagnostic pop
    ssh_hostkey_prefer_known(s);
    int rc = SSH_RETRY(s, s->deadline, "the handshake with", err,
                       libssh2_session_handshake(s->session, s->fd));
    if (rc != 0)
        return err->message ? -1 : ssh_error(s, "the handshake", err);
    if (ssh_hostkey_check(s, err) < 0)
        return -1;
    s->deadline = deadline_in(s->timeout); /* the user may have been asked */
    if (ssh_login(s, err) < 0)
        return -1;
    libssh2_keepalive_config(s->session, 1, KEEPALIVE_SECONDS);
    return 0;
}

static int open_hop(const struct host_spec *spec, const char *through, int depth,
                    uint64_t *activity, struct ssh **ret, struct error *err);

/* The hop before `s`. "a,b,c" goes through a, then b, then c: c is the hop before, reached in turn
 * through what stands in front of it. */
static int open_jump(struct ssh *s, const struct host_spec *spec, int depth, struct error *err)
{
    if (depth >= MOST_JUMPS)
        return error_set(err, ERR_USAGE, "more than %d jumps to %s", MOST_JUMPS, s->settings.host);
    char *comma = strrchr(s->settings.jump, ',');
    struct host_spec hop = *spec;
    hop.destination = comma ? comma + 1 : s->settings.jump;
    hop.identity = NULL;
    cleanup_free char *before =
        comma ? xstrndup(s->settings.jump, (size_t)(comma - s->settings.jump)) : NULL;
    if (open_hop(&hop, before, depth + 1, s->activity, &s->jump, err) < 0)
        return error_wrap(err, "jumping through %s", hop.destination);
    s->fd = s->jump->fd;
    return 0;
}

/* `through`: jumps given by the hop behind; NULL: those of the host's own settings. */
static int open_hop(const struct host_spec *spec, const char *through, int depth,
                    uint64_t *activity, struct ssh **ret, struct error *err)
{
    struct ssh *s = xcalloc(1, sizeof(*s));
    s->fd = -1;
    s->activity = activity;
    s->policy = spec->host_key_policy;
    s->timeout = spec->connect_timeout > 0 ? spec->connect_timeout : DEFAULT_TIMEOUT;
    int result = ssh_settings_read(spec, &s->settings, err);
    if (result == 0 && through) {
        free(s->settings.jump);
        s->settings.jump = xstrdup(through);
    }
    if (result == 0 && s->settings.jump) {
        result = open_jump(s, spec, depth, err);
        s->deadline = deadline_in(s->timeout);
        if (result == 0)
            result = open_tunnel(s, err);
    } else if (result == 0) {
        s->deadline = deadline_in(s->timeout);
        s->fd = ssh_socket_connect(s->settings.host, s->settings.port, s->deadline, err);
        result = s->fd < 0 ? -1 : 0;
    }
    if (result == 0)
        result = start_session(s, err);
    if (result < 0) {
        ssh_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int ssh_open(const struct host_spec *spec, uint64_t *activity, struct ssh **ret, struct error *err)
{
    static bool initialized; /* libssh2_init is for the first thread, before any other */
    if (!initialized && libssh2_init(0) != 0)
        return error_set(err, ERR_FAILED, "libssh2 cannot be initialized");
    initialized = true;
    return open_hop(spec, NULL, 0, activity, ret, err);
}
