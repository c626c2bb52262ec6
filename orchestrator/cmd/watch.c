/* SPDX-License-Identifier: Apache-2.0
 * watch: the workflow again on every save, over one connection. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "cmd/round.h"
#include "watch/trees.h"

#define SETTLE     (60 * NSEC_PER_MSEC) /* a save of many files is over when none came for that */
#define KEEP_ALIVE (30 * NSEC_PER_SEC)  /* between signs of life to a host that waits with us */

static const struct verb_option options[] = {OPTION_FILE, OPTION_FROM, OPTION_ONLY, OPTION_JSON,
                                             OPTION_END};

/* The workflow file, its recipes, and what its steps read. */
static int watch_sources(const struct session *s, struct trees *trees, struct error *err)
{
    if (trees_add(trees, s->file->path, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < s->file->n_recipes; i++)
        if (trees_add(trees, s->file->recipes[i]->path, NULL, err) < 0)
            return -1;
    for (size_t i = 0; i < s->plan->len; i++) {
        const struct plan_step *step = s->plan->steps[i];
        if (!step->kind->source)
            continue;
        cleanup_strv struct strv exclude = STRV_INIT;
        cleanup_free char *path = path_join(s->file->folder, step->kind->source(step, &exclude));
        if (trees_add(trees, path, &exclude, err) < 0)
            return -1;
    }
    return 0;
}

/* A sign of life, which also finds out that the other end is gone: then the connection is closed,
 * and the next round opens another. */
static void keep_alive(struct transport **host)
{
    if (!*host)
        return;
    transport_probe(*host, 10 * NSEC_PER_SEC);
    if (transport_is_lost(*host)) {
        transport_close(*host);
        *host = NULL;
    }
}

static int wait_for_save(struct trees *trees, char *since, struct transport **host,
                         struct error *err)
{
    for (;;) {
        cleanup_error struct error failure = ERROR_INIT;
        if (trees_wait(trees, since, SETTLE, deadline_in(KEEP_ALIVE), &failure) == 0)
            return 0;
        if (failure.code != ERR_TIMEOUT) {
            error_move(err, &failure);
            return -1;
        }
        keep_alive(host);
    }
}

/* Read the workflow file again. One that is wrong now, or away, or misses a source, is no end: that
 * is said, and the next save may mend it. */
static int reload(struct invocation *inv, struct session *s, struct transport **host)
{
    cleanup_session struct session fresh = SESSION_INIT;
    cleanup_error struct error err = ERROR_INIT;
    inv->told = false;
    if (session_open(inv, &fresh, &err) < 0) {
        if (!inv->told)
            verb_say(&err);
        return -1;
    }
    /* Another file may mean another host, or another way to it. */
    if (*host && !value_equal(fresh.plan->host, s->plan->host)) {
        transport_close(*host);
        *host = NULL;
    }
    session_release(s);
    *s = fresh;
    fresh = (struct session)SESSION_INIT;
    return 0;
}

/* A run that fails is no end, one that was stopped is. */
static int run_once(struct invocation *inv, const struct session *s, struct store *store,
                    struct transport **host, struct error *err)
{
    const struct round_options how = {.json = invocation_option(inv, "json")};
    cleanup_error struct error failure = ERROR_INIT;
    bool told = false;
    if (round_run(s, store, &how, host, &told, &failure) == 0)
        return 0;
    if (failure.code == ERR_INTERRUPTED) {
        inv->told = told;
        error_move(err, &failure);
        return -1;
    }
    if (!told)
        verb_say(&failure);
    return 0;
}

static int watch(struct invocation *inv, struct session *s, struct store *store,
                 struct transport **host, struct error *err)
{
    for (;;) {
        cleanup_trees struct trees *trees = NULL;
        char since[SHA256_HEX_SIZE];
        if (trees_new(STDOUT_FILENO, &trees, err) < 0 || watch_sources(s, trees, err) < 0 ||
            trees_digest(trees, since, err) < 0 || run_once(inv, s, store, host, err) < 0)
            return -1;
        do {
            inv->told = false;
            if (!invocation_option(inv, "json"))
                fprintf(stderr, "watching: a save starts the next run, Ctrl-C ends\n");
            if (wait_for_save(trees, since, host, err) < 0)
                return -1;
        } while (reload(inv, s, host) < 0);
    }
}

static int run(struct invocation *inv, struct error *err)
{
    cancel_install();
    cleanup_session struct session s = SESSION_INIT;
    cleanup_store struct store *store = NULL;
    cleanup_transport struct transport *host = NULL;
    if (session_open(inv, &s, err) < 0 || store_open(NULL, &store, err) < 0)
        return -1;
    return watch(inv, &s, store, &host, err);
}

const struct verb verb_watch = {
    .name = "watch",
    .synopsis = "[WORKFLOW]",
    .help = "run a workflow again on every save of its sources",
    .about =
        "Waits for changes of the workflow file, its recipes, and the files and folders that\n"
        "its steps sync. A save during a run starts the next one. The connection stays open\n"
        "in between.\n"
        "Only Ctrl-C ends it, or that nobody reads its output any more: not a run that fails,\n"
        "nor a workflow file that is wrong for a moment, nor a source that is missing for one.",
    .options = options,
    .max_args = 1,
    .run = run,
};
