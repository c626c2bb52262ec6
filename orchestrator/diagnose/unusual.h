/* SPDX-License-Identifier: Apache-2.0
 * Where no rule fits: what stands out all the same. */
#ifndef DIAGNOSE_UNUSUAL_H
#define DIAGNOSE_UNUSUAL_H

#include "diagnose/scene.h"

/* Append a line for each. */
void unusual_find(const struct scene *s, struct strv *ret);

#endif
