/* SPDX-License-Identifier: Apache-2.0
 * A bundle: the evidence of one checkpoint as one text file, which a person can read and send in,
 * and which then is a test (tests/bundles/README.md). This is its parser; docs/guide/diagnose.md
 * tells users about it.
 *
 *   kataloop-evidence 1            the format's version; the first line
 *   [/proc/812/status]             an item: the file it is, or what made it ("criu check")
 *   |Name:  criu                   a line of it, after a bar, so that none can pass for a header
 *   ~123 bytes are left out        after its lines: it was cut
 *   !Permission denied             in place of lines: it is not there, and why
 *   end                            the last line; without it the bundle was cut off
 *
 * Items of the guest go by the path or command alone; those of the host begin with "host: ", and
 * what the caller of the checkpoint knew is in "caller" and "caller stderr". Bytes that are no
 * printable text are \xNN. */
#ifndef DIAGNOSE_BUNDLE_H
#define DIAGNOSE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"

enum {
    BUNDLE_VERSION = 1,
    BUNDLE_MAX = 2 << 20,       /* bytes of a bundle */
    BUNDLE_LINE_MAX = 8192,     /* bytes of a line */
    BUNDLE_ITEMS_MAX = 4096,    /* items */
    BUNDLE_NAME_MAX = 1024,     /* bytes of an item's name */
    BUNDLE_PROCESSES_MAX = 256, /* processes whose parts are among the items */
};

struct bundle_item {
    char *name;
    struct strv lines; /* without their bars */
    int line;          /* of its header in the file; its lines follow at once */
    char *missing;     /* why it is not there; NULL: it is */
    char *cut;         /* what was left out; NULL: nothing */
};

/* Why a process is in the bundle; several may hold. */
enum process_role {
    PROCESS_TARGET = 1 << 0, /* of the container (or the PID asked for) */
    PROCESS_CRIU = 1 << 1,
    PROCESS_PARENT = 1 << 2, /* above a CRIU, up to init */
    PROCESS_AGENT = 1 << 3,  /* the Kata agent */
    PROCESS_TRACER = 1 << 4, /* traces a process of the target */
    PROCESS_CHILD = 1 << 5,  /* a child of the agent or of CRIU, a zombie for one */
};

enum { LIMIT_UNLIMITED = -1, LIMIT_UNKNOWN = -2 };

/* What its items say of a process. A number that was not found is -1 (masks: has_status false). */
struct process {
    int pid;
    unsigned roles;
    char *name; /* the kernel's, 15 bytes; "?" where it is not known */
    char state; /* R S D T t Z X; 0: not known */
    int ppid, tracer;
    bool has_status;
    uint64_t sig_blk, sig_ign, sig_cgt, cap_eff, cap_bnd;
    int no_new_privs, seccomp;
    int session, group, terminal; /* terminal: tty_nr; 0: none */
    struct strv ns_pids;          /* NSpid: as seen from each pid namespace */
    char *wchan;                  /* kernel function it waits in; NULL: not known or none */
    int64_t syscall;              /* number; -1: running or not known */
    struct strv command;          /* argument vector; empty: kernel thread, zombie */
    char *cgroup2;                /* path of cgroup v2; NULL: none */
    char *freezer1;               /* path in the v1 freezer hierarchy; NULL: none */
};

struct bundle {
    struct bundle_item *items; /* owned; in the file's order */
    size_t n_items;
    struct process *processes; /* owned; in the order in which they first occur */
    size_t n_processes;
    bool complete; /* ends with "end" */
};

#define BUNDLE_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_bundle __attribute__((cleanup(bundle_release)))

/* Read a bundle. `name` is what messages call it; ERR_USAGE with "NAME:LINE: …" where it is no
 * bundle, or one of another version. A cut-off bundle is none of these: `complete` is false. Lines
 * may end with CR LF. */
int bundle_parse(const char *data, size_t len, const char *name, struct bundle *ret,
                 struct error *err);
void bundle_release(struct bundle *b);

/* An item by its name; NULL: not in the bundle. One that is there may still be `missing`. */
const struct bundle_item *bundle_find(const struct bundle *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The first item whose name begins with `prefix`, or the next one after `after`; NULL: none. */
const struct bundle_item *bundle_next(const struct bundle *b, const char *prefix,
                                      const struct bundle_item *after);
/* Its line, from 0; NULL where there is none, or no item. Borrowed. */
const char *item_line(const struct bundle_item *item, size_t index);
/* The index of its first line that contains `text` (begins with it: item_prefix); -1: none. An item
 * that is NULL has none. */
int item_find(const struct bundle_item *item, const char *text);
int item_prefix(const struct bundle_item *item, const char *prefix);
/* The value of "KEY: value" or "KEY value" or "KEY=value" in an item: what is after the separator
 * and blanks, borrowed; NULL: no such line. *ret_line (may be NULL): its index. */
const char *item_value(const struct bundle_item *item, const char *key, int *ret_line);
/* The line of the file on which line `index` of the item stands. */
int item_line_number(const struct bundle_item *item, int index);

const struct process *bundle_process(const struct bundle *b, int pid); /* NULL: not there */
/* The first process with one of `roles`; NULL: none. */
const struct process *bundle_role(const struct bundle *b, unsigned roles);
/* The value after a long or short option of an argument vector: "--tree 5", "--tree=5", "-t 5",
 * "-t5". `letter` 0: no short form. NULL: not given, or without a value. */
const char *command_option(const struct strv *command, const char *name, char letter);
/* Soft limit of a process ("Max open files"), LIMIT_UNLIMITED or LIMIT_UNKNOWN. */
int64_t process_limit(const struct bundle *b, int pid, const char *what, int *ret_line);
/* What a file descriptor points to (borrowed); NULL: not open, or not known: *ret_known. */
const char *process_fd(const struct bundle *b, int pid, int fd, bool *ret_known);

/* --- writing one ----------------------------------------------------------------------------- */

/* Append the first line. */
void bundle_begin(struct strbuf *out);
/* Append an item of `len` bytes of any kind; at most `max` of them, from the end where `tail`.
 * False: some were left out, and the item says so; nothing may be added to it. */
bool bundle_put(struct strbuf *out, const char *name, const char *data, size_t len, size_t max,
                bool tail);
/* Append an item that is not there. */
void bundle_put_missing(struct strbuf *out, const char *name, const char *why);
void bundle_end(struct strbuf *out);

#endif
