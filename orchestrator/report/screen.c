/* SPDX-License-Identifier: Apache-2.0
 * Lines that stay and lines that are drawn again. */
#include "report/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/text.h"

enum { WIDTH_UNKNOWN = 80, HEIGHT_UNKNOWN = 24, WIDTH_LEAST = 8 };

/* ECMA-48 SGR, from the sixteen colours that every theme sets. */
static const char *const styles[] = {
    [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m",
    [STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[31m",
};

void screen_init(struct screen *s, int fd, bool colour, bool ascii)
{
    *s = (struct screen){.fd = fd,
                         .colour = colour,
                         .ascii = ascii,
                         .width = WIDTH_UNKNOWN,
                         .height = HEIGHT_UNKNOWN};
}

void screen_release(struct screen *s)
{
    strbuf_release(&s->out);
    strbuf_release(&s->whole);
    free(s->live);
    s->live = NULL;
}

static void ask_size(struct screen *s)
{
    struct winsize size;
    if (ioctl(s->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        size = (struct winsize){.ws_col = WIDTH_UNKNOWN, .ws_row = HEIGHT_UNKNOWN};
    s->width = size.ws_col > WIDTH_LEAST ? size.ws_col : WIDTH_LEAST;
    s->height = size.ws_row > 0 ? size.ws_row : HEIGHT_UNKNOWN;
}

void screen_whole_line(struct screen *s, const char *text)
{
    strbuf_puts(&s->whole, text);
    strbuf_puts(&s->whole, "\r\n");
}

static void take_live_away(struct screen *s)
{
    if (s->n_live == 0)
        return;
    /* A terminal that became narrower has broken the lines it had. */
    int rows = 0;
    for (size_t i = 0; i < s->n_live; i++)
        rows += s->live[i] > s->width ? (s->live[i] + s->width - 1) / s->width : 1;
    s->n_live = 0;
    /* The cursor is at the end of the last of them. */
    strbuf_putc(&s->out, '\r');
    if (rows > 1)
        strbuf_printf(&s->out, "\033[%dA", rows - 1);
    strbuf_puts(&s->out, "\033[J");
}

void screen_begin(struct screen *s)
{
    ask_size(s);
    strbuf_truncate(&s->out, 0);
    s->column = 0;
    take_live_away(s);
    strbuf_add(&s->out, s->whole.data, s->whole.len);
    strbuf_truncate(&s->whole, 0);
}

void screen_add(struct screen *s, enum screen_style style, const char *text)
{
    int room =
        s->width - 1 - s->column; /* the last column stays free: some terminals break there */
    if (room <= 0 || !*text)
        return;
    /* Between two lines that are drawn again there is a line break, behind the last there is none.
     */
    if (s->column == 0 && s->n_live > 0)
        strbuf_puts(&s->out, "\r\n");
    const char *on = s->colour ? styles[style] : "";
    strbuf_puts(&s->out, on);
    s->column += text_cut(text, room, s->ascii, &s->out);
    strbuf_puts(&s->out, *on ? "\033[0m" : "");
}

void screen_end_line(struct screen *s)
{
    strbuf_puts(&s->out, "\r\n");
    s->column = 0;
}

void screen_end_live(struct screen *s)
{
    s->live = xreallocarray(s->live, s->n_live + 1, sizeof(*s->live));
    s->live[s->n_live++] = s->column;
    s->column = 0;
}

void screen_wrap(struct screen *s, enum screen_style style, const char *text, int indent)
{
    cleanup_strbuf struct strbuf wrapped = STRBUF_INIT;
    text_wrap(text, s->width - 1, indent, &wrapped);
    const char *line = strbuf_str(&wrapped);
    while (*line) {
        size_t len = strcspn(line, "\n");
        cleanup_free char *one = xstrndup(line, len);
        screen_add(s, style, one);
        screen_end_line(s);
        line += len + (line[len] == '\n');
    }
}

int screen_flush(struct screen *s, struct error *err)
{
    if (s->out.len > 0 && fs_write_full(s->fd, s->out.data, s->out.len) < 0)
        return error_set_errno(err, errno, "writing to the terminal");
    strbuf_truncate(&s->out, 0);
    return 0;
}
