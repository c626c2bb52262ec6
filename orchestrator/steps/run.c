/* SPDX-License-Identifier: Apache-2.0
 * run: any command on the host. */
#include "base/alloc.h"
#include "base/clock.h"
#include "exec/exec.h"
#include "steps/common.h"
#include "steps/step.h"

static const struct field fields[] = {
    {"command", FIELD_COMMAND, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "a shell command line, or a list of words"},
    {"dir", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "folder to run it in, from `/` or from the workspace"},
    {"become", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "run it as root"},
    {"env", FIELD_STRINGS, 0, NULL, NULL, NULL, NULL,
     "environment variables; with `become` sudo's log on the host has them too"},
    FIELD_END,
};

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    cleanup_user_command struct user_command c;
    user_command_read(x, step->args, "command", &c);
    c.cmd.become = value_get_bool(step->args, "become", false);
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_stream(x, &c.cmd, 8192, &r, err) < 0)
        return -1;
    if (r.status.code != 0)
        return step_command_failed(x, &c.cmd, &r, "the command failed", err);
    return 0;
}

const struct step_kind step_run = {
    .name = "run",
    .help = "run a command on the host",
    .flags = STEP_TELLS,
    .timeout = 10 * 60 * NSEC_PER_SEC,
    .fields = fields,
    .run = run,
};
