/* SPDX-License-Identifier: Apache-2.0
 * Where the runtime has no virtual machine: commands run on the host itself, as root. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "guest/way.h"

#define KILL_GRACE (2 * NSEC_PER_SEC)

static int host_open(struct guest *g, int64_t deadline, struct error *err)
{
    (void)g;
    (void)deadline;
    (void)err;
    return 0;
}

static void host_close(struct guest *g)
{
    proc_free(g->handle);
    g->handle = NULL;
}

static int host_start(struct guest *g, const struct guest_command *cmd, struct error *err)
{
    host_close(g);
    const struct command command = {
        .argv = cmd->argv,
        .become = true,
        .killable = true,
        .dir = "/",
        .input = cmd->input,
        .input_len = cmd->input_len,
    };
    struct proc *p = NULL;
    if (proc_start(g->transport, &command, &p, err) < 0)
        return -1;
    g->handle = p;
    return 0;
}

static struct proc *host_proc(struct guest *g)
{
    return g->handle;
}

static void move(struct strbuf *from, struct strbuf *to)
{
    strbuf_add(to, from->data, from->len);
    strbuf_truncate(from, 0);
}

/* As a shell has it. */
static int shell_status(const struct exit_status *s)
{
    for (int n = 1; *s->signal && n < NSIG; n++) {
        const char *name = sigabbrev_np(n);
        if (name && strcmp(name, s->signal) == 0)
            return 128 + n;
    }
    return s->code;
}

static int host_take(struct guest *g, bool *ret_news, bool *ret_done, struct error *err)
{
    (void)err;
    struct proc *p = g->handle;
    *ret_news = proc_out(p)->len + proc_err(p)->len > 0;
    move(proc_out(p), &g->result.out);
    move(proc_err(p), &g->result.err);
    struct exit_status status;
    *ret_done = proc_ended(p, &status);
    if (*ret_done)
        g->result.status = (struct exit_status){.code = shell_status(&status)};
    return 0;
}

static int host_stop(struct guest *g, struct error *err)
{
    bool news, done;
    int result = proc_kill(g->handle, KILL_GRACE, err);
    (void)host_take(g, &news, &done, err); /* cannot fail */
    host_close(g);
    return result;
}

static int host_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                      struct error *err)
{
    (void)deadline;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c",
                  "stty rows \"$1\" columns \"$2\"; [ -x /bin/bash ] && exec bash -i; exec sh -i",
                  "sh", NULL);
    strv_printf(&argv, "%u", rows);
    strv_printf(&argv, "%u", columns);
    const struct command cmd = {
        .argv = &argv, .become = true, .pty = true, .keep_stdin = true, .dir = "/"};
    struct proc *p = NULL;
    host_close(g);
    if (proc_start(g->transport, &cmd, &p, err) < 0)
        return -1;
    g->handle = p;
    return 0;
}

const struct guest_way guest_host = {
    .name = "host",
    .open = host_open,
    .start = host_start,
    .proc = host_proc,
    .take = host_take,
    .stop = host_stop,
    .shell = host_shell,
    .close = host_close,
};
