/* SPDX-License-Identifier: Apache-2.0
 * Where the agent of a sandbox is, as its shim's monitor answers GET /agent-url. No I/O here.
 *
 *     vsock://CID:PORT       QEMU, and whatever else has vhost-vsock
 *     hvsock://PATH:PORT     hybrid vsock (Firecracker, Cloud Hypervisor, Dragonball): a socket of
 *                            the hypervisor's, which is told the port (`CONNECT PORT`) and says OK
 */
#ifndef GUEST_AGENT_URL_H
#define GUEST_AGENT_URL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { AGENT_ANSWER_MAX = 8192 }; /* bytes of an answer that are looked at */

struct agent_address {
    uint32_t cid; /* of vsock; 0 where it is hybrid */
    char *path;   /* owned; the hybrid socket, of characters that no program takes for its own */
};

void agent_address_release(struct agent_address *a);
#define cleanup_agent_address __attribute__((cleanup(agent_address_release)))

/* Read the HTTP answer. It is not trusted: it may name a virtual machine by its number, but neither
 * this host (VMADDR_CID_HOST) nor "any", and a socket in a folder of Kata's that is named after the
 * sandbox. Anything else is an error that shows it. */
int agent_url_read(const char *answer, size_t len, const char *sandbox, struct agent_address *ret,
                   struct error *err);

#endif
