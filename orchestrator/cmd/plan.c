/* SPDX-License-Identifier: Apache-2.0
 * plan: what a run would do, and why. Nothing is touched. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/session.h"
#include "exec/forecast.h"
#include "report/looks.h"
#include "report/table.h"
#include "results/json_put.h"

static const struct verb_option options[] = {OPTION_FILE,  OPTION_FROM, OPTION_ONLY,
                                             OPTION_FORCE, OPTION_JSON, OPTION_END};

static bool begins_pass(const struct plan *p, size_t i)
{
    return i == 0 || p->steps[i]->pass != p->steps[i - 1]->pass;
}

static void print_text(const struct plan *p, const struct forecast *f, int width)
{
    static const struct table_column columns[] = {
        {"#", TABLE_RIGHT}, {"step", TABLE_CUT}, {"", 0}, {"why", TABLE_CUT}};
    cleanup_table struct table *t = table_new(columns, ARRAY_SIZE(columns));
    const char *section = NULL;
    for (size_t i = 0; i < p->len; i++) {
        const struct plan_step *s = p->steps[i];
        if (s->section && s->section != section && begins_pass(p, i)) {
            table_cell(t, "");
            table_printf(t, "recipe %s", s->section);
            table_cell(t, "");
            table_cell(t, "");
        }
        section = s->section;
        table_printf(t, "%d", s->index + 1);
        table_printf(t, "%s%s", s->section ? "  " : "", s->label);
        table_cell(t, f[i].skip ? "skip" : "run");
        table_cell(t, f[i].why);
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    table_print(t, 0, width, &text);
    cleanup_free char *head =
        xasprintf("workflow %s of %s on %s", p->workflow, p->file->path, p->host_name);
    cleanup_free char *clean = text_clean_string(head);
    printf("%s\n%s", clean, strbuf_str(&text));
}

static void print_json(const struct plan *p, const struct forecast *f)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < p->len; i++) {
        const struct plan_step *s = p->steps[i];
        json_t *one = json_object();
        json_put(one, "index", json_integer(s->index));
        json_put_text(one, "label", s->label);
        json_put_text(one, "kind", s->kind->name);
        json_put_text(one, "recipe", s->section);
        json_put(one, "sample", json_integer(s->sample));
        json_put(one, "skip", json_boolean(f[i].skip));
        json_put_text(one, "why", f[i].why);
        json_append(steps, one);
    }
    json_t *root = json_object();
    json_put(root, "v", json_integer(1));
    json_put_text(root, "workflow", p->workflow);
    json_put_text(root, "file", p->file->path);
    json_put_text(root, "host", p->host_name);
    json_put(root, "steps", steps);
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    json_line(root, &text);
    fputs(strbuf_str(&text), stdout);
}

static int run(struct invocation *inv, struct error *err)
{
    cleanup_session struct session s = SESSION_INIT;
    cleanup_store struct store *store = NULL;
    if (session_open(inv, &s, err) < 0 || store_open_copy(NULL, &store, err) < 0)
        return -1;
    struct forecast *f = NULL;
    if (forecast_make(s.plan, store, invocation_option(inv, "force") != NULL, &f, err) < 0)
        return -1;
    if (invocation_option(inv, "json"))
        print_json(s.plan, f);
    else
        print_text(s.plan, f, terminal_width(STDOUT_FILENO));
    forecast_free(f, s.plan->len);
    return 0;
}

const struct verb verb_plan = {
    .name = "plan",
    .synopsis = "[WORKFLOW]",
    .help = "show what a run would do, and why, without touching anything",
    .about = "The host is not asked: a step shown as skipped still runs if the host has changed\n"
             "since.",
    .options = options,
    .max_args = 1,
    .run = run,
};
