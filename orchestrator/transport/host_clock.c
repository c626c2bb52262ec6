/* SPDX-License-Identifier: Apache-2.0
 * A host's clock. */
#include "transport/host_clock.h"

#include "base/clock.h"
#include "base/parse.h"

#define ASK_TIMEOUT (30 * NSEC_PER_SEC)

int64_t clock_difference(int64_t before, int64_t after, int64_t theirs, int64_t step)
{
    return theirs + step < before ? theirs + step - before : theirs > after ? theirs - after : 0;
}

int host_clock_offset(struct transport *host, int64_t *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "date", "+%s%6N", NULL);
    const struct command cmd = {.argv = &argv, .killable = true};
    int64_t before = clock_wall_usec(), theirs;
    if (transport_run(host, &cmd, deadline_in(ASK_TIMEOUT), &r, err) < 0)
        return error_wrap(err, "asking for the time");
    int64_t after = clock_wall_usec();
    strbuf_rtrim(&r.out);
    if (r.status.code != 0 || !parse_int(strbuf_str(&r.out), &theirs) || theirs < 0 ||
        theirs > INT64_MAX / 1000) /* nanoseconds have to go into as many bits */
        return error_set(err, ERR_FAILED, "`date` on %s gives no time", transport_name(host));
    *ret = clock_difference(before, after, theirs, 0);
    return 0;
}
