/* SPDX-License-Identifier: Apache-2.0
 * Memory: allocation that does not fail, and ownership by scope.
 *
 * The x* functions end the process with a message when there is no memory: a host-side tool of a
 * few megabytes has nothing better to do then. Declare `cleanup_free char *p` for scope, hand
 * over with `return steal(&p)`. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
/* Room for n elements of `size`; the product is checked. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#define cleanup_free  __attribute__((cleanup(cleanup_freep_)))
#define cleanup_close __attribute__((cleanup(cleanup_closep_)))

/* For `cleanup_free` and `cleanup_close` only. A descriptor that was written to is closed by hand
 * and its result looked at; cleanup_close is for the ways out after something else failed. */
void cleanup_freep_(void *p);
void cleanup_closep_(int *fd);

/* Take the pointer out of a cleanup variable. */
#define steal(pp)                                                                                  \
    ({                                                                                             \
        __typeof__(*(pp)) stolen_ = *(pp);                                                         \
        *(pp) = NULL;                                                                              \
        stolen_;                                                                                   \
    })

static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
