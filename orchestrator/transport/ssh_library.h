/* SPDX-License-Identifier: Apache-2.0
 * What the ssh library that runs can do. */
#ifndef TRANSPORT_SSH_LIBRARY_H
#define TRANSPORT_SSH_LIBRARY_H

#include <stdbool.h>

/* "libssh2 1.11.1". */
const char *ssh_library(void);
/* Does it sign with RSA keys by SHA-2? OpenSSH 8.8 and later refuse SHA-1. */
bool ssh_library_rsa_sha2(void);

#endif
