/* SPDX-License-Identifier: Apache-2.0
 * A sink that writes one JSON object per line (event_json.h): `--json` and a run's events.jsonl. */
#ifndef RESULTS_SINK_JSON_H
#define RESULTS_SINK_JSON_H

#include <stdbool.h>

#include "results/event.h"

/* Write to `fd`, each event with one write. `owned`: closing the sink syncs and closes `fd`.
 * `name` is for errors ("standard output", a path), `run` the run's id; both are copied. */
struct event_sink sink_json_new(int fd, bool owned, const char *name, const char *run);

#endif
