/* SPDX-License-Identifier: Apache-2.0
 * The guest's debug console through `kata-runtime exec`: a terminal on the host that leads to a
 * shell on a terminal of the guest. */
#include "guest/dialogue.h"

static const struct cause causes[] = {
    {"a password is required", "sudo wants a password on the host",
     "allow it without one there (visudo: `USER ALL=(ALL) NOPASSWD: ALL`), or log in as root"},
    {"command not found", "the host has no kata-runtime",
     "is Kata installed there, and on root's PATH?"},
    {"kata-runtime: No such file", "the host has no kata-runtime",
     "is Kata installed there, and on root's PATH?"},
    {"shim-monitor.sock", "no sandbox of this id runs on the host",
     "has the container ended? `nerdctl ps -a` or `ctr containers ls` there lists them"},
    {NULL, NULL, NULL},
};

static int console_connect(struct guest *g, int64_t deadline, struct proc **ret, struct error *err)
{
    (void)deadline; /* it starts at once; whether it leads anywhere is seen by who uses it */
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "kata-runtime", "exec", g->sandbox, NULL);
    const struct command cmd = {.argv = &argv, .become = true, .pty = true, .keep_stdin = true};
    return proc_start(g->transport, &cmd, ret, err);
}

static int console_open(struct guest *g, int64_t deadline, struct error *err)
{
    static const struct carrier carrier = {.connect = console_connect, .causes = causes};
    return dialogue_open(g, &carrier, deadline, err);
}

const struct guest_way guest_console = {
    .name = "console", .open = console_open, DIALOGUE_FUNCTIONS};
