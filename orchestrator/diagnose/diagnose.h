/* SPDX-License-Identifier: Apache-2.0
 * Why a checkpoint hangs or fails: take the evidence (diagnose_take), read it (bundle.h), judge it
 * (findings.h), compare two (compare.h).
 *
 *     cleanup_strbuf struct strbuf text = STRBUF_INIT;
 *     cleanup_bundle struct bundle b = BUNDLE_INIT;
 *     cleanup_findings struct findings f = FINDINGS_INIT;
 *     if (diagnose_take(host, &guest, &spec, deadline, &text, err) < 0 ||
 *         bundle_parse(text.data, text.len, "the evidence", &b, err) < 0)
 *         return -1;
 *     findings_make(&b, &f);
 *     … findings_headline(&f), findings_text(&f, width, false, &out) …
 *     exec_artifact(x, "checkpoint" BUNDLE_SUFFIX, text.data, text.len, ARTIFACT_TOLD, err);
 */
#ifndef DIAGNOSE_DIAGNOSE_H
#define DIAGNOSE_DIAGNOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "diagnose/bundle.h"
#include "diagnose/findings.h"
#include "transport/transport.h"

/* Where CRIU and its target run. */
struct evidence_place {
    /* Run the POSIX shell script there as root, as `sh -c SCRIPT kataloop ARGS…` would, and keep
     * its output and exit status. It reads, and changes nothing (`criu check`, which loads kernel
     * modules, is asked only where a CRIU has run before). Its output is some 50 to 500 KB.
     */
    int (*run_script)(void *self, const char *script, const struct strv *args, int64_t deadline,
                      struct run_result *ret, struct error *err);
    void *self;
};

struct guest;
/* An open guest as such a place; it must outlive the use. */
struct evidence_place evidence_in_guest(struct guest *g);

/* How the file of a bundle ends, among a run's artifacts too: that is how `diagnose RUN` finds it.
 */
#define BUNDLE_SUFFIX ".evidence"

enum client_outcome {
    CLIENT_UNKNOWN, /* the caller made no checkpoint, or does not know */
    CLIENT_RUNNING, /* the client of the checkpoint has not returned */
    CLIENT_EXITED,  /* with `client_status` */
    CLIENT_KILLED,  /* it was ended by a signal, or by us */
};

/* The host's side of the evidence, while it is taken: commands that need no guest, and that may be
 * begun before it is sure that evidence is wanted. */
struct host_evidence;

/* What to look at, and what the caller knows already. All strings are borrowed; NULL: not known. */
struct diagnose_spec {
    const char *container; /* full id: the target is what has it in its cgroup's path */
    int64_t target_pid;    /* instead of an id: this process and those below it; 0: none */
    const char *name, *space, *runtime;
    const char *images_dir, *work_dir; /* of the checkpoint, as CRIU's place calls them */

    enum client_outcome client;
    int client_status;
    const char *client_stderr; /* what the client said; its last 8 KiB are kept */
    bool stalled;              /* neither CRIU's log nor its processes moved for a while */
    bool held;                 /* CRIU is stopped for the time, at whatever it did */
    int64_t seconds;           /* since the checkpoint began; 0: not known */
    bool leave_running;        /* the container was to go on afterwards */
    const char *state_after; /* of its task, after the checkpoint ended: "running", "stopped"… */
    struct host_evidence
        *host_evidence; /* was begun before; NULL: it is taken beside the guest's */
};

/* Begin to take the host's side of what `spec` describes. If it cannot be taken, that is not a
 * failure (the bundle says so): -1 only where there are no random numbers. The caller frees *ret,
 * before `host` is closed. */
int host_evidence_begin(struct transport *host, const struct diagnose_spec *spec,
                        struct host_evidence **ret, struct error *err);
void host_evidence_free(struct host_evidence *e); /* what still runs is forgotten; NULL is fine */

/* Take a bundle: the caller's facts, the guest's side by `guest` (NULL: CRIU runs on the host
 * itself, as with runc), the host's side by commands on `host`. What cannot be had is in the bundle
 * with the reason, also a guest or a host that does not answer by `deadline`: -1 only when the host
 * is lost or a stop is asked for. A few hundred milliseconds (give it 10 s; more where the machine
 * is emulated). Appended to `ret`. */
int diagnose_take(struct transport *host, const struct evidence_place *guest,
                  const struct diagnose_spec *spec, int64_t deadline, struct strbuf *ret,
                  struct error *err);

#endif
