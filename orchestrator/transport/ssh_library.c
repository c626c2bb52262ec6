/* SPDX-License-Identifier: Apache-2.0
 * libssh2's version, and what follows from it. */
#include "transport/ssh_library.h"

#include <libssh2.h>
#include <stdio.h>

enum { RSA_SHA2_VERSION = 0x010b00 /* 1.11.0 */ };

const char *ssh_library(void)
{
    static char text[64];
    const char *version = libssh2_version(0);
    snprintf(text, sizeof(text), "libssh2 %s", version ? version : LIBSSH2_VERSION);
    return text;
}

bool ssh_library_rsa_sha2(void)
{
    return libssh2_version(RSA_SHA2_VERSION) != NULL;
}
