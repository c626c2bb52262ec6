/* SPDX-License-Identifier: Apache-2.0
 * Names of runs: sortable by time, safe in file names, labels and container ids. */
#ifndef RESULTS_RUN_ID_H
#define RESULTS_RUN_ID_H

#include <stdbool.h>

/* "20261124-091233-3f2a": UTC to the second and 16 random bits; run_folder_new() sees to it that no
 * two runs of a home share one. The caller frees. */
char *run_id_new(void);

/* Does a word of a command line name a run: its id, the start of one from the whole date on, or
 * "latest"? No container is called so. */
bool run_id_is_meant(const char *word);

#endif
