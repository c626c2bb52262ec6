/* SPDX-License-Identifier: Apache-2.0
 * Runs: begun, ended, lost, listed and found. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "results/sink_folder.h"
#include "results/store_schema.h"

int store_add_run(struct store *s, const struct store_run *run, struct error *err)
{
    return store_execute(
        s, err,
        "INSERT INTO runs (id, workflow, file, host, folder, outcome, started_us,"
        " duration_ns, dirty, address) VALUES (?, ?, ?, ?, ?, 'running', ?, 0, 1, ?)",
        "sssssis", run->id, run->workflow, run->file, run->host, run->folder, run->started_us,
        run->address ? run->address : "");
}

int store_end_run(struct store *s, const char *id, const char *outcome, const char *error,
                  int64_t duration_ns, struct error *err)
{
    return store_execute(s, err,
                         "UPDATE runs SET outcome = ?, error = ?, duration_ns = ? WHERE id = ?",
                         "ssis", outcome, error, duration_ns, id);
}

int store_set_dirty(struct store *s, const char *run, bool dirty, struct error *err)
{
    return store_execute(s, err, "UPDATE runs SET dirty = ? WHERE id = ?", "is", (int64_t)dirty,
                         run);
}

/* Not where it has ended in the meantime. */
static int mark_lost(struct store *s, const char *run, struct error *err)
{
    if (store_execute(s, err,
                      "UPDATE steps SET outcome = 'lost' WHERE outcome = 'running' AND run IN"
                      " (SELECT id FROM runs WHERE id = ? AND outcome = 'running')",
                      "s", run) < 0)
        return -1;
    return store_execute(
        s, err, "UPDATE runs SET outcome = 'lost' WHERE id = ? AND outcome = 'running'", "s", run);
}

int store_mark_lost(struct store *s, struct error *err)
{
    char **lost = NULL;
    size_t n = 0;
    sqlite3_stmt *stmt =
        store_prepare(s, err, "SELECT id, folder FROM runs WHERE outcome = 'running'", "");
    if (!stmt)
        return -1;
    int result;
    while ((result = store_next(s, stmt, err)) > 0) {
        cleanup_free char *folder = store_text(stmt, 1);
        if (folder && run_folder_is_held(folder))
            continue;
        lost = xreallocarray(lost, n + 1, sizeof(*lost));
        lost[n++] = store_needed_text(stmt, 0);
    }
    sqlite3_finalize(stmt);
    for (size_t i = 0; i < n; i++) {
        if (result == 0)
            result = mark_lost(s, lost[i], err);
        free(lost[i]);
    }
    free(lost);
    return result;
}

/* --- reading ------------------------------------------------------------------------------------
 *
 * By rowid is in the order in which they began, whatever the clock said: it may have been set back.
 */

#define RUN_COLUMNS                                                                                \
    "SELECT id, workflow, file, host, folder, outcome, error, started_us, duration_ns, dirty,"     \
    " address FROM runs "

static struct store_run run_of(sqlite3_stmt *stmt)
{
    return (struct store_run){
        .id = store_needed_text(stmt, 0),
        .workflow = store_needed_text(stmt, 1),
        .file = store_needed_text(stmt, 2),
        .host = store_needed_text(stmt, 3),
        .folder = store_text(stmt, 4),
        .outcome = store_needed_text(stmt, 5),
        .error = store_text(stmt, 6),
        .started_us = sqlite3_column_int64(stmt, 7),
        .duration_ns = sqlite3_column_int64(stmt, 8),
        .dirty = sqlite3_column_int(stmt, 9) != 0,
        .address = store_needed_text(stmt, 10),
    };
}

void store_run_release(struct store_run *run)
{
    free(run->id);
    free(run->workflow);
    free(run->file);
    free(run->host);
    free(run->address);
    free(run->folder);
    free(run->outcome);
    free(run->error);
    *run = (struct store_run){0};
}

void store_runs_free(struct store_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        store_run_release(&runs[i]);
    free(runs);
}

static int read_runs(struct store *s, sqlite3_stmt *stmt, struct store_run **ret, size_t *ret_n,
                     struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    int result = stmt ? 0 : -1;
    while (stmt && (result = store_next(s, stmt, err)) > 0) {
        runs = xreallocarray(runs, n + 1, sizeof(*runs));
        runs[n++] = run_of(stmt);
    }
    sqlite3_finalize(stmt);
    if (result < 0) {
        store_runs_free(runs, n);
        return -1;
    }
    *ret = runs;
    *ret_n = n;
    return 0;
}

int store_runs(struct store *s, const char *host, int limit, struct store_run **ret, size_t *ret_n,
               struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(s, err,
                                       RUN_COLUMNS "WHERE ?1 IS NULL OR host = ?1"
                                                   " ORDER BY rowid DESC LIMIT ?2",
                                       "si", host, (int64_t)limit);
    return read_runs(s, stmt, ret, ret_n, err);
}

#define AT_ADDRESS                                                                                 \
    " AND (address = ?2 OR (address = '' AND host = ?1)) ORDER BY rowid DESC LIMIT ?3"

int store_dirty_runs(struct store *s, const char *host, const char *address, int limit,
                     struct store_run **ret, size_t *ret_n, struct error *err)
{
    sqlite3_stmt *stmt =
        store_prepare(s, err, RUN_COLUMNS "WHERE dirty AND outcome <> 'running'" AT_ADDRESS, "ssi",
                      host, address, (int64_t)limit);
    return read_runs(s, stmt, ret, ret_n, err);
}

int store_running_runs(struct store *s, const char *host, const char *address, int limit,
                       struct store_run **ret, size_t *ret_n, struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(s, err, RUN_COLUMNS "WHERE outcome = 'running'" AT_ADDRESS,
                                       "ssi", host, address, (int64_t)limit);
    return read_runs(s, stmt, ret, ret_n, err);
}

int store_find_run(struct store *s, const char *name, struct store_run *ret, struct error *err)
{
    struct store_run *runs = NULL;
    size_t n = 0;
    sqlite3_stmt *stmt =
        strcmp(name, "latest") == 0
            ? store_prepare(s, err, RUN_COLUMNS "ORDER BY rowid DESC LIMIT 1", "")
            : store_prepare(s, err,
                            RUN_COLUMNS "WHERE ?1 <> '' AND substr(id, 1, length(?1)) = ?1"
                                        " ORDER BY id",
                            "s", name);
    if (read_runs(s, stmt, &runs, &n, err) < 0)
        return -1;
    int result = 0;
    if (n == 1 || (n > 1 && strcmp(runs[0].id, name) == 0)) {
        *ret = runs[0];
        runs[0] = (struct store_run){0};
    } else if (n == 0) {
        bool latest = strcmp(name, "latest") == 0;
        error_set(err, ERR_USAGE, latest ? "there is no run yet" : "there is no run `%s`", name);
        result =
            error_hint(err, latest ? "`kataloop run` makes one" : "`kataloop results` lists them");
    } else {
        error_set(err, ERR_USAGE, "`%s` is the start of %zu runs", name, n);
        result =
            error_hint(err, "%s and %s are the first; give more of it", runs[0].id, runs[1].id);
    }
    store_runs_free(runs, n);
    return result;
}
