/* SPDX-License-Identifier: Apache-2.0
 * Names of runs: sortable by time, safe in file names, labels and container ids. */
#ifndef RESULTS_RUN_ID_H
#define RESULTS_RUN_ID_H

/* "20261124-091233-3f2a": UTC to the second and 16 random bits. The caller frees. */
char *run_id_new(void);

#endif
