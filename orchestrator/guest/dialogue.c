/* SPDX-License-Identifier: Apache-2.0
 * What is said to a shell on a terminal of the guest, and what is heard: the same for every
 * carrier.
 */
#include "guest/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "guest/protocol.h"

#define HELLO_AGAIN                                                                                \
    (3 * NSEC_PER_SEC) /* a line typed while the terminals were set up may be lost */
#define STOP_GRACE (2 * NSEC_PER_SEC)

enum { TAIL = 2048, SAID_MAX = 300 };

struct dialogue {
    const struct carrier *carrier;
    struct proc *p; /* NULL: closed; opened again for the next command */
    struct guest_reply reply;
    bool base64;        /* the guest can decode it */
    struct strbuf tail; /* the last that came, as it came: what a dying console said */
};

/* --- why it does not answer --------------------------------------------------------------------
 */

/* What the console said last, on one line, without echo of ours and control characters. */
static char *last_said(const struct dialogue *d)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    const char *from = strbuf_str(&d->tail), *end = from + d->tail.len;
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
static int no_answer(const struct dialogue *d, enum error_code code, const char *what,
                     struct error *err)
{
    cleanup_free char *said = last_said(d);
    for (const struct cause *cause = d->carrier->causes; cause->said; cause++) {
        if (!strstr(said, cause->said))
            continue;
        error_set(err, ERR_FAILED, "%s: %s", what, cause->means);
        return error_hint(err, "%s", cause->hint);
    }
    /* Under a command that is the command's output, encoded. */
    bool telling = *said && !d->reply.started;
    error_set(err, code, "%s%s%s", what, telling ? ": " : "", telling ? said : "");
    return error_hint(err, "is debug_console_enabled set in Kata's configuration, and does the "
                           "container still run?");
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void hang_up(struct dialogue *d)
{
    proc_free(d->p);
    d->p = NULL;
}

/* Also where the host was connected to again since. */
static bool is_closed(const struct dialogue *d)
{
    return !d->p || proc_ended(d->p, NULL) || proc_is_lost(d->p);
}

/* Feed the reply with what has come. */
static bool listen(struct dialogue *d, struct strbuf *out, struct strbuf *err_out)
{
    struct strbuf *came = proc_out(d->p);
    bool any = came->len > 0;
    guest_reply_feed(&d->reply, strbuf_str(came), came->len, out, err_out);
    strbuf_add(&d->tail, strbuf_str(came), came->len);
    if (d->tail.len > 2 * TAIL)
        strbuf_consume(&d->tail, d->tail.len - TAIL);
    strbuf_truncate(came, 0);
    return any;
}

/* Until the shell has answered. ERR_TIMEOUT at the deadline. */
static int wait_answer(struct dialogue *d, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf none = STRBUF_INIT;
    for (;;) {
        size_t index;
        listen(d, &none, &none);
        if (d->reply.answered)
            return 0;
        if (proc_ended(d->p, NULL))
            return no_answer(d, ERR_FAILED, "its console ended at once", err);
        if (proc_wait_any(&d->p, 1, deadline, &index, err) < 0)
            return -1;
    }
}

/* A hello said twice is obeyed twice, and what is typed behind both reaches the last: any of their
 * answers will do. */
static int hello(struct dialogue *d, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    if (guest_reply_begin(&d->reply, 0, err) < 0)
        return -1;
    guest_hello(d->reply.token, &line);
    for (int64_t patience = HELLO_AGAIN;; patience *= 2) {
        cleanup_error struct error waiting = ERROR_INIT;
        if (proc_write(d->p, line.data, line.len, err) < 0)
            return -1;
        if (wait_answer(d, deadline_min(deadline, deadline_in(patience)), &waiting) == 0)
            return 0;
        if (waiting.code != ERR_TIMEOUT) {
            error_move(err, &waiting);
            return -1;
        }
        if (clock_now() >= deadline)
            return no_answer(d, ERR_TIMEOUT, "its console does not answer", err);
    }
}

static int define(struct dialogue *d, int64_t deadline, struct error *err)
{
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    if (guest_reply_begin(&d->reply, 0, err) < 0)
        return -1;
    guest_definitions(d->reply.token, &lines);
    if (proc_write(d->p, lines.data, lines.len, err) < 0)
        return -1;
    if (wait_answer(d, deadline, err) < 0)
        return error_wrap(err, "its console");
    if (d->reply.tools != 'b' && d->reply.tools != 'o') {
        error_set(err, ERR_FAILED, "it has neither od nor hexdump");
        return error_hint(err, "add coreutils or busybox to the guest's image");
    }
    d->base64 = d->reply.tools == 'b';
    return 0;
}

static int connect_terminal(struct guest *g, int64_t deadline, struct error *err)
{
    struct dialogue *d = g->handle;
    hang_up(d);
    strbuf_truncate(&d->tail, 0);
    if (d->carrier->connect(g, deadline, &d->p, err) < 0)
        return -1;
    if (hello(d, deadline, err) == 0 && define(d, deadline, err) == 0)
        return 0;
    hang_up(d);
    return -1;
}

void dialogue_close(struct guest *g)
{
    struct dialogue *d = g->handle;
    hang_up(d);
    guest_reply_release(&d->reply);
    strbuf_release(&d->tail);
    free(d);
    g->handle = NULL;
}

int dialogue_open(struct guest *g, const struct carrier *carrier, int64_t deadline,
                  struct error *err)
{
    struct dialogue *d = xcalloc(1, sizeof(*d));
    d->carrier = carrier;
    g->handle = d;
    return connect_terminal(g, deadline, err);
}

/* --- commands ----------------------------------------------------------------------------------
 */

int dialogue_start(struct guest *g, const struct guest_command *cmd, struct error *err)
{
    struct dialogue *d = g->handle;
    if (is_closed(d) && connect_terminal(g, g->deadline, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    strbuf_truncate(&d->tail, 0); /* what was said before has nothing to do with this one's end */
    if (guest_reply_begin(&d->reply, g->max_output, err) < 0)
        return -1;
    d->reply.lines = cmd->form == GUEST_LINES;
    guest_request(d->reply.token, cmd, d->base64, &lines);
    return proc_write(d->p, lines.data, lines.len, err);
}

struct proc *dialogue_proc(struct guest *g)
{
    const struct dialogue *d = g->handle;
    return d->p;
}

int dialogue_take(struct guest *g, bool *ret_news, bool *ret_done, struct error *err)
{
    struct dialogue *d = g->handle;
    *ret_news = listen(d, &g->result.out, &g->result.err);
    *ret_done = d->reply.ended;
    if (*ret_done) {
        g->result.status = (struct exit_status){.code = d->reply.status};
        return d->reply.status >= 0 ? 0 : error_set(err, ERR_FAILED, "it ended without a status");
    }
    if (*ret_news || !proc_ended(d->p, NULL))
        return 0;
    return no_answer(d, ERR_FAILED, "the guest's console has ended", err);
}

/* Ctrl-C, and again where that is not enough. *ret: has the command ended? */
static int interrupt(struct guest *g, bool *ret, struct error *err)
{
    struct dialogue *d = g->handle;
    for (int i = 0; i < 2; i++) {
        int64_t deadline = deadline_in(STOP_GRACE);
        if (proc_write(d->p, GUEST_INTERRUPT, 1, err) < 0)
            return -1;
        for (;;) {
            size_t index;
            cleanup_error struct error waiting = ERROR_INIT;
            listen(d, &g->result.out, &g->result.err);
            *ret = d->reply.ended;
            if (*ret || proc_ended(d->p, NULL))
                return 0;
            if (proc_wait_any(&d->p, 1, deadline, &index, &waiting) == 0)
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
int dialogue_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                   struct error *err)
{
    struct dialogue *d = g->handle;
    cleanup_strbuf struct strbuf lines = STRBUF_INIT, none = STRBUF_INIT;
    if (is_closed(d) && connect_terminal(g, deadline, err) < 0)
        return -1;
    if (guest_reply_begin(&d->reply, 0, err) < 0)
        return -1;
    guest_request_shell(d->reply.token, rows, columns, &lines);
    if (proc_write(d->p, lines.data, lines.len, err) < 0)
        return -1;
    for (;;) {
        size_t index;
        const char *eol;
        struct strbuf *came = proc_out(d->p);
        while (!d->reply.answered && (eol = memchr(strbuf_str(came), '\n', came->len))) {
            size_t n = (size_t)(eol + 1 - came->data);
            guest_reply_feed(&d->reply, came->data, n, &none, &none);
            strbuf_consume(came, n);
        }
        if (d->reply.answered)
            return 0;
        if (proc_ended(d->p, NULL))
            return no_answer(d, ERR_FAILED, "the guest's console has ended", err);
        if (proc_wait_any(&d->p, 1, deadline, &index, err) < 0)
            return -1;
    }
}

/* Before the command has started, what is typed is its input, and Ctrl-C would leave the rest of
 * that to be taken for commands: then the console is given up. */
int dialogue_stop(struct guest *g, struct error *err)
{
    struct dialogue *d = g->handle;
    bool ended = false;
    cleanup_error struct error failure = ERROR_INIT;
    int result = 0;
    if (d->p && d->reply.started && !proc_ended(d->p, NULL))
        result = interrupt(g, &ended, &failure);
    if (!ended)
        hang_up(d);
    if (result < 0)
        error_move(err, &failure);
    g->result.status = (struct exit_status){.code = d->reply.status};
    return result;
}
