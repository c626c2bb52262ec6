/* SPDX-License-Identifier: Apache-2.0
 * What a terminal can show, and what its user wants to see. */
#ifndef REPORT_LOOKS_H
#define REPORT_LOOKS_H

#include <stdbool.h>

/* Is `fd` a terminal that can move its cursor (TERM set and not "dumb")? */
bool terminal_capable(int fd);
/* Columns of the terminal at `fd`; 0: it is none, or does not say. */
int terminal_width(int fd);
/* Is what is printed on `fd` to have colour? It can show it, and NO_COLOR is unset or empty. */
bool terminal_is_coloured(int fd);

struct terminal_options {
    bool colour;
    bool ascii; /* no marks outside ASCII */
};
/* From NO_COLOR, LC_ALL, LC_CTYPE and LANG. */
struct terminal_options terminal_options_of_environment(void);

#endif
