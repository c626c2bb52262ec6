/* SPDX-License-Identifier: Apache-2.0
 * results: what earlier runs came to. Needs nothing but the store. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "cmd/verb.h"
#include "report/looks.h"
#include "report/results_list.h"
#include "report/results_show.h"
#include "results/store.h"

static const struct verb_option options[] = {
    {'n', "limit", "N", "list the youngest N runs (default: 20)"},
    {0, "host", "NAME", "list the runs on this host only"},
    OPTION_JSON,
    OPTION_END};

static int limit_of(const struct invocation *inv, int *ret, struct error *err)
{
    const char *text = invocation_option(inv, "limit");
    int64_t n = 20;
    if (text && (!parse_int(text, &n) || n < 1 || n > INT_MAX)) {
        error_set(err, ERR_USAGE, "`--limit %s` is not a number of runs", text);
        return error_hint(err, "give a number from 1 on");
    }
    *ret = (int)n;
    return 0;
}

static int list(const struct invocation *inv, struct store *store, int width, struct strbuf *ret,
                struct error *err)
{
    const char *host = invocation_option(inv, "host");
    int limit = 0;
    if (limit_of(inv, &limit, err) < 0)
        return -1;
    if (invocation_option(inv, "json"))
        return results_list_json(store, host, limit, ret, err);
    return results_list_text(store, host, limit, width, ret, err);
}

static int show(const struct invocation *inv, struct store *store, int width, struct strbuf *ret,
                struct error *err)
{
    static const char *const of_lists[] = {"limit", "host"};
    for (size_t i = 0; i < ARRAY_SIZE(of_lists); i++)
        if (invocation_option(inv, of_lists[i]))
            return error_set(err, ERR_USAGE, "`--%s` is for a list of runs; `show` shows one",
                             of_lists[i]);
    const char *run = inv->args.len > 1 ? inv->args.items[1] : "latest";
    if (invocation_option(inv, "json"))
        return results_show_json(store, run, ret, err);
    return results_show_text(store, run, width, ret, err);
}

static int run(struct invocation *inv, struct error *err)
{
    bool one = inv->args.len > 0;
    if (one && strcmp(inv->args.items[0], "show") != 0) {
        error_set(err, ERR_USAGE, "`kataloop results` knows no `%s`", inv->args.items[0]);
        return error_hint(err, "`kataloop results show %s` shows one run", inv->args.items[0]);
    }
    cleanup_store struct store *store = NULL;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (store_open_copy(NULL, &store, err) < 0 || store_mark_lost(store, err) < 0)
        return -1;
    if ((one ? show : list)(inv, store, terminal_width(STDOUT_FILENO), &text, err) < 0)
        return -1;
    fputs(strbuf_str(&text), stdout);
    return 0;
}

const struct verb verb_results = {
    .name = "results",
    .synopsis = "[show [RUN]]",
    .help = "list earlier runs, or show one: its steps, samples and files",
    .about = "RUN is a run's id, the start of one, or `latest` (the default).",
    .options = options,
    .max_args = 2,
    .run = run,
};
