/* SPDX-License-Identifier: Apache-2.0
 * Findings for people. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "diagnose/findings.h"
#include "diagnose/rules.h"

enum { WIDTH = 80, LEAST_WIDTH = 40, INDENT = 4 };

struct page {
    int width;
    bool colour;
    struct strbuf *out;
};

static void put_style(const struct page *p, const char *code)
{
    if (p->colour)
        strbuf_printf(p->out, "\033[%sm", code);
}

/* Text of any origin, cleaned, wrapped, every line behind `indent` spaces. */
static void put_paragraph(const struct page *p, int indent, const char *text)
{
    cleanup_free char *clean = text_clean_string(text);
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    text_wrap(clean, p->width - indent, 0, &lines);
    for (const char *line = strbuf_str(&lines); *line;) {
        size_t len = strcspn(line, "\n");
        strbuf_printf(p->out, "%*s%.*s\n", indent, "", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static void put_label(const struct page *p, const char *label)
{
    strbuf_printf(p->out, "\n  ");
    put_style(p, "1");
    strbuf_puts(p->out, label);
    put_style(p, "0");
    strbuf_putc(p->out, '\n');
}

/* A command is not wrapped: it is there to be copied. */
static void put_command(const struct page *p, const char *command)
{
    while (*command) {
        size_t len = strcspn(command, "\n");
        strbuf_printf(p->out, "%*s", INDENT + 2, "");
        put_style(p, "36");
        cleanup_strbuf struct strbuf clean = STRBUF_INIT;
        text_clean(command, len, &clean);
        strbuf_puts(p->out, strbuf_str(&clean));
        put_style(p, "0");
        strbuf_putc(p->out, '\n');
        command += len + (command[len] == '\n');
    }
}

/* An item's name with its long ids cut short: the line's number leads to the whole. */
static char *short_name(const char *name)
{
    enum { LONG = 24, SHORT = 12 };
    struct strbuf out = STRBUF_INIT;
    while (*name) {
        size_t digits = strspn(name, "0123456789abcdef");
        if (digits >= LONG) {
            strbuf_add(&out, name, SHORT);
            strbuf_puts(&out, "...");
        } else {
            digits = digits > 0 ? digits : 1;
            strbuf_add(&out, name, digits);
        }
        name += digits;
    }
    return strbuf_steal(&out);
}

static void put_evidence(const struct page *p, const struct finding *f)
{
    if (f->n_evidence > 0)
        put_label(p, "evidence");
    for (size_t i = 0; i < f->n_evidence; i++) {
        const struct evidence *e = &f->evidence[i];
        cleanup_strbuf struct strbuf line = STRBUF_INIT;
        cleanup_free char *number = e->line > 0 ? xasprintf("%d", e->line) : xstrdup("-");
        cleanup_free char *name = short_name(e->item), *text = short_name(e->text);
        cleanup_free char *whole = xasprintf("%5s  %s: %s", number, name, text);
        cleanup_free char *clean = text_clean_string(whole);
        if (text_width(clean) <= p->width) {
            strbuf_printf(p->out, "%s\n", clean);
            continue;
        }
        cleanup_free char *clean_name = text_clean_string(name);
        cleanup_free char *clean_text = text_clean_string(text);
        strbuf_printf(p->out, "%5s  %s:\n", number, clean_name);
        cleanup_free char *below = xasprintf("         %s", clean_text);
        text_wrap(below, p->width, 9, &line);
        strbuf_puts(p->out, strbuf_str(&line));
    }
}

static void put_finding(const struct page *p, const struct finding *f, size_t number)
{
    static const char *const colours[] = {[CERTAIN] = "1;31", [LIKELY] = "1;33", [POSSIBLE] = "1"};
    cleanup_free char *title = text_clean_string(f->title);
    cleanup_free char *head = xasprintf("%zu. %s: %s", number, certainty_name(f->certainty), title);
    cleanup_strbuf struct strbuf lines = STRBUF_INIT;
    text_wrap(head, p->width, 3, &lines);
    put_style(p, colours[f->certainty]);
    strbuf_rtrim(&lines);
    strbuf_puts(p->out, strbuf_str(&lines));
    put_style(p, "0");
    strbuf_putc(p->out, '\n');
    put_evidence(p, f);
    if (f->explanation) {
        put_label(p, "why");
        put_paragraph(p, INDENT, f->explanation);
    }
    if (f->remedy) {
        put_label(p, "what to do");
        put_paragraph(p, INDENT, f->remedy);
        put_command(p, f->command ? f->command : "");
    }
    if (f->refuted_by) {
        put_label(p, "what would refute it");
        put_paragraph(p, INDENT, f->refuted_by);
    }
    if (f->rule->references[0])
        put_label(p, "more");
    for (size_t i = 0; i < RULE_REFERENCES && f->rule->references[i]; i++)
        strbuf_printf(p->out, "%*s%s\n", INDENT, "", f->rule->references[i]);
    strbuf_printf(p->out, "\n  rule: %s\n", f->rule->id);
}

void findings_text(const struct findings *f, int width, bool colour, struct strbuf *ret)
{
    const struct page p = {
        .width = width <= 0            ? WIDTH
                 : width < LEAST_WIDTH ? LEAST_WIDTH
                                       : width,
        .colour = colour,
        .out = ret,
    };
    if (!f->complete)
        strbuf_puts(ret, "note: the bundle was cut off; what is missing was not judged\n\n");
    for (size_t i = 0; i < f->n; i++) {
        if (i > 0)
            strbuf_putc(ret, '\n');
        put_finding(&p, &f->items[i], i + 1);
    }
    if (f->n > 0)
        return;
    put_paragraph(&p, 0, findings_headline(f));
    for (size_t i = 0; i < f->unusual.len; i++) {
        cleanup_free char *item = xasprintf("- %s", f->unusual.items[i]);
        put_paragraph(&p, 2, item);
    }
}
