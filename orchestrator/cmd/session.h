/* SPDX-License-Identifier: Apache-2.0
 * What the verbs that work with a workflow begin with: the file, its plan, the host. */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "cmd/verb.h"
#include "plan/plan.h"
#include "results/store.h"
#include "transport/transport.h"

struct session {
    struct workflow_file *file; /* NULL: none was found (session_open_host alone) */
    struct plan *plan;          /* NULL: none was asked for */
    const char *host_name;      /* borrowed from the file or the command line */
    const struct value *host;   /* its entry in the file; NULL: host_name is what ssh takes */
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
/* For verbs that need a host and no plan: the host of --host, else that of the default workflow.
 * Where no workflow file is found, --host is a destination as ssh takes it, or "local". */
int session_open_host(struct invocation *inv, struct session *ret, struct error *err);
#define OPTION_HOST                                                                                \
    {                                                                                              \
        'H', "host", "NAME",                                                                       \
            "a host of the workflow file; without a file, whatever ssh takes, or `local`"          \
    }
/* Connect to the session's host. */
int session_connect(const struct session *s, struct transport **ret, struct error *err);

#endif
