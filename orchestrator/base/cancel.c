/* SPDX-License-Identifier: Apache-2.0
 * Signals as a descriptor that becomes readable. */
#include "base/cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static int pipe_fds[2] = {-1, -1}; /* [0] readable once a signal came; never drained */
static volatile sig_atomic_t signals_seen;
static int shields;

static const char last_words[] =
    "\nkataloop: ended at once, without cleaning up\n"
    "  the next run on that host does; a command may still run there\n";

static void on_signal(int signal_number)
{
    int saved = errno;
    signals_seen = signals_seen + 1;
    if (signals_seen >= 3) {
        (void)!write(STDERR_FILENO, last_words, sizeof(last_words) - 1);
        _exit(128 + signal_number);
    }
    (void)!write(pipe_fds[1], "!", 1);
    errno = saved;
}

void cancel_install(void)
{
    if (pipe_fds[0] >= 0 || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    struct sigaction action = {.sa_handler = on_signal};
    sigfillset(&action.sa_mask); /* each is counted */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* else: nohup */
        sigaction(SIGHUP, &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

int cancel_fd(void)
{
    return shields > 0 ? -1 : pipe_fds[0];
}

int cancel_check(struct error *err)
{
    if (shields == 0 && signals_seen > 0)
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    return 0;
}

int cancel_signals(void)
{
    return signals_seen;
}

void cancel_shield_begin(void)
{
    shields++;
}

void cancel_shield_end(void)
{
    shields--;
}
