/* SPDX-License-Identifier: Apache-2.0
 * A library that hangs on its child processes, and signals meanwhile. What ends by a signal is a
 * process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "guestimg/ending.h"
#include "guestimg/watchdog.h"

#define FAR_AWAY (600 * NSEC_PER_SEC)

/* A child that stays until it is killed. */
static pid_t start_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

/* The signal that ended it; 0: none. */
static int killed_by(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_too_long(void **state)
{
    (void)state;
    struct watchdog w;
    pid_t one = start_child(), other = start_child();
    watchdog_begin(&w, deadline_in(NSEC_PER_SEC / 20));
    assert_int_equal(killed_by(one), SIGKILL);
    assert_int_equal(killed_by(other), SIGKILL);
    /* What is started then is killed too. */
    assert_int_equal(killed_by(start_child()), SIGKILL);
    watchdog_end(&w);
}

static void test_no_deadline(void **state)
{
    (void)state;
    struct watchdog w;
    int status;
    pid_t child = start_child();
    watchdog_begin(&w, deadline_in(NSEC_PER_SEC / 4));
    watchdog_relax(&w);
    int64_t until = deadline_in(NSEC_PER_SEC / 2);
    while (clock_now() < until)
        assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    watchdog_end(&w);
    watchdog_end(&w); /* nothing */
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(killed_by(child), SIGTERM);
}

/* What runs while a signal comes, in a process of its own: `ready` tells that it may. */
typedef void work_function(int ready, int said);

static pid_t start_work(work_function *work, int *ret_said)
{
    int ready[2], said[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL); /* a background job's would be ignored */
        signal(SIGHUP, SIG_DFL); /* so would this one under nohup */
        ending_guard();
        work(ready[1], said[1]);
        _exit(99);
    }
    close(ready[1]);
    close(said[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_said = said[0];
    return pid;
}

static void tell(int fd)
{
    if (write(fd, "x", 1) != 1)
        _exit(98);
}

static void hang_on_child(int ready, int said)
{
    struct watchdog w;
    watchdog_begin(&w, deadline_in(FAR_AWAY));
    pid_t child = start_child();
    tell(ready);
    if (killed_by(child) == SIGKILL)
        tell(said); /* so far the program lives, and closes what it has */
    watchdog_end(&w);
}

static void test_signal_closes(void **state)
{
    (void)state;
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        int said;
        char byte;
        pid_t pid = start_work(hang_on_child, &said);
        /* As timeout(1) does it: twice. */
        assert_int_equal(kill(pid, signals[i]), 0);
        assert_int_equal(kill(pid, signals[i]), 0);
        assert_int_equal(read(said, &byte, 1), 1);
        assert_int_equal(killed_by(pid), signals[i]);
        close(said);
    }
}

static void hang_alone(int ready, int said)
{
    (void)said;
    struct watchdog w;
    watchdog_begin(&w, deadline_in(FAR_AWAY));
    tell(ready);
    for (;;)
        pause();
}

static void test_later_signal_ends(void **state)
{
    (void)state;
    int said, status = 0;
    pid_t pid = start_work(hang_alone, &said);
    int64_t began = clock_now();
    do
        assert_int_equal(kill(pid, SIGTERM), 0);
    while (waitpid(pid, &status, WNOHANG) == 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_true(clock_now() - began >= NSEC_PER_SEC / 2);
    close(said);
}

static char file[] = "/tmp/kataloop-test-XXXXXX";

static void wait_with_file(int ready, int said)
{
    (void)said;
    struct error err = ERROR_INIT;
    if (ending_set_file(file, &err) < 0)
        _exit(97);
    tell(ready);
    for (;;)
        pause();
}

static void test_file_goes(void **state)
{
    (void)state;
    int said, fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    pid_t pid = start_work(wait_with_file, &said);
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(killed_by(pid), SIGINT);
    assert_int_equal(access(file, F_OK), -1);
    close(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_long),      cmocka_unit_test(test_no_deadline),
        cmocka_unit_test(test_signal_closes), cmocka_unit_test(test_later_signal_ends),
        cmocka_unit_test(test_file_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
