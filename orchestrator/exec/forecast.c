/* SPDX-License-Identifier: Apache-2.0
 * What a run would leave out. */
#include "exec/forecast.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/inputs.h"

/* The first earlier step that will run and drags this one along; NULL: none. */
static const struct plan_step *dragged_by(const struct plan *plan, const struct forecast *f,
                                          size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!f[i].skip && step_kind_follows(plan->steps[index]->kind, plan->steps[i]->kind))
            return plan->steps[i];
    return NULL;
}

static int forecast_step(const struct plan *plan, size_t index, struct store *store, bool force,
                         struct forecast *f, struct error *err)
{
    const struct plan_step *s = plan->steps[index];
    struct forecast *it = &f[index];
    if (!(s->kind->flags & STEP_SKIPPABLE))
        return 0;
    char fingerprint[SHA256_HEX_SIZE];
    if (plan_fingerprint(plan, s, fingerprint, err) < 0)
        return error_wrap(err, "%s", s->label);
    cleanup_step_state struct step_state state = STEP_STATE_INIT;
    if (store && store_state_get(store, s->key, &state, err) < 0)
        return -1;
    char inputs[SHA256_HEX_SIZE];
    if (inputs_digest(plan, s, store, inputs, err) < 0)
        return -1;
    const struct plan_step *because = dragged_by(plan, f, index);
    if (force)
        it->why = xstrdup("forced");
    else if (!state.fingerprint)
        it->why = xstrdup("not done yet, or it failed");
    else if (strcmp(state.fingerprint, fingerprint) != 0)
        it->why = xasprintf("changed since run %s", state.run);
    else if (strcmp(state.inputs, inputs) != 0)
        it->why = xstrdup("a step before it has changed something since");
    else if (because)
        it->why = xasprintf("if step %d changes anything", because->index + 1);
    else {
        it->skip = true;
        it->why = xasprintf("nothing changed since run %s", state.run);
    }
    return 0;
}

int forecast_make(const struct plan *plan, struct store *store, bool force, struct forecast **ret,
                  struct error *err)
{
    struct forecast *f = xcalloc(plan->len + 1, sizeof(*f));
    for (size_t i = 0; i < plan->len; i++) {
        if (forecast_step(plan, i, store, force, f, err) < 0) {
            forecast_free(f, plan->len);
            return -1;
        }
    }
    *ret = f;
    return 0;
}

void forecast_free(struct forecast *f, size_t n)
{
    for (size_t i = 0; f && i < n; i++)
        free(f[i].why);
    free(f);
}
