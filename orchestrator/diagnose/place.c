/* SPDX-License-Identifier: Apache-2.0
 * A guest as the place where the evidence is. */
#include "diagnose/diagnose.h"
#include "guest/guest.h"

static int in_guest(void *self, const char *script, const struct strv *args, int64_t deadline,
                    struct run_result *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, "kataloop", NULL);
    strv_extend(&argv, args);
    const struct guest_command cmd = {.argv = &argv, .max_output = 4 * BUNDLE_MAX};
    return guest_run(self, &cmd, deadline, ret, err);
}

struct evidence_place evidence_in_guest(struct guest *g)
{
    return (struct evidence_place){in_guest, g};
}
