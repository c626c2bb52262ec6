/* SPDX-License-Identifier: Apache-2.0
 * The store's file: opening, tables, statements, and the states that decide skips. */
#include "results/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "results/store_schema.h"

enum { BUSY_MS = 10000 };

#define ELSEWHERE "set KATALOOP_STATE_DIR to a folder that can be written"

static const char first_tables[] =
    "CREATE TABLE runs ("
    " id TEXT PRIMARY KEY, workflow TEXT NOT NULL, file TEXT NOT NULL, host TEXT NOT NULL,"
    " folder TEXT, outcome TEXT NOT NULL, error TEXT, started_us INTEGER NOT NULL,"
    " duration_ns INTEGER NOT NULL, dirty INTEGER NOT NULL, process TEXT NOT NULL) STRICT;"
    "CREATE INDEX runs_by_start ON runs (started_us);"
    "CREATE TABLE steps ("
    " run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, idx INTEGER NOT NULL,"
    " label TEXT NOT NULL, kind TEXT NOT NULL, section TEXT, outcome TEXT NOT NULL, summary TEXT,"
    " error TEXT, changed INTEGER NOT NULL, duration_ns INTEGER NOT NULL,"
    " PRIMARY KEY (run, idx)) STRICT;"
    "CREATE TABLE samples ("
    " run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, idx INTEGER NOT NULL,"
    " section TEXT, sample INTEGER NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,"
    " value REAL NOT NULL) STRICT;"
    "CREATE INDEX samples_by_run ON samples (run);"
    "CREATE TABLE artifacts ("
    " run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, idx INTEGER NOT NULL,"
    " name TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;"
    "CREATE INDEX artifacts_by_run ON artifacts (run);"
    "CREATE TABLE state ("
    " key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, witness TEXT NOT NULL, run TEXT NOT NULL,"
    " at_us INTEGER NOT NULL) STRICT;";

static const char containers_table[] =
    "CREATE TABLE containers ("
    " run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " id TEXT NOT NULL) STRICT;"
    "CREATE INDEX containers_by_run ON containers (run);";

static const char inputs_and_addresses[] =
    "ALTER TABLE state ADD COLUMN changed TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE state ADD COLUMN inputs TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE runs ADD COLUMN address TEXT NOT NULL DEFAULT '';";

/* Whether a run still works, its folder says (sink_folder.h). */
static const char without_processes[] = "ALTER TABLE runs DROP COLUMN process;";

/* What leads from format i to format i + 1; format 0 is an empty file. Entries are never changed,
 * only added: there are files of each format out there. */
static const char *const migrations[] = {
    first_tables,
    containers_table,
    inputs_and_addresses,
    without_processes,
};
_Static_assert(ARRAY_SIZE(migrations) == STORE_VERSION, "a migration for each format");

/* Fill `err` with what SQLite says; "the disk is full" and "locked" get a hint. Returns -1. */
static int store_error(struct store *s, const char *what, struct error *err)
{
    int code = sqlite3_errcode(s->db);
    error_set(err, ERR_FAILED, "%s in `%s`: %s", what, s->path, sqlite3_errmsg(s->db));
    if (code == SQLITE_FULL)
        return error_hint(err, "free some space on this machine");
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return error_hint(err, "another program holds the file; try again when it is done");
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        return error_hint(err, ELSEWHERE);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return error_hint(err, "the file is damaged: move it away, and a new one is made");
    return -1;
}

static sqlite3_stmt *prepare_v(struct store *s, struct error *err, const char *sql,
                               const char *format, va_list ap)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        store_error(s, "preparing a statement", err);
        return NULL;
    }
    int result = SQLITE_OK;
    for (int i = 0; format[i] && result == SQLITE_OK; i++) {
        if (format[i] == 's')
            result = sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        else if (format[i] == 'i')
            result = sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t));
        else
            result = sqlite3_bind_double(stmt, i + 1, va_arg(ap, double));
    }
    if (result == SQLITE_OK)
        return stmt;
    store_error(s, "binding a value", err);
    sqlite3_finalize(stmt);
    return NULL;
}

sqlite3_stmt *store_prepare(struct store *s, struct error *err, const char *sql, const char *format,
                            ...)
{
    va_list ap;
    va_start(ap, format);
    sqlite3_stmt *stmt = prepare_v(s, err, sql, format, ap);
    va_end(ap);
    return stmt;
}

int store_next(struct store *s, sqlite3_stmt *stmt, struct error *err)
{
    int result = sqlite3_step(stmt);
    if (result == SQLITE_ROW)
        return 1;
    return result == SQLITE_DONE ? 0 : store_error(s, "reading or writing", err);
}

int store_execute(struct store *s, struct error *err, const char *sql, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    sqlite3_stmt *stmt = prepare_v(s, err, sql, format, ap);
    va_end(ap);
    if (!stmt)
        return -1;
    int result = store_next(s, stmt, err);
    sqlite3_finalize(stmt);
    return result < 0 ? -1 : 0;
}

char *store_text(sqlite3_stmt *stmt, int column)
{
    return xstrdup((const char *)sqlite3_column_text(stmt, column));
}

char *store_needed_text(sqlite3_stmt *stmt, int column)
{
    char *text = store_text(stmt, column);
    return text ? text : xstrdup("");
}

/* --- opening --------------------------------------------------------------------------------- */

static int run_sql(struct store *s, const char *sql, const char *what, struct error *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(s, what, err);
}

static int version_of(struct store *s, int *ret, struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(s, err, "PRAGMA user_version", "");
    int result = stmt ? store_next(s, stmt, err) : -1;
    if (result > 0)
        *ret = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return result < 0 ? -1 : 0;
}

/* Under a lock, so that two first runs do not both. */
static int migrate_locked(struct store *s, struct error *err)
{
    int version = 0;
    if (version_of(s, &version, err) < 0)
        return -1;
    for (; version < STORE_VERSION; version++) {
        cleanup_free char *sql =
            xasprintf("%s PRAGMA user_version = %d;", migrations[version], version + 1);
        if (run_sql(s, sql, "making the tables", err) < 0)
            return -1;
    }
    return 0;
}

static int migrate(struct store *s, struct error *err)
{
    if (run_sql(s, "BEGIN IMMEDIATE", "locking", err) < 0)
        return -1;
    if (migrate_locked(s, err) < 0) {
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the failure above is what is told */
        return -1;
    }
    return run_sql(s, "COMMIT", "making the tables", err);
}

/* SQLite does not wait for a writer of a new file (another first run) here, as it does elsewhere:
 * it answers "busy" at once. A lock of our own waits for it. */
static int set_journal(struct store *s, struct error *err)
{
    static const char set[] = "PRAGMA journal_mode = WAL";
    int64_t until = deadline_in(BUSY_MS * NSEC_PER_MSEC);
    while (sqlite3_exec(s->db, set, NULL, NULL, NULL) != SQLITE_OK)
        if (sqlite3_errcode(s->db) != SQLITE_BUSY || clock_now() > until ||
            sqlite3_exec(s->db, "BEGIN EXCLUSIVE; COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            return store_error(s, "setting up", err);
    return 0;
}

static int prepare(struct store *s, struct error *err)
{
    int version = 0;
    sqlite3_busy_timeout(s->db, BUSY_MS);
    if (version_of(s, &version, err) < 0)
        return -1;
    if (version > STORE_VERSION) {
        error_set(err, ERR_FAILED,
                  "`%s` was written by a newer kataloop (format %d, known here: %d)", s->path,
                  version, STORE_VERSION);
        return error_hint(err, "use that version, or set KATALOOP_STATE_DIR to another folder");
    }
    /* NORMAL: what a power cut takes is the last rows, never the file (sqlite.org/wal.html). */
    if (set_journal(s, err) < 0 ||
        run_sql(s, "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;", "setting up", err) < 0)
        return -1;
    return version < STORE_VERSION ? migrate(s, err) : 0;
}

static struct store *new_store(const char *path)
{
    struct store *s = xcalloc(1, sizeof(*s));
    cleanup_free char *folder = path ? NULL : state_dir();
    s->path = path ? xstrdup(path) : path_join(folder, "kataloop.db");
    return s;
}

/* Errors of commands may hold secrets. */
static int make_private(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return error_set_errno(err, errno, "looking at `%s`", path);
    if ((st.st_mode & 0077) == 0 || chmod(path, 0600) == 0)
        return 0;
    return error_set_errno(err, errno, "setting the mode of `%s`", path);
}

int store_open(const char *path, struct store **ret, struct error *err)
{
    cleanup_store struct store *s = new_store(path);
    cleanup_free char *folder = path_dir(s->path);
    if (fs_mkdir_parents(folder, err) < 0)
        return error_hint(err, ELSEWHERE);
    if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return store_error(s, "opening the store", err);
    if (make_private(s->path, err) < 0)
        return error_hint(err, ELSEWHERE);
    if (prepare(s, err) < 0)
        return -1;
    *ret = steal(&s);
    return 0;
}

/* --- a copy ---------------------------------------------------------------------------------- */

/* `name` is a URI where `flags` say so. */
static int copy_from(struct store *s, const char *name, int flags, struct error *err)
{
    struct store from = {.path = s->path};
    sqlite3_backup *copy = NULL;
    int code = sqlite3_open_v2(name, &from.db, SQLITE_OPEN_READWRITE | flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(from.db, BUSY_MS);
        copy = sqlite3_backup_init(s->db, "main", from.db, "main");
    }
    if (copy) {
        (void)sqlite3_backup_step(copy, -1); /* what fails is what finish says */
        code = sqlite3_backup_finish(copy);
    }
    int result = copy && code == SQLITE_OK ? 0 : store_error(copy ? s : &from, "reading", err);
    sqlite3_close(from.db); /* its statements are SQLite's own: nothing is left to fail */
    return result;
}

/* Is nothing in the log beside it that is not in the file yet? */
static bool is_whole(const struct store *s)
{
    struct stat st;
    cleanup_free char *log = xasprintf("%s-wal", s->path);
    return stat(log, &st) < 0 || st.st_size == 0;
}

/* The file as it lies there, without the files beside it that even a reader makes. */
static int copy_still(struct store *s, struct error *err)
{
    cleanup_strbuf struct strbuf uri = STRBUF_INIT;
    strbuf_puts(&uri, "file:");
    for (const char *p = s->path; *p; p++)
        strbuf_printf(&uri, strchr("%?#", *p) ? "%%%02X" : "%c", *p);
    strbuf_puts(&uri, "?immutable=1");
    return copy_from(s, strbuf_str(&uri), SQLITE_OPEN_URI, err);
}

static int copy(struct store *s, struct error *err)
{
    struct stat st;
    cleanup_error struct error first = ERROR_INIT, second = ERROR_INIT;
    if (stat(s->path, &st) < 0) {
        if (errno == ENOENT)
            return 0;
        error_set_errno(err, errno, "opening the store `%s`", s->path);
        return error_hint(err, ELSEWHERE);
    }
    if (copy_from(s, s->path, 0, &first) == 0 || (is_whole(s) && copy_still(s, &second) == 0))
        return 0;
    error_move(err, &first);
    return -1;
}

int store_open_copy(const char *path, struct store **ret, struct error *err)
{
    cleanup_store struct store *s = new_store(path);
    if (sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return store_error(s, "making a copy of the store", err);
    if (copy(s, err) < 0 || prepare(s, err) < 0)
        return -1;
    *ret = steal(&s);
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db); /* every statement was finalized: nothing is left to fail */
    free(s->path);
    free(s);
}

void store_closep_(struct store **s)
{
    store_close(*s);
}

/* --- states ---------------------------------------------------------------------------------- */

void step_state_release(struct step_state *s)
{
    free(s->fingerprint);
    free(s->witness);
    free(s->run);
    free(s->changed);
    free(s->inputs);
    *s = (struct step_state)STEP_STATE_INIT;
}

int store_state_get(struct store *s, const char *key, struct step_state *ret, struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(
        s, err, "SELECT fingerprint, witness, run, changed, inputs FROM state WHERE key = ?", "s",
        key);
    if (!stmt)
        return -1;
    step_state_release(ret);
    int result = store_next(s, stmt, err);
    if (result > 0)
        *ret = (struct step_state){
            .fingerprint = store_text(stmt, 0),
            .witness = store_needed_text(stmt, 1),
            .run = store_needed_text(stmt, 2),
            .changed = store_needed_text(stmt, 3),
            .inputs = store_needed_text(stmt, 4),
        };
    sqlite3_finalize(stmt);
    return result < 0 ? -1 : 0;
}

int store_state_put(struct store *s, const char *key, const struct step_state *state,
                    struct error *err)
{
    return store_execute(s, err,
                         "INSERT OR REPLACE INTO state"
                         " (key, fingerprint, witness, run, changed, inputs, at_us)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?)",
                         "ssssssi", key, state->fingerprint, state->witness, state->run,
                         state->changed, state->inputs, clock_wall_usec());
}

int store_state_forget(struct store *s, const char *key, struct error *err)
{
    return store_execute(s, err, "DELETE FROM state WHERE key = ?", "s", key);
}
