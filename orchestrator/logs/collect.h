/* SPDX-License-Identifier: Apache-2.0
 * Reading the logs of a host and of its guests, all over one connection. */
#ifndef LOGS_COLLECT_H
#define LOGS_COLLECT_H

#include "base/strv.h"
#include "guest/find.h"
#include "logs/line.h"
#include "transport/transport.h"

struct log_request {
    struct transport *host;
    int64_t since, until;                    /* microseconds since 1970 by the host's clock;
                                                until 0: now */
    const struct guest_container *container; /* whose guest is asked too; NULL: none */
    const struct strv *kept; /* files: CRIU's logs that a run has kept; NULL: none */
};

/* Read what there is, merged. What could not be read, of a guest say, is told in `notes`, a line
 * each; the host's own journal is the one thing that must be readable. */
int logs_collect(const struct log_request *r, struct log_lines *ret, struct strv *notes,
                 struct error *err);

/* Called with each line as it comes; -1 ends it. */
typedef int log_line_fn(void *data, const struct log_line *line, struct error *err);
/* Go on with the host's journal from r->since until Ctrl-C (ERR_INTERRUPTED). */
int logs_follow(const struct log_request *r, log_line_fn *each, void *data, struct error *err);

#endif
