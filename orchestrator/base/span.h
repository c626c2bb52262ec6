/* SPDX-License-Identifier: Apache-2.0
 * A place in a file that a person wrote. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

struct span {
    const char *file; /* as the user named it; NULL: no place. Borrowed: outlives the span */
    int line;         /* from 1 */
    int column;       /* from 1, in characters */
};

#endif
