/* SPDX-License-Identifier: Apache-2.0
 * rsync towards a host. Here: the local rsync, what it says, and its far half on the host. */
#include "transport/rsync.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "transport/rsync_relay.h"

/* Exit codes of rsync (its manual, EXIT VALUES). */
enum { RSYNC_BAD_FILES = 3, RSYNC_FILE_IO = 11, RSYNC_VANISHED = 24 };

/* What marks a line as that of a file, so that no name can pass for something else. Behind it, what
 * rsync has done (its manual, --itemize-changes: "YXcstpoguax", 11 characters), a space, the name.
 */
#define NAME_MARK '>'
enum { ITEM_LEN = 11, UPDATE = 0, FILE_TYPE = 1 };

struct talk {
    struct strbuf line;       /* the unfinished line of its output */
    struct strbuf said;       /* what it wrote to stderr, and the far half too */
    struct rsync_stats stats; /* of this attempt */
    rsync_progress *progress;
    void *progress_data;
};

static int64_t number_in(const char *text)
{
    int64_t n = 0;
    for (; *text && (isdigit((unsigned char)*text) || *text == ','); text++)
        if (*text != ',' && n < INT64_MAX / 10 - 10)
            n = n * 10 + (*text - '0');
    return n;
}

/* The lines of --stats that count. */
static void take_stats_line(struct rsync_stats *stats, const char *line)
{
    const struct {
        const char *start;
        int64_t *to;
    } table[] = {
        {"Number of regular files transferred: ", &stats->files_sent},
        {"Number of deleted files: ", &stats->files_deleted},
        {"Total file size: ", &stats->bytes_total},
        {"Total bytes sent: ", &stats->bytes_sent},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strncmp(line, table[i].start, strlen(table[i].start)) == 0)
            *table[i].to = number_in(line + strlen(table[i].start));
    if (strncmp(line, "Number of files: ", 17) == 0) {
        const char *regular = strstr(line, "reg: ");
        stats->files_total = number_in(regular ? regular + 5 : line + 17);
    }
}

/* A folder whose time alone is another now has not changed: it is what is in it that counts. */
static void take_item(struct talk *talk, const char *item)
{
    if (strlen(item) <= ITEM_LEN || item[ITEM_LEN] != ' ')
        return;
    if (item[UPDATE] != '.' || item[FILE_TYPE] != 'd')
        talk->stats.items_changed++;
    if (talk->progress && (item[UPDATE] == '<' || item[UPDATE] == '>'))
        talk->progress(talk->progress_data, item + ITEM_LEN + 1, -1);
}

static void take_line(struct talk *talk, const char *line)
{
    if (line[0] == NAME_MARK) {
        take_item(talk, line + 1);
        return;
    }
    take_stats_line(&talk->stats, line);
    /* --info=progress2: "     1,234  56%  1.2MB/s  0:00:01 …" */
    const char *p = line + strspn(line, " ");
    const char *percent = p + strspn(p, "0123456789,");
    percent += strspn(percent, " ");
    size_t digits = strspn(percent, "0123456789");
    if (p > line && digits > 0 && percent[digits] == '%' && talk->progress)
        talk->progress(talk->progress_data, NULL, (int)number_in(percent));
}

static void take_output(struct talk *talk, struct strbuf *out)
{
    for (size_t i = 0; i < out->len; i++) {
        char c = out->data[i];
        if (c != '\n' && c != '\r') {
            strbuf_putc(&talk->line, c);
            continue;
        }
        take_line(talk, strbuf_str(&talk->line));
        strbuf_truncate(&talk->line, 0);
    }
    strbuf_truncate(out, 0);
}

static void take_errors(struct talk *talk, struct strbuf *said)
{
    enum { KEPT = 16384 };
    if (talk->said.len < KEPT)
        strbuf_add(&talk->said, said->data, said->len);
    strbuf_truncate(said, 0);
}

/* The first line of what was said that tells a cause: rsync's closing "rsync error: … (code 11)"
 * and the greetings of the host do not. */
static char *cause_of(const char *said)
{
    const char *best = NULL;
    for (const char *line = said; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, "rsync error:", 12) == 0 || *line == '\n')
            continue;
        if (!best)
            best = line;
        if (strncmp(line, "rsync:", 6) == 0) {
            best = line;
            break;
        }
    }
    if (!best)
        return xstrdup("it says nothing about the cause");
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    for (size_t i = 0, n = strcspn(best, "\n"); i < n; i++)
        if ((unsigned char)best[i] >= 0x20 && best[i] != 0x7f)
            strbuf_putc(&b, best[i]);
    return strbuf_steal(&b);
}

/* What to do about the usual causes. */
static const struct {
    const char *sign, *hint;
} hints[] = {
    {"No space left on device", "free some space there (`df -h` shows where it went)"},
    {"Permission denied", "give the login user that folder, or set `become: true` of this sync"},
    {"Operation not permitted", "set `become: true` of this sync, or change who owns the files"},
    {"Read-only file system", "mount it writable, or set `workspace` of the host elsewhere"},
    {"a password is required", "allow sudo without a password for the login user on the host "
                               "(visudo: `USER ALL=(ALL) NOPASSWD: ALL`)"},
    {"rsync: not found", "install rsync on the host"},
    {"rsync: command not found", "install rsync on the host"},
    {"rsync: No such file or directory", "install rsync on both sides"},
};

static int failed(const struct transport *t, const struct rsync_job *job, const struct talk *talk,
                  const struct exit_status *status, struct error *err)
{
    const char *said = strbuf_str(&talk->said);
    cleanup_free char *cause = cause_of(said);
    error_set(err, ERR_FAILED, "syncing `%s` to `%s` on %s: %s (rsync exit status %d)", job->from,
              job->to, transport_name(t), cause, status->code);
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
        if (strstr(said, hints[i].sign))
            return error_hint(err, "%s", hints[i].hint);
    return -1;
}

static void make_argv(const struct rsync_job *job, bool folder, const char *shell,
                      struct strv *argv)
{
    /* As the page of old did by `-a`, less owner and group: the far side's are its own. */
    strv_push_all(argv, "rsync", "-rlptD", "--stats", "--no-human-readable", NULL);
    /* To the nanosecond: else a save within a second of the last one, of the same size, is no
     * change to rsync. */
    strv_push(argv, "--modify-window=-1");
    strv_printf(argv, "--out-format=%c%%i %%n", NAME_MARK);
    strv_push(argv, "--info=progress2");
    if (job->delete_extra)
        strv_push(argv, "--delete");
    for (size_t i = 0; job->exclude && i < job->exclude->len; i++)
        strv_printf(argv, "--exclude=%s", job->exclude->items[i]);
    if (shell) {
        /* --secluded-args, --protect-args before 3.2.6: the host's shell never sees the paths. */
        strv_push(argv, "-s");
        strv_printf(argv, "--rsh=%s", shell);
    }
    size_t len = strlen(job->from);
    const char *slash = folder && (len == 0 || job->from[len - 1] != '/') ? "/" : "";
    strv_push(argv, "--");
    strv_printf(argv, "%s%s", job->from, slash);
    strv_printf(argv, "%s%s", shell ? "host:" : "", job->to);
}

/* Both halves until the near one has ended. */
static int converse(struct proc *near, struct rsync_relay *relay, struct talk *talk,
                    int64_t deadline, struct error *err)
{
    while (!proc_ended(near, NULL)) {
        struct proc *far = relay ? rsync_relay_far(relay) : NULL;
        struct proc *const procs[] = {near, far};
        size_t index;
        if (proc_wait_any(procs, ARRAY_SIZE(procs), deadline, &index, err) < 0)
            return -1;
        take_output(talk, proc_out(near));
        take_errors(talk, proc_err(near));
        if (far)
            take_errors(talk, proc_err(far));
        if (far && proc_ended(far, NULL))
            rsync_relay_end(relay); /* the near half hears of it */
    }
    return 0;
}

/* One attempt: the status of the near half; what was said is in talk. */
static int attempt(struct transport *t, struct transport *here, const struct rsync_job *job,
                   bool folder, int64_t deadline, struct talk *talk, struct exit_status *ret,
                   struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
    cleanup_rsync_relay struct rsync_relay *relay = NULL;
    cleanup_proc struct proc *near = NULL;
    strv_push(&env, "LC_ALL=C"); /* its words are read */
    if (here != t && rsync_relay_new(&relay, &env, err) < 0)
        return -1;
    make_argv(job, folder, relay ? rsync_relay_shell(relay) : NULL, &argv);
    const struct command cmd = {
        .argv = &argv, .env = &env, .killable = true, .become = here == t && job->become};
    if (proc_start(here, &cmd, &near, err) < 0)
        return -1;
    if (relay && rsync_relay_accept(relay, t, job->become, deadline, err) < 0)
        return -1;
    if (converse(near, relay, talk, deadline, err) < 0)
        return -1;
    proc_ended(near, ret);
    return 0;
}

static int make_parent(struct transport *t, const struct rsync_job *job, bool folder,
                       int64_t deadline, struct error *err)
{
    cleanup_free char *parent = folder ? xstrdup(job->to) : path_dir(job->to);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "mkdir", "-p", "--", parent, NULL);
    const struct command cmd = {.argv = &argv, .become = job->become};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    return transport_check(t, &cmd, deadline, "making the folder on the host", &r, err);
}

static void add_stats(struct rsync_stats *to, const struct rsync_stats *more)
{
    to->files_sent += more->files_sent;
    to->items_changed += more->items_changed;
    to->files_deleted += more->files_deleted;
    to->bytes_sent += more->bytes_sent;
    to->files_total = more->files_total;
    to->bytes_total = more->bytes_total;
}

/* rsync makes the last folder of a path only; the others are made when it complains. */
static bool lacks_parent(const struct exit_status *status, const char *said)
{
    return (status->code == RSYNC_FILE_IO || status->code == RSYNC_BAD_FILES) &&
           strstr(said, "No such file or directory");
}

/* Attempts, until one succeeds or nothing is left that could help. */
static int run_attempts(struct transport *t, struct transport *here, const struct rsync_job *job,
                        bool folder, int64_t deadline, struct talk *talk, struct rsync_stats *ret,
                        struct error *err)
{
    bool made_parent = false, tried_again = false;
    for (;;) {
        struct exit_status status = {0};
        strbuf_truncate(&talk->line, 0);
        strbuf_truncate(&talk->said, 0);
        talk->stats = (struct rsync_stats){0};
        if (attempt(t, here, job, folder, deadline, talk, &status, err) < 0)
            return -1;
        add_stats(ret, &talk->stats);
        if (status.code == 0)
            return 0;
        if (status.code == RSYNC_VANISHED && !tried_again) {
            tried_again = true; /* an editor's file: it was there a moment ago */
        } else if (lacks_parent(&status, strbuf_str(&talk->said)) && !made_parent) {
            made_parent = true;
            if (make_parent(t, job, folder, deadline, err) < 0)
                return -1;
        } else {
            return failed(t, job, talk, &status, err);
        }
    }
}

int rsync_run(struct transport *t, const struct rsync_job *job, int64_t deadline,
              rsync_progress *progress, void *progress_data, struct rsync_stats *ret,
              struct error *err)
{
    struct stat st;
    if (stat(job->from, &st) < 0) {
        error_set_errno(err, errno, "syncing `%s`", job->from);
        return error_hint(err, "`from` starts from the workflow file's folder");
    }
    cleanup_transport struct transport *own = NULL;
    struct transport *here = t;
    const struct host_spec spec = {.name = "this machine"};
    if (!transport_is_local(t)) {
        if (transport_open(&spec, &own, err) < 0)
            return -1;
        here = own;
    }
    struct talk talk = {.progress = progress, .progress_data = progress_data};
    *ret = (struct rsync_stats){0};
    int result = run_attempts(t, here, job, S_ISDIR(st.st_mode), deadline, &talk, ret, err);
    strbuf_release(&talk.line);
    strbuf_release(&talk.said);
    return result;
}
