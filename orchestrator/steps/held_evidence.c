/* SPDX-License-Identifier: Apache-2.0
 * Evidence of a CRIU that is held meanwhile. */
#include "steps/held_evidence.h"

#include "base/alloc.h"
#include "base/clock.h"

/* Emulated machines are slow; elsewhere it takes less than a second. */
#define TAKE_TIME (60 * NSEC_PER_SEC)
#define TICK      (100 * NSEC_PER_MSEC)

extern const char script_criu_held[], script_checkpoint_look[];

struct held {
    struct guest *guest;
    const char *container;
    held_over *over;
    void *over_data;
    bool missed;          /* what starts CRIU has ended, and CRIU was not seen */
    struct error failure; /* of `over`. Owned */
};

/* The place's own script ends by itself once CRIU was there; without one it waits for ever. */
static int wait_end(struct held *h, struct error *err)
{
    for (bool done = false, over = false; !done;) {
        if (guest_advance(h->guest, deadline_in(TICK), &done, err) < 0)
            return -1;
        if (done || !h->over)
            continue;
        if (h->over(h->over_data, &over, &h->failure) < 0)
            return error_set(err, h->failure.code, "%s", h->failure.message);
        h->missed = over;
        if (over)
            return error_set(err, ERR_FAILED, "no CRIU was seen");
    }
    return 0;
}

static int in_guest_of_held(void *self, const char *script, const struct strv *args,
                            int64_t deadline, struct run_result *ret, struct error *err)
{
    struct held *h = self;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_criu_held, "sh", h->container, script_checkpoint_look,
                  script, NULL);
    strv_extend(&argv, args);
    const struct guest_command cmd = {.argv = &argv, .max_output = 4 * BUNDLE_MAX};
    int result = guest_start(h->guest, &cmd, deadline, err);
    if (result == 0)
        result = wait_end(h, err);
    cleanup_error struct error stopping = ERROR_INIT;
    if (result < 0 && guest_stop(h->guest, &stopping) < 0)
        error_hint(err, "a CRIU may be stopped in the guest (SIGSTOP): %s", stopping.message);
    guest_take(h->guest, ret);
    /* CRIU and its client may be done before the last of the evidence has come. */
    if (h->missed && stopping.code == ERR_NONE && ret->out.len > 0) {
        h->missed = false;
        error_release(err);
        return 0;
    }
    return result;
}

int held_evidence_take(struct exec *x, struct guest *g, const struct diagnose_spec *spec,
                       const char *name, held_over *over, void *over_data, struct error *err)
{
    struct held h = {
        .guest = g, .container = spec->container, .over = over, .over_data = over_data};
    const struct evidence_place place = {in_guest_of_held, &h};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (exec_progress(x, "taking evidence", 0, -1, err) < 0)
        return -1;
    int result = diagnose_take(x->host, &place, spec, deadline_in(TAKE_TIME), &text, err);
    if (h.failure.code != ERR_NONE) { /* which the evidence has as a place that is missing */
        error_move(err, &h.failure);
        return -1;
    }
    if (result < 0)
        return -1;
    if (h.missed)
        return exec_note(x, err, "no evidence is in %s: no CRIU was seen", name);
    return exec_artifact(x, name, text.data, text.len, ARTIFACT_TOLD, err);
}
