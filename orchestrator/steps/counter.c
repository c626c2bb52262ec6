/* SPDX-License-Identifier: Apache-2.0
 * Counters of workloads. */
#include "steps/counter.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "steps/client.h"

#define POLL_PACE (100 * NSEC_PER_MSEC)
#define SOON      (20 * NSEC_PER_SEC) /* for the workload to write it for the first time */

/* Where the number begins. */
static const char *number_of(const char *counter)
{
    const char *space = strrchr(counter, ' ');
    return space ? space + 1 : counter;
}

int64_t counter_number(const char *counter)
{
    int64_t number;
    return parse_int(number_of(counter), &number) && number >= 0 ? number : -1;
}

/* One look. -1 with `failure`: it is not there yet, or no counter. */
static int look(const struct command *cmd, const char *file, struct run_result *r,
                struct error *failure)
{
    cleanup_free char *what = xasprintf("reading the counter `%s`", file);
    strbuf_rtrim(&r->out);
    if (r->status.code != 0)
        return transport_status_error(cmd, r, what, failure);
    if (counter_number(strbuf_str(&r->out)) < 0)
        return error_set(failure, ERR_FAILED,
                         "the counter `%s` does not end with a number: `%.100s`", file,
                         strbuf_str(&r->out));
    return 0;
}

int counter_read(struct exec *x, const struct run_container *c, const char *file, char **ret,
                 struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    c->client->read_file(c, file, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    int64_t deadline = deadline_min(x->deadline, deadline_in(SOON));
    do {
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        if (exec_run_command(x, &cmd, &r, err) < 0)
            return -1;
        if (look(&cmd, file, &r, &failure) == 0) {
            *ret = strbuf_steal(&r.out);
            return 0;
        }
        if (exec_pause(x, POLL_PACE, "the counter", err) < 0)
            return err->code == ERR_TIMEOUT ? error_wrap(err, "%s", failure.message) : -1;
    } while (clock_now() < deadline);
    error_move(err, &failure);
    return error_hint(err, "`counter` names a file that the workload writes: a word and a number");
}

int counter_went_on(const char *before, const char *now, struct error *err)
{
    size_t len = (size_t)(number_of(before) - before);
    if ((size_t)(number_of(now) - now) != len || strncmp(before, now, len) != 0)
        return error_set(err, ERR_FAILED,
                         "the workload was started again: its counter was `%s` and is `%s`", before,
                         now);
    if (counter_number(now) < counter_number(before))
        return error_set(err, ERR_FAILED,
                         "the workload went back: its counter was `%s` and is `%s`", before, now);
    return 0;
}
