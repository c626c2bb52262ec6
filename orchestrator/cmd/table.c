/* SPDX-License-Identifier: Apache-2.0
 * The verbs, in the order help lists them. A new verb is one file and one row here. */
#include "cmd/verb.h"

#include <stddef.h>

extern const struct verb verb_run, verb_watch, verb_plan, verb_results, verb_guest, verb_diagnose,
    verb_logs, verb_doctor, verb_init, verb_schema, verb_completion, verb_manual;

const struct verb *const verbs[] = {
    &verb_run,        &verb_watch,  &verb_plan,   &verb_results, &verb_guest,
    &verb_diagnose,   &verb_logs,   &verb_doctor, &verb_init,    &verb_schema,
    &verb_completion, &verb_manual, NULL,
};
