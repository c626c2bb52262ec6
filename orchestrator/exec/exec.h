/* SPDX-License-Identifier: Apache-2.0
 * Runs a plan: one host, its steps in order, with events, skips, undo and a record in the store. */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "exec/undo.h"
#include "results/event.h"
#include "results/store.h"
#include "transport/transport.h"
#include "workflow/value.h"

/* A container this run made. */
struct run_container {
    char *name;                            /* the client's name for it */
    char *id;                              /* containerd's full id, once known */
    char *space;                           /* containerd's namespace */
    char *runtime;                         /* "io.containerd.kata.v2" */
    char *image;                           /* as the client takes it */
    struct strv command;                   /* what runs in it */
    const struct container_client *client; /* steps/client.h */
    size_t ticket;                         /* of its removal on the undo stack */
    struct guest *guest;                   /* the way into its guest, once opened; owned */
    bool removed;
};

/* The last checkpoint of this run that has succeeded. */
struct run_checkpoint {
    char *folder;     /* of the host, with the images; NULL: there was none */
    size_t container; /* index of what it is of */
    char *counter;    /* what the workload had counted up to before it; NULL: nobody asked */
    char *counter_file;
};

/* An image this run has replaced; restart puts it back where the daemon does not come up. */
struct replaced_image {
    char *path;
    char *previous; /* the version kept */
    char *put;      /* what identifies the image that took its place (step_stat_files) */
};

/* The state of one run, as steps see it. */
struct exec {
    struct transport *host;
    struct events *events;
    struct undo_stack undo;
    const char *run_id;         /* borrowed */
    const char *folder;         /* of the workflow file; borrowed */
    const char *workspace;      /* absolute, on the host; borrowed */
    const struct value *builds; /* the plan's, by name; borrowed */
    int step;                   /* plan_step.index of the step that runs; -1 before and after */
    const char *label;          /* of that step */
    const char *section;        /* of that step: its recipe, or NULL */
    char *summary;              /* one line the step leaves for its end event; owned, NULL: none */
    int64_t deadline;           /* of the step that runs */

    struct run_container *containers; /* in order of making */
    size_t n_containers;
    struct run_checkpoint checkpoint;
    struct replaced_image *replaced;
    size_t n_replaced;
    unsigned clients; /* a bit of each of container_clients[] that the host is known to have */
    char *guestimg;   /* path of guestimg on the host, once it is there */
    char *image_path; /* what `kata-runtime env` says, once asked */
    const char *run_folder; /* local folder of this run's artifacts; borrowed */
};

/* --- for steps -------------------------------------------------------------------------------- */

/* How long a host may be without a sign of life before what was made there is taken away over a new
 * connection; nanoseconds. As long as a command may take to start: a slow host is not a lost one.
 */
#define EXEC_PATIENCE (30 * NSEC_PER_SEC)

/* The step's one line of result ("3 files, 12 KiB"). */
void exec_summary(struct exec *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something worth knowing, now. */
int exec_note(struct exec *x, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* How far the step is; total -1: not known. */
int exec_progress(struct exec *x, const char *text, int64_t done, int64_t total, struct error *err);
int exec_sample(struct exec *x, int sample, const struct metric *metrics, size_t n,
                struct error *err);
/* Output of the step's command. */
int exec_output(struct exec *x, const char *bytes, size_t len, bool is_err, struct error *err);
/* A container was made: its name, and containerd's id of it. */
int exec_container(struct exec *x, const char *name, const char *id, struct error *err);
/* Can an artifact be called so: is it the name of a file, without a folder, and not hidden? */
bool exec_is_artifact_name(const char *name);
enum artifact_told { ARTIFACT_TOLD, ARTIFACT_UNTOLD /* kept as a matter of course: no line */ };
/* Keep bytes as the file `name` of the run's artifacts; one of the same name gets a number in
 * front. */
int exec_artifact(struct exec *x, const char *name, const void *data, size_t len,
                  enum artifact_told told, struct error *err);
/* Run a command until its end or the step's deadline, its output passed on as it comes and kept in
 * `ret` as well (the last `keep` bytes of each stream, or up to twice as many). A command cut off
 * by the deadline or by Ctrl-C is killed. 0 whatever the exit status. */
int exec_stream(struct exec *x, const struct command *cmd, size_t keep, struct run_result *ret,
                struct error *err);
/* The same without passing the output on: all of it is in `ret`. */
int exec_stream_quietly(struct exec *x, const struct command *cmd, struct run_result *ret,
                        struct error *err);
/* Kill a command that is cut short, for the reason that `err` has. It outlives a connection that
 * was lost or stands still: then there is a new one first. Where it may still run, `err` gets a
 * hint. */
void exec_cut_off(struct exec *x, struct proc *p, struct error *err);
/* transport_run and transport_check with the step's deadline. */
int exec_run_command(struct exec *x, const struct command *cmd, struct run_result *ret,
                     struct error *err);
int exec_check_command(struct exec *x, const struct command *cmd, const char *what,
                       struct run_result *ret, struct error *err);
/* Wait up to `nsec` for a stop request: the pace of a polling loop. -1: stop asked for, or the
 * step's deadline is over (`waiting_for` goes into the message). */
int exec_pause(struct exec *x, int64_t nsec, const char *waiting_for, struct error *err);
/* A path of the host: absolute as it is, else below the workspace. The caller frees. */
char *exec_host_path(const struct exec *x, const char *path);

/* --- for verbs -------------------------------------------------------------------------------- */

struct plan;

struct exec_options {
    bool force; /* do everything, changed or not */
    const char *run_id, *run_folder;
};

/* Run `plan` on the host that is already connected. Emits everything but EVENT_RUN_START and
 * EVENT_RUN_END. Whatever happens, what the run made is taken away again before it returns. */
int exec_plan(struct transport *host, const struct plan *plan, const struct exec_options *options,
              struct events *events, struct store *store, struct error *err);

#endif
