/* SPDX-License-Identifier: Apache-2.0
 * Functions that must not be used here; naming one stops the build. Every translation unit gets
 * this header through the compiler's command line (Makefile), after the system's own headers. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Unbounded writes, and the truncation traps of the strn* family. */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
/* A shell string where an argument vector belongs. */
#pragma GCC poison system popen
/* Names that can be guessed between making and opening. */
#pragma GCC poison mktemp tmpnam tempnam
/* Silent on bad input: base/parse.h has the checked ones. */
#pragma GCC poison atoi atol atoll atof

#endif
