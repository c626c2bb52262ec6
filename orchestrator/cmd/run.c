/* SPDX-License-Identifier: Apache-2.0
 * run: a workflow, from its first step to its last. */
#include "base/cancel.h"
#include "cmd/round.h"

static const struct verb_option options[] = {OPTION_FILE,  OPTION_FROM, OPTION_ONLY,
                                             OPTION_FORCE, OPTION_JSON, OPTION_END};

static int run(struct invocation *inv, struct error *err)
{
    cancel_install();
    cleanup_session struct session s = SESSION_INIT;
    cleanup_store struct store *store = NULL;
    if (session_open(inv, &s, err) < 0 || store_open(NULL, &store, err) < 0)
        return -1;
    const struct round_options how = {
        .json = invocation_option(inv, "json"),
        .force = invocation_option(inv, "force"),
    };
    cleanup_transport struct transport *host = NULL;
    return round_run(&s, store, &how, &host, &inv->told, err);
}

const struct verb verb_run = {
    .name = "run",
    .synopsis = "[WORKFLOW]",
    .help = "run a workflow: the default one, or the one named",
    .about = "Steps sync, build, inject and restart are skipped if their sources, their arguments\n"
             "and their effect on the host are unchanged.\n"
             "Whatever a run makes on the host is taken away again, even after Ctrl-C.\n"
             "A checkpoint that hangs ends the run with its cause, and exit status 4.",
    .options = options,
    .max_args = 1,
    .run = run,
};
