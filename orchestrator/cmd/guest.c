/* SPDX-License-Identifier: Apache-2.0
 * guest: a command, or a shell for a person, in the guest of a container. */
#include "guest/guest.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "cmd/guest_shell.h"
#include "cmd/session.h"
#include "guest/find.h"
#include "results/json_put.h"

#define OPEN_TIMEOUT (60 * NSEC_PER_SEC)

enum { INPUT_MAX = 64 * 1024 * 1024 };

static const struct verb_option options[] = {
    OPTION_HOST,
    OPTION_FILE,
    {'n', "namespace", "NAME", "containerd's namespace (default: default)"},
    {0, "way", "WAY", "auto, vsock, console, or host (default: auto)"},
    {'t', "timeout", "TIME",
     "stop the command after this time, such as 30s, its input included (default: never)"},
    OPTION_JSON,
    OPTION_END};

/* What both subcommands begin with. */
struct visit {
    struct transport *host;
    struct guest_container container;
    struct guest *guest;
};

static void visit_release(struct visit *v)
{
    guest_close(v->guest);
    guest_container_release(&v->container);
    transport_close(v->host);
}
#define cleanup_visit __attribute__((cleanup(visit_release)))

static int visit_open(struct invocation *inv, struct visit *v, struct error *err)
{
    const char *space = invocation_option(inv, "namespace");
    cleanup_session struct session s = SESSION_INIT;
    if (guest_way_check(invocation_option(inv, "way"), err) < 0 ||
        session_open_host(inv, &s, err) < 0 || session_connect(&s, &v->host, err) < 0)
        return -1;
    int64_t deadline = deadline_in(OPEN_TIMEOUT);
    if (guest_find(v->host, space ? space : "default", inv->args.items[1], deadline, &v->container,
                   err) < 0)
        return -1;
    const struct guest_spec spec = {
        .sandbox = v->container.sandbox,
        .runtime = v->container.runtime,
        .way = invocation_option(inv, "way"),
    };
    return guest_open(v->host, &spec, deadline, &v->guest, err);
}

/* --- exec --------------------------------------------------------------------------------------
 */

/* All of standard input; nothing where it is a terminal. */
static int read_input(int64_t deadline, struct strbuf *ret, struct error *err)
{
    enum { PIECE = 65536 };
    while (!isatty(STDIN_FILENO)) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = cancel_fd(), .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), deadline_poll_ms(deadline)) < 0 && errno != EINTR)
            return error_set_errno(err, errno, "waiting for standard input");
        if (cancel_check(err) < 0)
            return -1;
        if (!fds[0].revents && clock_now() >= deadline) {
            error_set(err, ERR_TIMEOUT,
                      "standard input, which the command is to get, did not end in time");
            return error_hint(err, "`</dev/null` gives it none");
        }
        if (!fds[0].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, strbuf_reserve(ret, PIECE), PIECE);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "reading standard input");
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
        if (ret->len > INPUT_MAX)
            return error_set(err, ERR_FAILED,
                             "standard input is more than %d MiB, which the guest "
                             "would have to hold in memory",
                             INPUT_MAX >> 20);
    }
    return 0;
}

/* Where the output goes; what goes wrong there. */
struct outlet {
    int errnum;
};

static void write_output(void *data, const char *bytes, size_t len, bool is_err)
{
    struct outlet *o = data;
    if (o->errnum == 0 && fs_write_full(is_err ? STDERR_FILENO : STDOUT_FILENO, bytes, len) < 0)
        o->errnum = errno;
}

static void print_json(const struct visit *v, const struct run_result *r)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    json_t *root = json_object();
    json_put(root, "v", json_integer(1));
    json_put_text(root, "container", v->container.id);
    json_put_text(root, "sandbox", v->container.sandbox);
    json_put_text(root, "way", guest_way_name(v->guest));
    json_put(root, "status", json_integer(r->status.code));
    json_put_bytes(root, "out", strbuf_str(&r->out), r->out.len);
    json_put_bytes(root, "err", strbuf_str(&r->err), r->err.len);
    json_line(root, &line);
    fputs(strbuf_str(&line), stdout);
}

static int timeout_of(const struct invocation *inv, int64_t *ret, struct error *err)
{
    const char *text = invocation_option(inv, "timeout");
    *ret = DEADLINE_NEVER;
    if (!text)
        return 0;
    if (!parse_duration(text, ret) || *ret <= 0) {
        error_set(err, ERR_USAGE, "`--timeout %s` is not a duration", text);
        return error_hint(err, "such as 10s, 2m or 1h");
    }
    return 0;
}

static int exec(struct invocation *inv, struct error *err)
{
    cleanup_visit struct visit v = {0};
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf input = STRBUF_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    bool json = invocation_option(inv, "json");
    struct outlet outlet = {0};
    int64_t timeout;
    if (inv->args.len < 3) {
        error_set(err, ERR_USAGE, "there is no command to run in the guest");
        return error_hint(err, "such as `kataloop guest exec %s -- ps aux`", inv->args.items[1]);
    }
    if (timeout_of(inv, &timeout, err) < 0 || visit_open(inv, &v, err) < 0)
        return -1;
    int64_t deadline = timeout == DEADLINE_NEVER ? timeout : deadline_in(timeout);
    if (read_input(deadline, &input, err) < 0)
        return -1;
    for (size_t i = 2; i < inv->args.len; i++)
        strv_push(&argv, inv->args.items[i]);
    const struct guest_command cmd = {
        .argv = &argv,
        .input = input.data,
        .input_len = input.len,
        .output = json ? NULL : write_output,
        .output_data = &outlet,
        .form = json ? GUEST_BULK : GUEST_LIVE,
    };
    if (guest_run(v.guest, &cmd, deadline, &r, err) < 0)
        return -1;
    if (outlet.errnum != 0 && outlet.errnum != EPIPE)
        return error_set_errno(err, outlet.errnum, "writing the command's output");
    inv->status = r.status.code;
    if (json)
        print_json(&v, &r);
    return 0;
}

/* --- shell -------------------------------------------------------------------------------------
 */

static int shell(struct invocation *inv, struct error *err)
{
    cleanup_visit struct visit v = {0};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        error_set(err, ERR_USAGE, "a shell in the guest needs a terminal");
        return error_hint(err,
                          "`kataloop guest exec %s -- sh` reads its commands from a pipe or a file",
                          inv->args.items[1]);
    }
    if (visit_open(inv, &v, err) < 0)
        return -1;
    return guest_shell_on_terminal(v.guest, err);
}

/* --- the verb ----------------------------------------------------------------------------------
 */

static const struct subcommand {
    const char *name;
    size_t max_args;
    int (*run)(struct invocation *inv, struct error *err);
} subcommands[] = {{"exec", SIZE_MAX, exec}, {"shell", 2, shell}};

static int run(struct invocation *inv, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
        const struct subcommand *s = &subcommands[i];
        if (strcmp(s->name, inv->args.items[0]) != 0)
            continue;
        if (inv->args.len > s->max_args) {
            error_set(err, ERR_USAGE, "`kataloop guest %s` takes no argument `%s`", s->name,
                      inv->args.items[s->max_args]);
            return verb_hint_usage(inv->verb, err);
        }
        cancel_install();
        return s->run(inv, err);
    }
    error_set(err, ERR_USAGE, "`kataloop guest` knows no `%s`", inv->args.items[0]);
    return verb_hint_usage(inv->verb, err);
}

const struct verb verb_guest = {
    .name = "guest",
    .synopsis = "exec CONTAINER -- COMMAND... | shell CONTAINER",
    .help = "run a command in a container's guest, or get a shell there",
    .about =
        "CONTAINER is an id, a name, or the start of an id. `exec` reads standard input to its\n"
        "end first (unless it is a terminal) and passes it on, as it does standard output and\n"
        "standard error, and ends with the command's exit status. The command is stopped in the\n"
        "guest when kataloop is interrupted. With a runtime that has no virtual machine, the\n"
        "guest is the host. In a shell, Ctrl-] leaves.",
    .options = options,
    .min_args = 2,
    .max_args = SIZE_MAX,
    .run = run,
};
