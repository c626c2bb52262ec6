/* SPDX-License-Identifier: Apache-2.0
 * container: a container of our own, until its task runs and its guest answers. It is removed at
 * the end of its pass. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "steps/client.h"
#include "steps/common.h"
#include "steps/guest.h"
#include "steps/own_container.h"
#include "steps/step.h"

#define POLL_PACE  (100 * NSEC_PER_MSEC)
#define GUEST_SOON (30 * NSEC_PER_SEC) /* for a guest that is not waited for at any cost */

static const char *const guest_choices[] = {"auto", "wait", "skip", NULL};

static const struct field fields[] = {
    {"image", FIELD_STRING, FIELD_REQUIRED | FIELD_PRIMARY | FIELD_FILLED, NULL, NULL, NULL, NULL,
     "container image"},
    {"command", FIELD_COMMAND, 0, "while :; do sleep 1; done", NULL, NULL, NULL, "what runs in it"},
    {"runtime", FIELD_STRING, FIELD_FILLED, "io.containerd.kata.v2", NULL, NULL, NULL,
     "containerd's name of the runtime"},
    {"client", FIELD_ENUM, 0, "auto", NULL, client_choices, NULL,
     "the program that starts it; auto: nerdctl where there is one, else ctr"},
    {"namespace", FIELD_STRING, FIELD_FILLED, "default", NULL, NULL, NULL,
     "containerd's namespace"},
    {"guest", FIELD_ENUM, 0, "auto", NULL, guest_choices, NULL,
     "wait until the guest's console answers; auto: with a Kata runtime whose console is enabled"},
    FIELD_END,
};

static int not_started(const struct exec *x, const struct run_container *c,
                       const struct command *cmd, struct run_result *r, struct error *err)
{
    client_only_failure(&r->err);
    const char *said = strbuf_str(&r->err);
    transport_status_error(cmd, r, "the container does not start", err);
    if (strstr(said, "binary not installed") || strstr(said, "failed to resolve runtime"))
        return error_hint(err,
                          "install the runtime's shim on %s where containerd finds it, or set "
                          "`runtime` of the step (now `%s`)",
                          transport_name(x->host), c->runtime);
    if (strstr(said, "failed to resolve reference") || strstr(said, ": not found"))
        return error_hint(err,
                          "is `%s` the image's name? `%s images` on %s lists those that are "
                          "there",
                          c->image, c->client->name, transport_name(x->host));
    return error_hint(err, "`journalctl -u containerd -n 50` on the host has the runtime's side");
}

static int start(struct exec *x, struct run_container *c, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    c->client->start(c, x->run_id, &argv);
    const struct command cmd = {
        .argv = &argv, .become = true, .killable = true, .patience = OWN_CONTAINER_PATIENCE};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_stream_quietly(x, &cmd, &r, err) < 0)
        return -1;
    if (r.status.code != 0)
        return not_started(x, c, &cmd, &r, err);
    return own_container_made(x, c, &r.out, err);
}

/* With a Kata runtime, wait until the guest answers. Where there is no way in, `auto` says so and
 * goes on. */
static int wait_guest(struct exec *x, const struct plan_step *step, struct run_container *c,
                      struct error *err)
{
    const char *how = value_get_string(step->args, "guest");
    bool must = strcmp(how, "wait") == 0;
    if (strcmp(how, "skip") == 0 || (!must && !guest_is_machine(c->runtime)))
        return 0;
    for (int attempt = 1;; attempt++) {
        struct guest *g;
        cleanup_error struct error failure = ERROR_INIT;
        int64_t deadline = must ? x->deadline : deadline_min(x->deadline, deadline_in(GUEST_SOON));
        if (step_guest(x, c, deadline, &g, &failure) == 0)
            return 0;
        if (error_ends_all(&failure)) {
            error_move(err, &failure);
            return -1;
        }
        if (!must && (attempt == 20 || failure.code == ERR_TIMEOUT))
            return exec_note(x, err, "the guest cannot be asked: %s", failure.message);
        if (exec_pause(x, POLL_PACE, "the guest", err) < 0) {
            error_wrap(err, "%s", failure.message);
            return failure.hint ? error_hint(err, "%s", failure.hint) : -1;
        }
    }
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    const struct container_client *client;
    if (client_choose(x, value_get_string(step->args, "client"), &client, err) < 0)
        return -1;
    cleanup_strv struct strv command = STRV_INIT;
    step_command(value_get(step->args, "command"), &command);
    const struct own_container_spec spec = {
        .client = client,
        .space = value_get_string(step->args, "namespace"),
        .image = value_get_string(step->args, "image"),
        .runtime = value_get_string(step->args, "runtime"),
        .command = &command,
    };
    struct run_container *c = own_container_add(x, &spec);
    if (start(x, c, err) < 0 || own_container_wait(x, c, err) < 0 ||
        wait_guest(x, step, c, err) < 0)
        return -1;
    exec_summary(x, "%s by %s", c->name, client->name);
    return 0;
}

const struct step_kind step_container = {
    .name = "container",
    .help = "start a container, until its task runs and its guest answers",
    .flags = STEP_CONTAINERD,
    .timeout = 120 * NSEC_PER_SEC,
    .fields = fields,
    .run = run,
};
