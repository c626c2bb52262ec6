/* SPDX-License-Identifier: Apache-2.0
 * diagnose: why a checkpoint hangs or fails, from the evidence of now or of a bundle. */
#include "diagnose/diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "cmd/both_ways.h"
#include "cmd/session.h"
#include "diagnose/compare.h"
#include "guest/find.h"
#include "guest/guest.h"
#include "report/looks.h"
#include "results/run_id.h"
#include "results/store.h"

/* Into the guest, and for the evidence of both sides; an emulated machine needs it. */
#define OPEN_TIMEOUT     (30 * NSEC_PER_SEC)
#define EVIDENCE_TIMEOUT (60 * NSEC_PER_SEC)

enum { EXIT_HANG = 4 };

static const struct verb_option options[] = {
    {'p', "pid", "PID", "look at this process and those below it, on the host"},
    {'c', "compare", NULL,
     "show what differs between two bundles or runs, or between CRIU by hand and by the agent"},
    {'o', "output", "FILE", "keep the evidence as a bundle, to send in or to judge later"},
    OPTION_HOST,
    OPTION_FILE,
    {'n', "namespace", "NAME", "containerd's namespace (default: default)"},
    {0, "way", "WAY", "the way into the guest: auto, vsock, console, or host (default: auto)"},
    OPTION_JSON,
    OPTION_END};

/* --- what is asked for -------------------------------------------------------------------------
 */

/* The forms of the command line, as bits. */
enum {
    OF_CONTAINER = 1 << 0,
    OF_RUN = 1 << 1,
    OF_BUNDLE = 1 << 2,
    OF_PID = 1 << 3,
    TWO_COMPARED = 1 << 4, /* two that were kept */
    WAYS_COMPARED = 1 << 5 /* both ways, run now */
};

static const struct {
    unsigned form;
    const char *name;
} forms[] = {{OF_CONTAINER, "CONTAINER"},     {OF_RUN, "RUN"},
             {OF_BUNDLE, "BUNDLE"},           {OF_PID, "--pid PID"},
             {TWO_COMPARED, "--compare A B"}, {WAYS_COMPARED, "--compare [WORKFLOW]"}};

/* Options that not every form takes. */
static const struct {
    const char *option;
    unsigned forms;
} takers[] = {
    {"pid", OF_PID},
    {"output", OF_CONTAINER | OF_RUN | OF_PID},
    {"host", OF_CONTAINER | OF_PID},
    {"file", OF_CONTAINER | OF_PID | WAYS_COMPARED},
    {"namespace", OF_CONTAINER | OF_PID},
    {"way", OF_CONTAINER},
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool has_suffix(const char *path)
{
    size_t len = strlen(path), suffix = strlen(BUNDLE_SUFFIX);
    return len > suffix && strcmp(path + len - suffix, BUNDLE_SUFFIX) == 0;
}

/* Whether it is there or not: no container, run or workflow is called so. */
static bool is_path(const char *text)
{
    return strchr(text, '/') || has_suffix(text);
}

/* The words are as many as the form takes (check_words). */
static unsigned form_of(const struct invocation *inv)
{
    if (invocation_option(inv, "compare"))
        return inv->args.len == 2 ? TWO_COMPARED : WAYS_COMPARED;
    if (invocation_option(inv, "pid"))
        return OF_PID;
    const char *what = inv->args.items[0];
    if (is_file(what) || is_path(what))
        return OF_BUNDLE;
    return run_id_is_meant(what) ? OF_RUN : OF_CONTAINER;
}

static int check_options(const struct invocation *inv, unsigned form, struct error *err)
{
    const char *name = "";
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        if (forms[i].form == form)
            name = forms[i].name;
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        if (!invocation_option(inv, takers[i].option) || takers[i].forms & form)
            continue;
        cleanup_strbuf struct strbuf which = STRBUF_INIT;
        for (size_t j = 0; j < ARRAY_SIZE(forms); j++)
            if (takers[i].forms & forms[j].form)
                strbuf_printf(&which, "%s`%s`", which.len > 0 ? ", " : "", forms[j].name);
        error_set(err, ERR_USAGE, "`diagnose %s` has no option `--%s`", name, takers[i].option);
        return error_hint(err, "it is one of %s", strbuf_str(&which));
    }
    return 0;
}

/* Before evidence is taken that could not be kept. It takes the place of what is there, so that
 * must be a file. */
static int check_output(const char *output, struct error *err)
{
    struct stat st;
    if (!output)
        return 0;
    cleanup_free char *folder = path_dir(output);
    if (access(folder, W_OK) < 0)
        return error_set_errno(err, errno, "`--output %s`: writing to `%s`", output, folder);
    if (lstat(output, &st) < 0 || S_ISREG(st.st_mode))
        return 0;
    error_set(err, ERR_USAGE, "`--output %s`: it exists and is not a regular file", output);
    return error_hint(err, "name a file: the evidence takes the place of what is there");
}

static int check_words(const struct invocation *inv, struct error *err)
{
    const struct strv *args = &inv->args;
    if (invocation_option(inv, "compare")) {
        if (args->len != 1 || !(is_path(args->items[0]) || run_id_is_meant(args->items[0])))
            return 0;
        error_set(err, ERR_USAGE, "two are compared, and `%s` is one", args->items[0]);
        return error_hint(err, "usage: kataloop diagnose --compare [A B | WORKFLOW]");
    }
    bool pid = invocation_option(inv, "pid") != NULL;
    if (pid ? args->len == 0 : args->len == 1)
        return 0;
    if (args->len == 0)
        error_set(err, ERR_USAGE, "nothing was named to be diagnosed");
    else
        error_set(err, ERR_USAGE, "`kataloop diagnose` takes no argument `%s` here",
                  args->items[pid ? 0 : 1]);
    return verb_hint_usage(inv->verb, err);
}

static int check(const struct invocation *inv, unsigned *ret_form, struct error *err)
{
    if (check_words(inv, err) < 0)
        return -1;
    *ret_form = form_of(inv);
    if (check_options(inv, *ret_form, err) < 0 ||
        check_output(invocation_option(inv, "output"), err) < 0)
        return -1;
    return guest_way_check(invocation_option(inv, "way"), err);
}

/* --- what was kept -----------------------------------------------------------------------------
 */

/* The path of the youngest bundle among a run's artifacts. */
static int bundle_of_run(const char *name, char **ret, struct error *err)
{
    cleanup_store struct store *store = NULL;
    struct store_run run = {0};
    if (store_open_copy(NULL, &store, err) < 0 || store_find_run(store, name, &run, err) < 0)
        return -1;
    struct store_artifact *artifacts = NULL;
    size_t n = 0;
    int result = store_artifacts(store, run.id, &artifacts, &n, err);
    for (size_t i = 0; result == 0 && i < n; i++) {
        if (!has_suffix(artifacts[i].path))
            continue;
        free(*ret);
        *ret = path_join(run.folder ? run.folder : ".", artifacts[i].path);
    }
    if (result == 0 && !*ret) {
        error_set(err, ERR_FAILED, "run %s has no evidence", run.id);
        result = error_hint(err, "evidence is taken when a checkpoint stalls or fails");
    }
    store_artifacts_free(artifacts, n);
    store_run_release(&run);
    return result;
}

/* *ret_path: of the file that it is in; owned. */
static int read_kept(const char *what, struct strbuf *ret, char **ret_path, struct error *err)
{
    cleanup_free char *path = NULL;
    if (is_file(what) || !run_id_is_meant(what))
        path = xstrdup(what);
    else if (bundle_of_run(what, &path, err) < 0)
        return -1;
    if (fs_read(path, BUNDLE_MAX, ret, err) < 0) {
        if (err->errnum == EISDIR)
            return error_hint(err,
                              "name the bundle itself: a file that ends in `" BUNDLE_SUFFIX "`");
        if (err->errnum != ENOENT)
            return -1;
        error_set(err, ERR_FAILED, "there is no file %s`%s`", is_path(what) ? "" : "or run ", path);
        return error_hint(err, "a bundle is made by `kataloop diagnose CONTAINER -o FILE`; "
                               "`kataloop results` lists the runs");
    }
    *ret_path = steal(&path);
    return 0;
}

static int parse_kept(const char *what, struct bundle *ret, struct error *err)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_free char *path = NULL;
    if (read_kept(what, &text, &path, err) < 0)
        return -1;
    return bundle_parse(strbuf_str(&text), text.len, path, ret, err);
}

/* --- live ----------------------------------------------------------------------------------------
 */

static int parse_pid(const char *text, int64_t *ret, struct error *err)
{
    if (parse_int(text, ret) && *ret > 0 && *ret <= INT32_MAX)
        return 0;
    error_set(err, ERR_USAGE, "`--pid %s` is not a process id", text);
    return error_hint(err, "give the number that `ps` shows on the host");
}

/* A word that is neither is taken for a container, which may not be what it was meant to be. */
static int no_file_or_run(const struct invocation *inv, struct error *err)
{
    return error_wrap(err, "`%s` is neither a file nor a run; looking for a container of that name",
                      inv->args.items[0]);
}

static int take_of_container(struct invocation *inv, struct transport *host,
                             struct diagnose_spec *spec, struct strbuf *ret, struct error *err)
{
    cleanup_guest_container struct guest_container c = {0};
    cleanup_guest struct guest *guest = NULL;
    int64_t deadline = deadline_in(OPEN_TIMEOUT);
    if (guest_find(host, spec->space, inv->args.items[0], deadline, &c, err) < 0)
        return no_file_or_run(inv, err);
    const struct guest_spec way = {
        .sandbox = c.sandbox, .runtime = c.runtime, .way = invocation_option(inv, "way")};
    if (guest_open(host, &way, deadline, &guest, err) < 0)
        return -1;
    spec->container = c.id;
    spec->name = c.name;
    spec->runtime = c.runtime;
    const struct evidence_place place = evidence_in_guest(guest);
    return diagnose_take(host, &place, spec, deadline_in(EVIDENCE_TIMEOUT), ret, err);
}

static int take(struct invocation *inv, struct strbuf *ret, struct error *err)
{
    const char *space = invocation_option(inv, "namespace"), *pid = invocation_option(inv, "pid");
    struct diagnose_spec spec = {.space = space ? space : "default"};
    if (pid && parse_pid(pid, &spec.target_pid, err) < 0)
        return -1;
    cancel_install();
    cleanup_session struct session s = SESSION_INIT;
    cleanup_transport struct transport *host = NULL;
    if (session_open_host(inv, &s, err) < 0)
        return pid ? -1 : no_file_or_run(inv, err);
    if (session_connect(&s, &host, err) < 0)
        return -1;
    if (!pid)
        return take_of_container(inv, host, &spec, ret, err);
    return diagnose_take(host, NULL, &spec, deadline_in(EVIDENCE_TIMEOUT), ret, err);
}

/* The script looks at all processes: what it did not see is not there. */
static int check_target(const char *pid, const struct bundle *b, struct error *err)
{
    const struct bundle_item *seen = bundle_find(b, "processes");
    if (!pid || !seen || seen->missing || bundle_role(b, PROCESS_TARGET))
        return 0;
    error_set(err, ERR_FAILED, "there is no process %s on the host", pid);
    return error_hint(err, "for a process in a guest, name its container");
}

static int take_or_read(struct invocation *inv, unsigned form, struct bundle *ret,
                        struct error *err)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_free char *name = NULL;
    const char *output = invocation_option(inv, "output");
    bool kept = form == OF_RUN || form == OF_BUNDLE;
    if (kept ? read_kept(inv->args.items[0], &text, &name, err) < 0 : take(inv, &text, err) < 0)
        return -1;
    int result = bundle_parse(strbuf_str(&text), text.len, kept ? name : "the evidence", ret, err);
    if (result == 0 && check_target(invocation_option(inv, "pid"), ret, err) < 0)
        return -1;
    /* Also what cannot be judged: it will not come again. */
    if (output && fs_write_atomic(output, text.data, text.len, 0600, err) < 0)
        return -1;
    return result;
}

/* --- what is said
 * ---------------------------------------------------------------------------------- */

static int compare(struct invocation *inv, unsigned form, struct error *err)
{
    cleanup_free char *manual = NULL, *agent = NULL;
    bool live = form == WAYS_COMPARED;
    cleanup_bundle struct bundle left = BUNDLE_INIT, right = BUNDLE_INIT;
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    if (live && both_ways_run(inv, &manual, &agent, &inv->status, err) < 0)
        return -1;
    const char *one = live ? manual : inv->args.items[0];
    const char *other = live ? agent : inv->args.items[1];
    if (parse_kept(one, &left, err) < 0 || parse_kept(other, &right, err) < 0)
        return -1;
    comparison_make(&left, &right, &c);
    one = live ? "by hand" : one;
    other = live ? "by the agent" : other;
    if (invocation_option(inv, "json"))
        comparison_json(&c, one, other, &out);
    else
        comparison_text(&c, one, other, terminal_width(STDOUT_FILENO), &out);
    fputs(strbuf_str(&out), stdout);
    return 0;
}

static int run(struct invocation *inv, struct error *err)
{
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_findings struct findings f = FINDINGS_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    unsigned form;
    if (check(inv, &form, err) < 0)
        return -1;
    if (form & (TWO_COMPARED | WAYS_COMPARED))
        return compare(inv, form, err);
    if (take_or_read(inv, form, &b, err) < 0)
        return -1;
    findings_make(&b, &f);
    if (invocation_option(inv, "json"))
        findings_json(&f, &out);
    else
        findings_text(&f, terminal_width(STDOUT_FILENO), terminal_is_coloured(STDOUT_FILENO), &out);
    fputs(strbuf_str(&out), stdout);
    inv->status = f.hang ? EXIT_HANG : 0;
    return 0;
}

const struct verb verb_diagnose = {
    .name = "diagnose",
    .synopsis = "CONTAINER | RUN | BUNDLE | --pid PID | --compare [A B | WORKFLOW]",
    .help = "say why a checkpoint hangs or fails, with the evidence for it",
    .about =
        "CONTAINER (an id, a name, or the start of an id): its guest and its host are looked\n"
        "at now; nothing is changed there. RUN (an id, the start of one with its whole date,\n"
        "or `latest`) or BUNDLE (a file kept with -o or sent to you): the evidence that was\n"
        "taken then is judged again.\n"
        "--compare shows how two CRIU processes, what started them, and their targets differ:\n"
        "those of two bundles or runs (A and B). Without names it runs a WORKFLOW with the\n"
        "recipe compare-manual-agent now, and compares CRIU started by hand and by the agent.\n"
        "Exit status 4: a checkpoint hangs.",
    .options = options,
    .max_args = 2,
    .run = run,
};
