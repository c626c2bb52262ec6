/* SPDX-License-Identifier: Apache-2.0
 * Text tables. */
#include "report/table.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"

enum {
    GAP = 2,      /* spaces between columns */
    CUT_LEAST = 6 /* columns of the screen that a cut column keeps */
};

struct table {
    const struct table_column *columns;
    size_t n_columns;
    char **cells; /* row by row, owned */
    size_t n_cells;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
    struct table *t = xcalloc(1, sizeof(*t));
    t->columns = columns;
    t->n_columns = n;
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void table_freep_(struct table **t)
{
    table_free(*t);
}

void table_cell(struct table *t, const char *text)
{
    t->cells = xreallocarray(t->cells, t->n_cells + 1, sizeof(*t->cells));
    t->cells[t->n_cells++] = text_clean_string(text);
}

void table_printf(struct table *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cleanup_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    table_cell(t, text);
}

size_t table_rows(const struct table *t)
{
    return (t->n_cells + t->n_columns - 1) / t->n_columns;
}

static const char *title_of(const struct table *t, size_t column)
{
    return t->columns[column].title ? t->columns[column].title : "";
}

enum { LEFT_OUT = -1 };

static int natural_width(const struct table *t, size_t column)
{
    int widest = text_width(title_of(t, column));
    for (size_t i = column; i < t->n_cells; i += t->n_columns) {
        int width = text_width(t->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* Width of each column: of its widest cell, then less until the lines fit. False: they do not. */
static bool measure_columns(const struct table *t, int room, int *widths)
{
    int whole = -GAP;
    for (size_t c = 0; c < t->n_columns; c++) {
        if (widths[c] == LEFT_OUT)
            continue;
        widths[c] = natural_width(t, c);
        whole += widths[c] + GAP;
    }
    for (; room > 0 && whole > room; whole--) {
        size_t widest = t->n_columns;
        for (size_t c = 0; c < t->n_columns; c++)
            if (t->columns[c].flags & TABLE_CUT && widths[c] > CUT_LEAST &&
                (widest == t->n_columns || widths[c] > widths[widest]))
                widest = c;
        if (widest == t->n_columns)
            return false;
        widths[widest]--;
    }
    return true;
}

/* The same, with columns left out where that helps. */
static void measure(const struct table *t, int room, int *widths)
{
    for (size_t c = 0; !measure_columns(t, room, widths); c++) {
        while (c < t->n_columns && !(t->columns[c].flags & TABLE_EXTRA))
            c++;
        if (c == t->n_columns)
            return; /* print_line() cuts what does not fit */
        widths[c] = LEFT_OUT;
    }
}

static void add_spaces(struct strbuf *b, int n)
{
    for (int i = 0; i < n; i++)
        strbuf_putc(b, ' ');
}

/* One line, cut as a whole where even the cut columns do not fit. */
static void print_line(const struct table *t, const int *widths, char *const *cells, size_t n,
                       int indent, int room, struct strbuf *ret)
{
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    for (size_t c = 0; c < n; c++) {
        if (widths[c] == LEFT_OUT)
            continue;
        const char *text = cells ? cells[c] : title_of(t, c);
        cleanup_strbuf struct strbuf cut = STRBUF_INIT;
        int used = text_cut(text, widths[c], false, &cut);
        if (t->columns[c].flags & TABLE_RIGHT)
            add_spaces(&line, widths[c] - used);
        strbuf_puts(&line, strbuf_str(&cut));
        if (!(t->columns[c].flags & TABLE_RIGHT))
            add_spaces(&line, widths[c] - used);
        add_spaces(&line, GAP);
    }
    strbuf_rtrim(&line);
    add_spaces(ret, line.len > 0 ? indent : 0);
    if (room > 0)
        text_cut(strbuf_str(&line), room, false, ret);
    else
        strbuf_puts(ret, strbuf_str(&line));
    strbuf_putc(ret, '\n');
}

void table_print(const struct table *t, int indent, int width, struct strbuf *ret)
{
    cleanup_free int *widths = xcalloc(t->n_columns, sizeof(*widths));
    /* Columns behind the indent; 0: no limit. */
    int room = width > indent ? width - indent : width > 0 ? 1 : 0;
    measure(t, room, widths);
    if (t->columns[0].title)
        print_line(t, widths, NULL, t->n_columns, indent, room, ret);
    for (size_t i = 0; i < t->n_cells; i += t->n_columns) {
        size_t left = t->n_cells - i;
        print_line(t, widths, t->cells + i, left < t->n_columns ? left : t->n_columns, indent, room,
                   ret);
    }
}
