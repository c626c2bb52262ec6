/* SPDX-License-Identifier: Apache-2.0
 * A run that leaves evidence of both ways. */
#include "cmd/both_ways.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "cmd/round.h"
#include "diagnose/diagnose.h"

/* What the first step of a kind calls its evidence; NULL: there is none that keeps any. */
static const char *evidence_of(const struct plan *p, const char *kind)
{
    for (size_t i = 0; i < p->len; i++) {
        const struct plan_step *s = p->steps[i];
        const char *name = value_get_string(s->args, "evidence");
        if (strcmp(s->kind->name, kind) == 0 && name)
            return name;
    }
    return NULL;
}

static bool has_both(const struct plan *p)
{
    return evidence_of(p, "criu") && evidence_of(p, "checkpoint");
}

static int no_workflow(const struct session *s, const char *named, struct error *err)
{
    if (named)
        error_set(err, ERR_USAGE, "workflow `%s` of `%s` does not run both ways", named,
                  s->file->path);
    else
        error_set(err, ERR_USAGE, "no workflow of `%s` runs both ways", s->file->path);
    return error_hint(err, "add one with the step `recipe: compare-manual-agent`");
}

/* Open the first workflow that has both, as if it had been named. */
static int find_workflow(struct invocation *inv, struct session *s, struct error *err)
{
    const struct value *workflows = value_get(s->file->root, "workflows");
    for (size_t i = 0; i < workflows->len; i++) {
        cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
        cleanup_error struct error unheard = ERROR_INIT; /* another one may be the right one */
        struct plan *plan = NULL;
        if (plan_make(s->file, workflows->keys[i], &plan, &problems, &unheard) < 0)
            continue;
        bool both = has_both(plan);
        plan_free(plan);
        if (!both)
            continue;
        strv_push(&inv->args, workflows->keys[i]);
        session_release(s);
        return session_open(inv, s, err);
    }
    return no_workflow(s, NULL, err);
}

static int bundle_path(const char *folder, const char *name, char **ret, struct error *err)
{
    *ret = xasprintf("%s/artifacts/%s" BUNDLE_SUFFIX, folder, name);
    if (access(*ret, R_OK) == 0)
        return 0;
    error_set(err, ERR_FAILED, "the run has left no evidence `%s`", *ret);
    return error_hint(err, "its notes say why; a CRIU that is done before it is seen leaves none");
}

static int bundles_of(const struct plan *plan, struct store *store, const char *id,
                      char **ret_manual, char **ret_agent, struct error *err)
{
    struct store_run run = {0};
    if (store_find_run(store, id, &run, err) < 0)
        return -1;
    int result = bundle_path(run.folder, evidence_of(plan, "criu"), ret_manual, err);
    if (result == 0)
        result = bundle_path(run.folder, evidence_of(plan, "checkpoint"), ret_agent, err);
    store_run_release(&run);
    return result;
}

int both_ways_run(struct invocation *inv, char **ret_manual, char **ret_agent, int *ret_status,
                  struct error *err)
{
    const char *named = inv->args.len > 0 ? inv->args.items[0] : NULL;
    cleanup_session struct session s = SESSION_INIT;
    cleanup_store struct store *store = NULL;
    cleanup_transport struct transport *host = NULL;
    cleanup_free char *id = NULL;
    cancel_install();
    if (session_open(inv, &s, err) < 0)
        return -1;
    if (!has_both(s.plan) &&
        (named ? no_workflow(&s, named, err) : find_workflow(inv, &s, err)) < 0)
        return -1;
    if (store_open(NULL, &store, err) < 0)
        return -1;
    const struct round_options how = {.json = invocation_option(inv, "json"), .ret_run = &id};
    cleanup_error struct error failure = ERROR_INIT, unheard = ERROR_INIT;
    bool told = false;
    bool failed = round_run(&s, store, &how, &host, &told, &failure) < 0;
    *ret_status = failed ? error_exit_code(&failure) : 0;
    if (id && bundles_of(s.plan, store, id, ret_manual, ret_agent, failed ? &unheard : err) == 0) {
        if (failed && !told)
            verb_say(&failure);
        return 0;
    }
    inv->told = told;
    if (failed)
        error_move(err, &failure);
    return -1;
}
