/* SPDX-License-Identifier: Apache-2.0
 * A check: one entry of the table in table.c; for this folder only. */
#ifndef DOCTOR_CHECK_H
#define DOCTOR_CHECK_H

#include "doctor/doctor.h"

enum check_needs {
    NEEDS_HOST = 1 << 0,    /* unknown where the host could not be reached */
    NEEDS_ROOT = 1 << 1,    /* unknown where commands cannot be run as root there */
    OF_CONTAINERD = 1 << 2, /* not asked where the workflow at hand is about no containers, … */
    OF_KATA = 1 << 3,       /* … or where none of them is Kata's */
};

struct check {
    const char *id;
    const char *what; /* as people read it */
    unsigned needs;
    /* Ask, and give the verdict by check_say(). -1: it could not be asked; the verdict is
     * "unknown" then, with the error's message and hint. */
    int (*ask)(struct doctor *d, struct check_result *f, struct error *err);
};

/* The verdict and what was seen. Returns 0. */
int check_say(struct check_result *f, enum verdict v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What to do about it. Returns 0. */
int check_advise(struct check_result *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The argument `key` of the next step of a kind in the workflow at hand, from the step *at on,
 * which is moved behind it. NULL: there is none any more. */
const char *doctor_argument(const struct doctor *d, const char *kind, const char *key, size_t *at);

/* Run a command; no exit status is an error. `become`: as root. */
int doctor_ask(struct transport *t, bool become, const struct strv *argv, struct run_result *ret,
               struct error *err);
/* The same of a script for `sh`, $1 being `arg` (NULL: none). */
int doctor_ask_script(struct transport *t, bool become, const char *script, const char *arg,
                      struct run_result *ret, struct error *err);
/* The first line of what was said, clean and not too long. The caller frees. */
char *doctor_first_line(const struct strbuf *said);
/* The first version number in a text, as major * 1000 + minor; -1: there is none. */
int doctor_version_in(const char *text);

/* One function for each check; table.c says what they are about. */
int check_ssh(struct doctor *d, struct check_result *f, struct error *err);
int check_keys(struct doctor *d, struct check_result *f, struct error *err);
int check_rsync_here(struct doctor *d, struct check_result *f, struct error *err);
int check_connection(struct doctor *d, struct check_result *f, struct error *err);
int check_root(struct doctor *d, struct check_result *f, struct error *err);
int check_rsync_there(struct doctor *d, struct check_result *f, struct error *err);
int check_workspace(struct doctor *d, struct check_result *f, struct error *err);
int check_clock(struct doctor *d, struct check_result *f, struct error *err);
int check_space_workspace(struct doctor *d, struct check_result *f, struct error *err);
int check_space_image(struct doctor *d, struct check_result *f, struct error *err);
int check_space_cache(struct doctor *d, struct check_result *f, struct error *err);
int check_space_checkpoints(struct doctor *d, struct check_result *f, struct error *err);
int check_containerd(struct doctor *d, struct check_result *f, struct error *err);
int check_client(struct doctor *d, struct check_result *f, struct error *err);
int check_kata(struct doctor *d, struct check_result *f, struct error *err);
int check_shim(struct doctor *d, struct check_result *f, struct error *err);
int check_image(struct doctor *d, struct check_result *f, struct error *err);
int check_console(struct doctor *d, struct check_result *f, struct error *err);
int check_criu(struct doctor *d, struct check_result *f, struct error *err);

#endif
