/* SPDX-License-Identifier: Apache-2.0
 * What the verbs that work with a workflow begin with: the file, its plan, the host. */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "cmd/verb.h"
#include "plan/plan.h"
#include "results/store.h"
#include "transport/transport.h"

struct session {
    struct workflow_file *file;
    struct plan *plan;
};

#define SESSION_INIT                                                                               \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_session __attribute__((cleanup(session_release)))
void session_release(struct session *s);

/* Find, read and check the workflow file, plan the workflow the command line names, select its
 * steps (--file, --from, --only). What is wrong with the file is said here, on standard error or,
 * with --json, as one object on standard output. */
int session_open(struct invocation *inv, struct session *ret, struct error *err);
/* Connect to the plan's host. */
int session_connect(const struct session *s, struct transport **ret, struct error *err);

#endif
