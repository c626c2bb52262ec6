/* SPDX-License-Identifier: Apache-2.0
 * The handler of the signals that end this program. */
#include "guestimg/ending.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

#define SAME_SIGNAL (500 * NSEC_PER_MSEC)

/* What the handler reads; it runs in the first thread only. */
static char file[PATH_MAX];
static volatile sig_atomic_t has_file;
static sem_t *volatile waker; /* NULL: signals end the program at once */
static atomic_int kept;       /* the signal that came meanwhile; 0: none */
static int64_t kept_at;

static void end_now(int number)
{
    if (has_file)
        unlink(file);
    /* Not by SA_RESETHAND: a second signal could come before the line above. */
    signal(number, SIG_DFL);
    raise(number);
}

static void handle(int number)
{
    int saved = errno;
    if (!waker) {
        end_now(number);
    } else if (!kept) {
        kept_at = clock_now();
        kept = number;
        sem_post(waker);
    } else if (number != SIGPIPE && clock_now() - kept_at > SAME_SIGNAL) {
        end_now(number);
    }
    errno = saved;
}

void ending_guard(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct sigaction before;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

int ending_set_file(const char *path, struct error *err)
{
    has_file = 0;
    if (!path)
        return 0;
    if (strlen(path) >= sizeof(file))
        return error_set(err, ERR_FAILED, "the name is too long: `%s`", path);
    memcpy(file, path, strlen(path) + 1);
    has_file = 1;
    return 0;
}

void ending_defer(sem_t *wake)
{
    waker = wake;
}

bool ending_wanted(void)
{
    return kept != 0;
}

void ending_resume(void)
{
    waker = NULL;
    if (kept)
        end_now(kept);
}
