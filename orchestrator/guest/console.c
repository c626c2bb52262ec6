/* SPDX-License-Identifier: Apache-2.0
 * The guest's debug console through `kata-runtime exec`: a terminal on the host that leads to a
 * shell on a terminal of the guest. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "guest/protocol.h"
#include "guest/way.h"

#define HELLO_AGAIN                                                                                \
    (3 * NSEC_PER_SEC) /* a line typed while the terminals were set up may be lost */
#define STOP_GRACE (2 * NSEC_PER_SEC)

enum { TAIL = 2048, SAID_MAX = 300 };

struct console {
    struct proc *p; /* NULL: closed; opened again for the next command */
    struct guest_reply reply;
    bool base64;        /* the guest can decode it */
    struct strbuf tail; /* the last that came, as it came: what a dying console said */
};

/* --- why it does not answer --------------------------------------------------------------------
 */

static const struct cause {
    const char *said;
    const char *means;
    const char *hint;
} causes[] = {
    {"a password is required", "sudo wants a password on the host",
     "allow it without one there (visudo: `USER ALL=(ALL) NOPASSWD: ALL`), or log in as root"},
    {"command not found", "the host has no kata-runtime",
     "is Kata installed there, and on root's PATH?"},
    {"kata-runtime: No such file", "the host has no kata-runtime",
     "is Kata installed there, and on root's PATH?"},
    {"shim-monitor.sock", "no sandbox of this id runs on the host",
     "has the container ended? `nerdctl ps -a` or `ctr containers ls` there lists them"},
};

/* What the console said last, on one line, without echo of ours and control characters. */
static char *last_said(const struct console *c)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    const char *from = strbuf_str(&c->tail), *end = from + c->tail.len;
    while (from < end) {
        const char *eol = memchr(from, '\n', (size_t)(end - from));
        const char *stop = eol ? eol : end;
        bool echo = memmem(from, (size_t)(stop - from), "sh -c 'stty", 11) != NULL;
        size_t before = text.len;
        for (const char *at = from; at < stop && !echo; at++)
            if ((unsigned char)*at >= 0x20 && *at != 0x7f)
                strbuf_putc(&text, *at);
        if (text.len > before)
            strbuf_puts(&text, "; ");
        from = stop + 1;
    }
    if (text.len > 0)
        strbuf_truncate(&text, text.len - 2);
    if (text.len > SAID_MAX)
        strbuf_consume(&text, text.len - SAID_MAX);
    return strbuf_steal(&text);
}

/* The console has ended, or has not answered in time. */
static int no_answer(const struct console *c, enum error_code code, const char *what,
                     struct error *err)
{
    cleanup_free char *said = last_said(c);
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        if (!strstr(said, causes[i].said))
            continue;
        error_set(err, ERR_FAILED, "%s: %s", what, causes[i].means);
        return error_hint(err, "%s", causes[i].hint);
    }
    /* Under a command that is the command's output, encoded. */
    bool telling = *said && !c->reply.started;
    error_set(err, code, "%s%s%s", what, telling ? ": " : "", telling ? said : "");
    return error_hint(err, "is debug_console_enabled set in Kata's configuration, and does the "
                           "container still run?");
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void hang_up(struct console *c)
{
    proc_free(c->p);
    c->p = NULL;
}

/* Feed the reply with what has come. */
static bool listen(struct console *c, struct strbuf *out, struct strbuf *err_out)
{
    struct strbuf *came = proc_out(c->p);
    bool any = came->len > 0;
    guest_reply_feed(&c->reply, strbuf_str(came), came->len, out, err_out);
    strbuf_add(&c->tail, strbuf_str(came), came->len);
    if (c->tail.len > 2 * TAIL)
        strbuf_consume(&c->tail, c->tail.len - TAIL);
    strbuf_truncate(came, 0);
    return any;
}

/* Until the shell has answered. ERR_TIMEOUT at the deadline. */
static int wait_answer(struct console *c, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf none = STRBUF_INIT;
    for (;;) {
        size_t index;
        listen(c, &none, &none);
        if (c->reply.answered)
            return 0;
        if (proc_ended(c->p, NULL))
            return no_answer(c, ERR_FAILED, "its console ended at once", err);
        if (proc_wait_any(&c->p, 1, deadline, &index, err) < 0)
            return -1;
    }
}

/* A hello said twice is obeyed twice, and what is typed behind both reaches the last: any of their
 * answers will do. */
static int hello(struct console *c, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    if (guest_reply_begin(&c->reply, 0, err) < 0)
        return -1;
    guest_hello(c->reply.token, &line);
    for (int64_t patience = HELLO_AGAIN;; patience *= 2) {
        cleanup_error struct error waiting = ERROR_INIT;
        if (proc_write(c->p, line.data, line.len, err) < 0)
            return -1;
        if (wait_answer(c, deadline_min(deadline, deadline_in(patience)), &waiting) == 0)
            return 0;
        if (waiting.code != ERR_TIMEOUT) {
            error_move(err, &waiting);
            return -1;
        }
        if (clock_now() >= deadline)
            return no_answer(c, ERR_TIMEOUT, "its console does not answer", err);
    }
}

static int define(struct console *c, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    if (guest_reply_begin(&c->reply, 0, err) < 0)
        return -1;
    guest_definitions(c->reply.token, &lines);
    if (proc_write(c->p, lines.data, lines.len, err) < 0)
        return -1;
    if (wait_answer(c, deadline, err) < 0)
        return error_wrap(err, "its console");
    if (c->reply.tools != 'b' && c->reply.tools != 'o') {
        error_set(err, ERR_FAILED, "it has neither od nor hexdump");
        return error_hint(err, "add coreutils or busybox to the guest's image");
    }
    c->base64 = c->reply.tools == 'b';
    return 0;
}

static int connect_console(struct guest *g, int64_t deadline, struct error *err)
{
    struct console *c = g->handle;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "kata-runtime", "exec", g->sandbox, NULL);
    const struct command cmd = {.argv = &argv, .become = true, .pty = true, .keep_stdin = true};
    hang_up(c);
    strbuf_truncate(&c->tail, 0);
    if (proc_start(g->transport, &cmd, &c->p, err) < 0)
        return -1;
    if (hello(c, deadline, err) == 0 && define(c, deadline, err) == 0)
        return 0;
    hang_up(c);
    return -1;
}

static void console_close(struct guest *g)
{
    struct console *c = g->handle;
    hang_up(c);
    guest_reply_release(&c->reply);
    strbuf_release(&c->tail);
    free(c);
    g->handle = NULL;
}

static int console_open(struct guest *g, int64_t deadline, struct error *err)
{
    g->handle = xcalloc(1, sizeof(struct console));
    return connect_console(g, deadline, err);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static int console_start(struct guest *g, const struct guest_command *cmd, struct error *err)
{
    struct console *c = g->handle;
    if ((!c->p || proc_ended(c->p, NULL)) && connect_console(g, g->deadline, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    if (guest_reply_begin(&c->reply, g->max_output, err) < 0)
        return -1;
    guest_request(c->reply.token, cmd, c->base64, &lines);
    return proc_write(c->p, lines.data, lines.len, err);
}

static struct proc *console_proc(struct guest *g)
{
    const struct console *c = g->handle;
    return c->p;
}

static int console_take(struct guest *g, bool *ret_news, bool *ret_done, struct error *err)
{
    struct console *c = g->handle;
    *ret_news = listen(c, &g->result.out, &g->result.err);
    *ret_done = c->reply.ended;
    if (*ret_done) {
        g->result.status = (struct exit_status){.code = c->reply.status};
        return c->reply.status >= 0 ? 0 : error_set(err, ERR_FAILED, "it ended without a status");
    }
    if (*ret_news || !proc_ended(c->p, NULL))
        return 0;
    return no_answer(c, ERR_FAILED, "the guest's console has ended", err);
}

/* Ctrl-C, and again where that is not enough. *ret: has the command ended? */
static int interrupt(struct guest *g, bool *ret, struct error *err)
{
    struct console *c = g->handle;
    for (int i = 0; i < 2; i++) {
        int64_t deadline = deadline_in(STOP_GRACE);
        if (proc_write(c->p, GUEST_INTERRUPT, 1, err) < 0)
            return -1;
        for (;;) {
            size_t index;
            cleanup_error struct error waiting = ERROR_INIT;
            listen(c, &g->result.out, &g->result.err);
            *ret = c->reply.ended;
            if (*ret || proc_ended(c->p, NULL))
                return 0;
            if (proc_wait_any(&c->p, 1, deadline, &index, &waiting) == 0)
                continue;
            if (waiting.code == ERR_TIMEOUT)
                break;
            error_move(err, &waiting);
            return -1;
        }
    }
    return 0;
}

/* What comes behind the answer is the person's: read up to the end of that line only. */
static int console_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                         struct error *err)
{
    struct console *c = g->handle;
    cleanup_strbuf struct strbuf lines = STRBUF_INIT, none = STRBUF_INIT;
    if ((!c->p || proc_ended(c->p, NULL)) && connect_console(g, deadline, err) < 0)
        return -1;
    if (guest_reply_begin(&c->reply, 0, err) < 0)
        return -1;
    guest_request_shell(c->reply.token, rows, columns, &lines);
    if (proc_write(c->p, lines.data, lines.len, err) < 0)
        return -1;
    for (;;) {
        size_t index;
        const char *eol;
        struct strbuf *came = proc_out(c->p);
        while (!c->reply.answered && (eol = memchr(strbuf_str(came), '\n', came->len))) {
            size_t n = (size_t)(eol + 1 - came->data);
            guest_reply_feed(&c->reply, came->data, n, &none, &none);
            strbuf_consume(came, n);
        }
        if (c->reply.answered)
            return 0;
        if (proc_ended(c->p, NULL))
            return no_answer(c, ERR_FAILED, "the guest's console has ended", err);
        if (proc_wait_any(&c->p, 1, deadline, &index, err) < 0)
            return -1;
    }
}

/* Before the command has started, what is typed is its input, and Ctrl-C would leave the rest of
 * that to be taken for commands: then the console is given up. */
static int console_stop(struct guest *g, struct error *err)
{
    struct console *c = g->handle;
    bool ended = false;
    cleanup_error struct error failure = ERROR_INIT;
    int result = 0;
    if (c->p && c->reply.started && !proc_ended(c->p, NULL))
        result = interrupt(g, &ended, &failure);
    if (!ended)
        hang_up(c);
    if (result < 0)
        error_move(err, &failure);
    g->result.status = (struct exit_status){.code = c->reply.status};
    return result;
}

const struct guest_way guest_console = {
    .name = "console",
    .open = console_open,
    .start = console_start,
    .proc = console_proc,
    .take = console_take,
    .stop = console_stop,
    .shell = console_shell,
    .close = console_close,
};
