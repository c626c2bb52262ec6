/* SPDX-License-Identifier: Apache-2.0
 * restart: a systemd unit, until it answers. */
#include <string.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "steps/common.h"
#include "steps/guest_image.h"
#include "steps/step.h"

#define POLL_PACE (100 * NSEC_PER_MSEC)
#define ABSENT    (5 * NSEC_PER_SEC) /* a program that is not there for so long will not come */

static const struct field fields[] = {
    {"unit", FIELD_STRING, FIELD_REQUIRED | FIELD_PRIMARY | FIELD_FILLED, NULL, NULL, NULL, NULL,
     "name of a systemd unit"},
    {"ready", FIELD_COMMAND, 0, NULL, NULL, NULL, NULL,
     "succeeds once the unit answers; default: for containerd `ctr version`, else `systemctl "
     "is-active`"},
    FIELD_END,
};

static const char *const after[] = {"inject", "run", NULL};

static int witness(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                   struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "systemctl", "show", "-p", "ActiveState,InvocationID,MainPID", "--",
                  value_get_string(step->args, "unit"), NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "asking for the state of the unit", &r, err) < 0)
        return -1;
    strbuf_add(ret, r.out.data, r.out.len);
    return 0;
}

/* The words of the command that says whether the unit answers. */
static void ready_command(const struct plan_step *step, struct strv *argv)
{
    const char *unit = value_get_string(step->args, "unit");
    const struct value *given = value_get(step->args, "ready");
    if (given)
        step_command(given, argv);
    else if (strcmp(unit, "containerd") == 0 || strcmp(unit, "containerd.service") == 0)
        strv_push_all(argv, "ctr", "--connect-timeout", "1s", "version", NULL);
    else
        strv_push_all(argv, "systemctl", "is-active", "--", unit, NULL);
}

/* *ret_asked: what says whether the unit answers could be run. */
static int wait_ready(struct exec *x, const struct plan_step *step, bool *ret_asked,
                      struct error *err)
{
    /* By a shell, which says 126 or 127 of what cannot be run; sudo says 1. */
    cleanup_strv struct strv words = STRV_INIT, argv = STRV_INIT;
    ready_command(step, &words);
    strv_push_all(&argv, "sh", "-c", "exec \"$@\"", "sh", NULL);
    strv_extend(&argv, &words);
    const struct command cmd = {.argv = &argv, .become = true};
    const struct command shown = {.argv = &words, .become = true};
    const char *unit = value_get_string(step->args, "unit");
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    int64_t asked = clock_now(); /* last */
    for (;;) {
        if (exec_run_command(x, &cmd, &r, err) < 0)
            return -1;
        if (r.status.code == 0)
            return 0;
        if (r.status.code != 126 && r.status.code != 127)
            asked = clock_now();
        *ret_asked = clock_now() - asked < ABSENT;
        if (!*ret_asked) {
            transport_status_error(&shown, &r, "whether it answers cannot be asked", err);
            return error_hint(err, "set `ready` of the step to a command that %s has",
                              transport_name(x->host));
        }
        cleanup_error struct error pause = ERROR_INIT;
        if (exec_pause(x, POLL_PACE, unit, &pause) == 0)
            continue;
        if (pause.code == ERR_TIMEOUT)
            return transport_status_error(&shown, &r, "it does not answer", err);
        error_move(err, &pause);
        return -1;
    }
}

static int restart(struct exec *x, const struct plan_step *step, bool *ret_asked, struct error *err)
{
    const char *unit = value_get_string(step->args, "unit");
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    /* Quick repetitions run into StartLimitBurst; a unit that has not failed has nothing to reset.
     */
    strv_push_all(&argv, "sh", "-c",
                  "systemctl reset-failed -- \"$1\" 2>/dev/null; exec systemctl restart -- \"$1\"",
                  "systemctl", unit, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    if (r.status.code != 0) {
        const struct strv word = {.items = (char *[]){"systemctl", NULL}, .len = 1};
        const struct command shown = {.argv = &word, .become = true};
        return transport_status_error(&shown, &r, "it does not start", err);
    }
    return wait_ready(x, step, ret_asked, err);
}

/* The journal's last lines, as output of the step. */
static void show_journal(struct exec *x, const char *unit)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "journalctl", "--no-pager", "-n", "20", "-o", "short-iso", "-u", unit,
                  NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error unheard = ERROR_INIT; /* the restart's own failure is what is told */
    (void)exec_stream(x, &cmd, 16384, &r, &unheard);
}

/* Is what this run has put in place still there? Others change images too, or move one there. */
static int is_in_place(struct exec *x, const struct replaced_image *image, bool *ret,
                       struct error *err)
{
    cleanup_strv struct strv paths = STRV_INIT;
    cleanup_strbuf struct strbuf now = STRBUF_INIT;
    strv_push(&paths, image->path);
    if (step_stat_files(x, &paths, true, &now, err) < 0)
        return -1;
    *ret = now.len > 0 && strcmp(strbuf_str(&now), image->put) == 0;
    return 0;
}

/* What somebody else has put in place since is not dropped. */
static int roll_back(struct exec *x, const struct replaced_image *image, struct error *err)
{
    cleanup_strv struct strv arguments = STRV_INIT;
    json_t *answer = NULL;
    bool ours = false;
    if (is_in_place(x, image, &ours, err) < 0)
        return -1;
    strv_push_all(&arguments, "rollback", image->path, "--to", image->previous,
                  ours ? "--drop" : NULL, NULL);
    if (guest_image_run(x, &arguments, "putting the previous image back", &answer, err) < 0)
        return -1;
    json_decref(answer);
    cleanup_error struct error unheard = ERROR_INIT;
    (void)exec_note(x, &unheard, "put the previous image back: %s%s", image->path,
                    ours ? "" : " (the one there was not this run's any more: it is kept)");
    return 0;
}

/* Put the images back that this run has replaced, youngest first, and start the unit once more.
 * `err` holds the failure; what was done about it becomes its hint. */
static void put_back(struct exec *x, const struct plan_step *step, struct error *err)
{
    cleanup_error struct error unheard = ERROR_INIT; /* the first failure is what is told */
    cleanup_free char *not_back = NULL;
    size_t back = 0;
    for (size_t i = x->n_replaced; i-- > 0;) {
        cleanup_error struct error failure = ERROR_INIT;
        if (roll_back(x, &x->replaced[i], &failure) == 0)
            back++;
        else if (!not_back)
            not_back = xasprintf("; the version at %s could not be: %s", x->replaced[i].previous,
                                 failure.message);
    }
    if (x->n_replaced == 0) {
        error_hint(err, "`journalctl -u %s` on the host has more",
                   value_get_string(step->args, "unit"));
        return;
    }
    bool asked;
    const char *unit = back == 0 ? ""
                       : restart(x, step, &asked, &unheard) == 0
                           ? ", and the unit answers again"
                           : "; the unit still does not answer";
    error_hint(err, "the previous image was %sput back%s%s", back == 0 ? "not " : "", unit,
               not_back ? not_back : "");
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    bool asked = true;
    if (restart(x, step, &asked, err) == 0)
        return 0;
    if (error_ends_all(err) || !asked)
        return -1;
    x->deadline = deadline_in(2 * 60 * NSEC_PER_SEC);
    show_journal(x, value_get_string(step->args, "unit"));
    put_back(x, step, err);
    return -1;
}

const struct step_kind step_restart = {
    .name = "restart",
    .help = "restart a systemd unit and wait until it answers",
    .flags = STEP_CONTAINERD | STEP_SKIPPABLE,
    .timeout = 60 * NSEC_PER_SEC,
    .fields = fields,
    .after = after,
    .witness = witness,
    .run = run,
};
