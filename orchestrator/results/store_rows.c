/* SPDX-License-Identifier: Apache-2.0
 * What belongs to a run: its steps, samples and artifacts. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "results/store_schema.h"

/* --- writing --------------------------------------------------------------------------------- */

int store_put_step(struct store *s, const char *run, const struct store_step *step,
                   struct error *err)
{
    return store_execute(s, err,
                         "INSERT OR REPLACE INTO steps (run, idx, label, kind, section, outcome,"
                         " summary, error, changed, duration_ns)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "sissssssii", run, (int64_t)step->index, step->label, step->kind,
                         step->section, step->outcome, step->summary, step->error,
                         (int64_t)step->changed, step->duration_ns);
}

int store_add_sample(struct store *s, const char *run, const struct store_sample *sample,
                     struct error *err)
{
    if (!isfinite(sample->value)) /* SQLite has no such numbers */
        return 0;
    return store_execute(s, err,
                         "INSERT INTO samples (run, idx, section, sample, metric, unit, value)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?)",
                         "sisissd", run, (int64_t)sample->step, sample->section,
                         (int64_t)sample->sample, sample->metric, sample->unit, sample->value);
}

int store_add_artifact(struct store *s, const char *run, const struct store_artifact *artifact,
                       struct error *err)
{
    return store_execute(s, err,
                         "INSERT INTO artifacts (run, idx, name, path, bytes)"
                         " VALUES (?, ?, ?, ?, ?)",
                         "sissi", run, (int64_t)artifact->step, artifact->name, artifact->path,
                         artifact->bytes);
}

int store_add_container(struct store *s, const char *run, const char *name, const char *id,
                        struct error *err)
{
    return store_execute(s, err, "INSERT INTO containers (run, name, id) VALUES (?, ?, ?)", "sss",
                         run, name, id);
}

/* --- reading --------------------------------------------------------------------------------- */

int store_steps(struct store *s, const char *run, struct store_step **ret, size_t *ret_n,
                struct error *err)
{
    sqlite3_stmt *stmt =
        store_prepare(s, err,
                      "SELECT idx, label, kind, section, outcome, summary, error,"
                      " changed, duration_ns FROM steps WHERE run = ? ORDER BY idx",
                      "s", run);
    struct store_step *steps = NULL;
    size_t n = 0;
    int result = stmt ? 0 : -1;
    while (stmt && (result = store_next(s, stmt, err)) > 0) {
        steps = xreallocarray(steps, n + 1, sizeof(*steps));
        steps[n++] = (struct store_step){
            .index = sqlite3_column_int(stmt, 0),
            .label = store_needed_text(stmt, 1),
            .kind = store_needed_text(stmt, 2),
            .section = store_text(stmt, 3),
            .outcome = store_needed_text(stmt, 4),
            .summary = store_text(stmt, 5),
            .error = store_text(stmt, 6),
            .changed = sqlite3_column_int(stmt, 7) != 0,
            .duration_ns = sqlite3_column_int64(stmt, 8),
        };
    }
    sqlite3_finalize(stmt);
    if (result < 0) {
        store_steps_free(steps, n);
        return -1;
    }
    *ret = steps;
    *ret_n = n;
    return 0;
}

void store_steps_free(struct store_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(steps[i].label);
        free(steps[i].kind);
        free(steps[i].section);
        free(steps[i].outcome);
        free(steps[i].summary);
        free(steps[i].error);
    }
    free(steps);
}

int store_samples(struct store *s, const char *run, struct store_sample **ret, size_t *ret_n,
                  struct error *err)
{
    sqlite3_stmt *stmt =
        store_prepare(s, err,
                      "SELECT a.idx, a.section, a.sample, a.metric, a.unit, a.value, b.label,"
                      " b.kind"
                      " FROM samples a LEFT JOIN steps b ON b.run = a.run AND b.idx = a.idx"
                      " WHERE a.run = ? ORDER BY a.rowid",
                      "s", run);
    struct store_sample *samples = NULL;
    size_t n = 0;
    int result = stmt ? 0 : -1;
    while (stmt && (result = store_next(s, stmt, err)) > 0) {
        samples = xreallocarray(samples, n + 1, sizeof(*samples));
        samples[n++] = (struct store_sample){
            .step = sqlite3_column_int(stmt, 0),
            .section = store_text(stmt, 1),
            .sample = sqlite3_column_int(stmt, 2),
            .metric = store_needed_text(stmt, 3),
            .unit = store_needed_text(stmt, 4),
            .value = sqlite3_column_double(stmt, 5),
            .label = store_text(stmt, 6),
            .kind = store_text(stmt, 7),
        };
    }
    sqlite3_finalize(stmt);
    if (result < 0) {
        store_samples_free(samples, n);
        return -1;
    }
    *ret = samples;
    *ret_n = n;
    return 0;
}

void store_samples_free(struct store_sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(samples[i].section);
        free(samples[i].label);
        free(samples[i].kind);
        free(samples[i].metric);
        free(samples[i].unit);
    }
    free(samples);
}

int store_artifacts(struct store *s, const char *run, struct store_artifact **ret, size_t *ret_n,
                    struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(
        s, err, "SELECT idx, name, path, bytes FROM artifacts WHERE run = ? ORDER BY rowid", "s",
        run);
    struct store_artifact *artifacts = NULL;
    size_t n = 0;
    int result = stmt ? 0 : -1;
    while (stmt && (result = store_next(s, stmt, err)) > 0) {
        artifacts = xreallocarray(artifacts, n + 1, sizeof(*artifacts));
        artifacts[n++] = (struct store_artifact){
            .step = sqlite3_column_int(stmt, 0),
            .name = store_needed_text(stmt, 1),
            .path = store_needed_text(stmt, 2),
            .bytes = sqlite3_column_int64(stmt, 3),
        };
    }
    sqlite3_finalize(stmt);
    if (result < 0) {
        store_artifacts_free(artifacts, n);
        return -1;
    }
    *ret = artifacts;
    *ret_n = n;
    return 0;
}

void store_artifacts_free(struct store_artifact *artifacts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(artifacts[i].name);
        free(artifacts[i].path);
    }
    free(artifacts);
}

int store_containers(struct store *s, const char *run, struct strv *ret, struct error *err)
{
    sqlite3_stmt *stmt = store_prepare(
        s, err, "SELECT name, id FROM containers WHERE run = ? ORDER BY rowid", "s", run);
    int result = stmt ? 0 : -1;
    while (stmt && (result = store_next(s, stmt, err)) > 0) {
        for (int column = 0; column < 2; column++)
            strv_push_owned(ret, store_needed_text(stmt, column));
    }
    sqlite3_finalize(stmt);
    return result;
}
