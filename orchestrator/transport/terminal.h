/* SPDX-License-Identifier: Apache-2.0
 * A question to the person at the terminal, whatever standard input and output are. */
#ifndef TRANSPORT_TERMINAL_H
#define TRANSPORT_TERMINAL_H

#include <stdbool.h>

#include "base/error.h"

/* Print `question` on the controlling terminal and read a line; `echo` false: what is typed is not
 * shown. The caller frees *ret (and clears it, where it is a secret). Fails where there is no
 * terminal, on Ctrl-C (ERR_INTERRUPTED), and where nobody answers for two minutes (ERR_TIMEOUT). */
int terminal_ask(const char *question, bool echo, char **ret, struct error *err);

#endif
