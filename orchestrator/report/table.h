/* SPDX-License-Identifier: Apache-2.0
 * Text tables: columns aligned by what the text takes on a screen. */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum table_flags {
    TABLE_RIGHT = 1 << 0, /* figures: aligned to the right */
    TABLE_CUT = 1 << 1,   /* may be cut where the table is too wide */
    TABLE_EXTRA = 1 << 2, /* left out where cutting is not enough, from the left */
};

struct table_column {
    const char *title; /* NULL in the first column: a table without a line of titles */
    unsigned flags;
};

struct table;

/* `columns` is borrowed and must outlive the table. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table *t); /* NULL is fine */
#define cleanup_table __attribute__((cleanup(table_freep_)))
void table_freep_(struct table **t);

/* The next cell, row by row from the left; the text is copied and cleaned (text.h). NULL is an
 * empty cell. */
void table_cell(struct table *t, const char *text);
void table_printf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);

/* Append the table, each line after `indent` spaces and with a newline, none wider than `width`
 * columns (0: as wide as it gets): the widest column that may be cut is cut first; then those that
 * may be left out are. */
void table_print(const struct table *t, int indent, int width, struct strbuf *ret);

#endif
