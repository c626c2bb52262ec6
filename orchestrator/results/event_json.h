/* SPDX-License-Identifier: Apache-2.0
 * One event as one JSON object. The format is versioned: "v" is raised when a field changes its
 * meaning or goes; new fields may come at any time. */
#ifndef RESULTS_EVENT_JSON_H
#define RESULTS_EVENT_JSON_H

#include "base/strbuf.h"
#include "results/event.h"

#define EVENT_JSON_VERSION 1

/* Append the object and a newline. `run` is the run's id, named in the first and the last event;
 * may be NULL. Text that is not UTF-8 is repaired; the output of commands then has its exact bytes
 * in "base64" too. */
void event_json(const struct event *e, const char *run, struct strbuf *ret);

#endif
