/* SPDX-License-Identifier: Apache-2.0
 * A thread that kills the children of this process when it is time. */
#include "guestimg/watchdog.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "guestimg/ending.h"

/* Between two looks for children: the library may just be starting one. */
#define PERIOD (100 * NSEC_PER_MSEC)

/* The parent of a process, by /proc/PID/stat: "812 (a) b) S 1 …", where the name may hold anything.
 * 0: it is gone. */
static int parent_of(const char *pid)
{
    char line[512];
    cleanup_free char *path = xasprintf("/proc/%s/stat", pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    int parent = 0;
    if (n <= 0)
        return 0;
    line[n] = '\0';
    const char *rest = strrchr(line, ')');
    return rest && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

static void kill_children(void)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    int64_t pid;
    while (d && (e = readdir(d)))
        if (parse_int(e->d_name, &pid) && pid > 1 && parent_of(e->d_name) == getpid())
            kill((pid_t)pid, SIGKILL);
    if (d)
        closedir(d); /* read only */
}

static void wait_until(sem_t *wake, int64_t deadline)
{
    const struct timespec at = {.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
                                .tv_nsec = (long)(deadline % NSEC_PER_SEC)};
    /* What it returns for is looked at by the caller. */
    if (deadline == DEADLINE_NEVER)
        (void)sem_wait(wake);
    else
        (void)sem_clockwait(wake, CLOCK_MONOTONIC, &at);
}

static void *watch(void *data)
{
    struct watchdog *w = data;
    for (bool due = false; !w->over; due = ending_wanted() || clock_now() >= w->deadline) {
        if (due)
            kill_children();
        wait_until(&w->wake, due ? deadline_in(PERIOD) : w->deadline);
    }
    return NULL;
}

void watchdog_begin(struct watchdog *w, int64_t deadline)
{
    sigset_t all, before;
    *w = (struct watchdog){.deadline = deadline};
    if (sem_init(&w->wake, 0, 0) < 0)
        return;
    ending_defer(&w->wake);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->runs = pthread_create(&w->thread, NULL, watch, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->keeps = w->runs;
    if (!w->runs)
        ending_resume();
}

void watchdog_relax(struct watchdog *w)
{
    w->deadline = DEADLINE_NEVER;
}

void watchdog_stop(struct watchdog *w)
{
    if (!w->runs)
        return;
    w->over = true;
    sem_post(&w->wake);
    pthread_join(w->thread, NULL);
    w->runs = false;
}

void watchdog_end(struct watchdog *w)
{
    watchdog_stop(w);
    if (!w->keeps)
        return;
    w->keeps = false;
    ending_resume();
    sem_destroy(&w->wake);
}
