/* SPDX-License-Identifier: Apache-2.0
 * What people write for a host that ssh logs in to. */
#ifndef BASE_DESTINATION_H
#define BASE_DESTINATION_H

#include "base/error.h"

struct destination {
    char *user; /* owned; NULL: none is said */
    char *host; /* owned; a name, an alias of ~/.ssh/config, or an address without its brackets */
    int port;   /* 0: none is said */
};

#define DESTINATION_INIT                                                                           \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_destination __attribute__((cleanup(destination_release)))
void destination_release(struct destination *d);

/* "host", "user@host", "user@host:port", or one of them after "ssh://". An IPv6 address stands in
 * brackets where a port follows, and after "ssh://". What is wrong is said as ERR_USAGE. */
int destination_parse(const char *text, struct destination *ret, struct error *err);

#endif
