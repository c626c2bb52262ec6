/* SPDX-License-Identifier: Apache-2.0
 * The end of a terminal's screen: lines that stay, and below them lines that are drawn again. */
#ifndef REPORT_SCREEN_H
#define REPORT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum screen_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BAD };

struct screen {
    int fd;
    bool colour;
    bool ascii;
    int width, height;   /* columns and rows, as of the last screen_begin() */
    struct strbuf out;   /* one frame: written at once, so that nothing is seen half drawn */
    struct strbuf whole; /* lines for the next frame */
    int *live;           /* columns of each line that is drawn again, from the top */
    size_t n_live;
    int column; /* columns used of the line being made */
};

void screen_init(struct screen *s, int fd, bool colour, bool ascii);
void screen_release(struct screen *s);

/* A line that stays and is the first of the next frame, whole: where it is wider than the screen
 * the terminal breaks it, so that it can be copied as one. At any time. */
void screen_whole_line(struct screen *s, const char *text);

/* Begin a frame: ask for the size, and take away what is drawn again. */
void screen_begin(struct screen *s);
/* Lines of a frame: first those that stay, then those drawn again. Text must be clean (text.h); a
 * line takes what still fits. */
void screen_add(struct screen *s, enum screen_style style, const char *text);
/* End a line that stays. */
void screen_end_line(struct screen *s);
/* End a line that is drawn again. */
void screen_end_live(struct screen *s);
/* Text that stays, in as many lines as it takes, the later ones with `indent` spaces. */
void screen_wrap(struct screen *s, enum screen_style style, const char *text, int indent);
/* Write the frame. */
int screen_flush(struct screen *s, struct error *err);

#endif
