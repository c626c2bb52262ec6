/* SPDX-License-Identifier: Apache-2.0
 * The tables of the store, and the inside of struct store; for results/ only. */
#ifndef RESULTS_STORE_SCHEMA_H
#define RESULTS_STORE_SCHEMA_H

#include <sqlite3.h>

#include "results/store.h"

/* PRAGMA user_version. A change of the tables raises it and adds its migration in store.c. */
#define STORE_VERSION 4

struct store {
    sqlite3 *db;
    char *path;
};

/* Prepare, and bind parameters by a format: 's' const char * (NULL: null), 'i' int64_t,
 * 'd' double. NULL with err. */
sqlite3_stmt *store_prepare(struct store *s, struct error *err, const char *sql, const char *format,
                            ...);
/* store_prepare(), step to the end, finalize. */
int store_execute(struct store *s, struct error *err, const char *sql, const char *format, ...);
/* Next row: 1, end: 0, failure: -1 with err. */
int store_next(struct store *s, sqlite3_stmt *stmt, struct error *err);
/* A column's text, owned by the caller; NULL for null. */
char *store_text(sqlite3_stmt *stmt, int column);
/* The same of a column that is never null: in a damaged file it may be, and is "" then. */
char *store_needed_text(sqlite3_stmt *stmt, int column);

#endif
