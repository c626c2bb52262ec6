/* SPDX-License-Identifier: Apache-2.0
 * A real sshd for tests: on 127.0.0.1 and a free port, with keys and settings of its own, for the
 * user who runs the tests. It ends with the process that started it. */
#ifndef TESTS_SSHD_H
#define TESTS_SSHD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "tests/unit/support/slow_link.h"

/* A folder with what the servers and their clients need: host keys `host` and `other`, user keys
 * `ed25519`, `ecdsa`, `rsa`, `locked` (its passphrase is LOCKED_PASSPHRASE) and `stranger`, which
 * no server lets in; `authorized`, `config` (ssh_config: see below), `known` (known_hosts). */
struct ssh_place {
    char folder[64];
    struct sshd {
        pid_t pid; /* 0: does not run */
        int port;
    } main, behind;
    struct slow_link slow; /* to main */
};

#define LOCKED_PASSPHRASE "open sesame"

/* Makes the folder and starts both servers. Their names in `config` are `main`, and `behind`,
 * which is reached by a jump through `main`. Where this machine has no sshd: says so in the test's
 * output and returns -1. Everything else that fails ends the test. */
int ssh_place_make(struct ssh_place *p);
void ssh_place_remove(struct ssh_place *p);
/* A slow line to `main`: `slow` in `config`, and `far`, which is `behind` by a jump over it. */
void ssh_place_slow(struct ssh_place *p);
/* The server's part of `place`, with that host key; a new port, and `config` says so. */
void sshd_start(struct ssh_place *p, struct sshd *s, const char *host_key);
void sshd_stop(struct sshd *s);
/* End the connections the server has, but not the server: as a cut line looks from here. */
void sshd_cut(const struct sshd *s);
/* Leave them open, and answer no more: as a machine looks that is asleep. sshd_cut() ends them. */
void sshd_stand_still(const struct sshd *s);
/* Make `known` hold the host keys of both servers, and of the slow line where there is one. */
void ssh_place_know(struct ssh_place *p);

/* A path in the folder; the caller frees. */
char *in_place(const struct ssh_place *p, const char *name);
/* Run a program of this machine; what it says on stdout, without the last line end. It must
 * succeed. Up to a terminating NULL. */
char *output_of(const char *program, ...) __attribute__((sentinel));
/* A file's text. It must be there. */
char *text_of(const char *path);
void write_text(const char *path, const char *text);

/* What happens at a terminal: `body` runs in a child whose terminal is a new one, where `answer`
 * is typed each time `question` is asked (NULL: nothing is asked). Returns the exit status the
 * body gives; *said (may be NULL) is what stood on the terminal. */
int at_a_terminal(int (*body)(void *data), void *data, const char *question, const char *answer,
                  struct strbuf *said);
/* How long the one who types thinks first; nanoseconds. */
extern int64_t thinking_time;
/* The same in a child that has no terminal at all. */
int without_a_terminal(int (*body)(void *data), void *data);

#endif
