/* SPDX-License-Identifier: Apache-2.0
 * The host is this machine: commands are child processes. What goes wrong in the child before the
 * program runs is a line on its stderr and a status of 126 or 127, as a shell has it, so that it
 * looks the same as over a connection. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "transport/backend.h"
#include "transport/command_line.h"

enum { CHUNK = 65536, STATUS_CANNOT_RUN = 126, STATUS_NOT_FOUND = 127 };

struct child {
    pid_t pid;
    int pidfd;
    int in, out, err; /* our ends; -1: closed or not ours */
    bool session;     /* it has one of its own */
    bool exited;
};

/* The ends the child gets. */
struct child_fds {
    int in, out, err;
};

static _Noreturn void say_and_exit(int status, const char *what, int errnum)
{
    /* In one piece, which a terminal's echo cannot come between. */
    char *parts[] = {(char *)what, ": ", strerror(errnum), "\n"};
    struct iovec pieces[ARRAY_SIZE(parts)];
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        pieces[i] = (struct iovec){.iov_base = parts[i], .iov_len = strlen(parts[i])};
    (void)!writev(STDERR_FILENO, pieces, ARRAY_SIZE(pieces));
    _exit(status);
}

/* What kataloop's own caller has it ignore (`nohup`, a script's `&`) is no business of a session of
 * its own: Ctrl-C and the end of its terminal have to reach it. */
static void begin_session(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT};
    setsid();
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        signal(signals[i], SIG_DFL);
}

/* A Ctrl-C is kataloop's to answer: it must not reach what undoes. Who reads the terminal has to be
 * in its foreground. */
static bool has_session(const struct command *cmd)
{
    return cmd->killable || cmd->pty || cmd->stdin_fd <= 0;
}

/* A signal for the child must not end in the handlers that it has from here (base/cancel.h). */
static void forget_handlers(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction now;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            signal(signals[i], SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

static _Noreturn void run_child(const struct command *cmd, const struct strv *argv,
                                const struct child_fds *fds)
{
    sigset_t none;
    sigemptyset(&none);
    forget_handlers();
    if (has_session(cmd))
        begin_session();
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(fds->in, STDIN_FILENO) < 0 || dup2(fds->out, STDOUT_FILENO) < 0 ||
        dup2(fds->err, STDERR_FILENO) < 0)
        _exit(STATUS_CANNOT_RUN);
    if (cmd->pty && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        say_and_exit(STATUS_CANNOT_RUN, "taking the terminal", errno);
    if (cmd->dir && chdir(cmd->dir) < 0)
        say_and_exit(STATUS_CANNOT_RUN, cmd->dir, errno);
    execvp(argv->items[0], argv->items);
    say_and_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, argv->items[0], errno);
}

/* With all signals blocked until it has no handlers and a session of its own: else one that comes
 * that early would be lost. -1 with errno. */
static pid_t fork_child(const struct command *cmd, const struct strv *argv,
                        const struct child_fds *fds)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(cmd, argv, fds);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int make_pty(struct child *c, struct child_fds *theirs)
{
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
        return -1;
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    c->out = master;
    c->in = fcntl(master, F_DUPFD_CLOEXEC, 0);
    theirs->in = slave;
    theirs->out = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    theirs->err = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    return c->in < 0 || theirs->out < 0 || theirs->err < 0 ? -1 : 0;
}

static int pipe_to(int *ours, int *theirs, bool we_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    *ours = fds[we_write ? 1 : 0];
    *theirs = fds[we_write ? 0 : 1];
    return 0;
}

static int make_fds(const struct command *cmd, struct child *c, struct child_fds *theirs)
{
    if (cmd->pty)
        return make_pty(c, theirs);
    if (cmd->stdin_fd > 0)
        theirs->in = cmd->stdin_fd;
    else if (pipe_to(&c->in, &theirs->in, true) < 0)
        return -1;
    if (cmd->stdout_fd > 0)
        theirs->out = cmd->stdout_fd;
    else if (pipe_to(&c->out, &theirs->out, false) < 0)
        return -1;
    return pipe_to(&c->err, &theirs->err, false);
}

static void child_free(struct child *c)
{
    close_fd(&c->in);
    close_fd(&c->out);
    close_fd(&c->err);
    close_fd(&c->pidfd);
    free(c);
}

static int local_start(struct proc *p, const struct command *cmd, struct error *err)
{
    struct child *c = xcalloc(1, sizeof(*c));
    *c = (struct child){
        .pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1, .session = has_session(cmd)};
    struct child_fds theirs = {-1, -1, -1};
    cleanup_strv struct strv argv = STRV_INIT;
    const char *shell = getenv("SHELL");
    command_line_add(cmd, geteuid() == 0 ? NULL : p->transport->become,
                     shell && *shell ? shell : "/bin/sh", &argv);
    if (make_fds(cmd, c, &theirs) == 0)
        c->pid = fork_child(cmd, &argv, &theirs);
    int saved = errno;
    close_fd(&theirs.in);
    close_fd(&theirs.out);
    close_fd(&theirs.err);
    if (c->pid > 0) {
        c->pidfd = pidfd_open(c->pid, 0);
        saved = errno;
    }
    if (c->pid < 0 || c->pidfd < 0) {
        if (c->pid > 0) {
            kill(c->pid, SIGKILL);
            waitpid(c->pid, NULL, 0);
        }
        child_free(c);
        return error_set_errno(err, saved, "starting `%s`", argv.items[0]);
    }
    fs_set_nonblocking(c->in);
    fs_set_nonblocking(c->out);
    fs_set_nonblocking(c->err);
    p->handle = c;
    return 0;
}

static size_t local_pollfds(struct proc *p, struct pollfd fds[PROC_POLLFDS])
{
    const struct child *c = p->handle;
    size_t n = 0;
    if (p->ended)
        return 0;
    if (c->in >= 0 && p->in.len > 0)
        fds[n++] = (struct pollfd){.fd = c->in, .events = POLLOUT};
    if (c->out >= 0)
        fds[n++] = (struct pollfd){.fd = c->out, .events = POLLIN};
    if (c->err >= 0)
        fds[n++] = (struct pollfd){.fd = c->err, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = c->pidfd, .events = POLLIN}; /* stays readable at the end */
    return n;
}

static void send_input(struct proc *p, struct child *c)
{
    while (c->in >= 0 && p->in.len > 0) {
        ssize_t n = write(c->in, p->in.data, p->in.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) { /* it reads no more, which is its right */
            strbuf_truncate(&p->in, 0);
            close_fd(&c->in);
            break;
        }
        strbuf_consume(&p->in, (size_t)n);
    }
    if (p->in.len == 0 && p->stdin_ends && !p->stdin_closed) {
        close_fd(&c->in);
        p->stdin_closed = true;
    }
}

/* Take what is there, at most a chunk so that a chatty command does not starve the others. */
static void take_output(int *fd, struct strbuf *to)
{
    while (*fd >= 0) {
        ssize_t n = read(*fd, strbuf_reserve(to, CHUNK), CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) { /* end of file; EIO is how a pty says it */
            close_fd(fd);
            return;
        }
        to->len += (size_t)n;
        to->data[to->len] = '\0';
        return;
    }
}

static void set_status(struct proc *p, const siginfo_t *info)
{
    p->status = (struct exit_status){.code = info->si_status};
    if (info->si_code == CLD_EXITED)
        return;
    p->status.code = -1;
    const char *name = sigabbrev_np(info->si_status);
    snprintf(p->status.signal, sizeof(p->status.signal), "%s", name ? name : "?");
}

static int local_pump(struct proc *p, struct error *err)
{
    struct child *c = p->handle;
    send_input(p, c);
    if (!c->exited) {
        siginfo_t info = {0};
        if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG) < 0)
            return error_set_errno(err, errno, "waiting for a command");
        if (info.si_pid == c->pid) {
            c->exited = true;
            set_status(p, &info);
        }
    }
    size_t before = p->out.len + p->err.len;
    take_output(&c->out, &p->out);
    take_output(&c->err, &p->err);
    /* All that an ended command has said is in the pipes by now. A process it left behind may hold
     * them open for ever: what that says is not waited for. */
    bool silent = p->out.len + p->err.len == before;
    p->ended = c->exited && silent;
    return 0;
}

static int local_signal(struct proc *p, const char *signal_name, struct error *err)
{
    const struct child *c = p->handle;
    int signal_number = strcmp(signal_name, "KILL") == 0 ? SIGKILL : SIGTERM;
    if (kill(-c->pid, signal_number) == 0)
        return 0;
    if (errno == ESRCH) { /* gone, or so young that it is in no group of its own yet */
        if (!c->exited && kill(c->pid, signal_number) == 0)
            (void)kill(-c->pid, signal_number); /* where it has made one meanwhile */
        return 0;
    }
    if (errno != EPERM || !p->become)
        return error_set_errno(err, errno, "stopping a command");
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "kill", "-s", signal_name, "--", NULL);
    strv_printf(&argv, "-%d", (int)c->pid);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return transport_check(p->transport, &cmd, deadline_in(10 * NSEC_PER_SEC), "stopping a command",
                           &r, err);
}

static void local_proc_close(struct proc *p)
{
    struct child *c = p->handle;
    close_fd(&c->in); /* a command on a terminal is hung up by this, others see their end of file */
    close_fd(&c->out);
    close_fd(&c->err);
    if (!c->exited && c->session)
        (void)kill(-c->pid, SIGKILL); /* what it has started; there may be nothing */
    /* One that runs as root by sudo is not ours to kill, and may go on: it is not waited for. */
    if (!c->exited)
        waitpid(c->pid, NULL, kill(c->pid, SIGKILL) < 0 && errno == EPERM ? WNOHANG : 0);
    child_free(c);
}

static int local_reconnect(struct transport *t, struct error *err)
{
    (void)t;
    (void)err;
    return 0;
}

static void local_close(struct transport *t)
{
    (void)t;
}

const struct transport_ops transport_local = {
    .start = local_start,
    .pollfds = local_pollfds,
    .pump = local_pump,
    .signal = local_signal,
    .proc_close = local_proc_close,
    .reconnect = local_reconnect,
    .close = local_close,
};
