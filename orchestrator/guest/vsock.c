/* SPDX-License-Identifier: Apache-2.0
 * The guest's debug console, reached as `kata-runtime exec` reaches it but without that program and
 * without a terminal on the host: the shim's monitor says where the agent is (agent_url.h), and a
 * small script there (vsock.sh) connects to the console's port beside it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "guest/agent_url.h"
#include "guest/dialogue.h"

extern const char script_vsock[];

#define CONSOLE_PORT   "1026" /* agent.debug_console_vport, which kata-runtime also presumes */
#define ANSWER_TIMEOUT (15 * NSEC_PER_SEC) /* of the script, which gives up after 5 s itself */

enum { LINE_KEPT = 256 };

/* Where the sandbox's monitor listens, for the runtimes in Go and in Rust. */
static const char *const monitors[] = {"/run/vc/sbs/%s/shim-monitor.sock",
                                       "/run/kata/%s/shim-monitor.sock"};

/* What the script says where it can do nothing. */
static const struct cause refusals[] = {
    {"no-socket", "no shim of this sandbox listens on the host",
     "has the container ended? A Kata too old for that socket is reached by `--way console`"},
    {"no-program", "the host has neither perl nor socat (1.7.4 or later) nor python3",
     "install one of them there, or use `--way console`"},
    {NULL, NULL, NULL},
};

/* What comes instead of a shell where the guest is there and nothing listens. */
static const struct cause causes[] = {
    {"Connection reset by peer", "the guest has no debug console",
     "set `debug_console_enabled = true` under [agent.kata] in Kata's configuration, and start the "
     "container again"},
    {NULL, NULL, NULL},
};

/* --- what the script says ----------------------------------------------------------------------
 */

/* It has ended before it was asked to: sudo's doing, or the shell's. */
static int ended_early(struct proc *p, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "sh", NULL);
    const struct command said = {.argv = &argv, .become = true};
    (void)proc_ended(p, &r.status); /* it has */
    strbuf_add(&r.err, strbuf_str(proc_err(p)), proc_err(p)->len);
    return transport_status_error(&said, &r, "asking the sandbox's shim", err);
}

/* Until so many bytes are there. */
static int wait_bytes(struct proc *p, size_t n, int64_t deadline, struct error *err)
{
    while (proc_out(p)->len < n) {
        size_t index;
        if (proc_ended(p, NULL))
            return ended_early(p, err);
        if (proc_wait_any(&p, 1, deadline, &index, err) < 0)
            return error_wrap(err, "asking the sandbox's shim");
    }
    return 0;
}

/* The next line, without its end, taken away; of one that is too long, its beginning. */
static int read_line(struct proc *p, int64_t deadline, char **ret, struct error *err)
{
    struct strbuf *came = proc_out(p);
    const char *eol;
    while (!(eol = memchr(strbuf_str(came), '\n', came->len)) && came->len < LINE_KEPT) {
        if (proc_ended(p, NULL) && came->len > 0)
            break;
        if (wait_bytes(p, came->len + 1, deadline, err) < 0)
            return -1;
    }
    size_t n = eol ? (size_t)(eol - came->data) : came->len;
    *ret = xstrndup(came->data, n < LINE_KEPT ? n : LINE_KEPT);
    strbuf_consume(came, n + (eol ? 1 : 0));
    return 0;
}

static int refused(const char *line, struct error *err)
{
    static const char failed[] = "failed ";
    for (const struct cause *r = refusals; r->said; r++) {
        if (strcmp(line, r->said) != 0)
            continue;
        error_set(err, ERR_FAILED, "%s", r->means);
        return error_hint(err, "%s", r->hint);
    }
    bool known = strncmp(line, failed, strlen(failed)) == 0;
    cleanup_free char *shown = text_clean_string(known ? line + strlen(failed) : line);
    error_set(err, ERR_FAILED, "its shim cannot be asked: %s", shown);
    return error_hint(err, "`--way console` asks kata-runtime instead");
}

/* "answer LENGTH" and so many bytes. */
static int read_answer(struct guest *g, struct proc *p, int64_t deadline, struct agent_address *ret,
                       struct error *err)
{
    static const char answer[] = "answer ";
    int64_t len = -1;
    cleanup_free char *line = NULL;
    if (read_line(p, deadline, &line, err) < 0)
        return -1;
    if (strncmp(line, answer, strlen(answer)) != 0 || !parse_int(line + strlen(answer), &len) ||
        len < 0 || len > AGENT_ANSWER_MAX)
        return refused(line, err);
    if (wait_bytes(p, (size_t)len, deadline, err) < 0)
        return -1;
    int result = agent_url_read(strbuf_str(proc_out(p)), (size_t)len, g->sandbox, ret, err);
    strbuf_consume(proc_out(p), (size_t)len);
    return result;
}

/* --- getting in --------------------------------------------------------------------------------
 */

/* The hypervisor's socket is told the port first, and says so when it has connected. */
static int shake_hands(struct proc *p, int64_t deadline, struct error *err)
{
    static const char request[] = "CONNECT " CONSOLE_PORT "\n";
    cleanup_free char *line = NULL;
    if (proc_write(p, request, strlen(request), err) < 0 || read_line(p, deadline, &line, err) < 0)
        return -1;
    if (strncmp(line, "OK", 2) == 0)
        return 0;
    cleanup_free char *shown = text_clean_string(line);
    error_set(err, ERR_FAILED, "its hypervisor does not connect to port " CONSOLE_PORT ": %s",
              shown);
    return error_hint(err, "is debug_console_enabled set in Kata's configuration?");
}

static int connect_agent(struct guest *g, struct proc *p, int64_t deadline, struct error *err)
{
    cleanup_agent_address struct agent_address address = {0};
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    if (read_answer(g, p, deadline, &address, err) < 0)
        return -1;
    if (address.path)
        strbuf_printf(&line, "unix %s\n", address.path);
    else
        strbuf_printf(&line, "vsock %u " CONSOLE_PORT "\n", address.cid);
    if (proc_write(p, line.data, line.len, err) < 0)
        return -1;
    return address.path ? shake_hands(p, deadline, err) : 0;
}

/* Its id becomes part of paths. */
static bool is_plain(const char *sandbox)
{
    for (const char *at = sandbox; *at; at++)
        if (!isalnum((unsigned char)*at) && (at == sandbox || !strchr("_.-", *at)))
            return false;
    return *sandbox;
}

static int vsock_connect(struct guest *g, int64_t deadline, struct proc **ret, struct error *err)
{
    if (!is_plain(g->sandbox))
        return error_set(err, ERR_FAILED, "this is not the id of a sandbox");
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_vsock, "sh", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(monitors); i++)
        strv_printf(&argv, monitors[i], g->sandbox);
    const struct command cmd = {.argv = &argv, .become = true, .keep_stdin = true};
    cleanup_proc struct proc *p = NULL;
    if (proc_start(g->transport, &cmd, &p, err) < 0 ||
        connect_agent(g, p, deadline_min(deadline, deadline_in(ANSWER_TIMEOUT)), err) < 0)
        return -1;
    *ret = steal(&p);
    return 0;
}

static int vsock_open(struct guest *g, int64_t deadline, struct error *err)
{
    static const struct carrier carrier = {.connect = vsock_connect, .causes = causes};
    return dialogue_open(g, &carrier, deadline, err);
}

const struct guest_way guest_vsock = {.name = "vsock", .open = vsock_open, DIALOGUE_FUNCTIONS};
