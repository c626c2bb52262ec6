/* SPDX-License-Identifier: Apache-2.0
 * logs: the lines of host, containerd, shim, agent and CRIU, merged in time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/text.h"
#include "cmd/session.h"
#include "criu/log.h"
#include "logs/collect.h"
#include "report/looks.h"
#include "results/run_id.h"
#include "transport/host_clock.h"

#define FIND_TIMEOUT  (60 * NSEC_PER_SEC)
#define SINCE_DEFAULT (5 * 60 * NSEC_PER_SEC)

/* Microseconds: around a run, for what led to it and what came after; and how far the host's clock
 * may be from what it is taken for. */
enum { MARGIN = 1000000 };

static const struct verb_option options[] = {
    OPTION_HOST,
    OPTION_FILE,
    {'s', "since", "TIME", "how far back, such as 90s, 10m or 2h (default: 5m)"},
    {'F', "follow", NULL, "go on with new lines, until Ctrl-C"},
    {'n', "namespace", "NAME", "containerd's namespace (default: default)"},
    OPTION_JSON,
    OPTION_END};

/* What the command line asks for. */
struct question {
    struct store_run run;             /* id NULL: no run was named */
    struct guest_container container; /* id NULL: no container was named */
    struct strv marks, kept;
    struct log_filter filter;
    int64_t join;     /* what comes is asked for from here on, by the host's clock; 0: it is not */
    struct strv seen; /* journald's names of lines from then on that were shown as past */
    bool following;
    bool json, colour;
    size_t shown;
};

static void question_release(struct question *q)
{
    store_run_release(&q->run);
    guest_container_release(&q->container);
    strv_release(&q->marks);
    strv_release(&q->kept);
    strv_release(&q->seen);
}
#define cleanup_question __attribute__((cleanup(question_release)))

/* What the run's own lines have in them, where it has made containers: their ids, and its own as it
 * stands in their names and in its folders. */
static int read_containers(struct store *store, struct question *q, struct error *err)
{
    if (store_containers(store, q->run.id, &q->marks, err) < 0)
        return -1;
    if (q->marks.len > 0)
        strv_push(&q->marks, q->run.id);
    q->filter.or_nobodys = true;
    return 0;
}

/* CRIU's logs of its checkpoints. */
static int find_kept(struct store *store, struct question *q, struct error *err)
{
    struct store_artifact *artifacts = NULL;
    size_t n = 0;
    if (store_artifacts(store, q->run.id, &artifacts, &n, err) < 0)
        return -1;
    for (size_t i = 0; q->run.folder && i < n; i++)
        if (strcmp(artifacts[i].name, CRIU_LOG_KEPT) == 0)
            strv_push_owned(&q->kept, path_join(q->run.folder, artifacts[i].path));
    store_artifacts_free(artifacts, n);
    return 0;
}

static void add_option(struct invocation *inv, const char *name, const char *value)
{
    strv_push(&inv->options, name);
    strv_push(&inv->values, value);
}

/* The run's host is one of its own workflow file, wherever this is asked; where that has moved, of
 * the one found here. */
static int find_host(struct invocation *inv, const struct store_run *run, struct error *err)
{
    cleanup_error struct error absent = ERROR_INIT;
    cleanup_free char *path = NULL;
    if (invocation_option(inv, "host"))
        return 0;
    add_option(inv, "host", run->host);
    if (invocation_option(inv, "file"))
        return 0;
    if (run->file[0] == '/' && access(run->file, R_OK) == 0)
        add_option(inv, "file", run->file);
    else if (workflow_find(".", &path, &absent) < 0) {
        error_set(err, ERR_USAGE, "`%s`, which says how to reach host `%s` of run %s, is not there",
                  run->file, run->host, run->id);
        return error_hint(err, "`-f FILE` names it where it is now, or `--host` the host as ssh "
                               "takes it");
    }
    return 0;
}

static int find_run(struct invocation *inv, struct question *q, struct error *err)
{
    const char *word = inv->args.len > 0 ? inv->args.items[0] : NULL;
    cleanup_store struct store *store = NULL;
    if (!word || !run_id_is_meant(word))
        return 0;
    if (invocation_option(inv, "since"))
        return error_set(
            err, ERR_USAGE,
            "`--since` does not go with a run, which has a start and an end of its own");
    if (store_open_copy(NULL, &store, err) < 0 || store_mark_lost(store, err) < 0 ||
        store_find_run(store, word, &q->run, err) < 0 || read_containers(store, q, err) < 0 ||
        find_kept(store, q, err) < 0)
        return -1;
    return find_host(inv, &q->run, err);
}

/* From the run, or from --since and the host's clock now. */
static int set_time(const struct invocation *inv, struct transport *host, struct question *q,
                    struct error *err)
{
    const char *text = invocation_option(inv, "since");
    int64_t since = SINCE_DEFAULT, offset = 0;
    if (text && (!parse_duration(text, &since) || since <= 0)) {
        error_set(err, ERR_USAGE, "`--since %s` is not a duration", text);
        return error_hint(err, "such as 90s, 10m or 2h");
    }
    if (host_clock_offset(host, &offset, err) < 0)
        return -1;
    int64_t now = clock_wall_usec() + offset;
    q->filter.since = since / 1000 < now ? now - since / 1000 : 0; /* journald knows none before */
    q->join = invocation_option(inv, "follow") ? now - MARGIN : 0;
    if (!q->run.id)
        return 0;
    q->filter.since = q->run.started_us + offset - MARGIN;
    if (q->run.duration_ns > 0)
        q->filter.until = q->run.started_us + q->run.duration_ns / 1000 + offset + MARGIN;
    return 0;
}

static int find_container(const struct invocation *inv, struct transport *host, struct question *q,
                          struct error *err)
{
    const char *space = invocation_option(inv, "namespace");
    if (inv->args.len == 0 || q->run.id)
        return 0;
    if (guest_find(host, space ? space : "default", inv->args.items[0], deadline_in(FIND_TIMEOUT),
                   &q->container, err) < 0)
        return error_wrap(err, "`%s` is not a run; looking for a container of that name",
                          inv->args.items[0]);
    strv_push_all(&q->marks, q->container.id, q->container.sandbox, q->container.name, NULL);
    return 0;
}

/* Reading the past takes its time (a guest's up to a minute), and the journal goes on meanwhile:
 * the two questions overlap, and what both answer is shown once. */
static bool was_seen(struct question *q, const struct log_line *line)
{
    if (!q->join || line->at < q->join || !line->cursor)
        return false;
    if (strv_contains(&q->seen, line->cursor))
        return true;
    if (!q->following)
        strv_push(&q->seen, line->cursor);
    return false;
}

static int show(void *data, const struct log_line *line, struct error *err)
{
    struct question *q = data;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (!log_filter_wants(&q->filter, line) || was_seen(q, line))
        return 0;
    if (q->json)
        log_line_print_json(line, &text);
    else
        log_line_print(line, q->colour, &text);
    q->shown++;
    return fputs(strbuf_str(&text), stdout) < 0 ? fs_flush_output(err) : 0;
}

static void say_nothing_shown(const struct question *q)
{
    if (q->run.id) {
        fprintf(stderr, "kataloop: no lines in the time of run %s\n", q->run.id);
        return;
    }
    cleanup_free char *name = text_clean_string(q->container.name);
    fprintf(stderr, "kataloop: no lines%s%s in that time (`--since 1h` looks further back)\n",
            *name ? " about " : "", name);
}

static int show_past(const struct log_request *r, struct question *q, struct error *err)
{
    cleanup_log_lines struct log_lines lines = LOG_LINES_INIT;
    cleanup_strv struct strv notes = STRV_INIT;
    if (logs_collect(r, &lines, &notes, err) < 0)
        return -1;
    for (size_t i = 0; i < lines.len; i++)
        if (show(q, &lines.items[i], err) < 0)
            return -1;
    for (size_t i = 0; i < notes.len; i++) {
        cleanup_free char *note = text_clean_string(notes.items[i]);
        fprintf(stderr, "kataloop: not read: %s\n", note);
    }
    if (q->shown == 0 && !q->json)
        say_nothing_shown(q);
    return 0;
}

static int show_coming(struct log_request *r, struct question *q, struct error *err)
{
    if (q->run.id && strcmp(q->run.outcome, "running") != 0) {
        fprintf(stderr, "kataloop: run %s has ended: nothing more comes of it\n", q->run.id);
        return 0;
    }
    q->following = true;
    if (q->filter.since < q->join)
        q->filter.since = q->join;
    r->since = q->filter.since;
    return logs_follow(r, show, q, err);
}

static int run(struct invocation *inv, struct error *err)
{
    cancel_install();
    cleanup_session struct session s = SESSION_INIT;
    cleanup_question struct question q = {
        .json = invocation_option(inv, "json"),
        .colour = terminal_is_coloured(STDOUT_FILENO),
    };
    cleanup_transport struct transport *host = NULL;
    if (find_run(inv, &q, err) < 0 || session_open_host(inv, &s, err) < 0 ||
        session_connect(&s, &host, err) < 0 || set_time(inv, host, &q, err) < 0 ||
        find_container(inv, host, &q, err) < 0)
        return -1;
    q.filter.mark = (const char *const *)q.marks.items;
    q.filter.n_marks = q.marks.len;
    struct log_request r = {
        .host = host,
        .since = q.filter.since,
        .until = q.filter.until,
        .container = q.container.id ? &q.container : NULL,
        .kept = &q.kept,
    };
    if (q.join) /* each line at once, into a pipe too */
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (show_past(&r, &q, err) < 0)
        return -1;
    return q.join ? show_coming(&r, &q, err) : 0;
}

const struct verb verb_logs = {
    .name = "logs",
    .synopsis = "[RUN|CONTAINER]",
    .help = "show what host, containerd, shim, agent and CRIU have logged, merged in time",
    .about =
        "RUN (an id, the start of one with its whole date, or `latest`): what was logged during\n"
        "it, without lines that name other people's containers.\n"
        "CONTAINER: the lines that name it, and what its guest has. Without an argument:\n"
        "everything of the last minutes.",
    .options = options,
    .max_args = 1,
    .run = run,
};
