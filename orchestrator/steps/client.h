/* SPDX-License-Identifier: Apache-2.0
 * A client of containerd, as a struct of functions that make its command lines. One file that
 * exports one const struct container_client, one name in client.c. */
#ifndef STEPS_CLIENT_H
#define STEPS_CLIENT_H

#include "exec/exec.h"

/* The label that says which run made a container. */
#define RUN_LABEL "kataloop.run"

/* Where a checkpoint goes; folders of the host. */
struct checkpoint_spec {
    const char *folder; /* ours alone; holds images/ and, where CRIU leaves one, work/ */
    bool leave_running;
};

struct container_client {
    const char *name; /* the program's too */
    /* Start it in the background. Prints its id, or nothing where that is its name. */
    void (*start)(const struct run_container *c, const char *run_id, struct strv *ret);
    /* The same, but what is made does not run yet. NULL with `restore`: it cannot restore. */
    void (*create)(const struct run_container *c, const char *run_id, struct strv *ret);
    /* Let one that was created begin where a checkpoint in `folder` (checkpoint_spec) ended. */
    void (*restore)(const struct run_container *c, const char *folder, struct strv *ret);
    /* Run a command in it that prints the file `path` of its own file system. */
    void (*read_file)(const struct run_container *c, const char *path, struct strv *ret);
    /* Print its task's state in lower case: "running", "paused", "stopped" or "exited"… */
    void (*state)(const struct run_container *c, struct strv *ret);
    void (*checkpoint)(const struct run_container *c, const struct checkpoint_spec *spec,
                       struct strv *ret);
    /* Take away what checkpoints leave in containerd of containers whose names begin with `start`,
     * and print what that was, a line each; NULL: nothing is left. */
    void (*forget_checkpoints)(const char *space, const char *start, struct strv *ret);
    /* Give that the name `name` of a container instead, and print what it is called then. */
    void (*keep_checkpoints)(const char *space, const char *start, const char *name,
                             struct strv *ret);
    /* Let a paused task go on; fails where it is not paused. */
    void (*resume)(const struct run_container *c, struct strv *ret);
    /* Stop and remove it, whatever its state; fine where it is gone. */
    void (*remove)(const char *space, const char *name, struct strv *ret);
    /* Print the names of the containers that a run made, a line each. */
    void (*list)(const char *space, const char *run_id, struct strv *ret);
    /* Print the names of containerd's namespaces, a line each. */
    void (*list_namespaces)(struct strv *ret);
};

/* Of a shell: print the state of the task "$2" of namespace "$1", in lower case, as containerd has
 * it; nothing where there is no such task. */
#define CTR_TASK_STATE                                                                             \
    "ctr --namespace \"$1\" tasks ls | awk -v n=\"$2\" '$1 == n { print tolower($3) }'"

/* The client of a name, or for "auto" the first that the host has. */
int client_choose(struct exec *x, const char *name, const struct container_client **ret,
                  struct error *err);
extern const struct container_client *const container_clients[]; /* ends with NULL */
extern const char *const client_choices[]; /* "auto" and their names, for a field; ends with NULL */

/* Does the host have the program, for root? That sudo or the shell fails is an error. */
int client_has_program(struct exec *x, const char *program, bool *ret, struct error *err);

/* Of what a client wrote to stderr, leave what it died of: the text of its last line of level fatal
 * (logrus), without the progress and the warnings before it. Without such a line nothing changes.
 */
void client_only_failure(struct strbuf *said);

/* The youngest container of this run that is still there; NULL: none. */
struct run_container *client_container(struct exec *x);
/* Its task's state, in lower case ("running", "paused", "stopped", "exited"); "" where it has none.
 * The caller frees *ret. */
int client_state(struct exec *x, const struct run_container *c, char **ret, struct error *err);
/* Is its task running? */
int client_running(struct exec *x, const struct run_container *c, bool *ret, struct error *err);

#endif
