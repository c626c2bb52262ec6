/* SPDX-License-Identifier: Apache-2.0
 * Every rule's word on a bundle, ranked. */
#include "diagnose/findings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/rules.h"
#include "diagnose/unusual.h"

enum { EVIDENCE_MAX = 12 }; /* lines of one finding */

const char *certainty_name(enum certainty c)
{
    static const char *const names[] = {
        [CERTAIN] = "certain", [LIKELY] = "likely", [POSSIBLE] = "possible"};
    return names[c];
}

/* --- building one ---------------------------------------------------------------------------- */

struct finding *finding_add(struct findings *out, const struct rule *r, enum certainty certainty,
                            const char *title, ...)
{
    va_list ap;
    va_start(ap, title);
    char *text = xvasprintf(title, ap);
    va_end(ap);
    out->items = xreallocarray(out->items, out->n + 1, sizeof(*out->items));
    struct finding *f = &out->items[out->n++];
    *f = (struct finding){.rule = r, .certainty = certainty, .title = text};
    return f;
}

void finding_explain(struct finding *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(f->explanation);
    f->explanation = xvasprintf(fmt, ap);
    va_end(ap);
}

void finding_remedy(struct finding *f, const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    free(f->remedy);
    free(f->command);
    f->remedy = xvasprintf(fmt, ap);
    f->command = xstrdup(command);
    va_end(ap);
}

void finding_refute(struct finding *f, const char *text)
{
    free(f->refuted_by);
    f->refuted_by = xstrdup(text);
}

static void add_evidence(struct finding *f, const char *item, char *text, int line)
{
    if (f->n_evidence == EVIDENCE_MAX) {
        free(text);
        return;
    }
    f->evidence = xreallocarray(f->evidence, f->n_evidence + 1, sizeof(*f->evidence));
    f->evidence[f->n_evidence++] = (struct evidence){xstrdup(item), text, line};
}

void finding_show(struct finding *f, struct spot at)
{
    if (at.item)
        add_evidence(f, at.item->name, xstrdup(spot_text(at)), item_line_number(at.item, at.line));
}

void finding_show_absence(struct finding *f, const char *item, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_evidence(f, item, xvasprintf(fmt, ap), 0);
    va_end(ap);
}

/* --- all of them ----------------------------------------------------------------------------- */

static int by_rank(const void *one, const void *other)
{
    const struct finding *a = one, *b = other;
    if (a->certainty != b->certainty)
        return (int)a->certainty - (int)b->certainty;
    if (a->rule->weight != b->rule->weight)
        return b->rule->weight - a->rule->weight;
    int order = strcmp(a->rule->id, b->rule->id);
    return order ? order : strcmp(a->title, b->title);
}

void findings_make(const struct bundle *b, struct findings *ret)
{
    *ret = (struct findings){.complete = b->complete};
    cleanup_scene struct scene s;
    scene_make(b, &s);
    for (size_t i = 0; rules[i]; i++)
        rules[i]->check(&s, rules[i], ret);
    if (ret->n > 1)
        qsort(ret->items, ret->n, sizeof(*ret->items), by_rank);
    ret->hang = s.stalled ||
                (ret->n > 0 && ret->items[0].rule->hangs && ret->items[0].certainty != POSSIBLE);
    if (ret->n == 0)
        unusual_find(&s, &ret->unusual);
}

void findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct finding *one = &f->items[i];
        free(one->title);
        free(one->explanation);
        free(one->remedy);
        free(one->command);
        free(one->refuted_by);
        for (size_t e = 0; e < one->n_evidence; e++) {
            free(one->evidence[e].item);
            free(one->evidence[e].text);
        }
        free(one->evidence);
    }
    free(f->items);
    strv_release(&f->unusual);
    *f = (struct findings)FINDINGS_INIT;
}

const char *findings_headline(const struct findings *f)
{
    if (f->n > 0)
        return f->items[0].title;
    return f->unusual.len > 0 ? "no known cause fits; the unusual things are listed"
                              : "nothing that is known here is wrong";
}
