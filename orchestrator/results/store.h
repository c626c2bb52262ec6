/* SPDX-License-Identifier: Apache-2.0
 * What stays of runs: SQLite, one file, <state folder>/kataloop.db. Several processes may have it
 * open; each change is one transaction. Times are microseconds since 1970 (_us) or nanoseconds of
 * duration (_ns). */
#ifndef RESULTS_STORE_H
#define RESULTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

struct store;

/* Open or make the store at `path` (NULL: in the state folder). A store of a newer format is
 * refused. */
int store_open(const char *path, struct store **ret, struct error *err);
/* The same to read it, even where nothing can be written: a copy in memory, as it is now; what is
 * changed in it is not kept. Empty where there is no store, which is not made. */
int store_open_copy(const char *path, struct store **ret, struct error *err);
void store_close(struct store *s); /* NULL is fine */
#define cleanup_store __attribute__((cleanup(store_closep_)))
void store_closep_(struct store **s);

/* --- what decides skips ---------------------------------------------------------------------- */

/* How it was after a step last succeeded. All NULL: it never did, or was forgotten. Owned, and with
 * store_state_get() never NULL one by one. */
struct step_state {
    char *fingerprint, *witness;
    char *run;     /* in which it succeeded */
    char *changed; /* names the last time it changed anything; "": not known */
    char *inputs;  /* digest of `changed` of the steps that it follows (exec/inputs.h) */
};
#define STEP_STATE_INIT                                                                            \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_step_state __attribute__((cleanup(step_state_release)))
void step_state_release(struct step_state *s);

/* *ret is the caller's, and empty where nothing is kept under `key` (plan_step.key). */
int store_state_get(struct store *s, const char *key, struct step_state *ret, struct error *err);
/* Add, or replace. No member may be NULL. */
int store_state_put(struct store *s, const char *key, const struct step_state *state,
                    struct error *err);
/* Fine where nothing is kept. */
int store_state_forget(struct store *s, const char *key, struct error *err);

/* --- runs: written by sink_store.c ----------------------------------------------------------- */

struct store_run {
    char *id, *workflow, *folder; /* folder: of the run's files; may be NULL */
    char *file;                   /* absolute where it was there when the run began */
    char *host;    /* its name in the file, which another file may give to another machine */
    char *address; /* what `ssh` says of it; "": of a store of an older format */
    char *outcome; /* "running", "ok", "failed", "interrupted", "unreachable", "hang", "lost" */
    char *error;   /* NULL: none */
    int64_t started_us, duration_ns;
    bool dirty; /* may have left things on its host */
};

struct store_step {
    int index;
    char *label, *kind, *section; /* section: recipe, or NULL */
    char *outcome;                /* "skipped", or one of those of a run */
    char *summary, *error;        /* NULL: none. Of a skipped step the summary says why */
    bool changed;
    int64_t duration_ns;
};

struct store_sample {
    int step, sample; /* -1: warm-up */
    char *section;    /* recipe, or NULL */
    char *label;      /* of the step, as is its kind: read only, kept with the steps */
    char *kind;       /* NULL: not known */
    char *metric, *unit;
    double value;
};

struct store_artifact {
    int step;
    char *name, *path; /* path: below the run's folder */
    int64_t bytes;
};

/* A run that begins; then its end: `outcome` as above, `error` NULL where there is none. */
int store_add_run(struct store *s, const struct store_run *run, struct error *err);
int store_end_run(struct store *s, const char *id, const char *outcome, const char *error,
                  int64_t duration_ns, struct error *err);
/* Insert, or replace the row of the same run and index. */
int store_put_step(struct store *s, const char *run, const struct store_step *step,
                   struct error *err);
/* One metric of one sample. */
int store_add_sample(struct store *s, const char *run, const struct store_sample *sample,
                     struct error *err);
/* A file that the run has kept. */
int store_add_artifact(struct store *s, const char *run, const struct store_artifact *artifact,
                       struct error *err);
/* A container that the run has made: its name, and containerd's id of it. */
int store_add_container(struct store *s, const char *run, const char *name, const char *id,
                        struct error *err);
/* Say whether the run may have left things on its host. */
int store_set_dirty(struct store *s, const char *run, bool dirty, struct error *err);
/* Give runs whose kataloop has gone without ending them the outcome "lost". Then
 * store_dirty_runs() lists what is to be cleaned up. */
int store_mark_lost(struct store *s, struct error *err);

/* --- reading --------------------------------------------------------------------------------- */

/* The youngest `limit` runs, youngest first. `host` NULL: of all hosts. The caller frees with
 * store_runs_free. */
int store_runs(struct store *s, const char *host, int limit, struct store_run **ret, size_t *ret_n,
               struct error *err);
/* The same of those that may have left things behind on the machine at `address` and run no more.
 * One of an older format, which has no address, counts where it was on a host of that name. */
int store_dirty_runs(struct store *s, const char *host, const char *address, int limit,
                     struct store_run **ret, size_t *ret_n, struct error *err);
/* The same of those that run now. */
int store_running_runs(struct store *s, const char *host, const char *address, int limit,
                       struct store_run **ret, size_t *ret_n, struct error *err);
void store_runs_free(struct store_run *runs, size_t n);
/* A run by its id, the start of one, or "latest". */
int store_find_run(struct store *s, const char *name, struct store_run *ret, struct error *err);
void store_run_release(struct store_run *run);

/* What there is of a run, named by its id: steps by index, samples and artifacts in the order they
 * came. Each list is freed by the function below it. */
int store_steps(struct store *s, const char *run, struct store_step **ret, size_t *ret_n,
                struct error *err);
void store_steps_free(struct store_step *steps, size_t n);
int store_samples(struct store *s, const char *run, struct store_sample **ret, size_t *ret_n,
                  struct error *err);
void store_samples_free(struct store_sample *samples, size_t n);
int store_artifacts(struct store *s, const char *run, struct store_artifact **ret, size_t *ret_n,
                    struct error *err);
void store_artifacts_free(struct store_artifact *artifacts, size_t n);
/* Names and ids of the run's containers, added to `ret`. */
int store_containers(struct store *s, const char *run, struct strv *ret, struct error *err);

#endif
