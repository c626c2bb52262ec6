/* SPDX-License-Identifier: Apache-2.0
 * What every kind of transport must do, as tests on `case_host`. */
#ifndef TESTS_TRANSPORT_CASES_H
#define TESTS_TRANSPORT_CASES_H

#include <stddef.h>

#include "transport/transport.h"

struct CMUnitTest;

extern struct transport *case_host;

/* The cases; *ret_n of them. */
const struct CMUnitTest *transport_cases(size_t *ret_n);
/* Run `script` by the host's sh to its end; it fails the test where that is not possible. */
void run_shell(struct command cmd, const char *script, struct run_result *r);
/* Start it; the caller frees. */
struct proc *start_shell(struct command cmd, const char *script);
/* Wait for a whole line of its output, and take it; the caller frees. */
char *next_line(struct proc *p);

#endif
