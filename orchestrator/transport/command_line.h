/* SPDX-License-Identifier: Apache-2.0
 * What stands in front of a command on any host: root, environment, login shell. */
#ifndef TRANSPORT_COMMAND_LINE_H
#define TRANSPORT_COMMAND_LINE_H

#include "transport/transport.h"

/* Append the whole argument vector. `become`: the program that gives root, or NULL where there is
 * none or none is needed; `shell`: path of the login shell, NULL where cmd->login is false. */
void command_line_add(const struct command *cmd, const char *become, const char *shell,
                      struct strv *ret);

#endif
