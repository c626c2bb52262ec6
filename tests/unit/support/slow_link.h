/* SPDX-License-Identifier: Apache-2.0
 * A line that takes little at a time, and gives back as fast as it can: what is sent over it stays
 * half sent again and again. */
#ifndef TESTS_SLOW_LINK_H
#define TESTS_SLOW_LINK_H

#include <stdbool.h>
#include <sys/types.h>

/* What is wrong with what comes back; set them at any time. */
struct slow_link_faults {
    bool garble; /* the next piece is changed on the way, once */
    int late_ms; /* every piece comes so much later */
};

struct slow_link {
    pid_t pid; /* 0: does not run */
    int port;  /* where it listens, on 127.0.0.1 */
    struct slow_link_faults *faults;
};

/* From a free port to `to_port` of this machine. It ends with the process that started it. */
void slow_link_start(struct slow_link *l, int to_port);
void slow_link_stop(struct slow_link *l);

#endif
