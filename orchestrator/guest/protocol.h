/* SPDX-License-Identifier: Apache-2.0
 * Commands over a terminal that leads to a shell. No I/O here: what to type, and what to make of
 * what comes back.
 *
 * A terminal gives one stream of lines, with echo, prompts, colours and CR LF in it, and takes
 * lines of at most 4095 bytes in which control characters mean something. So:
 *
 * - The first line typed (guest_hello) puts before the interactive shell one that reads lines and
 *   evaluates them: no prompt, no line editing, and no echo where there is stty.
 * - The second (guest_definitions) are functions for that shell.
 * - A request is one line, with what does not fit there in lines of base64 (or octal) before it.
 *   The command runs in the background in a process group of its own, while the shell waits; Ctrl-C
 *   makes the shell send that group TERM, a second one KILL.
 * - What a command writes comes as lines of base64 or hexadecimal (standard output) or octal
 *   (standard error), whose shape tells which. What the protocol itself says begins with a token of
 *   80 random bits, made for this one request; so do a command's lines that come as they are.
 *   Every other line is noise, and skipped: echo, a prompt, what somebody else writes to the
 *   terminal.
 */
#ifndef GUEST_PROTOCOL_H
#define GUEST_PROTOCOL_H

#include <stdbool.h>

#include "guest/guest.h"

enum { GUEST_TOKEN_SIZE = 21 }; /* 20 hexadecimal digits and the NUL */

/* What comes back for one request. */
struct guest_reply {
    char token[GUEST_TOKEN_SIZE];
    bool answered;       /* TOKEN+TOOLS: the shell is there */
    char tools;          /* what TOOLS says: 'b' there is base64, 'o' only od, 'n' neither */
    bool started, ended; /* TOKEN< and TOKEN>: the command has its input; all has been said */
    int status;          /* TOKEN=STATUS; -1: not said */
    size_t max;          /* bytes kept of each stream, and a line's worth more */
    bool lines;          /* standard output comes as lines after the token only (GUEST_LINES); set
                            by the caller */
    struct strbuf line;  /* the line that is coming */
    bool too_long;       /* …is longer than any of use: skipped up to its end */
};

/* Make ready for a new request, with a new token. */
int guest_reply_begin(struct guest_reply *r, size_t max, struct error *err);
void guest_reply_release(struct guest_reply *r);
/* Read what came. Bytes of the command are added to `out` and `err_out`. */
void guest_reply_feed(struct guest_reply *r, const char *bytes, size_t len, struct strbuf *out,
                      struct strbuf *err_out);

/* Lines to type, added to `ret`. */
void guest_hello(const char *token, struct strbuf *ret);
void guest_definitions(const char *token, struct strbuf *ret);
/* base64: the guest can decode it. */
void guest_request(const char *token, const struct guest_command *cmd, bool base64,
                   struct strbuf *ret);
/* Give the terminal to a person: a shell of `rows` and `columns`, which announces itself with
 * TOKEN+. */
void guest_request_shell(const char *token, unsigned rows, unsigned columns, struct strbuf *ret);

#define GUEST_INTERRUPT "\x03"

#endif
