/* SPDX-License-Identifier: Apache-2.0
 * Results, for people and for programs. */
#include <limits.h>

#include "base/alloc.h"
#include "base/text.h"
#include "doctor/doctor.h"
#include "results/json_put.h"

static const struct {
    const char *name, *colour;
} verdicts[] = {
    [VERDICT_OK] = {"ok", "\033[32m"},
    [VERDICT_WARN] = {"warn", "\033[33m"},
    [VERDICT_FAIL] = {"fail", "\033[1;31m"},
    [VERDICT_UNKNOWN] = {"unknown", "\033[2m"},
};

enum {
    VERDICT_WIDTH = 7,
    LEAST_ROOM = 30 /* with less beside what was looked at, the rest is below it */
};

static void add_spaces(int n, struct strbuf *ret)
{
    for (int i = 0; i < n; i++)
        strbuf_putc(ret, ' ');
}

/* From column `at` on, which the line has been brought to. */
static void add_text(const char *text, int at, int width, struct strbuf *ret)
{
    cleanup_free char *clean = text_clean_string(text);
    cleanup_strbuf struct strbuf wrapped = STRBUF_INIT;
    text_wrap(clean, width > at ? width - at : INT_MAX, 0, &wrapped);
    for (const char *line = strbuf_str(&wrapped); *line;) {
        size_t len = strcspn(line, "\n") + 1;
        strbuf_add(ret, line, len);
        line += len;
        add_spaces(*line ? at : 0, ret);
    }
}

void doctor_print(const struct check_result *results, size_t n, bool colour, int width,
                  struct strbuf *ret)
{
    int widest = 0;
    for (size_t i = 0; i < n; i++)
        widest = text_width(results[i].what) > widest ? text_width(results[i].what) : widest;
    int beside = VERDICT_WIDTH + 2 + widest + 2, below = VERDICT_WIDTH + 2;
    bool roomy = width == 0 || width - beside >= LEAST_ROOM;
    int at = roomy ? beside : below;
    for (size_t i = 0; i < n; i++) {
        const struct check_result *f = &results[i];
        strbuf_printf(ret, "%s%-*s%s  %s", colour ? verdicts[f->verdict].colour : "", VERDICT_WIDTH,
                      verdicts[f->verdict].name, colour ? "\033[0m" : "", f->what);
        if (!roomy)
            strbuf_putc(ret, '\n');
        add_spaces(roomy ? widest - text_width(f->what) + 2 : below, ret);
        add_text(f->detail, at, width, ret);
        if (!f->remedy)
            continue;
        cleanup_free char *remedy = xasprintf("do: %s", f->remedy);
        add_spaces(at, ret);
        add_text(remedy, at, width, ret);
    }
}

void doctor_print_json(const struct doctor *d, const struct check_result *results, size_t n,
                       struct strbuf *ret)
{
    json_t *root = json_object(), *all = json_array();
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_object();
        json_put_text(one, "id", results[i].id);
        json_put_text(one, "what", results[i].what);
        json_put_text(one, "verdict", verdicts[results[i].verdict].name);
        json_put_text(one, "detail", results[i].detail);
        json_put_text(one, "remedy", results[i].remedy);
        json_append(all, one);
        ok = ok && results[i].verdict != VERDICT_FAIL;
    }
    json_put(root, "v", json_integer(1));
    json_put_text(root, "host", d->host_name);
    json_put(root, "ok", json_boolean(ok));
    json_put(root, "checks", all);
    json_line(root, ret);
}
