/* SPDX-License-Identifier: Apache-2.0
 * A way into a guest: commands with an argument vector, clean outputs, an exit status and a
 * deadline, whatever carries them. Three ways: console (a shell behind `kata-runtime exec`), vsock
 * (the same shell, reached without that program) and host (where the runtime has no virtual
 * machine: the "guest" is the host). A fourth is one file with one struct guest_way (way.h).
 *
 * A guest belongs to the thread of its transport and runs one command at a time; open a second one
 * for two at once. Commands run as root, in no particular folder, without a terminal. Of the guest
 * they need a POSIX shell, od or hexdump, and cat; base64, stty are used where they are there.
 * Nothing is written to the guest's file systems. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "transport/transport.h"

/* Which guest. Borrowed for the time of guest_open(), which copies. */
struct guest_spec {
    const char *sandbox; /* containerd's full id of the container or of its pod's sandbox */
    const char *runtime; /* "io.containerd.kata.v2": where it is not Kata's, `auto` means host */
    const char *way;     /* "auto" (also: NULL), or the name of a way */
};

/* ERR_USAGE where `way` is neither; NULL is fine. */
int guest_way_check(const char *way, struct error *err);

/* Is a container of this runtime in a virtual machine of Kata's? Its runtimes are called
 * "io.containerd.kata.v2", "io.containerd.kata-qemu.v2" and so on. NULL (not known): yes. */
bool guest_is_machine(const char *runtime);

struct guest; /* an open way into a guest; borrows the transport */

/* Get in, until the guest answers. What is not there is said by name: no such sandbox, console not
 * enabled, no kata-runtime on the host. */
int guest_open(struct transport *t, const struct guest_spec *spec, int64_t deadline,
               struct guest **ret, struct error *err);
/* A command that still runs is stopped first. NULL is fine. */
void guest_close(struct guest *g);
#define cleanup_guest __attribute__((cleanup(guest_closep_)))
void guest_closep_(struct guest **g);
/* "console", "vsock", "host". */
const char *guest_way_name(const struct guest *g);

/* Called with bytes as they come. */
typedef void guest_output(void *data, const char *bytes, size_t len, bool is_err);

/* How a command's standard output is brought over. */
enum guest_output_form {
    GUEST_BULK,  /* any bytes, in large pieces: costs least */
    GUEST_LIVE,  /* any bytes, each piece when it is written: programs are started for each */
    GUEST_LINES, /* text, each line when it is written, and no program is started for it. A last
                    line without an end gets one; a NUL is lost, and so is a CR at a line's end
                    and a line of more than GUEST_LINE_MAX bytes. One of more than 1000 may be cut
                    short where the command writes to standard error at the same time */
};

enum { GUEST_LINE_MAX = 16384 };

/* A command for the guest. Borrowed for the time of guest_start(). */
struct guest_command {
    const struct strv *argv;
    const void *input; /* bytes for its standard input, then end of file. Held in the guest's
                          memory while the command runs */
    size_t input_len;
    size_t max_output;    /* a stream that grows past this is an error, and the command is stopped;
                             0: GUEST_OUTPUT_MAX */
    guest_output *output; /* called with what comes, as it comes; then nothing of it is kept in the
                             result, and max_output does not count. NULL: kept */
    void *output_data;
    enum guest_output_form form;
};

enum { GUEST_OUTPUT_MAX = 16 * 1024 * 1024 };

/* Run a command to its end and keep its outputs. 0 whatever the exit status is; a status above 128
 * may be a signal's, as a shell has it; 126 and 127 where it could not be run.
 *
 * It ends when the command has ended and nobody holds its outputs open any more. Past the deadline
 * it is stopped (TERM to its process group, then KILL): ERR_TIMEOUT, what it had said by then is in
 * *ret, and the guest can be used again. The same on Ctrl-C, with ERR_INTERRUPTED. A guest that has
 * gone is ERR_FAILED with its cause; the next call tries to get in again. */
int guest_run(struct guest *g, const struct guest_command *cmd, int64_t deadline,
              struct run_result *ret, struct error *err);
/* guest_run(), and a failing exit status is an error too, as transport_check() has it. */
int guest_check(struct guest *g, const struct guest_command *cmd, int64_t deadline,
                const char *what, struct run_result *ret, struct error *err);

/* The same in pieces, for those who wait for other things too:
 *
 *     guest_start(g, &cmd, deadline, err);
 *     for (bool done = false; !done;) {
 *         struct proc *both[] = {guest_proc(g), checkpoint};
 *         proc_wait_any(both, 2, soon, &index, err);
 *         guest_advance(g, 0, &done, err);
 *     }
 *     guest_take(g, &result);
 */
int guest_start(struct guest *g, const struct guest_command *cmd, int64_t deadline,
                struct error *err);
/* Whose news (proc_wait_any) may mean news of the guest; its outputs are not for the caller. NULL:
 * none at the moment. May be another one after each guest_advance(). */
struct proc *guest_proc(struct guest *g);
/* Take what has come; where there is nothing, wait for it until `until` (0: do not wait). Fails as
 * guest_run() does, and then no command runs any more. */
int guest_advance(struct guest *g, int64_t until, bool *ret_done, struct error *err);
/* Stop the command that runs; fine where none does. */
int guest_stop(struct guest *g, struct error *err);
/* Give the way to a person: an interactive shell of the guest on a terminal of that size. *ret is
 * the guest's; its input and output are that terminal's. Nothing else can be done with the guest
 * but close it. */
int guest_shell(struct guest *g, unsigned rows, unsigned columns, int64_t deadline,
                struct proc **ret, struct error *err);
/* Hand over outputs and status of the command that has ended or was stopped. */
void guest_take(struct guest *g, struct run_result *ret);

#endif
