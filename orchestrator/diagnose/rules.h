/* SPDX-License-Identifier: Apache-2.0
 * A rule: what must hold for a cause to be named. One row in rules.c; its check says nothing unless
 * the bundle has positive evidence. */
#ifndef DIAGNOSE_RULES_H
#define DIAGNOSE_RULES_H

#include "diagnose/findings.h"
#include "diagnose/scene.h"

enum { RULE_REFERENCES = 4 };

struct rule {
    const char *id;   /* "frozen-target" */
    const char *help; /* what it finds, one line */
    int weight;       /* among findings that are as sure: the higher is first */
    bool hangs;       /* what it finds makes a checkpoint hang, not fail */
    void (*check)(const struct scene *s, const struct rule *r, struct findings *out);
    const char *references[RULE_REFERENCES]; /* addresses, NULL after the last */
};

extern const struct rule *const rules[]; /* ends with NULL */

/* --- for checks: add a finding, then say more of it ------------------------------------------ */

/* A cause, as a title; borrowed from `out`, until the next one is added. */
struct finding *finding_add(struct findings *out, const struct rule *r, enum certainty certainty,
                            const char *title, ...) __attribute__((format(printf, 4, 5)));
/* Why it is one. */
void finding_explain(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* In words, and as a command (NULL: none). */
void finding_remedy(struct finding *f, const char *command, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What would show that it is not. */
void finding_refute(struct finding *f, const char *text);
/* A line that shows it; one that is nowhere adds nothing. */
void finding_show(struct finding *f, struct spot at);
/* What shows it is that something is not there. */
void finding_show_absence(struct finding *f, const char *item, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
