/* SPDX-License-Identifier: Apache-2.0
 * Between a terminal here and a terminal there. */
#include "cmd/guest_shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"

enum { LEAVE = 0x1d }; /* Ctrl-] */

/* A local `cat` reads the keyboard, so that one wait covers it and the guest. */
static int start_keyboard(struct transport **here, struct proc **ret, struct error *err)
{
    const struct host_spec spec = {.name = "this terminal", .destination = "local"};
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "cat");
    if (transport_open(&spec, here, err) < 0)
        return -1;
    int fd = dup(STDIN_FILENO);
    if (fd < 0)
        return error_set_errno(err, errno, "reading the terminal");
    const struct command cmd = {.argv = &argv, .stdin_fd = fd};
    return proc_start(*here, &cmd, ret, err);
}

/* What was typed, to the guest. 1: the person leaves. */
static int pass_keys(struct proc *keyboard, struct proc *shell, struct error *err)
{
    struct strbuf *typed = proc_out(keyboard);
    if (typed->len == 0)
        return 0;
    const char *leave = memchr(typed->data, LEAVE, typed->len);
    size_t n = leave ? (size_t)(leave - typed->data) : typed->len;
    int result = n > 0 ? proc_write(shell, typed->data, n, err) : 0;
    strbuf_truncate(typed, 0);
    return result < 0 ? -1 : leave != NULL;
}

static int pass_screen(struct proc *shell, struct error *err)
{
    struct strbuf *said = proc_out(shell);
    if (said->len > 0 && fs_write_full(STDOUT_FILENO, said->data, said->len) < 0)
        return error_set_errno(err, errno, "writing to the terminal");
    strbuf_truncate(said, 0);
    return 0;
}

static int converse(struct proc *keyboard, struct proc *shell, struct error *err)
{
    for (;;) {
        size_t index;
        struct proc *both[] = {shell, proc_ended(keyboard, NULL) ? NULL : keyboard};
        int left = pass_keys(keyboard, shell, err);
        if (left < 0 || pass_screen(shell, err) < 0)
            return -1;
        if (left > 0 || proc_ended(shell, NULL))
            return 0;
        if (proc_wait_any(both, 2, DEADLINE_NEVER, &index, err) < 0)
            return -1;
    }
}

int guest_shell_on_terminal(struct guest *g, struct error *err)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct termios before, raw;
    struct proc *shell = NULL;
    cleanup_transport struct transport *here = NULL;
    cleanup_proc struct proc *keyboard = NULL;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return error_set_errno(err, errno, "the terminal");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    if (guest_shell(g, size.ws_row, size.ws_col, deadline_in(30 * NSEC_PER_SEC), &shell, err) < 0)
        return -1;
    fprintf(stderr, "in the guest; Ctrl-] leaves\n");
    raw = before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return error_set_errno(err, errno, "the terminal");
    int result = start_keyboard(&here, &keyboard, err);
    if (result == 0)
        result = converse(keyboard, shell, err);
    proc_free(steal(&keyboard));
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &before) < 0 && result == 0)
        result = error_set_errno(err, errno, "putting the terminal back as it was");
    (void)fs_write_full(STDOUT_FILENO, "\r\n", 2);
    return result;
}
