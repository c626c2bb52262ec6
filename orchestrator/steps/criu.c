/* SPDX-License-Identifier: Apache-2.0
 * criu: CRIU by hand in the guest of the container that runs, with no agent between: the baseline
 * of `checkpoint`. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "steps/checkpoint_figures.h"
#include "steps/client.h"
#include "steps/common.h"
#include "steps/guest.h"
#include "steps/held_evidence.h"
#include "steps/kept_log.h"
#include "steps/step.h"

extern const char script_criu_dump[];

#define TICK (100 * NSEC_PER_MSEC)

static const struct field fields[] = {
    {"process", FIELD_STRING, FIELD_PRIMARY, "", NULL, NULL, NULL,
     "a part of the command line of the process to dump; empty: the container's first process"},
    {"folder", FIELD_STRING, 0, "", NULL, NULL, NULL,
     "where images and log go in the guest, a folder that is not there yet; empty: one in /tmp"},
    {"log_file", FIELD_STRING, 0, "criu-dump.log", NULL, NULL, NULL, "name of the log"},
    {"leave_running", FIELD_BOOL, 0, "true", NULL, NULL, NULL, "the container goes on afterwards"},
    {"file_locks", FIELD_BOOL, 0, "true", NULL, NULL, NULL, "dump file locks too"},
    {"skip_mounts", FIELD_STRING, 0, "/dev/shm /etc/hostname /etc/hosts /etc/resolv.conf", NULL,
     NULL, NULL, "mounts that are not dumped, separated by blanks"},
    {"options", FIELD_STRING, 0, "--manage-cgroups=ignore", NULL, NULL, NULL,
     "further options of `criu dump`, separated by blanks"},
    {"keep", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "leave the folder in the guest"},
    {"evidence", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "file name: keep evidence of CRIU at its start under it among the run's files; CRIU is held "
     "meanwhile, so its times do not count as a sample"},
    FIELD_END,
};

static void check(const struct plan_step *step, const char *folder, struct diagnostics *problems)
{
    (void)folder;
    const struct value *own = value_get(step->args, "folder");
    const struct value *log = value_get(step->args, "log_file");
    if (*own->text && own->text[0] != '/')
        diagnostics_add(problems, own->span, "`folder` must be an absolute path, not `%s`",
                        own->text);
    if (!*log->text || strchr(log->text, '/'))
        diagnostics_add(problems, log->span, "`log_file` must be the name of a file, not `%s`",
                        log->text);
    step_check_artifact_name(step->args, "evidence", problems);
}

/* --- its folder in the guest ------------------------------------------------------------------ */

/* Run a short command in the guest. *ret_status: its exit status; 0 also where that is not known.
 */
static int in_guest(struct exec *x, struct run_container *c, const struct strv *argv,
                    const char *what, int *ret_status, struct error *err)
{
    struct guest *g;
    *ret_status = 0;
    if (step_guest(x, c, x->deadline, &g, err) < 0)
        return -1;
    const struct guest_command cmd = {.argv = argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    int result = guest_check(g, &cmd, x->deadline, what, &r, err);
    *ret_status = r.status.code;
    return result;
}

/* `place`: which container of the run's, a colon, the folder. A virtual machine goes when its
 * container's task has ended, and the folder with it; without one it is the host's. */
static int undo_folder(struct exec *x, const char *place, struct error *err)
{
    char *folder;
    struct run_container *c = &x->containers[strtoull(place, &folder, 10)];
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    bool machine = guest_is_machine(c->runtime), running = false;
    int status;
    if (machine && c->removed)
        return 0;
    strv_push_all(&argv, "rm", "-rf", "--", folder + 1, NULL);
    if (in_guest(x, c, &argv, "removing CRIU's folder in the guest", &status, &failure) == 0)
        return 0;
    if (machine && client_running(x, c, &running, err) < 0)
        return -1;
    if (machine && !running)
        return 0;
    error_move(err, &failure);
    return -1;
}

static int make_folder(struct exec *x, const struct plan_step *step, struct run_container *c,
                       char **ret, struct error *err)
{
    const char *named = value_get_string(step->args, "folder");
    bool keep = value_get_bool(step->args, "keep", false);
    /* One that is to stay has a name that is not looked for among leftovers. */
    cleanup_free char *folder =
        *named ? xstrdup(named)
               : xasprintf("/tmp/kataloop-%s%s-%d", keep ? "kept-" : "", x->run_id, x->step);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "mkdir", "-m", "0700", "--", folder, NULL);
    cleanup_free char *text = xasprintf("CRIU's folder %s in the guest", folder);
    cleanup_free char *place = xasprintf("%zu:%s", (size_t)(c - x->containers), folder);
    /* What has a name of this run's is ours from the start; a named one not before it is made. */
    bool ours = !keep && !*named;
    size_t ticket = ours ? undo_push(&x->undo, undo_folder, place, text) : 0;
    int status;
    if (in_guest(x, c, &argv, "making CRIU's folder in the guest", &status, err) < 0) {
        if (ours && status > 0)
            undo_forget(&x->undo, ticket);
        return error_hint(err, "`folder` must name a new folder, inside one that exists");
    }
    if (!keep && !ours)
        undo_push(&x->undo, undo_folder, place, text);
    *ret = steal(&folder);
    return 0;
}

/* --- the dump --------------------------------------------------------------------------------- */

struct dump {
    struct guest *guest;
    bool done; /* the command has ended */
};

static int dump_over(void *data, bool *ret, struct error *err)
{
    struct dump *d = data;
    if (!d->done && guest_advance(d->guest, 0, &d->done, err) < 0)
        return -1;
    *ret = d->done;
    return 0;
}

static int wait_dump(struct dump *d, struct error *err)
{
    while (!d->done) {
        if (guest_advance(d->guest, deadline_in(TICK), &d->done, err) < 0)
            return -1;
    }
    return 0;
}

/* Evidence is taken by a second way into the guest, as the first one is busy. */
static int take_evidence(struct exec *x, const struct plan_step *step,
                         const struct run_container *c, const char *folder, struct dump *d,
                         struct error *err)
{
    const char *name = value_get_string(step->args, "evidence");
    if (!name)
        return 0;
    cleanup_guest struct guest *second = NULL;
    const struct guest_spec way = {.sandbox = c->id, .runtime = c->runtime};
    cleanup_free char *file = xasprintf("%s" BUNDLE_SUFFIX, name);
    cleanup_free char *work = xasprintf("%s/work", folder);
    const struct diagnose_spec spec = {
        .container = c->id,
        .name = c->name,
        .space = c->space,
        .runtime = c->runtime,
        .work_dir = work,
        .held = true,
        .leave_running = value_get_bool(step->args, "leave_running", true),
    };
    if (guest_open(x->host, &way, x->deadline, &second, err) < 0)
        return -1;
    return held_evidence_take(x, second, &spec, file, dump_over, d, err);
}

static void add_options(const struct value *args, struct strv *argv)
{
    cleanup_free char *options = xstrdup(value_get_string(args, "options"));
    char *rest = options;
    if (value_get_bool(args, "leave_running", true))
        strv_push(argv, "--leave-running");
    if (value_get_bool(args, "file_locks", true))
        strv_push(argv, "--file-locks");
    for (char *word; (word = strsep(&rest, " \t\n"));)
        if (*word)
            strv_push(argv, word);
}

static int dump(struct exec *x, const struct plan_step *step, const struct run_container *c,
                struct guest *g, const char *folder, struct run_result *ret, struct error *err)
{
    const struct value *args = step->args;
    struct dump d = {.guest = g};
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_criu_dump, "criu_dump kataloop", c->id, folder,
                  value_get_string(args, "log_file"), value_get_string(args, "process"),
                  value_get_string(args, "skip_mounts"), NULL);
    add_options(args, &argv);
    const struct guest_command cmd = {.argv = &argv};
    int result = guest_start(g, &cmd, x->deadline, err);
    if (result == 0)
        result = take_evidence(x, step, c, folder, &d, err);
    if (result == 0)
        result = wait_dump(&d, err);
    cleanup_error struct error stopping = ERROR_INIT;
    if (result < 0 && guest_stop(g, &stopping) < 0)
        error_hint(err, "CRIU may still run in the guest: %s", stopping.message);
    guest_take(g, ret);
    return result;
}

/* Lines of a name and a value. */
static void read_report(char *text, struct checkpoint_figures *ret)
{
    int64_t number;
    for (char *line; text && (line = strsep(&text, "\n"));) {
        const char *name = strsep(&line, " ");
        if (!line)
            continue;
        if (strcmp(name, "wall") == 0 && parse_int(line, &number))
            ret->wall = number;
        else if (strcmp(name, "bytes") == 0 && parse_int(line, &number))
            ret->image_bytes = (double)number;
        else if (strcmp(name, "running") == 0)
            ret->running = strcmp(line, "yes") == 0;
    }
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    (void)ret_changed;
    struct guest *g;
    struct run_container *c = client_container(x);
    cleanup_free char *folder = NULL;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (!c) {
        error_set(err, ERR_FAILED, "no container of this run is there to dump");
        return error_hint(err, "put a `container` step before it (with --from or --only: begin "
                               "with that)");
    }
    if (step_guest(x, c, x->deadline, &g, err) < 0 || make_folder(x, step, c, &folder, err) < 0 ||
        dump(x, step, c, g, folder, &r, err) < 0)
        return -1;
    cleanup_free char *work = xasprintf("%s/work", folder);
    cleanup_free char *log = path_join(work, value_get_string(step->args, "log_file"));
    if (kept_log_take(x, g, log, err) < 0)
        return -1;
    if (r.status.code != 0) {
        cleanup_strv struct strv said = STRV_INIT;
        strv_push_all(&said, "criu", "dump", NULL);
        const struct command cmd = {.argv = &said};
        transport_status_error(&cmd, &r, "CRIU failed in the guest", err);
        return r.status.code == 127 ? error_hint(err, "install CRIU in the guest image") : -1;
    }
    struct checkpoint_figures figures = {0};
    read_report(r.out.data, &figures);
    if (checkpoint_stats_in_guest(x, g, work, &figures.stats, err) < 0 ||
        checkpoint_emit_sample(x, step, &figures, err) < 0)
        return -1;
    cleanup_free char *time = duration_format(figures.wall);
    exec_summary(x, "%s in the guest, the workload %s", time,
                 figures.running ? "still runs" : "has ended");
    return 0;
}

const struct step_kind step_criu = {
    .name = "criu",
    .help = "dump the container that runs with CRIU by hand, in its guest",
    .flags = STEP_CONTAINERD | STEP_MEASURED,
    .timeout = 60 * NSEC_PER_SEC,
    .fields = fields,
    .check = check,
    .run = run,
};
