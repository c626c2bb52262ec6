/* SPDX-License-Identifier: Apache-2.0
 * What this machine and a host need for the loop, looked at one by one. Nothing is changed on
 * either. */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <jansson.h>

#include "base/error.h"
#include "plan/plan.h"
#include "results/store.h"
#include "transport/transport.h"
#include "workflow/value.h"

enum verdict {
    VERDICT_OK,
    VERDICT_WARN,    /* works, or can be done without; not as it could be */
    VERDICT_FAIL,    /* something of the loop will fail */
    VERDICT_UNKNOWN, /* could not be asked, or nothing there can tell */
};

struct check_result {
    const char *id, *what; /* of the check; borrowed from its table */
    enum verdict verdict;
    char *detail; /* owned, clean (base/text.h) */
    char *remedy; /* owned; NULL: nothing to do */
};

/* Who is looked at. Filled in by the verb; the strings and values are borrowed. */
struct doctor {
    struct transport *here;        /* this machine */
    struct transport *host;        /* NULL: could not be reached… */
    const struct error *unreached; /* …for this reason */
    int64_t connect_time;          /* nanoseconds */
    const char *host_name;
    const struct value *host_entry; /* of the workflow file; NULL: none */
    const struct value *entries;    /* the workflow file's, for this host; NULL: no file */
    const struct plan *plan;        /* of the workflow at hand; NULL: none, all is looked at */
    struct store *store;            /* what was seen of the host before; NULL: nothing */

    /* What the checks find for one another. */
    bool root;    /* commands can be run as root */
    json_t *kata; /* what `kata-runtime env` says; NULL: not asked, or nothing */
    bool kata_asked;
    char *image; /* path of the guest image on the host; NULL: not known */
    int64_t image_bytes;
};
void doctor_release(struct doctor *d); /* frees what the checks have found, nothing else */

/* Ask everything there is to ask. *ret, of *ret_n results, is the caller's
 * (doctor_results_free). -1 only where the user stops it. */
int doctor_run(struct doctor *d, struct check_result **ret, size_t *ret_n, struct error *err);
void doctor_results_free(struct check_result *results, size_t n);

/* For people, a line each and one more for what is to be done, broken at `width` columns (0: not at
 * all); colour: with escape sequences. What a host has said is cleaned (text.h). */
void doctor_print(const struct check_result *results, size_t n, bool colour, int width,
                  struct strbuf *ret);
/* One object on one line. */
void doctor_print_json(const struct doctor *d, const struct check_result *results, size_t n,
                       struct strbuf *ret);

#endif
