/* SPDX-License-Identifier: Apache-2.0
 * Keeps one perf event open for as long as the lab runs.
 *
 * CRIU sets hardware breakpoints. The kernel keeps those as perf events, and with the first event
 * and after the last one it patches a branch of its scheduler (the static key perf_sched_events).
 * On an emulated machine of several processors another one may still run the old instructions then:
 * the kernel ends in "Oops: int3" in __schedule. With one event always open nothing is patched. */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attributes),
        .config = PERF_COUNT_SW_DUMMY,
    };
    if (syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) < 0) {
        perror("hold-perf-events");
        return 1;
    }
    for (;;)
        pause();
}
