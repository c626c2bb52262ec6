/* SPDX-License-Identifier: Apache-2.0
 * Where the lines come from. */
#include "logs/collect.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "guest/guest.h"
#include "logs/criu_files.h"
#include "logs/journal.h"
#include "transport/host_clock.h"

#define READ_TIMEOUT (60 * NSEC_PER_SEC)

enum { SAID_MAX = 4096 }; /* bytes on standard error that may say why journalctl ends */

/* --- the host ----------------------------------------------------------------------------------
 */

static int read_journal(const struct log_request *r, size_t question, struct log_lines *ret,
                        struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result result = RUN_RESULT_INIT;
    journal_command(question, r->since, r->until, false, &argv);
    const struct command cmd = {.argv = &argv, .become = true, .killable = true};
    if (transport_check(r->host, &cmd, deadline_in(READ_TIMEOUT), "reading the journal", &result,
                        err) < 0)
        return -1;
    journal_read(&result.out, ret);
    return 0;
}

/* Why it has nothing: journalctl says so on standard error, but not where it is to write JSON. */
static int explain_nothing(const struct log_request *r, struct strv *notes, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result result = RUN_RESULT_INIT;
    strv_push_all(&argv, "journalctl", "--no-pager", "--lines=0", NULL);
    const struct command cmd = {.argv = &argv, .become = true, .killable = true};
    if (transport_run(r->host, &cmd, deadline_in(READ_TIMEOUT), &result, err) < 0)
        return error_wrap(err, "reading the journal");
    const char *said = strbuf_str(&result.err);
    size_t len = strcspn(said, "\n"); /* what follows is advice */
    if (len > 0)
        strv_printf(notes, "the journal of %s: %.*s", transport_name(r->host), (int)len, said);
    return 0;
}

static void criu_command(struct strv *ret)
{
    strv_push_all(ret, "sh", "-c", criu_files_script, NULL);
}

static int read_criu(const struct log_request *r, struct log_lines *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result result = RUN_RESULT_INIT;
    criu_command(&argv);
    const struct command cmd = {.argv = &argv, .become = true, .killable = true};
    if (transport_run(r->host, &cmd, deadline_in(READ_TIMEOUT), &result, err) < 0)
        return -1;
    criu_files_read(strbuf_str(&result.out), result.out.len, ret);
    return 0;
}

/* Of the run's own containers, which are gone. */
static int read_kept(const struct log_request *r, struct log_lines *ret, struct error *err)
{
    enum { MOST = 1 << 20 };
    for (size_t i = 0; r->kept && i < r->kept->len; i++) {
        cleanup_strbuf struct strbuf file = STRBUF_INIT;
        size_t before = ret->len;
        if (fs_read(r->kept->items[i], MOST, &file, err) < 0)
            return -1;
        criu_files_read(strbuf_str(&file), file.len, ret);
        for (size_t n = before; n < ret->len; n++)
            ret->items[n].sure = true;
    }
    return 0;
}

/* --- the guest ---------------------------------------------------------------------------------
 */

static int ask_guest(struct guest *g, const struct strv *argv, struct strbuf *ret,
                     struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    const struct guest_command cmd = {.argv = argv};
    if (guest_run(g, &cmd, deadline_in(READ_TIMEOUT), &r, err) < 0)
        return -1;
    strbuf_add(ret, strbuf_str(&r.out), r.out.len);
    return 0;
}

/* The guest's clock less the host's: one that was paused, or keeps no time, may be hours behind.
 * Less than two seconds is none: busybox tells whole ones. */
static int ask_guest_clock(const struct log_request *r, struct guest *g, int64_t *ret,
                           struct error *err)
{
    enum { STEP = 1000000, LEAST = 2 * STEP };
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    int64_t host, theirs;
    strv_push_all(&argv, "date", "+%s", NULL);
    if (host_clock_offset(r->host, &host, err) < 0)
        return -1;
    int64_t before = clock_wall_usec();
    if (ask_guest(g, &argv, &said, err) < 0)
        return -1;
    int64_t after = clock_wall_usec();
    strbuf_rtrim(&said);
    *ret = 0;
    if (!parse_int(strbuf_str(&said), &theirs) || theirs < 0 || theirs > INT64_MAX / (2 * STEP))
        return 0;
    int64_t off = clock_difference(before, after, theirs * STEP, STEP) - host;
    if (off <= -LEAST || off >= LEAST)
        *ret = off;
    return 0;
}

/* A guest that has no journal has no lines: that is not a failure. */
static int read_guest(const struct log_request *r, struct log_lines *ret, struct error *err)
{
    cleanup_guest struct guest *g = NULL;
    cleanup_strv struct strv criu = STRV_INIT;
    cleanup_strbuf struct strbuf files = STRBUF_INIT;
    size_t before = ret->len;
    int64_t ahead;
    const struct guest_spec spec = {.sandbox = r->container->sandbox,
                                    .runtime = r->container->runtime};
    if (guest_open(r->host, &spec, deadline_in(READ_TIMEOUT), &g, err) < 0 ||
        ask_guest_clock(r, g, &ahead, err) < 0)
        return -1;
    criu_command(&criu);
    if (ask_guest(g, &criu, &files, err) < 0)
        return -1;
    criu_files_read(strbuf_str(&files), files.len, ret);
    int result = 0;
    for (size_t i = 0; i < JOURNAL_QUESTIONS && result == 0; i++) {
        cleanup_strv struct strv argv = STRV_INIT;
        cleanup_strbuf struct strbuf said = STRBUF_INIT;
        journal_command(i, r->since + ahead > 0 ? r->since + ahead : 0,
                        r->until > 0 ? r->until + ahead : 0, false, &argv);
        result = ask_guest(g, &argv, &said, err);
        if (result == 0)
            journal_read(&said, ret);
    }
    for (size_t i = before; i < ret->len; i++) {
        ret->items[i].sure = true;
        ret->items[i].at -= ahead;
    }
    return result;
}

static int fails(struct error *failure, const char *what, struct strv *notes, struct error *err)
{
    if (error_ends_all(failure)) {
        error_move(err, failure);
        return -1;
    }
    strv_printf(notes, "%s: %s", what, failure->message);
    return 0;
}

int logs_collect(const struct log_request *r, struct log_lines *ret, struct strv *notes,
                 struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    for (size_t i = 0; i < JOURNAL_QUESTIONS; i++)
        if (read_journal(r, i, ret, err) < 0)
            return -1;
    if (ret->len == 0 && explain_nothing(r, notes, err) < 0)
        return -1;
    if (read_criu(r, ret, &failure) < 0 && fails(&failure, "CRIU's logs", notes, err) < 0)
        return -1;
    if (read_kept(r, ret, &failure) < 0 && fails(&failure, "CRIU's log", notes, err) < 0)
        return -1;
    if (r->container && read_guest(r, ret, &failure) < 0 &&
        fails(&failure, "the guest's logs", notes, err) < 0)
        return -1;
    log_lines_merge(ret);
    return 0;
}

/* --- what is still to come ---------------------------------------------------------------------
 */

static int pass_on(struct proc *p, log_line_fn *each, void *data, struct error *err)
{
    cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
    struct exit_status status;
    journal_read(proc_out(p), &lines);
    if (proc_err(p)->len > SAID_MAX)
        strbuf_truncate(proc_err(p), 0);
    log_lines_merge(&lines);
    for (size_t i = 0; i < lines.len; i++)
        if (each(data, &lines.items[i], err) < 0)
            return -1;
    if (!proc_ended(p, &status))
        return 0;
    strbuf_rtrim(proc_err(p));
    return error_set(err, ERR_FAILED, "journalctl ended (exit status %d)%s%s", status.code,
                     proc_err(p)->len > 0 ? ": " : "", strbuf_str(proc_err(p)));
}

int logs_follow(const struct log_request *r, log_line_fn *each, void *data, struct error *err)
{
    struct proc *procs[JOURNAL_QUESTIONS] = {0};
    size_t index;
    int result = 0;
    for (size_t i = 0; i < JOURNAL_QUESTIONS && result == 0; i++) {
        cleanup_strv struct strv argv = STRV_INIT;
        journal_command(i, r->since, 0, true, &argv);
        const struct command cmd = {.argv = &argv, .become = true, .killable = true};
        result = proc_start(r->host, &cmd, &procs[i], err);
    }
    while (result == 0) {
        result = proc_wait_any(procs, JOURNAL_QUESTIONS, DEADLINE_NEVER, &index, err);
        if (result == 0)
            result = pass_on(procs[index], each, data, err);
    }
    for (size_t i = 0; i < JOURNAL_QUESTIONS; i++)
        proc_free(procs[i]);
    return result;
}
