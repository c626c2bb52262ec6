/* SPDX-License-Identifier: Apache-2.0
 * A command from its start to its end, and what to say when it fails. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "transport/transport.h"

enum { LAST_LINES = 5 };

void run_result_release(struct run_result *r)
{
    strbuf_release(&r->out);
    strbuf_release(&r->err);
    *r = (struct run_result)RUN_RESULT_INIT;
}

int transport_run(struct transport *t, const struct command *cmd, int64_t deadline,
                  struct run_result *ret, struct error *err)
{
    cleanup_proc struct proc *p = NULL;
    if (proc_start(t, cmd, &p, err) < 0)
        return -1;
    if (proc_wait(p, deadline, err) < 0) {
        cleanup_free char *line = strv_quote(cmd->argv);
        return error_wrap(err, "%s", line);
    }
    run_result_release(ret);
    ret->out = *proc_out(p);
    ret->err = *proc_err(p);
    *proc_out(p) = (struct strbuf)STRBUF_INIT;
    *proc_err(p) = (struct strbuf)STRBUF_INIT;
    proc_ended(p, &ret->status);
    return 0;
}

/* The last lines of what a command said, on one line. */
static void last_lines(const struct strbuf *said, struct strbuf *ret)
{
    size_t end = said->len;
    while (end > 0 && strchr(" \t\r\n", said->data[end - 1]))
        end--;
    size_t from = end;
    for (int lines = 0; from > 0; from--)
        if (said->data[from - 1] == '\n' && ++lines == LAST_LINES)
            break;
    for (size_t i = from; i < end; i++) {
        char c = said->data[i];
        if (c == '\n')
            strbuf_puts(ret, "; ");
        else if ((unsigned char)c >= 0x20 && c != 0x7f)
            strbuf_putc(ret, c);
    }
}

char *exit_status_format(const struct exit_status *status)
{
    return status->signal[0] ? xasprintf("ended by SIG%s", status->signal)
                             : xasprintf("exit status %d", status->code);
}

int transport_status_error(const struct command *cmd, const struct run_result *r, const char *what,
                           struct error *err)
{
    if (cmd->become && memmem(r->err.data, r->err.len, "a password is required", 22)) {
        error_set(err, ERR_FAILED, "%s: sudo wants a password on the host", what);
        return error_hint(err, "allow it without one there (visudo: `USER ALL=(ALL) NOPASSWD: "
                               "ALL`), or log in as root");
    }
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    last_lines(r->err.len > 0 ? &r->err : &r->out, &said);
    cleanup_free char *status = exit_status_format(&r->status);
    return error_set(err, ERR_FAILED, "%s: `%s`: %s%s%s", what, cmd->argv->items[0], status,
                     said.len > 0 ? ": " : "", strbuf_str(&said));
}

int transport_check(struct transport *t, const struct command *cmd, int64_t deadline,
                    const char *what, struct run_result *ret, struct error *err)
{
    if (transport_run(t, cmd, deadline, ret, err) < 0)
        return error_wrap(err, "%s", what);
    if (ret->status.code != 0)
        return transport_status_error(cmd, ret, what, err);
    return 0;
}

int transport_path(const struct transport *t, const char *printed, char **ret, struct error *err)
{
    if (printed[0] != '/' || strchr(printed, '\n')) {
        cleanup_free char *first = xstrndup(printed, strcspn(printed, "\n"));
        cleanup_free char *shown = text_clean_string(first);
        error_set(err, ERR_FAILED, "the login on %s prints %s: `%.60s`", transport_name(t),
                  *printed ? "more than it is asked for" : "nothing, where a path is asked for",
                  shown);
        return error_hint(err, "make the login shell's files there print nothing where there is no "
                               "terminal");
    }
    *ret = xstrdup(printed);
    return 0;
}
