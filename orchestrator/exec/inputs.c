/* SPDX-License-Identifier: Apache-2.0
 * What a step comes after. */
#include "exec/inputs.h"

#include <string.h>

static size_t last_of_key(const struct plan *p, const char *key)
{
    size_t last = 0;
    for (size_t i = 0; i < p->n_all; i++)
        if (strcmp(p->all[i]->key, key) == 0)
            last = i;
    return last;
}

int inputs_digest(const struct plan *p, const struct plan_step *step, struct store *store,
                  char hex[SHA256_HEX_SIZE], struct error *err)
{
    struct sha256 *digest = sha256_new();
    int result = 0;
    for (size_t i = 0, last = last_of_key(p, step->key); i < last && result == 0; i++) {
        const struct plan_step *earlier = p->all[i];
        if (!(earlier->kind->flags & STEP_SKIPPABLE) ||
            !step_kind_follows(step->kind, earlier->kind))
            continue;
        cleanup_step_state struct step_state state = STEP_STATE_INIT;
        if (store)
            result = store_state_get(store, earlier->key, &state, err);
        sha256_add_string(digest, earlier->key);
        sha256_add_string(digest, state.changed);
    }
    sha256_finish(digest, hex);
    return result;
}
