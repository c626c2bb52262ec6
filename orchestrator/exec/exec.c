/* SPDX-License-Identifier: Apache-2.0
 * A plan, step by step: what is unchanged is left out, what was made is taken away. */
#include "exec/exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "exec/inputs.h"
#include "guest/guest.h"
#include "plan/plan.h"
#include "steps/leftovers.h"

struct runner {
    struct exec x;
    const struct plan *plan;
    const struct exec_options *options;
    struct store *store;
    bool *changed; /* per step: did it change the host in this run? */
    bool stop_said;
};

static int emit_step(struct exec *x, enum event_type type, const struct plan_step *s,
                     const struct event *more, struct error *err)
{
    struct event e = more ? *more : (struct event){0};
    e.type = type;
    e.step = x->step;
    e.label = s->label;
    e.kind = s->kind->name;
    e.section = s->section;
    e.sample = s->sample;
    e.tells = s->kind->flags & STEP_TELLS;
    return events_emit(x->events, &e, err);
}

/* --- what is unchanged ------------------------------------------------------------------------ */

/* The earlier step of this run whose change makes this one run again, or NULL. */
static const struct plan_step *changed_before(const struct runner *r, size_t index)
{
    const struct step_kind *kind = r->plan->steps[index]->kind;
    for (size_t i = 0; i < index; i++)
        if (r->changed[i] && step_kind_follows(kind, r->plan->steps[i]->kind))
            return r->plan->steps[i];
    return NULL;
}

static int may_skip(struct runner *r, size_t index, const char *fingerprint, char **ret_why,
                    struct error *err)
{
    const struct plan_step *s = r->plan->steps[index];
    if (r->options->force || changed_before(r, index))
        return 0;
    cleanup_step_state struct step_state state = STEP_STATE_INIT;
    if (store_state_get(r->store, s->key, &state, err) < 0)
        return -1;
    char inputs[SHA256_HEX_SIZE];
    if (inputs_digest(r->plan, s, r->store, inputs, err) < 0)
        return -1;
    if (!state.fingerprint || strcmp(state.fingerprint, fingerprint) != 0 ||
        strcmp(state.inputs, inputs) != 0)
        return 0;
    cleanup_strbuf struct strbuf witness = STRBUF_INIT;
    if (s->kind->witness && s->kind->witness(&r->x, s, &witness, err) < 0)
        return -1;
    if (strcmp(strbuf_str(&witness), state.witness ? state.witness : "") != 0)
        return 0;
    *ret_why = xasprintf("nothing changed since run %s", state.run);
    return 0;
}

/* `before`: the state of that time. A step that had none may have been cut off behind its change:
 * that counts as one now. */
static int remember(struct runner *r, size_t index, const char *fingerprint,
                    const struct step_state *before, bool *changed, struct error *err)
{
    const struct plan_step *s = r->plan->steps[index];
    cleanup_strbuf struct strbuf witness = STRBUF_INIT;
    char inputs[SHA256_HEX_SIZE];
    if ((s->kind->witness && s->kind->witness(&r->x, s, &witness, err) < 0) ||
        inputs_digest(r->plan, s, r->store, inputs, err) < 0)
        return -1;
    *changed = *changed || !before->fingerprint;
    cleanup_free char *now = xasprintf("%s.%d", r->x.run_id, s->index);
    const struct step_state state = {
        .fingerprint = (char *)fingerprint, /* the row borrows: the casts drop a const only */
        .witness = (char *)strbuf_str(&witness),
        .run = (char *)r->x.run_id,
        .changed = *changed ? now : before->changed,
        .inputs = inputs,
    };
    return store_state_put(r->store, s->key, &state, err);
}

/* --- steps ------------------------------------------------------------------------------------ */

/* A step that can be skipped has no state while it runs: one that fails or is cut off is done
 * again, and what follows it too. */
static int run_step(struct runner *r, size_t index, const char *fingerprint, bool *changed,
                    struct error *err)
{
    const struct plan_step *s = r->plan->steps[index];
    if (!(s->kind->flags & STEP_SKIPPABLE))
        return s->kind->run(&r->x, s, changed, err);
    cleanup_step_state struct step_state before = STEP_STATE_INIT;
    if (store_state_get(r->store, s->key, &before, err) < 0 ||
        store_state_forget(r->store, s->key, err) < 0 || s->kind->run(&r->x, s, changed, err) < 0)
        return -1;
    return remember(r, index, fingerprint, &before, changed, err);
}

static void explain_timeout(const struct plan_step *s, int64_t took, struct error *e)
{
    if (e->code != ERR_TIMEOUT || s->timeout <= 0 || took < s->timeout)
        return;
    cleanup_free char *limit = duration_format(s->timeout);
    error_hint(e, "the step's `timeout` is %s; where it needs longer, set another", limit);
}

static int perform(struct runner *r, size_t index, const char *fingerprint, struct error *err)
{
    struct exec *x = &r->x;
    const struct plan_step *s = r->plan->steps[index];
    bool changed = true;
    int64_t start = clock_now();
    cleanup_error struct error failure = ERROR_INIT;
    /* Also one that a sink has failed to take has an end: others have it. */
    int result = emit_step(x, EVENT_STEP_START, s, NULL, &failure);
    x->deadline = s->timeout > 0 ? deadline_in(s->timeout) : DEADLINE_NEVER;
    if (result == 0)
        result = run_step(r, index, fingerprint, &changed, &failure);
    else
        changed = false;
    r->changed[index] = changed;
    explain_timeout(s, clock_now() - start, &failure);
    const struct event end = {.duration = clock_now() - start,
                              .changed = changed,
                              .text = x->summary,
                              .failure = result < 0 ? &failure : NULL};
    cleanup_error struct error unheard = ERROR_INIT;
    int told = emit_step(x, EVENT_STEP_END, s, &end, &unheard);
    free(steal(&x->summary));
    if (result < 0) {
        error_move(err, &failure);
        return error_wrap(err, "%s", s->label);
    }
    if (told < 0)
        error_move(err, &unheard);
    return told;
}

static int do_step(struct runner *r, size_t index, struct error *err)
{
    const struct plan_step *s = r->plan->steps[index];
    char fingerprint[SHA256_HEX_SIZE] = "";
    cleanup_free char *why = NULL;
    r->x.step = s->index;
    r->x.label = s->label;
    r->x.section = s->section;
    r->x.deadline = deadline_in(60 * NSEC_PER_SEC); /* for looking at the host */
    if (cancel_check(err) < 0)
        return -1;
    if (s->kind->flags & STEP_SKIPPABLE && (plan_fingerprint(r->plan, s, fingerprint, err) < 0 ||
                                            may_skip(r, index, fingerprint, &why, err) < 0))
        return error_wrap(err, "%s", s->label);
    if (!why)
        return perform(r, index, fingerprint, err);
    const struct event skip = {.text = why};
    return emit_step(&r->x, EVENT_STEP_SKIP, s, &skip, err);
}

static int do_steps(struct runner *r, struct error *err)
{
    size_t mark = 0;
    for (size_t i = 0; i < r->plan->len; i++) {
        int pass = r->plan->steps[i]->pass;
        if (i > 0 && pass != r->plan->steps[i - 1]->pass)
            mark = r->x.undo.len;
        if (do_step(r, i, err) < 0)
            return -1;
        bool last_of_pass = i + 1 == r->plan->len || r->plan->steps[i + 1]->pass != pass;
        if (pass > 0 && last_of_pass) {
            r->x.deadline = deadline_in(120 * NSEC_PER_SEC);
            cancel_shield_begin(); /* a Ctrl-C is heard before the next step */
            int undone = undo_back_to(&r->x, &r->x.undo, mark, false, err);
            cancel_shield_end();
            if (undone < 0)
                return -1;
        }
    }
    return 0;
}

/* Whatever happened, take away what was made: shielded from Ctrl-C, over a new connection where the
 * old one is lost. */
static int clean_up(struct runner *r, bool announce, struct error *err)
{
    struct exec *x = &r->x;
    if (undo_pending(&x->undo) == 0)
        return 0;
    cancel_shield_begin();
    x->step = -1;
    x->deadline = deadline_in(120 * NSEC_PER_SEC);
    if (announce) /* why it failed, or was stopped, may be a connection that stands still */
        transport_probe(x->host, EXEC_PATIENCE);
    int result = transport_is_lost(x->host) ? transport_reconnect(x->host, err) : 0;
    if (result == 0)
        result = undo_back_to(x, &x->undo, 0, announce, err);
    else
        undo_give_up(x, &x->undo, err);
    cancel_shield_end();
    return result;
}

/* What cannot be taken away now (containerd is down, and this run may bring it up) is left for the
 * next run. */
static int take_leftover_away(struct runner *r, const char *run_id, struct error *err)
{
    bool found = false;
    cleanup_error struct error failure = ERROR_INIT;
    if (leftovers_remove(&r->x, run_id, &found, &failure) < 0) {
        if (!error_ends_all(&failure))
            return exec_note(&r->x, err, "what run %s has left stays until the next run: %s",
                             run_id, failure.message);
        error_move(err, &failure);
        return -1;
    }
    if (found && exec_note(&r->x, err, "took away what run %s had left", run_id) < 0)
        return -1;
    return store_set_dirty(r->store, run_id, false, err);
}

/* What runs that were cut off have left on this host. */
static int take_leftovers_away(struct runner *r, struct error *err)
{
    enum { MOST = 100 };
    struct exec *x = &r->x;
    struct store_run *runs = NULL;
    size_t n = 0;
    const char *address = value_get_string(r->plan->host, "ssh");
    if (store_dirty_runs(r->store, r->plan->host_name, address, MOST, &runs, &n, err) < 0)
        return -1;
    int result = 0;
    x->deadline = deadline_in(120 * NSEC_PER_SEC);
    for (size_t i = 0; i < n && result == 0; i++)
        result = take_leftover_away(r, runs[i].id, err);
    store_runs_free(runs, n);
    return result;
}

/* Nobody is kept from the host, but who measures has to know. */
static int say_others(struct runner *r, struct error *err)
{
    enum { MOST = 10 };
    const char *address = value_get_string(r->plan->host, "ssh");
    struct store_run *runs = NULL;
    size_t n = 0;
    if (store_running_runs(r->store, r->plan->host_name, address, MOST, &runs, &n, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++)
        if (strcmp(runs[i].id, r->x.run_id) != 0)
            result = exec_note(&r->x, err,
                               "run %s (%s) is on this host too: what it restarts and builds "
                               "may disturb this one",
                               runs[i].id, runs[i].workflow);
    store_runs_free(runs, n);
    return result;
}

/* While the host is waited for. */
static void tick(void *data)
{
    struct runner *r = data;
    cleanup_error struct error unheard = ERROR_INIT; /* the next event fails of the same */
    if (cancel_signals() > 0 && !r->stop_said) {
        r->stop_said = true;
        (void)exec_note(&r->x, &unheard,
                        "stopping: what runs has to end, then what was made is taken away; a third "
                        "Ctrl-C ends at once and does neither");
    }
    events_tick(r->x.events);
}

/* --- the whole -------------------------------------------------------------------------------- */

static char *workspace_of(const struct plan *plan, struct transport *host, struct error *err)
{
    const char *workspace = value_get_string(plan->host, "workspace");
    if (workspace[0] == '/')
        return xstrdup(workspace);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "pwd");
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_check(host, &cmd, deadline_in(60 * NSEC_PER_SEC), "asking for the login folder",
                        &r, err) < 0)
        return NULL;
    cleanup_free char *folder = NULL;
    strbuf_rtrim(&r.out);
    if (transport_path(host, strbuf_str(&r.out), &folder, err) < 0)
        return NULL;
    return strcmp(workspace, ".") == 0 ? steal(&folder) : xasprintf("%s/%s", folder, workspace);
}

static void exec_release(struct exec *x)
{
    for (size_t i = 0; i < x->n_containers; i++) {
        free(x->containers[i].name);
        free(x->containers[i].id);
        free(x->containers[i].space);
        free(x->containers[i].runtime);
        free(x->containers[i].image);
        strv_release(&x->containers[i].command);
        guest_close(x->containers[i].guest);
    }
    for (size_t i = 0; i < x->n_replaced; i++) {
        free(x->replaced[i].path);
        free(x->replaced[i].previous);
        free(x->replaced[i].put);
    }
    free(x->containers);
    free(x->checkpoint.folder);
    free(x->checkpoint.counter);
    free(x->checkpoint.counter_file);
    free(x->replaced);
    free(x->guestimg);
    free(x->image_path);
    free(x->summary);
    undo_release(&x->undo);
}

int exec_plan(struct transport *host, const struct plan *plan, const struct exec_options *options,
              struct events *events, struct store *store, struct error *err)
{
    cleanup_free char *workspace = workspace_of(plan, host, err);
    if (!workspace)
        return -1;
    cleanup_free bool *changed = xcalloc(plan->len + 1, sizeof(bool));
    struct runner r = {
        .x = {.host = host,
              .events = events,
              .run_id = options->run_id,
              .run_folder = options->run_folder,
              .folder = plan->file->folder,
              .workspace = workspace,
              .builds = value_get(plan->entries, "builds"),
              .step = -1},
        .plan = plan,
        .options = options,
        .store = store,
        .changed = changed,
    };
    transport_set_tick(host, tick, &r);
    int result = say_others(&r, err);
    if (result == 0)
        result = take_leftovers_away(&r, err);
    if (result == 0)
        result = do_steps(&r, err);
    cleanup_error struct error failure = ERROR_INIT;
    if (clean_up(&r, result < 0, &failure) < 0 && result == 0) {
        error_move(err, &failure);
        result = -1;
    }
    transport_set_tick(host, NULL, NULL);
    exec_release(&r.x);
    return result;
}
