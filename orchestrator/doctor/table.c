/* SPDX-License-Identifier: Apache-2.0
 * The checks, in the order they are asked and shown: later ones use what earlier ones found. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "doctor/check.h"
#include "guest/guest.h"
#include "steps/step.h"

static const struct check checks[] = {
    {"ssh", "ssh here", 0, check_ssh},
    {"keys", "ssh keys", 0, check_keys},
    {"rsync-here", "rsync here", 0, check_rsync_here},
    {"connection", "connection", 0, check_connection},
    {"root", "root there", NEEDS_HOST, check_root},
    {"rsync-there", "rsync there", NEEDS_HOST, check_rsync_there},
    {"workspace", "workspace", NEEDS_HOST, check_workspace},
    {"clock", "clock", NEEDS_HOST, check_clock},
    {"containerd", "containerd", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD, check_containerd},
    {"client", "container client", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD, check_client},
    {"kata", "Kata runtime", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA, check_kata},
    {"shim", "shim's checkpoint", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA, check_shim},
    {"image", "guest image", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA, check_image},
    {"console", "debug console", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA, check_console},
    {"criu", "CRIU in the guest", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA, check_criu},
    {"space-workspace", "space: workspace", NEEDS_HOST, check_space_workspace},
    {"space-image", "space: guest image", NEEDS_HOST | NEEDS_ROOT | OF_CONTAINERD | OF_KATA,
     check_space_image},
    {"space-cache", "space: cache", NEEDS_HOST, check_space_cache},
    {"space-checkpoints", "space: checkpoints", NEEDS_HOST | OF_CONTAINERD,
     check_space_checkpoints},
};

static bool is_of_containerd(const struct doctor *d)
{
    bool is = !d->plan;
    for (size_t i = 0; d->plan && i < d->plan->len && !is; i++)
        is = d->plan->steps[i]->kind->flags & STEP_CONTAINERD;
    return is;
}

/* It changes a guest image, starts a container with Kata's runtime, or does not say. */
static bool is_of_kata(const struct doctor *d)
{
    size_t at = 0;
    bool other = false;
    if (doctor_argument(d, "inject", "image", &at))
        return true;
    at = 0;
    for (const char *runtime; (runtime = doctor_argument(d, "container", "runtime", &at));) {
        if (guest_is_machine(runtime))
            return true;
        other = true;
    }
    return !other;
}

static int ask(struct doctor *d, const struct check *c, struct check_result *f, struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    if ((c->needs & OF_CONTAINERD) && !is_of_containerd(d))
        return check_say(f, VERDICT_OK, "not needed: no step of workflow `%s` is about containers",
                         d->plan->workflow);
    if ((c->needs & OF_KATA) && !is_of_kata(d))
        return check_say(f, VERDICT_OK, "not needed: workflow `%s` has no Kata container",
                         d->plan->workflow);
    if ((c->needs & NEEDS_HOST) && !d->host)
        return check_say(f, VERDICT_UNKNOWN, "there is no connection");
    if ((c->needs & NEEDS_ROOT) && !d->root)
        return check_say(f, VERDICT_UNKNOWN, "root would have to ask");
    if (c->ask(d, f, &failure) == 0)
        return 0;
    if (failure.code == ERR_INTERRUPTED) {
        error_move(err, &failure);
        return -1;
    }
    if (d->host && transport_is_lost(d->host))
        d->host = NULL; /* nothing more can be asked there */
    check_say(f, VERDICT_UNKNOWN, "%s", failure.message);
    return failure.hint ? check_advise(f, "%s", failure.hint) : 0;
}

int doctor_run(struct doctor *d, struct check_result **ret, size_t *ret_n, struct error *err)
{
    struct check_result *all = xcalloc(ARRAY_SIZE(checks), sizeof(*all));
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        all[i].id = checks[i].id;
        all[i].what = checks[i].what;
        if (ask(d, &checks[i], &all[i], err) < 0) {
            doctor_results_free(all, ARRAY_SIZE(checks));
            return -1;
        }
    }
    *ret = all;
    *ret_n = ARRAY_SIZE(checks);
    return 0;
}

void doctor_results_free(struct check_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(results[i].detail);
        free(results[i].remedy);
    }
    free(results);
}

void doctor_release(struct doctor *d)
{
    json_decref(d->kata);
    free(d->image);
    d->kata = NULL;
    d->image = NULL;
}
