/* SPDX-License-Identifier: Apache-2.0
 * A run's folder, <state folder>/runs/<run id>:
 *
 *   events.jsonl      every event (event_json.h)
 *   NN-label.log      the whole output of a step, NN from 01
 *   artifacts/        what steps capture; they write there themselves
 *
 * and runs/latest, a symbolic link to the youngest. */
#ifndef RESULTS_SINK_FOLDER_H
#define RESULTS_SINK_FOLDER_H

#include <stdbool.h>

#include "results/event.h"

/* Make the folder (readable by the user only: output may hold secrets) and the sink. *ret_path:
 * the folder's path, owned by the caller; may be NULL. */
int sink_folder_new(const char *state_folder, const char *run, struct event_sink *ret,
                    char **ret_path, struct error *err);
/* Does its kataloop still work in a run's folder? It holds a lock (flock) on events.jsonl until the
 * run has ended, on whatever machine or in whatever container it is that shares the folder. What
 * cannot be told counts as yes. */
bool run_folder_is_held(const char *folder);
/* The path of a run's folder, made or not. The caller frees. */
char *run_folder_path(const char *state_folder, const char *run);
/* "03-checkpoint-1-10.log" of step 2, "checkpoint 1/10"; "00-run.log" of step -1. The caller
 * frees. */
char *run_folder_log_name(int step, const char *label);

#endif
