/* SPDX-License-Identifier: Apache-2.0
 * Results, for people and for programs. */
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

const char *verdict_name(enum verdict v)
{
    return verdicts[v].name;
}

void doctor_print(const struct check_result *results, size_t n, bool colour, struct strbuf *ret)
{
    enum { VERDICT_WIDTH = 7 };
    int width = 0;
    for (size_t i = 0; i < n; i++)
        width = text_width(results[i].what) > width ? text_width(results[i].what) : width;
    for (size_t i = 0; i < n; i++) {
        const struct check_result *f = &results[i];
        strbuf_printf(ret, "%s%-*s%s  %s%*s  %s\n", colour ? verdicts[f->verdict].colour : "",
                      VERDICT_WIDTH, verdicts[f->verdict].name, colour ? "\033[0m" : "", f->what,
                      width - text_width(f->what), "", f->detail);
        if (f->remedy)
            strbuf_printf(ret, "%*s  do: %s\n", VERDICT_WIDTH + 2 + width, "", f->remedy);
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
        json_put_text(one, "verdict", verdict_name(results[i].verdict));
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
