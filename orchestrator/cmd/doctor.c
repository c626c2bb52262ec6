/* SPDX-License-Identifier: Apache-2.0
 * doctor: what this machine and the host need, and what is missing. */
#include "doctor/doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "cmd/session.h"
#include "report/looks.h"

static const struct verb_option options[] = {OPTION_FILE, OPTION_JSON, OPTION_END};

/* The exit code is that of the worst: a host that was not reached, then anything that fails. */
static int conclude(const struct doctor *d, const struct check_result *results, size_t n,
                    struct error *err)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += results[i].verdict == VERDICT_FAIL;
    if (d->unreached && d->unreached->code == ERR_UNREACHABLE)
        return error_set(err, ERR_UNREACHABLE, "%s", d->unreached->message);
    if (failed > 0)
        return error_set(err, ERR_FAILED, "%zu of %zu checks failed", failed, n);
    return 0;
}

static int examine(struct invocation *inv, struct doctor *d, struct error *err)
{
    struct check_result *results = NULL;
    size_t n = 0;
    if (doctor_run(d, &results, &n, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (invocation_option(inv, "json"))
        doctor_print_json(d, results, n, &text);
    else
        doctor_print(results, n, terminal_is_coloured(STDOUT_FILENO), terminal_width(STDOUT_FILENO),
                     &text);
    fputs(strbuf_str(&text), stdout);
    int result = conclude(d, results, n, err);
    doctor_results_free(results, n);
    inv->told = true;
    return result;
}

/* What the host is needed for: the default workflow, where it runs there, or the first that does.
 * NULL: there is none, or what is wrong with it is for `plan` to tell. */
static struct plan *plan_at_hand(const struct session *s)
{
    const struct value *workflows = s->file ? value_get(s->file->root, "workflows") : NULL;
    for (size_t i = 0; workflows && i <= workflows->len; i++) {
        cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
        cleanup_error struct error unheard = ERROR_INIT;
        struct plan *plan = NULL;
        const char *name = i > 0 ? workflows->keys[i - 1] : NULL;
        if (plan_make(s->file, name, &plan, &problems, &unheard) == 0 &&
            strcmp(plan->host_name, s->host_name) == 0)
            return plan;
        plan_free(plan);
    }
    return NULL;
}

static int run(struct invocation *inv, struct error *err)
{
    cancel_install();
    cleanup_session struct session s = SESSION_INIT;
    cleanup_store struct store *store = NULL;
    cleanup_transport struct transport *here = NULL, *host = NULL;
    cleanup_error struct error unreached = ERROR_INIT;
    const struct host_spec this_machine = {.name = "this machine"};
    if (inv->args.len > 0) { /* as if it had been said by an option */
        strv_push(&inv->options, "host");
        strv_push(&inv->values, inv->args.items[0]);
    }
    if (session_open_host(inv, &s, err) < 0 || store_open_copy(NULL, &store, err) < 0 ||
        transport_open(&this_machine, &here, err) < 0)
        return -1;
    s.plan = plan_at_hand(&s);
    int64_t start = clock_now();
    int connected = session_connect(&s, &host, &unreached);
    if (connected < 0 && unreached.code == ERR_INTERRUPTED) {
        error_move(err, &unreached);
        return -1;
    }
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT; /* a plan tells them */
    struct value *variables = s.file ? workflow_host_variables(s.file, s.host_name) : NULL;
    struct value *entries = s.file ? workflow_entries(s.file, variables, &problems) : NULL;
    struct doctor d = {
        .here = here,
        .host = host,
        .unreached = connected < 0 ? &unreached : NULL,
        .connect_time = clock_now() - start,
        .host_name = s.host_name,
        .host_entry = s.host,
        .entries = entries,
        .plan = s.plan,
        .store = store,
    };
    int result = examine(inv, &d, err);
    doctor_release(&d);
    value_free(entries);
    value_free(variables);
    return result;
}

const struct verb verb_doctor = {
    .name = "doctor",
    .synopsis = "[HOST]",
    .help = "see what this machine and a host need, and how to get it",
    .about = "HOST is one of the workflow file; without a file, whatever ssh takes, or `local`.\n"
             "What is needed is what the default workflow needs, or the first one of that host.\n"
             "Nothing is changed. Exit status 1: a check fails; 5: the host could not be reached.",
    .options = options,
    .max_args = 1,
    .run = run,
};
