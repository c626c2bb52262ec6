/* SPDX-License-Identifier: Apache-2.0
 * What a bundle shows: the findings of all rules, the surest and weightiest first. */
#ifndef DIAGNOSE_FINDINGS_H
#define DIAGNOSE_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "diagnose/bundle.h"

enum certainty {
    CERTAIN,  /* the evidence leaves no other reading */
    LIKELY,   /* it fits, and something is missing that would prove it */
    POSSIBLE, /* unusual, and known to cause this; not seen to */
};

struct evidence {
    char *item; /* name of the bundle's item; owned, as all here */
    char *text; /* its line */
    int line;   /* in the bundle; 0: what is shown is that something is not there */
};

struct rule; /* rules.h */

struct finding {
    const struct rule *rule;
    enum certainty certainty;
    char *title;       /* one line: the thing and the cause */
    char *explanation; /* a few sentences */
    char *remedy;      /* what to do, in words */
    char *command;     /* what to do, as a command or patch; may have several lines; NULL: none */
    char *refuted_by;  /* what would show that it is something else */
    struct evidence *evidence;
    size_t n_evidence;
};

struct findings {
    struct finding *items; /* owned; the first is the one to act on */
    size_t n;
    bool hang;           /* a checkpoint that hangs, by the caller's word or by the first finding */
    bool complete;       /* the bundle was not cut off */
    struct strv unusual; /* where no rule fits: what is out of the ordinary in the bundle */
};

#define FINDINGS_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }
#define cleanup_findings __attribute__((cleanup(findings_release)))

/* Judge. The bundle may go before the findings do. */
void findings_make(const struct bundle *b, struct findings *ret);
void findings_release(struct findings *f);

/* "certain", "likely", "possible". */
const char *certainty_name(enum certainty c);
/* The first finding's title, or that none of the rules fits. Borrowed. */
const char *findings_headline(const struct findings *f);

/* For people: every finding with its evidence, explanation and remedy, in lines of at most `width`
 * columns (0: 80); with colour where asked. */
void findings_text(const struct findings *f, int width, bool colour, struct strbuf *ret);
/* One JSON object on one line. */
void findings_json(const struct findings *f, struct strbuf *ret);

#endif
