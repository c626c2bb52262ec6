/* SPDX-License-Identifier: Apache-2.0
 * The process group of a command on the far side of an ssh connection. sshd passes signals on to a
 * login shell at best, and never after sudo: so the command says its group before it becomes
 * itself, in a line on stderr that nobody else can write, and is signalled by a second command. */
#ifndef TRANSPORT_SSH_GROUP_H
#define TRANSPORT_SSH_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/strv.h"

struct ssh_group {
    char marker[40];    /* 32 hexadecimal digits that begin that line; "": it is not waited for */
    struct strbuf head; /* of stderr, what came before the line was whole. Owned */
    int64_t id;         /* the process group on the host; 0: not known */
    char boot[40];      /* the host's boot id, of that time: what the number belongs to */
};

void ssh_group_release(struct ssh_group *g);

/* Expect the line, and append to `ret` the words that are put before a command to have it said. */
void ssh_group_announce(struct ssh_group *g, struct strv *ret);

/* Look for the line in what came on stderr, and take it out. What comes before it (a login shell's
 * greeting) is the command's, and stays away until the line is there. -1: it is not there after
 * SSH_GROUP_HEAD_MAX bytes. */
int ssh_group_take(struct ssh_group *g, struct strbuf *err_out);
enum { SSH_GROUP_HEAD_MAX = 64 * 1024 };

/* The command has ended: what was kept away goes back. */
void ssh_group_end(struct ssh_group *g, struct strbuf *err_out);

/* Append the words of a command that waits up to `patience` nanoseconds for the end of the group,
 * and then sends the signal ("TERM") to what is left of it. It fails with "No such process" where
 * nothing is, and does nothing where the host has started anew since. */
void ssh_group_kill(const struct ssh_group *g, const char *signal, int64_t patience,
                    struct strv *ret);

#endif
