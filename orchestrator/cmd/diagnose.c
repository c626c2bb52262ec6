/* SPDX-License-Identifier: Apache-2.0
 * diagnose: why a checkpoint hangs or fails, from the evidence of now or of a bundle. */
#include "diagnose/diagnose.h"

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
#include "report/sink_terminal.h"
#include "results/store.h"

/* Into the guest, and for the evidence of both sides; an emulated machine needs it. */
#define OPEN_TIMEOUT     (30 * NSEC_PER_SEC)
#define EVIDENCE_TIMEOUT (60 * NSEC_PER_SEC)

enum { EXIT_HANG = 4 };

static const struct verb_option options[] = {
    {'p', "pid", "PID", "look at this process and those below it, on the host, not at a container"},
    {'c', "compare", NULL,
     "two bundles (or runs), or CRIU by hand and by the agent, run now: what differs"},
    {'o', "output", "FILE", "keep the evidence as a bundle, to be sent in or judged later"},
    OPTION_HOST,
    OPTION_FILE,
    {'n', "namespace", "NAME", "containerd's namespace (default: default)"},
    {0, "way", "WAY", "the way into the guest: auto, vsock, console, or host (default: auto)"},
    OPTION_JSON,
    OPTION_END};

/* --- where a bundle comes from -----------------------------------------------------------------
 */

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "20261124-091233-3f2a", the start of one, or "latest": no container has such a name. */
static bool is_run(const char *text)
{
    if (strcmp(text, "latest") == 0)
        return true;
    size_t digits = strspn(text, "0123456789");
    return digits == 8 && text[digits] == '-';
}

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
        size_t len = strlen(artifacts[i].path), suffix = strlen(BUNDLE_SUFFIX);
        if (len < suffix || strcmp(artifacts[i].path + len - suffix, BUNDLE_SUFFIX) != 0)
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

static int read_kept(const char *what, struct bundle *ret, struct error *err)
{
    cleanup_free char *path = NULL;
    if (is_file(what) || !is_run(what))
        path = xstrdup(what);
    else if (bundle_of_run(what, &path, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (fs_read(path, BUNDLE_MAX, &text, err) < 0)
        return -1;
    return bundle_parse(strbuf_str(&text), text.len, path, ret, err);
}

/* --- live ----------------------------------------------------------------------------------------
 */

static int parse_pid(const char *text, int64_t *ret, struct error *err)
{
    if (parse_int(text, ret) && *ret > 0 && *ret <= INT32_MAX)
        return 0;
    return error_set(err, ERR_USAGE, "`--pid %s` is no process", text);
}

static int take_of_container(struct invocation *inv, struct transport *host,
                             struct diagnose_spec *spec, struct strbuf *ret, struct error *err)
{
    cleanup_guest_container struct guest_container c = {0};
    cleanup_guest struct guest *guest = NULL;
    int64_t deadline = deadline_in(OPEN_TIMEOUT);
    if (guest_find(host, spec->space, inv->args.items[0], deadline, &c, err) < 0)
        return -1;
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
    if (session_open_host(inv, &s, err) < 0 || session_connect(&s, &host, err) < 0)
        return -1;
    if (!pid)
        return take_of_container(inv, host, &spec, ret, err);
    return diagnose_take(host, NULL, &spec, deadline_in(EVIDENCE_TIMEOUT), ret, err);
}

static int take_and_keep(struct invocation *inv, struct bundle *ret, struct error *err)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    const char *output = invocation_option(inv, "output");
    if (take(inv, &text, err) < 0)
        return -1;
    if (output && fs_write_atomic(output, text.data, text.len, 0600, err) < 0)
        return -1;
    return bundle_parse(text.data, text.len, "the evidence", ret, err);
}

/* --- what is said
 * ---------------------------------------------------------------------------------- */

static int compare(struct invocation *inv, struct error *err)
{
    cleanup_free char *manual = NULL, *agent = NULL;
    bool live = inv->args.len < 2;
    cleanup_bundle struct bundle left = BUNDLE_INIT, right = BUNDLE_INIT;
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    if (live && both_ways_run(inv, &manual, &agent, &inv->status, err) < 0)
        return -1;
    const char *one = live ? manual : inv->args.items[0];
    const char *other = live ? agent : inv->args.items[1];
    if (read_kept(one, &left, err) < 0 || read_kept(other, &right, err) < 0)
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

static int check_arguments(const struct invocation *inv, struct error *err)
{
    bool pid = invocation_option(inv, "pid") != NULL;
    if (pid ? inv->args.len == 0 : inv->args.len == 1)
        return 0;
    if (inv->args.len == 0)
        error_set(err, ERR_USAGE, "what shall be diagnosed?");
    else
        error_set(err, ERR_USAGE, "`kataloop diagnose` takes no argument `%s` here",
                  inv->args.items[pid ? 0 : 1]);
    return error_hint(err, "usage: kataloop diagnose %s", inv->verb->synopsis);
}

static int run(struct invocation *inv, struct error *err)
{
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_findings struct findings f = FINDINGS_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    if (invocation_option(inv, "compare"))
        return compare(inv, err);
    if (check_arguments(inv, err) < 0)
        return -1;
    const char *what = inv->args.len > 0 ? inv->args.items[0] : NULL;
    bool kept = what && (is_file(what) || is_run(what) || strchr(what, '/'));
    if ((kept ? read_kept(what, &b, err) : take_and_keep(inv, &b, err)) < 0)
        return -1;
    findings_make(&b, &f);
    if (invocation_option(inv, "json"))
        findings_json(&f, &out);
    else
        findings_text(&f, terminal_width(STDOUT_FILENO),
                      terminal_capable(STDOUT_FILENO) && terminal_wants_colour(), &out);
    fputs(strbuf_str(&out), stdout);
    inv->status = f.hang ? EXIT_HANG : 0;
    return 0;
}

const struct verb verb_diagnose = {
    .name = "diagnose",
    .synopsis = "CONTAINER | RUN | BUNDLE | --pid PID | --compare [A B | WORKFLOW]",
    .help = "say why a checkpoint hangs or fails, with the evidence for it",
    .about =
        "Of a CONTAINER (an id, the start of one, or a name) the evidence is taken now, in its\n"
        "guest and on the host; nothing is changed there. Of a RUN, or a BUNDLE that was kept\n"
        "with -o or sent in, what was seen then is judged again.\n"
        "--compare shows how two CRIU processes, what started them, and their targets differ: "
        "those\n"
        "of two bundles or runs, or without them of CRIU by hand and by the agent, which a "
        "WORKFLOW\n"
        "with the recipe compare-manual-agent runs now.\n"
        "Exit status 4: a checkpoint hangs.",
    .options = options,
    .max_args = 2,
    .run = run,
};
