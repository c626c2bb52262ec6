/* SPDX-License-Identifier: Apache-2.0
 * containerd, its client, and whether a checkpoint can get through. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "doctor/check.h"
#include "report/run_json.h"

enum { NERDCTL_CHECKPOINTS = 2002 /* 2.2: `nerdctl checkpoint` */, RUNS_LOOKED_AT = 50 };

int check_containerd(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, true,
                          "v=$(ctr --connect-timeout 5s version) || exit; printf '%s\\n' \"$v\" | "
                          "sed -n '/^Server/,$s/^ *Version: *//p'",
                          NULL, &r, err) < 0)
        return -1;
    if (r.status.code == 0) {
        cleanup_free char *version = doctor_first_line(&r.out);
        return check_say(f, VERDICT_OK, "%s answers", *version ? version : "it");
    }
    if (r.status.code == 127) {
        check_say(f, VERDICT_FAIL, "there is no ctr, which comes with containerd");
        return check_advise(f, "install containerd there, or put its programs on root's PATH");
    }
    cleanup_free char *said = doctor_first_line(&r.err);
    check_say(f, VERDICT_FAIL, "it does not answer: %s", *said ? said : "ctr failed");
    return check_advise(f, "`systemctl status containerd` there says more; `systemctl "
                           "reset-failed containerd` where it was started too often");
}

/* That of all containers of the workflow at hand; "auto": whichever there is. */
static const char *named_client(const struct doctor *d)
{
    const char *named = NULL;
    size_t at = 0;
    for (const char *name; (name = doctor_argument(d, "container", "client", &at)); named = name)
        if (named && strcmp(named, name) != 0)
            return "auto";
    return named ? named : "auto";
}

int check_client(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    const char *named = named_client(d);
    bool any = strcmp(named, "auto") == 0;
    if (doctor_ask_script(d->host, true,
                          "has() { [ \"$1\" != \"$2\" ] && command -v \"$3\" >/dev/null; }; "
                          "if has \"$1\" ctr nerdctl; then nerdctl --version; "
                          "elif has \"$1\" nerdctl ctr; then echo ctr; fi",
                          named, &r, err) < 0)
        return -1;
    cleanup_free char *said = doctor_first_line(&r.out);
    if (!*said) {
        check_say(f, VERDICT_FAIL, "there is %s%s", any ? "neither nerdctl nor ctr" : "no ",
                  any ? "" : named);
        return check_advise(f, "install nerdctl 2.2 or later there%s",
                            any ? "" : ", or set `client` of the steps to one that is there");
    }
    if (strcmp(said, "ctr") == 0)
        return check_say(f, VERDICT_OK, "ctr, which can checkpoint%s", any ? "; no nerdctl" : "");
    int version = doctor_version_in(said);
    if (version < 0)
        return check_say(f, VERDICT_UNKNOWN, "%s", said);
    if (version >= NERDCTL_CHECKPOINTS)
        return check_say(f, VERDICT_OK, "%s, which can checkpoint", said);
    check_say(f, VERDICT_FAIL, "%s cannot checkpoint", said);
    return check_advise(f, "install nerdctl 2.2 or later there, or set `client: ctr` of the "
                           "steps");
}

/* --- the shim ----------------------------------------------------------------------------------
 */

/* As containerd would find it: its own PATH. Path, time of its last change, and how often the words
 * of upstream's answers stand in it, the Go shim's "not implemented" and the Rust one's. */
static const char find_shim[] =
    "pid=$(systemctl show -p MainPID --value containerd 2>/dev/null); "
    "path=$(tr '\\0' '\\n' <\"/proc/${pid:-0}/environ\" 2>/dev/null | sed -n 's/^PATH=//p'); "
    "PATH=${path:-$PATH}; f=$(command -v containerd-shim-kata-v2) || exit 0; "
    "printf '%s\\n' \"$f\"; stat -L -c %Y -- \"$f\"; "
    "grep -c -a -F -e 'service Checkpoint' -e 'Task/Checkpoint is not supported' -- \"$f\"";

/* When a `checkpoint` step last succeeded on the host, in the store: seconds since 1970; 0: never.
 * The store does not have which runtime it was of. */
static int last_success(const struct doctor *d, int64_t *ret, struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    int result = 0;
    *ret = 0;
    if (!d->store)
        return 0;
    if (store_runs(d->store, d->host_name, RUNS_LOOKED_AT, &runs, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n && *ret == 0 && result == 0; i++) {
        cleanup_samples struct samples samples = SAMPLES_INIT;
        result = samples_load(&samples, d->store, runs[i].id, err);
        if (result == 0 && run_checkpoint_median(&samples) >= 0)
            *ret = runs[i].started_us / 1000000;
    }
    store_runs_free(runs, n);
    return result;
}

int check_shim(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, true, find_shim, NULL, &r, err) < 0)
        return -1;
    char *rest = r.out.data ? r.out.data : (char[]){""};
    const char *path = strsep(&rest, "\n");
    const char *time = rest ? strsep(&rest, "\n") : NULL;
    const char *marks = rest ? strsep(&rest, "\n") : NULL;
    int64_t changed = 0, n_marks = 0, success = 0;
    if (!path || !*path) {
        check_say(f, VERDICT_FAIL, "containerd finds no containerd-shim-kata-v2");
        return check_advise(
            f, "link Kata's shim into a folder of containerd's PATH, for example /usr/local/bin");
    }
    if (!time || !marks || !parse_int(time, &changed) || !parse_int(marks, &n_marks))
        return check_say(f, VERDICT_UNKNOWN, "%s could not be read", path);
    if (last_success(d, &success, err) < 0)
        return -1;
    if (success > changed)
        return check_say(f, VERDICT_OK,
                         "%s; checkpoints have succeeded here since it was put there (of which "
                         "runtime is not stored)",
                         path);
    if (n_marks > 0) {
        check_say(f, VERDICT_FAIL,
                  "%s answers a checkpoint with \"not implemented\" or \"not supported\", as "
                  "upstream's do",
                  path);
        return check_advise(f, "install a shim that is patched to checkpoint");
    }
    check_say(f, VERDICT_UNKNOWN,
              "%s is not upstream's; only a checkpoint can tell whether it works", path);
    return check_advise(f, "run a workflow with a checkpoint: after that this is known");
}
