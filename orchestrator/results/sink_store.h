/* SPDX-License-Identifier: Apache-2.0
 * A sink that keeps a run in the store, row by row as it goes on. */
#ifndef RESULTS_SINK_STORE_H
#define RESULTS_SINK_STORE_H

#include "results/event.h"
#include "results/store.h"

/* `store` is borrowed and must outlive the sink; `run` (the run's id), `folder` (of its files,
 * NULL: none) and `address` (of the host, as store_run.address) are copied. The run is dirty until
 * EVENT_RUN_END, and stays so where something could not be undone or the host was lost. */
struct event_sink sink_store_new(struct store *store, const char *run, const char *folder,
                                 const char *address);

#endif
