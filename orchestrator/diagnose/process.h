/* SPDX-License-Identifier: Apache-2.0
 * The processes of a bundle, from the items that are files of /proc. */
#ifndef DIAGNOSE_PROCESS_H
#define DIAGNOSE_PROCESS_H

#include "diagnose/bundle.h"

/* Fill b->processes from b->items. What cannot be read stays unknown. */
void processes_read(struct bundle *b);
void process_release(struct process *p);

#endif
