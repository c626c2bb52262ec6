/* SPDX-License-Identifier: Apache-2.0
 * build: a build command in a folder of the workspace. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "exec/exec.h"
#include "steps/common.h"
#include "steps/step.h"

enum {
    KEPT_OUTPUT = 256 * 1024, /* of each stream, to look for errors in; the log has it all */
    SHOWN_ERRORS = 4096,
};

static const struct field fields[] = {
    {"build", FIELD_REF, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, "builds",
     "name of an entry of builds"},
    FIELD_END,
};

static const char *const after[] = {"sync", "run", NULL};

static int output_state(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                        struct error *err)
{
    if (!value_get_string(step->subject, "output"))
        return 0;
    cleanup_strv struct strv output = STRV_INIT;
    strv_push_owned(&output, step_build_output(x, step->subject));
    return step_stat_files(x, &output, false, ret, err);
}

static bool line_has(const char *line, size_t len, const char *what)
{
    return memmem(line, len, what, strlen(what)) != NULL;
}

static bool starts(const char *line, size_t len, const char *what)
{
    return len >= strlen(what) && memcmp(line, what, strlen(what)) == 0;
}

/* The compiler's own errors in a build log, at most `max` bytes of them: rustc's "error…" blocks,
 * gcc's and clang's "file:line:column: error:", make's "***". Empty where none is known. */
static void compiler_errors(const char *log, size_t max, struct strbuf *ret)
{
    bool in_block = false; /* a rustc error goes on until an empty line */
    for (const char *line = log; *line && ret->len < max;) {
        size_t len = strcspn(line, "\n");
        bool rust = starts(line, len, "error[") || starts(line, len, "error:");
        bool other = line_has(line, len, ": error:") || line_has(line, len, ": fatal error:") ||
                     (starts(line, len, "make") && line_has(line, len, "***")) ||
                     line_has(line, len, "undefined reference to");
        if (rust)
            in_block = true;
        else if (len == 0)
            in_block = false;
        if (in_block || other) {
            strbuf_add(ret, line, len < max - ret->len ? len : max - ret->len);
            strbuf_putc(ret, '\n');
        }
        line += len;
        if (*line == '\n')
            line++;
    }
}

/* The compiler's errors, where its output has any, else its last lines. */
static int build_failed(struct exec *x, const struct command *cmd, struct run_result *r,
                        struct error *err)
{
    cleanup_strbuf struct strbuf errors = STRBUF_INIT;
    compiler_errors(strbuf_str(&r->err), SHOWN_ERRORS, &errors);
    if (errors.len == 0)
        compiler_errors(strbuf_str(&r->out), SHOWN_ERRORS, &errors);
    if (errors.len == 0)
        return step_command_failed(x, cmd, r, "the build failed", err);
    strbuf_rtrim(&errors);
    cleanup_free char *status = exit_status_format(&r->status);
    error_set(err, ERR_FAILED, "the build failed (%s):\n%s", status, strbuf_str(&errors));
    return error_hint(err, "its whole output is in %s; nothing on the host was replaced",
                      x->run_folder);
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    cleanup_user_command struct user_command c;
    user_command_read(x, step->subject, "run", &c);
    cleanup_strbuf struct strbuf before = STRBUF_INIT, now = STRBUF_INIT;
    if (output_state(x, step, &before, err) < 0)
        return -1;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_stream(x, &c.cmd, KEPT_OUTPUT, &r, err) < 0)
        return -1;
    if (r.status.code != 0)
        return build_failed(x, &c.cmd, &r, err);

    const char *output = value_get_string(step->subject, "output");
    if (!output)
        return 0;
    if (output_state(x, step, &now, err) < 0)
        return -1;
    cleanup_free char *path = step_build_output(x, step->subject);
    if (now.len == 0) {
        error_set(err, ERR_FAILED, "the build succeeded but left no `%s`", path);
        return error_hint(err, "set `output` of build `%s` to the file that its command makes",
                          value_get_string(step->args, "build"));
    }
    *ret_changed = strcmp(strbuf_str(&before), strbuf_str(&now)) != 0;
    exec_summary(x, "%s %s", output, *ret_changed ? "made" : "is up to date");
    return 0;
}

const struct step_kind step_build = {
    .name = "build",
    .help = "run a build's command in the workspace (its sources are synced first)",
    .flags = STEP_SKIPPABLE,
    .timeout = 30 * 60 * NSEC_PER_SEC,
    .fields = fields,
    .after = after,
    .witness = output_state,
    .run = run,
};
