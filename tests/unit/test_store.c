/* SPDX-License-Identifier: Apache-2.0
 * results/: the store, and the sink that fills it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "report/run_json.h"
#include "results/run_id.h"
#include "results/sink_folder.h"
#include "results/sink_store.h"
#include "results/store_schema.h"

struct fixture {
    char folder[64];
    char *path;
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/kataloop-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->path = xasprintf("%s/below/kataloop.db", f->folder);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(store_open(f->path, &f->store, &err), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    store_close(f->store);
    assert_int_equal(fs_remove_tree(f->folder, &err), 0);
    free(f->path);
    free(f);
    return 0;
}

static void add_run_in(struct store *store, char *id, int64_t started, char *folder)
{
    cleanup_error struct error err = ERROR_INIT;
    const struct store_run run = {.id = id,
                                  .workflow = "loop",
                                  .file = "kataloop.yaml",
                                  .host = "dev",
                                  .address = "a@b",
                                  .folder = folder,
                                  .started_us = started};
    assert_int_equal(store_add_run(store, &run, &err), 0);
}

static void add_run(struct store *store, char *id, int64_t started)
{
    add_run_in(store, id, started, NULL);
}

static int put_state(struct store *store, const char *key, const char *fingerprint,
                     struct error *err)
{
    const struct step_state state = {.fingerprint = (char *)fingerprint,
                                     .witness = (char *)"w",
                                     .run = (char *)"r",
                                     .changed = (char *)"r.1",
                                     .inputs = (char *)"i"};
    return store_state_put(store, key, &state, err);
}

static void states_are_kept_replaced_and_forgotten(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_step_state struct step_state s = STEP_STATE_INIT;
    assert_int_equal(store_state_get(f->store, "k", &s, &err), 0);
    assert_null(s.fingerprint);
    assert_int_equal(put_state(f->store, "k", "f1", &err), 0);
    assert_int_equal(put_state(f->store, "k", "f2", &err), 0);
    assert_int_equal(put_state(f->store, "other", "x", &err), 0);

    store_close(f->store); /* it has to be in the file */
    assert_int_equal(store_open(f->path, &f->store, &err), 0);
    assert_int_equal(store_state_get(f->store, "k", &s, &err), 0);
    assert_string_equal(s.fingerprint, "f2");
    assert_string_equal(s.witness, "w");
    assert_string_equal(s.run, "r");
    assert_string_equal(s.changed, "r.1");
    assert_string_equal(s.inputs, "i");
    assert_int_equal(store_state_forget(f->store, "k", &err), 0);
    assert_int_equal(store_state_get(f->store, "k", &s, &err), 0);
    assert_null(s.fingerprint);
    assert_null(s.run);
    assert_int_equal(err.code, ERR_NONE);
}

static void the_file_is_for_its_owner_only(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void runs_are_listed_the_youngest_first(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    add_run(f->store, "20260101-000000-aaaa", 1);
    add_run(f->store, "20260102-000000-bbbb", 2);
    assert_int_equal(store_end_run(f->store, "20260101-000000-aaaa", "failed", "it broke", 7, &err),
                     0);
    struct store_run *runs;
    size_t n;
    assert_int_equal(store_runs(f->store, NULL, 10, &runs, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(runs[0].id, "20260102-000000-bbbb");
    assert_string_equal(runs[0].outcome, "running");
    assert_null(runs[0].error);
    assert_true(runs[0].dirty);
    assert_string_equal(runs[1].outcome, "failed");
    assert_string_equal(runs[1].error, "it broke");
    assert_int_equal(runs[1].duration_ns, 7);
    store_runs_free(runs, n);

    assert_int_equal(store_runs(f->store, NULL, 1, &runs, &n, &err), 0);
    assert_int_equal(n, 1);
    store_runs_free(runs, n);
    assert_int_equal(store_runs(f->store, "elsewhere", 10, &runs, &n, &err), 0);
    assert_int_equal(n, 0);
    store_runs_free(runs, n);
}

static void a_clock_that_was_set_back_makes_no_run_older(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    add_run(f->store, "20260102-000000-bbbb", 2);
    add_run(f->store, "20260101-000000-aaaa", 1);
    struct store_run *runs, run = {0};
    size_t n;
    assert_int_equal(store_runs(f->store, NULL, 10, &runs, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(runs[0].id, "20260101-000000-aaaa");
    store_runs_free(runs, n);
    assert_int_equal(store_find_run(f->store, "latest", &run, &err), 0);
    assert_string_equal(run.id, "20260101-000000-aaaa");
    store_run_release(&run);
}

static void a_run_is_found_by_the_start_of_its_id(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    struct store_run run = {0};
    assert_int_equal(store_find_run(f->store, "latest", &run, &err), -1);
    assert_string_equal(err.message, "there is no run yet");
    assert_string_equal(err.hint, "`kataloop run` makes one");
    add_run(f->store, "20260101-000000-aaaa", 1);
    add_run(f->store, "20260102-000000-bbbb", 2);
    add_run(f->store, "20260102-000000-bbbb-longer", 3);

    static const char *const found[][2] = {
        {"20260101", "20260101-000000-aaaa"},
        {"20260102-000000-bbbb", "20260102-000000-bbbb"}, /* whole, and the start of another */
        {"20260102-000000-bbbb-l", "20260102-000000-bbbb-longer"},
        {"latest", "20260102-000000-bbbb-longer"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
        assert_int_equal(store_find_run(f->store, found[i][0], &run, &err), 0);
        assert_string_equal(run.id, found[i][1]);
        store_run_release(&run);
    }
    static const char *const missed[][2] = {
        {"2026", "`2026` is the start of 3 runs"},
        {"20260102", "`20260102` is the start of 2 runs"},
        {"1999", "there is no run `1999`"},
        {"", "there is no run ``"},
        {"2026%", "there is no run `2026%`"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(missed); i++) {
        assert_int_equal(store_find_run(f->store, missed[i][0], &run, &err), -1);
        assert_string_equal(err.message, missed[i][1]);
        assert_int_equal(err.code, ERR_USAGE);
        assert_non_null(err.hint);
        assert_null(run.id);
    }
}

static void a_run_whose_process_died_is_lost(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    struct event_sink sink;
    cleanup_free char *run_id = NULL;
    cleanup_free char *folder = NULL;
    assert_int_equal(run_folder_new(f->folder, &run_id, &folder, &err), 0);
    assert_int_equal(sink_folder_new(folder, "mine", &sink, &err), 0);
    add_run_in(f->store, (char *)"mine", 1, folder);
    pid_t child = fork();
    if (child == 0) {
        struct error unheard = ERROR_INIT;
        struct store *own;
        const struct store_run run = {
            .id = "gone", .workflow = "w", .file = "f", .host = "dev", .address = "a@b"};
        const struct store_step step = {
            .index = 0, .label = "build", .kind = "build", .outcome = "running"};
        bool ok = store_open(f->path, &own, &unheard) == 0 &&
                  store_add_run(own, &run, &unheard) == 0 &&
                  store_put_step(own, "gone", &step, &unheard) == 0;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    assert_int_equal(store_mark_lost(f->store, &err), 0);
    struct store_run *runs;
    size_t n;
    assert_int_equal(store_dirty_runs(f->store, "dev", "a@b", 10, &runs, &n, &err), 0);
    assert_int_equal(n, 1); /* mine still runs */
    assert_int_equal(sink.close(sink.self, &err), 0);
    assert_string_equal(runs[0].address, "a@b");
    assert_string_equal(runs[0].id, "gone");
    assert_string_equal(runs[0].outcome, "lost");
    assert_string_equal(runs[0].host, "dev");
    store_runs_free(runs, n);
    struct store_step *steps;
    assert_int_equal(store_steps(f->store, "gone", &steps, &n, &err), 0);
    assert_string_equal(steps[0].outcome, "lost");
    store_steps_free(steps, n);
    /* Another machine of that name, and that machine under another name. */
    assert_int_equal(store_dirty_runs(f->store, "dev", "a@c", 10, &runs, &n, &err), 0);
    assert_int_equal(n, 0);
    store_runs_free(runs, n);
    assert_int_equal(store_dirty_runs(f->store, "lab", "a@b", 10, &runs, &n, &err), 0);
    assert_int_equal(n, 1);
    store_runs_free(runs, n);

    assert_int_equal(store_set_dirty(f->store, "gone", false, &err), 0);
    assert_int_equal(store_dirty_runs(f->store, "dev", "a@b", 10, &runs, &n, &err), 0);
    assert_int_equal(n, 0);
    store_runs_free(runs, n);
}

/* Whoever works in a run's folder holds it, wherever that is: another machine, another container.
 */
static void a_run_is_lost_when_nobody_holds_its_folder(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    struct event_sink sink;
    cleanup_free char *run_id = NULL;
    cleanup_free char *folder = NULL;
    assert_int_equal(run_folder_new(f->folder, &run_id, &folder, &err), 0);
    assert_int_equal(sink_folder_new(folder, "held", &sink, &err), 0);
    assert_true(run_folder_is_held(folder));
    add_run_in(f->store, (char *)"held", 1, folder);
    for (int i = 0; i < 2; i++) {
        struct store_run run;
        assert_int_equal(store_mark_lost(f->store, &err), 0);
        assert_int_equal(store_find_run(f->store, "held", &run, &err), 0);
        assert_string_equal(run.outcome, i == 0 ? "running" : "lost");
        store_run_release(&run);
        if (i == 0)
            assert_int_equal(sink.close(sink.self, &err), 0);
    }
    assert_false(run_folder_is_held(folder));
    assert_false(run_folder_is_held("/no/such/folder"));
}

/* So many that some of one second come by the same id. */
static void no_two_runs_share_an_id(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    for (int i = 0; i < 2000; i++) {
        cleanup_free char *run = NULL;
        cleanup_free char *folder = NULL;
        assert_int_equal(run_folder_new(f->folder, &run, &folder, &err), 0);
        assert_true(run_id_is_meant(run));
        assert_string_equal(path_base(folder), run);
    }
}

/* Runs of a time before addresses were kept. */
static void a_run_without_an_address_is_that_hosts_by_its_name(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    const struct store_run old = {.id = "old", .workflow = "w", .file = "f", .host = "dev"};
    assert_int_equal(store_add_run(f->store, &old, &err), 0);
    assert_int_equal(store_end_run(f->store, "old", "failed", "x", 1, &err), 0);
    static const struct {
        const char *host;
        size_t n;
    } cases[] = {{"dev", 1}, {"lab", 0}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct store_run *runs;
        size_t n;
        assert_int_equal(store_dirty_runs(f->store, cases[i].host, "a@b", 10, &runs, &n, &err), 0);
        assert_int_equal(n, cases[i].n);
        store_runs_free(runs, n);
    }
}

/* Another first run, which is making the tables. */
static void a_writer_of_a_new_file_is_waited_for(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_store struct store *second = NULL;
    cleanup_free char *path = xasprintf("%s/new.db", f->folder);
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t writer = fork();
    if (writer == 0) {
        sqlite3 *db;
        bool fine = sqlite3_open(path, &db) == SQLITE_OK &&
                    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
                    write(ready[1], "!", 1) == 1;
        usleep(100000); /* the other has to come upon the lock */
        _exit(fine && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    if (store_open(path, &second, &err) < 0)
        fail_msg("%s", err.message);
    int status;
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    store_close(steal(&f->store));
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    /* sqlite.org/fileformat.html: the user version is at 60, big-endian. */
    assert_int_equal(pwrite(fd, "\0\0\0\143", 4, 60), 4);
    close(fd);
    assert_int_equal(store_open(f->path, &f->store, &err), -1);
    cleanup_free char *want = xasprintf(
        "`%s` was written by a newer kataloop (format 99, known here: %d)", f->path, STORE_VERSION);
    assert_string_equal(err.message, want);
    assert_non_null(strstr(err.hint, "KATALOOP_STATE_DIR"));
    assert_null(f->store);
}

/* As a damaged file may have it. */
static void a_row_without_what_it_needs_is_read(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    add_run(f->store, "20260101-000000-aaaa", 1);
    add_run(f->store, "20260102-000000-bbbb", 2);
    static const char loosen[] = "PRAGMA writable_schema = ON;"
                                 "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')";
    assert_int_equal(sqlite3_exec(f->store->db, loosen, NULL, NULL, NULL), SQLITE_OK);
    store_close(steal(&f->store));
    assert_int_equal(store_open(f->path, &f->store, &err), 0);
    static const char empty[] = "UPDATE runs SET workflow = NULL;"
                                "UPDATE runs SET outcome = NULL WHERE id = '20260102-000000-bbbb'";
    assert_int_equal(sqlite3_exec(f->store->db, empty, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_mark_lost(f->store, &err), 0);
    struct store_run *runs;
    size_t n;
    assert_int_equal(store_runs(f->store, NULL, 10, &runs, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(runs[0].outcome, "");
    assert_string_equal(runs[0].workflow, "");
    assert_string_equal(runs[1].outcome, "lost");
    store_runs_free(runs, n);
}

/* A file of the first format, with a run in it: that is still there, and what is new works. */
static void an_older_format_is_brought_up(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_strv struct strv containers = STRV_INIT;
    const struct store_run run = {.id = "old", .workflow = "w", .file = "f", .host = "h"};
    struct store_run found = {0};
    assert_int_equal(store_add_run(f->store, &run, &err), 0);
    assert_int_equal(sqlite3_exec(f->store->db,
                                  "DROP TABLE containers; ALTER TABLE state DROP COLUMN changed;"
                                  "ALTER TABLE state DROP COLUMN inputs;"
                                  "ALTER TABLE runs DROP COLUMN address;"
                                  "ALTER TABLE runs ADD COLUMN process TEXT NOT NULL DEFAULT '';"
                                  "PRAGMA user_version = 1;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    store_close(steal(&f->store));
    assert_int_equal(store_open(f->path, &f->store, &err), 0);
    assert_int_equal(store_find_run(f->store, "old", &found, &err), 0);
    store_run_release(&found);
    assert_int_equal(store_add_container(f->store, "old", "c", "id", &err), 0);
    assert_int_equal(store_containers(f->store, "old", &containers, &err), 0);
    assert_int_equal(containers.len, 2);
}

static void a_copy_is_read_and_its_changes_are_not_kept(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    struct store *other = NULL;
    struct store_run found = {0};
    add_run(f->store, (char *)"one", 1); /* in the log beside the file still */
    assert_int_equal(store_open_copy(f->path, &other, &err), 0);
    assert_int_equal(store_find_run(other, "one", &found, &err), 0);
    store_run_release(&found);
    add_run(other, (char *)"two", 2);
    assert_int_equal(store_find_run(f->store, "two", &found, &err), -1);
    store_close(steal(&other));
    error_release(&err);

    cleanup_free char *none = xasprintf("%s/none/kataloop.db", f->folder);
    assert_int_equal(store_open_copy(none, &other, &err), 0);
    assert_int_equal(store_find_run(other, "latest", &found, &err), -1);
    assert_int_equal(access(none, F_OK), -1);
    store_close(other);
}

static void what_is_no_store_is_refused(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = xasprintf("%s/text", f->folder);
    static const char text[] = "this is a text file, long enough to be looked at as a database. "
                               "It has no header that SQLite knows, whatever else it may have.";
    assert_int_equal(fs_write_atomic(path, text, sizeof(text), 0600, &err), 0);
    struct store *s = NULL;
    assert_int_equal(store_open(path, &s, &err), -1);
    assert_non_null(strstr(err.message, "file is not a database"));
    assert_non_null(strstr(err.hint, "damaged"));
    error_release(&err);
    assert_int_equal(store_open_copy(path, &s, &err), -1);
    assert_non_null(strstr(err.message, "file is not a database"));
    assert_non_null(strstr(err.hint, "damaged"));
    assert_null(s);
}

static void a_full_disk_is_told(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    /* To the store a limit on pages is a full disk. */
    assert_int_equal(sqlite3_exec(f->store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    cleanup_free char *big = xcalloc(1, 200001);
    memset(big, 'x', 200000);
    assert_int_equal(put_state(f->store, "k", big, &err), -1);
    assert_non_null(strstr(err.message, "database or disk is full"));
    assert_non_null(strstr(err.message, f->path));
    assert_string_equal(err.hint, "free some space on this machine");
}

static void a_locked_file_is_told(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    struct store *other;
    assert_int_equal(store_open(f->path, &other, &err), 0);
    assert_int_equal(sqlite3_exec(other->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(f->store->db, 10);
    assert_int_equal(put_state(f->store, "k", "f", &err), -1);
    assert_non_null(strstr(err.message, "database is locked"));
    assert_non_null(strstr(err.hint, "another program"));
    store_close(other);
    error_release(&err);
    assert_int_equal(put_state(f->store, "k", "f", &err), 0);
}

/* --- the sink -------------------------------------------------------------------------------- */

static void emit(struct event_sink sink, struct event e)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.emit(sink.self, &e, &err), 0);
}

static void begin(struct event_sink sink)
{
    emit(sink, (struct event){.type = EVENT_RUN_START,
                              .step = -1,
                              .at = 1000,
                              .text = "loop",
                              .detail = "kataloop.yaml",
                              .host = "dev"});
}

static void a_run_becomes_rows(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    error_set(&failure, ERR_HANG, "it hung \xff");
    struct event_sink sink = sink_store_new(f->store, "r1", "/runs/r1", "a@b");
    begin(sink);
    emit(
        sink,
        (struct event){
            .type = EVENT_STEP_SKIP, .step = 0, .label = "build", .kind = "build", .text = "same"});
    emit(sink, (struct event){
                   .type = EVENT_STEP_START, .step = 1, .label = "checkpoint 1/2", .kind = "c"});
    const struct metric metrics[] = {{"wall", "ns", 1.5e9}, {"frozen", "ns", NAN}};
    emit(sink, (struct event){.type = EVENT_SAMPLE,
                              .step = 1,
                              .label = "checkpoint 1/2",
                              .section = "timed",
                              .sample = 1,
                              .metrics = metrics,
                              .n_metrics = 2});
    emit(sink,
         (struct event){
             .type = EVENT_ARTIFACT, .step = 1, .text = "log", .detail = "a/dump.log", .done = 12});
    emit(sink, (struct event){.type = EVENT_STEP_END,
                              .step = 1,
                              .label = "checkpoint 1/2",
                              .kind = "c",
                              .section = "timed",
                              .duration = 42,
                              .changed = true,
                              .text = "done",
                              .failure = &failure});
    emit(sink,
         (struct event){.type = EVENT_RUN_END, .step = -1, .duration = 99, .failure = &failure});
    assert_int_equal(sink.close(sink.self, &err), 0);

    struct store_run run;
    assert_int_equal(store_find_run(f->store, "r1", &run, &err), 0);
    assert_string_equal(run.outcome, "hang");
    assert_string_equal(run.error, "it hung \xef\xbf\xbd");
    assert_string_equal(run.folder, "/runs/r1");
    assert_string_equal(run.host, "dev");
    assert_int_equal(run.started_us, 1000);
    assert_int_equal(run.duration_ns, 99);
    assert_false(run.dirty);
    store_run_release(&run);

    struct store_step *steps;
    size_t n;
    assert_int_equal(store_steps(f->store, "r1", &steps, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(steps[0].outcome, "skipped");
    assert_string_equal(steps[0].summary, "same");
    assert_string_equal(steps[1].outcome, "hang");
    assert_string_equal(steps[1].section, "timed");
    assert_int_equal(steps[1].duration_ns, 42);
    assert_true(steps[1].changed);
    store_steps_free(steps, n);

    struct store_sample *samples;
    assert_int_equal(store_samples(f->store, "r1", &samples, &n, &err), 0);
    assert_int_equal(n, 1); /* what is no number is no sample */
    assert_string_equal(samples[0].metric, "wall");
    assert_string_equal(samples[0].label, "checkpoint 1/2");
    assert_string_equal(samples[0].section, "timed");
    assert_true(samples[0].value == 1.5e9);
    store_samples_free(samples, n);

    struct store_artifact *artifacts;
    assert_int_equal(store_artifacts(f->store, "r1", &artifacts, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_string_equal(artifacts[0].path, "a/dump.log");
    assert_int_equal(artifacts[0].bytes, 12);
    store_artifacts_free(artifacts, n);

    cleanup_strv struct strv containers = STRV_INIT;
    assert_int_equal(store_add_container(f->store, "r1", "kataloop-r1-1", "0123", &err), 0);
    assert_int_equal(store_containers(f->store, "r1", &containers, &err), 0);
    assert_int_equal(containers.len, 2);
    assert_string_equal(containers.items[0], "kataloop-r1-1");
    assert_string_equal(containers.items[1], "0123");
    assert_int_equal(store_containers(f->store, "none", &containers, &err), 0);
    assert_int_equal(containers.len, 2);
}

/* In the run's folder, whatever their steps are called. */
static void logs_are_called_after_their_steps(void **state)
{
    (void)state;
    static const struct {
        int step;
        const char *label, *name;
    } cases[] = {
        {0, "run echo", "01-run-echo.log"},
        {-1, NULL, "00-run.log"},
        {9, NULL, "10-step.log"},
        {0, "../../etc/x", "01-etc-x.log"},
        {0, "/ a.b_c  -- 1/2 /", "01-a.b_c-1-2.log"},
        {0, "///", "01-step.log"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *name = run_folder_log_name(cases[i].step, cases[i].label);
        assert_string_equal(name, cases[i].name);
    }
    char label[300] = {0};
    memset(label, 'x', sizeof(label) - 1);
    cleanup_free char *name = run_folder_log_name(0, label);
    assert_int_equal(strlen(name), 3 + 60 + 4);
}

/* A run of one step that takes 2 s. */
static void run_step(struct store *store, const char *run, const char *kind, const char *label)
{
    cleanup_error struct error err = ERROR_INIT;
    const struct metric wall = {"wall", "ns", 2e9};
    struct event_sink sink = sink_store_new(store, run, NULL, "a@b");
    begin(sink);
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 0, .label = label, .kind = kind});
    emit(sink, (struct event){.type = EVENT_SAMPLE,
                              .step = 0,
                              .label = label,
                              .sample = 1,
                              .metrics = &wall,
                              .n_metrics = 1});
    emit(sink, (struct event){.type = EVENT_RUN_END, .step = -1});
    assert_int_equal(sink.close(sink.self, &err), 0);
}

static void the_time_of_a_checkpoint_is_that_of_checkpoint_steps(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *kind, *label;
        double median;
    } cases[] = {
        {"checkpoint", "checkpoint 1/1", 2e9}, {"checkpoint", "mine", 2e9},
        {"criu", "criu by hand 1/1", -1},      {"restore", "restore", -1},
        {"run", "checkpoint 1/1", -1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_samples struct samples samples = SAMPLES_INIT;
        cleanup_free char *run = xasprintf("run-%zu", i);
        run_step(f->store, run, cases[i].kind, cases[i].label);
        assert_int_equal(samples_load(&samples, f->store, run, &err), 0);
        assert_int_equal(samples.n, 1);
        if (run_checkpoint_median(&samples) != cases[i].median)
            fail_msg("%s: %g", cases[i].label, run_checkpoint_median(&samples));
    }
}

static bool dirty_after(struct store *store, char *run, const struct error *undo,
                        const struct error *failure)
{
    cleanup_error struct error err = ERROR_INIT;
    struct event_sink sink = sink_store_new(store, run, NULL, "a@b");
    begin(sink);
    emit(sink,
         (struct event){.type = EVENT_UNDO, .step = -1, .text = "container", .failure = undo});
    emit(sink, (struct event){.type = EVENT_RUN_END, .step = -1, .failure = failure});
    assert_int_equal(sink.close(sink.self, &err), 0);
    struct store_run found;
    assert_int_equal(store_find_run(store, run, &found, &err), 0);
    bool dirty = found.dirty;
    store_run_release(&found);
    return dirty;
}

static void a_run_stays_dirty_where_something_may_be_left(void **state)
{
    struct fixture *f = *state;
    cleanup_error struct error failed = ERROR_INIT, lost = ERROR_INIT;
    error_set(&failed, ERR_FAILED, "no");
    error_set(&lost, ERR_UNREACHABLE, "gone");
    assert_false(dirty_after(f->store, "a", NULL, NULL));
    assert_false(dirty_after(f->store, "b", NULL, &failed));
    assert_true(dirty_after(f->store, "c", &failed, NULL));
    assert_true(dirty_after(f->store, "d", NULL, &lost));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(states_are_kept_replaced_and_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_for_its_owner_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_are_listed_the_youngest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_was_set_back_makes_no_run_older, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_is_found_by_the_start_of_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_whose_process_died_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_two_runs_share_an_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_is_lost_when_nobody_holds_its_folder, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_run_without_an_address_is_that_hosts_by_its_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_writer_of_a_new_file_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_format_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_without_what_it_needs_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_format_is_brought_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_read_and_its_changes_are_not_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_store_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_file_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_becomes_rows, set_up, tear_down),
        cmocka_unit_test(logs_are_called_after_their_steps),
        cmocka_unit_test_setup_teardown(the_time_of_a_checkpoint_is_that_of_checkpoint_steps,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_stays_dirty_where_something_may_be_left, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
