/* SPDX-License-Identifier: Apache-2.0
 * A host, as everything above sees it: a place where commands run and files lie. Two kinds, ssh
 * (libssh2, one connection for everything) and local (the host is this machine); a third is one
 * file with one struct transport_ops.
 *
 * One transport belongs to one thread. Everything that waits has a deadline (base/clock.h) and
 * gives up with ERR_INTERRUPTED when a stop is asked for (base/cancel.h). A lost connection is
 * ERR_UNREACHABLE from every call after it, until transport_reconnect(). */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* What to do with a host key that is in no known_hosts file. A changed key is always refused. */
enum host_key_policy {
    HOST_KEY_ASK,        /* ask on a terminal; refuse where there is none */
    HOST_KEY_ACCEPT_NEW, /* write it down and go on */
    HOST_KEY_STRICT,     /* refuse */
};

/* How to reach a host. Strings are borrowed for the time of transport_open(), which copies. */
struct host_spec {
    const char *name;        /* as messages call it */
    const char *destination; /* "user@host:port", "ssh://…" or an alias of ~/.ssh/config;
                                "local" or NULL: this machine */
    const char *become;      /* program that gives root, "sudo" (run as `sudo -n --`), or NULL */
    const char *identity;    /* private key file, tried first; NULL: as ssh would */
    const char *known_hosts; /* file used instead of the user's; NULL: as ssh would */
    const char *ssh_config;  /* configuration file for `ssh -G -F`; NULL: the user's */
    enum host_key_policy host_key_policy;
    int64_t connect_timeout; /* nanoseconds; 0: 20 s */
};

struct transport; /* an open host */

/* Connect. From here on the process ignores SIGPIPE: a command may stop reading at any time. */
int transport_open(const struct host_spec *spec, struct transport **ret, struct error *err);
/* Connect again after the connection was lost (same host key, same login). Procs of the old
 * connection report ERR_UNREACHABLE and can only be freed. */
int transport_reconnect(struct transport *t, struct error *err);
/* That a connection stands still is noticed by waiting for it only: ask for a sign of life. Where
 * none comes within `patience` nanoseconds it is lost (transport_is_lost). */
void transport_probe(struct transport *t, int64_t patience);
void transport_close(struct transport *t); /* NULL is fine */
#define cleanup_transport __attribute__((cleanup(transport_closep_)))
void transport_closep_(struct transport **t);

const char *transport_name(const struct transport *t); /* host_spec.name */
bool transport_is_local(const struct transport *t);
bool transport_is_lost(const struct transport *t);
/* While commands of this host are waited for, call `tick` some ten times a second, also under a
 * shield (base/cancel.h). It must not wait itself. NULL: no more. */
void transport_set_tick(struct transport *t, void (*tick)(void *data), void *data);

/* --- commands --------------------------------------------------------------------------------- */

/* A command for the host. Borrowed for the time of proc_start(). */
struct command {
    const struct strv *argv;
    const char *dir;         /* working folder; NULL: the login folder */
    const struct strv *env;  /* "NAME=value" entries on top of the host's; NULL: none */
    bool login;              /* with the environment of a login shell (its PATH: ~/.cargo/bin) */
    bool become;             /* as root, through host_spec.become; no change where we are root */
    bool pty;                /* on a terminal: stderr comes in stdout, a close hangs it up */
    bool killable;           /* proc_kill() reaches it and what it started (own process group);
                                costs two small processes on the host */
    int64_t start_timeout;   /* ns for the host to answer the start; 0: 30 s. Then it is lost */
    int64_t patience;        /* ns that proc_kill() lets it end by itself first: for programs that
                                leave something behind when they are ended halfway */
    const void *input;       /* bytes for its standard input, then end of file; NULL with */
    size_t input_len;        /* input_len 0: end of file at once unless keep_stdin */
    bool keep_stdin;         /* leave standard input open for proc_write() */
    int stdin_fd, stdout_fd; /* > 0: pumped from/to this local descriptor instead of input and
                                proc_out(); the transport owns and closes it, sets O_NONBLOCK */
};

struct proc; /* a started command */

struct exit_status {
    int code;        /* 0…255; -1 where a signal ended it */
    char signal[16]; /* "KILL", "SEGV" …; "" where it exited */
};

/* "exit status 2", "ended by SIGKILL". The caller frees it. */
char *exit_status_format(const struct exit_status *status);

/* Start it. A program that is not there is no failure of this: it ends with 127, a folder with 126,
 * as a shell has it. *ret is the caller's (proc_free). */
int proc_start(struct transport *t, const struct command *cmd, struct proc **ret,
               struct error *err);

/* Pump all that moves until one of `procs` has new output or has ended, the deadline passes
 * (ERR_TIMEOUT; also where output comes without a pause), or a stop is asked for. A deadline of 0:
 * look once. The procs may live on different transports of this
 * thread. NULL entries are skipped. Returns 0 with the index of one that has news. */
int proc_wait_any(struct proc *const *procs, size_t n, int64_t deadline, size_t *ret_index,
                  struct error *err);
/* Wait until this one has ended. Its output stays in proc_out/proc_err. */
int proc_wait(struct proc *p, int64_t deadline, struct error *err);

/* What has come so far. The caller consumes (strbuf_consume); the transport appends. */
struct strbuf *proc_out(struct proc *p);
struct strbuf *proc_err(struct proc *p);
/* Ended, and all of its output has come? Then *ret is filled (ret may be NULL). */
bool proc_ended(const struct proc *p, struct exit_status *ret);
/* Was its connection lost, even if there is another one by now? It can only be freed then. */
bool proc_is_lost(const struct proc *p);
/* Queue bytes for standard input (needs keep_stdin). Sent by the pump. */
int proc_write(struct proc *p, const void *data, size_t len, struct error *err);
/* Wait until what is queued has gone out, or the command has ended. */
int proc_flush(struct proc *p, int64_t deadline, struct error *err);
/* End of file on standard input once what is queued is sent. */
int proc_close_stdin(struct proc *p, struct error *err);
/* Send TERM (after command.patience), then after `grace` nanoseconds KILL, to a killable command's
 * process group, and wait for its end. Works while a stop is asked for. 0 also where it had ended
 * by itself. */
int proc_kill(struct proc *p, int64_t grace, struct error *err);
/* Forget the command: its channel is closed; a killable one that still runs is killed first. */
void proc_free(struct proc *p); /* NULL is fine */
#define cleanup_proc __attribute__((cleanup(proc_freep_)))
void proc_freep_(struct proc **p);

/* Run to the end and keep both outputs. 0 whatever the exit status is: the caller looks at it. */
struct run_result {
    struct strbuf out, err;
    struct exit_status status;
};
#define RUN_RESULT_INIT                                                                            \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_run_result __attribute__((cleanup(run_result_release)))
void run_result_release(struct run_result *r);
int transport_run(struct transport *t, const struct command *cmd, int64_t deadline,
                  struct run_result *ret, struct error *err);
/* transport_run(), and a failing exit status is an error too: "COMMAND: exit status 3: LAST LINES
 * OF STDERR". `what` says what it was for ("restarting containerd"). sudo's "a password is
 * required" becomes an error of its own with the remedy. */
int transport_check(struct transport *t, const struct command *cmd, int64_t deadline,
                    const char *what, struct run_result *ret, struct error *err);
/* The message of transport_check() for a status in hand. Returns -1. */
int transport_status_error(const struct command *cmd, const struct run_result *r, const char *what,
                           struct error *err);

/* A path that a command of the host has printed, alone. An error where there is more: a login shell
 * that prints something of its own would have it taken for the path. */
int transport_path(const struct transport *t, const char *printed, char **ret, struct error *err);

/* --- files ------------------------------------------------------------------------------------ */

/* Called with bytes done and in all while a file moves; may be NULL. */
typedef void transfer_progress(void *data, int64_t done, int64_t total);

/* Copy a local file to the host: written beside `to`, mode set, renamed into place; or not at all.
 * The folder must exist. */
int transport_put(struct transport *t, const char *from, const char *to, mode_t mode,
                  int64_t deadline, transfer_progress *progress, void *progress_data,
                  struct error *err);

#endif
