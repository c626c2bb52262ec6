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

/* Make the folder of a new run, readable by the user only (output may hold secrets), and with it
 * the run's id: one that no other run of this state folder has. *ret_run, *ret_path: the id and the
 * folder's path, owned by the caller. */
int run_folder_new(const char *state_folder, char **ret_run, char **ret_path, struct error *err);
/* The sink of a run whose folder was just made: it is held from now on, and is runs/latest. */
int sink_folder_new(const char *folder, const char *run, struct event_sink *ret, struct error *err);
/* Does its kataloop still work in a run's folder? It holds a lock (flock) on events.jsonl until the
 * run has ended, on whatever machine or in whatever container it is that shares the folder. What
 * cannot be told counts as yes. */
bool run_folder_is_held(const char *folder);
/* "03-checkpoint-1-10.log" of step 2, "checkpoint 1/10"; "00-run.log" of step -1. The caller
 * frees. */
char *run_folder_log_name(int step, const char *label);

#endif
