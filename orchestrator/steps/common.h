/* SPDX-License-Identifier: Apache-2.0
 * What several kinds of steps need. */
#ifndef STEPS_COMMON_H
#define STEPS_COMMON_H

#include "base/strbuf.h"
#include "base/strv.h"
#include "exec/exec.h"
#include "workflow/diagnostics.h"
#include "workflow/value.h"

/* A FIELD_COMMAND as an argument vector: a line is for `sh -c`, words are as they are. */
void step_command(const struct value *command, struct strv *ret);

/* For step_kind.check: a problem where the argument `key` is there and cannot be the name of an
 * artifact. */
void step_check_artifact_name(const struct value *args, const char *key,
                              struct diagnostics *problems);

/* A command of the user's: in a folder of the workspace, as a login shell would run it. Not to be
 * copied: `cmd` points into it. */
struct user_command {
    struct command cmd; /* the caller may set more of it */
    struct strv argv, env;
    char *folder;
};

/* Read one out of a map with `dir` (default: the workspace), `env` and the command itself in `key`.
 * The caller releases it. */
void user_command_read(const struct exec *x, const struct value *map, const char *key,
                       struct user_command *ret);
void user_command_release(struct user_command *c);
#define cleanup_user_command __attribute__((cleanup(user_command_release)))

/* Is this folder of the host there? If not, -1 says whether it is the workspace that is missing. */
int step_check_folder(struct exec *x, const char *folder, struct error *err);

/* Why a user's command `cmd`, which has ended with another status than 0, has failed: its folder
 * is not there, or `what`, its status and its last lines. Returns -1. */
int step_command_failed(struct exec *x, const struct command *cmd, const struct run_result *r,
                        const char *what, struct error *err);

/* Append what identifies files of the host now, a line each: device, inode, size, modification
 * time, path, through symbolic links. Nothing of one that is not there. */
int step_stat_files(struct exec *x, const struct strv *paths, bool become, struct strbuf *ret,
                    struct error *err);

/* The output of a build as an absolute path on the host. The caller frees. */
char *step_build_output(const struct exec *x, const struct value *build);

#endif
