/* SPDX-License-Identifier: Apache-2.0
 * What differs between two bundles: one of a checkpoint that works and one of one that does not,
 * CRIU started by hand and by the agent. */
#ifndef DIAGNOSE_COMPARE_H
#define DIAGNOSE_COMPARE_H

#include "base/strbuf.h"
#include "diagnose/bundle.h"

/* One fact that is not the same in both. */
struct difference {
    int weight; /* how much it can matter: 100 a frozen cgroup … 1 a variable of no name */
    char *what; /* "target: frozen", "CRIU: blocked signals"; owned, as all here */
    char *left; /* NULL: it has none */
    char *right;
    const char *why; /* why it can matter; NULL: nothing known. Static */
};

struct comparison {
    struct difference *items; /* owned; the one that matters most is first */
    size_t n;
    size_t same; /* facts that are the same */
};

#define COMPARISON_INIT                                                                            \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_comparison __attribute__((cleanup(comparison_release)))

/* Compare the two CRIU processes, what started them, their targets and their systems. What must
 * differ between any two runs (pids, times, addresses, ids, folders made for the run) is not seen.
 */
void comparison_make(const struct bundle *left, const struct bundle *right, struct comparison *ret);
void comparison_release(struct comparison *c);

/* For people, in lines of at most `width` columns (0: 80); the names of the two are in the head. */
void comparison_text(const struct comparison *c, const char *left, const char *right, int width,
                     struct strbuf *ret);
/* One JSON object on one line. */
void comparison_json(const struct comparison *c, const char *left, const char *right,
                     struct strbuf *ret);

#endif
