/* SPDX-License-Identifier: Apache-2.0
 * journald's lines about containers: what to ask for, and what comes back. No I/O here. */
#ifndef LOGS_JOURNAL_H
#define LOGS_JOURNAL_H

#include "base/strv.h"
#include "logs/line.h"

/* journald takes units and other fields only in questions of their own. */
enum { JOURNAL_QUESTIONS = 2 };

/* The command for one question: lines from `since` (microseconds since 1970) to `until` (0: now),
 * as JSON; follow: and what comes after that, without end. */
void journal_command(size_t question, int64_t since, int64_t until, bool follow, struct strv *ret);
/* Read one line of JSON. False where it is none, or says nothing. */
bool journal_parse(const char *json, size_t len, struct log_line *ret);
/* Read complete lines and consume them; what is not JSON is skipped. */
void journal_read(struct strbuf *from, struct log_lines *to);

#endif
