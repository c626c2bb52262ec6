/* SPDX-License-Identifier: Apache-2.0
 * What -h prints, made from the table of verbs and as wide as the terminal is. */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "cmd/verb.h"

/* The verbs. */
void help_print(void);
/* One verb: usage, what it does, options. */
void help_print_verb(const struct verb *v);

#endif
