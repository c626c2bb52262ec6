/* SPDX-License-Identifier: Apache-2.0
 * One run of a plan with everything around it: its id, events and their sinks, the store, the
 * connection. */
#ifndef CMD_ROUND_H
#define CMD_ROUND_H

#include "cmd/session.h"

struct round_options {
    bool json;      /* the event stream on standard output */
    bool force;     /* do everything, changed or not */
    char **ret_run; /* where the run's id goes, owned by the caller; NULL: nobody asks */
};

/* Run the plan. *host: an open connection, or NULL; left open for the next round, for the caller to
 * close. *ret_told: where the run fails, was that shown to the user? What fails before there is a
 * screen, or as the screen does, was not, and is the caller's to say. */
int round_run(const struct session *s, struct store *store, const struct round_options *options,
              struct transport **host, bool *ret_told, struct error *err);

#endif
