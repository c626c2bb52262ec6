/* SPDX-License-Identifier: Apache-2.0
 * The person's own terminal, lent to a shell in a guest. */
#ifndef CMD_GUEST_SHELL_H
#define CMD_GUEST_SHELL_H

#include "guest/guest.h"

/* Connect standard input and output, which must be a terminal, to a shell in the guest until that
 * ends or the person leaves with Ctrl-]. The terminal is put back as it was, whatever happens. */
int guest_shell_on_terminal(struct guest *g, struct error *err);

#endif
