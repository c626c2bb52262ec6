/* SPDX-License-Identifier: Apache-2.0
 * The run on a terminal. */
#include "report/sink_terminal.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "report/lines.h"
#include "report/samples.h"
#include "report/say.h"
#include "report/screen.h"

enum {
    LINES_KEPT = 20,         /* of a step's output, shown when it fails */
    LINES_SHOWN = 4,         /* of those, while it runs */
    BAR_WIDTH = 20,          /* columns of a progress bar, less on a narrow terminal */
    WAITING_MAX = 64 * 1024, /* bytes of output that stays, waiting for the next frame */
};
static const int64_t redraw_after = NSEC_PER_SEC / 10;

/* What is used of a terminal's characters. */
struct marks {
    const char *done, *failed, *skipped, *bar, *full, *empty;
    const char *const *spinner;
    size_t n_spinner;
};

static const char *const spinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
static const char *const spinner_ascii[] = {"|", "/", "-", "\\"};
static const struct marks marks = {"✓", "✗", "–", "│ ", "█", "░", spinner, ARRAY_SIZE(spinner)};
static const struct marks marks_ascii = {"+", "x", "-",           "| ",
                                         "#", ".", spinner_ascii, ARRAY_SIZE(spinner_ascii)};

struct sink_terminal {
    struct screen screen;
    const struct marks *marks;
    char *run;
    struct lines lines;
    struct samples samples;
    bool failure_said, hint_said;
    bool told; /* the screen has shown the failure of the run */

    char *kept[LINES_KEPT]; /* a ring of the last lines of output; NULL: not used yet */
    size_t n_kept;          /* lines ever put there since it was emptied */

    char *label;     /* of the step that runs; NULL: none */
    bool tells;      /* its output stays */
    int64_t started; /* clock_now() */
    char *doing;     /* text of its progress, or NULL */
    int64_t done, total;
    int64_t drawn;       /* clock_now() of the last frame */
    struct error broken; /* the first failure of a frame drawn by a tick: told by the next event */
};

/* --- output ---------------------------------------------------------------------------------- */

static int keep_line(void *self, const char *line, bool is_err, struct error *err)
{
    struct sink_terminal *s = self;
    (void)is_err;
    (void)err;
    if (s->tells) {
        cleanup_free char *indented = xasprintf("  %s", line);
        screen_whole_line(&s->screen, indented);
        return 0;
    }
    char **slot = &s->kept[s->n_kept++ % LINES_KEPT];
    free(*slot);
    *slot = xstrdup(line);
    return 0;
}

static void forget_lines(struct sink_terminal *s)
{
    for (size_t i = 0; i < LINES_KEPT; i++)
        free(steal(&s->kept[i]));
    s->n_kept = 0;
}

/* The last `want` lines, or as many as there are: the number of the first. */
static size_t first_of_last(const struct sink_terminal *s, size_t want)
{
    want = want < LINES_KEPT ? want : LINES_KEPT;
    return s->n_kept > want ? s->n_kept - want : 0;
}

/* The label, cut where the line has no room for it beside the first part of what stands behind it:
 * "failed after 12.3 s", the time. The caller frees. */
static char *cut_label(const struct sink_terminal *s, const char *label, const char *detail)
{
    enum { AROUND = 5 }; /* the mark, the blanks, the column that stays free */
    int room = s->screen.width - AROUND, wanted = text_width(detail);
    size_t first = strcspn(detail, ",");
    cleanup_free char *part = xstrndup(detail, first);
    int least = text_width(part) + (detail[first] ? 1 : 0); /* an ellipsis */
    int kept = wanted < room / 2 ? wanted : room / 2;
    kept = kept > least ? kept : least;
    cleanup_strbuf struct strbuf ret = STRBUF_INIT;
    text_cut(label, room - kept > 1 ? room - kept : 1, s->screen.ascii, &ret);
    return strbuf_steal(&ret);
}

/* --- what is drawn again --------------------------------------------------------------------- */

static void draw_step(struct sink_terminal *s, int64_t now)
{
    size_t turn = (size_t)((now - s->started) / redraw_after) % s->marks->n_spinner;
    screen_add(&s->screen, STYLE_BOLD, s->marks->spinner[turn]);
    screen_add(&s->screen, STYLE_PLAIN, " ");
    int64_t took = now - s->started;
    cleanup_free char *time =
        took < 60 * NSEC_PER_SEC ? xasprintf("%.1f s", (double)took / 1e9) : duration_format(took);
    cleanup_free char *label = cut_label(s, s->label, time);
    screen_add(&s->screen, STYLE_BOLD, label);
    screen_add(&s->screen, STYLE_PLAIN, "  ");
    screen_add(&s->screen, STYLE_DIM, time);
    screen_end_live(&s->screen);
}

static void draw_bar(struct sink_terminal *s)
{
    double part = (double)s->done / (double)s->total;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    int width = s->screen.width / 4 < BAR_WIDTH ? s->screen.width / 4 : BAR_WIDTH;
    int full = (int)(part * width);
    for (int i = 0; i < width; i++)
        screen_add(&s->screen, STYLE_PLAIN, i < full ? s->marks->full : s->marks->empty);
    cleanup_free char *percent = xasprintf(" %3d %%  ", (int)(part * 100));
    screen_add(&s->screen, STYLE_PLAIN, percent);
}

static void draw_progress(struct sink_terminal *s)
{
    if (s->total <= 0 && !s->doing)
        return;
    screen_add(&s->screen, STYLE_PLAIN, "  ");
    if (s->total > 0)
        draw_bar(s);
    if (s->doing)
        screen_add(&s->screen, STYLE_DIM, s->doing);
    screen_end_live(&s->screen);
}

static void draw_line(struct sink_terminal *s, const char *line)
{
    screen_add(&s->screen, STYLE_DIM, "  ");
    screen_add(&s->screen, STYLE_DIM, s->marks->bar);
    screen_add(&s->screen, STYLE_DIM, line);
    screen_end_live(&s->screen);
}

/* The last lines of output, and the one that has not ended yet. */
static void draw_window(struct sink_terminal *s)
{
    cleanup_free char *out = lines_pending(&s->lines, false);
    cleanup_free char *err = lines_pending(&s->lines, true);
    const char *pending = *out ? out : err;
    int room = s->screen.height - 3 < LINES_SHOWN ? s->screen.height - 3 : LINES_SHOWN;
    room -= *pending ? 1 : 0;
    for (size_t i = first_of_last(s, room > 0 ? (size_t)room : 0); i < s->n_kept; i++)
        draw_line(s, s->kept[i % LINES_KEPT]);
    if (*pending)
        draw_line(s, pending);
}

/* End a frame that screen_begin() has begun. */
static int draw(struct sink_terminal *s, struct error *err)
{
    s->drawn = clock_now();
    if (s->label) {
        draw_step(s, s->drawn);
        draw_progress(s);
        draw_window(s);
    }
    return screen_flush(&s->screen, err);
}

static int redraw(struct sink_terminal *s, struct error *err)
{
    screen_begin(&s->screen);
    return draw(s, err);
}

static int redraw_if_due(struct sink_terminal *s, struct error *err)
{
    bool due = clock_now() - s->drawn >= redraw_after || s->screen.whole.len > WAITING_MAX;
    return due ? redraw(s, err) : 0;
}

/* --- what stays ------------------------------------------------------------------------------ */

/* "✓ build agent  12.3 s, 3 files" */
static void add_step_line(struct sink_terminal *s, enum screen_style style, const char *mark,
                          const char *label, const char *detail)
{
    cleanup_free char *clean = text_clean_string(detail);
    screen_add(&s->screen, style, mark);
    cleanup_free char *cut = cut_label(s, label, clean);
    screen_add(&s->screen, STYLE_PLAIN, " ");
    screen_add(&s->screen, STYLE_PLAIN, cut);
    screen_add(&s->screen, STYLE_PLAIN, "  ");
    screen_add(&s->screen, style == STYLE_BAD ? STYLE_BAD : STYLE_DIM, clean);
    screen_end_line(&s->screen);
}

static void add_failure(struct sink_terminal *s, const struct error *failure, const char *label)
{
    if (!s->failure_said) {
        for (size_t i = first_of_last(s, LINES_KEPT); i < s->n_kept; i++) {
            cleanup_free char *line = xasprintf("  %s%s", s->marks->bar, s->kept[i % LINES_KEPT]);
            screen_wrap(&s->screen, STYLE_PLAIN, line, 4);
        }
        cleanup_free char *text = say_failure(failure, label);
        screen_wrap(&s->screen, STYLE_BAD, text, 2);
        s->failure_said = true;
    }
    cleanup_free char *hint = s->hint_said ? NULL : say_hint(failure);
    if (hint) {
        screen_wrap(&s->screen, STYLE_BOLD, hint, 2);
        s->hint_said = true;
    }
}

static void add_samples(struct sink_terminal *s)
{
    cleanup_strbuf struct strbuf table = STRBUF_INIT;
    samples_print(&s->samples, s->screen.width - 1, &table);
    for (const char *line = strbuf_str(&table); *line;) {
        size_t len = strcspn(line, "\n");
        cleanup_free char *one = xstrndup(line, len);
        screen_add(&s->screen, STYLE_PLAIN, one);
        screen_end_line(&s->screen);
        line += len + (line[len] == '\n');
    }
}

static void add_owned(struct sink_terminal *s, enum screen_style style, char *text, int indent)
{
    screen_wrap(&s->screen, style, text, indent);
    free(text);
}

/* --- events ---------------------------------------------------------------------------------- */

static void end_of_step(struct sink_terminal *s)
{
    free(steal(&s->label));
    free(steal(&s->doing));
    s->tells = false;
    s->done = 0;
    s->total = -1;
}

static void begin_step(struct sink_terminal *s, const struct event *e)
{
    end_of_step(s);
    forget_lines(s);
    s->label = text_clean_string(e->label);
    s->tells = e->tells;
    s->started = clock_now();
}

static void end_step(struct sink_terminal *s, const struct event *e)
{
    cleanup_free char *label = text_clean_string(e->label);
    cleanup_free char *end = say_step_end(e);
    if (e->failure) {
        add_step_line(s, STYLE_BAD, s->marks->failed, label, end);
        add_failure(s, e->failure, e->label);
    } else {
        add_step_line(s, STYLE_GOOD, s->marks->done, label, end);
    }
    end_of_step(s);
    forget_lines(s);
}

static void add_skip(struct sink_terminal *s, const struct event *e)
{
    cleanup_free char *label = text_clean_string(e->label);
    cleanup_free char *why = xasprintf("skipped, %s", e->text ? e->text : "unchanged");
    add_step_line(s, STYLE_DIM, s->marks->skipped, label, why);
}

static void end_run(struct sink_terminal *s, const struct event *e)
{
    end_of_step(s);
    add_samples(s);
    if (e->failure)
        add_failure(s, e->failure, NULL);
    add_owned(s, e->failure ? STYLE_BAD : STYLE_GOOD, say_run_end(e, s->run), 2);
}

static void note_progress(struct sink_terminal *s, const struct event *e)
{
    free(s->doing);
    s->doing = e->text ? text_clean_string(e->text) : NULL;
    s->done = e->done;
    s->total = e->total;
}

/* The lines that the event leaves for good. */
static void add_event(struct sink_terminal *s, const struct event *e)
{
    switch (e->type) {
    case EVENT_RUN_START:
        add_owned(s, STYLE_BOLD, say_run_start(e, s->run), 2);
        break;
    case EVENT_STEP_START:
        begin_step(s, e);
        break;
    case EVENT_STEP_SKIP:
        add_skip(s, e);
        break;
    case EVENT_NOTE:
        add_owned(s, STYLE_DIM, text_clean_string(e->text), 2);
        break;
    case EVENT_STEP_END:
        end_step(s, e);
        break;
    case EVENT_SAMPLE:
        samples_add_event(&s->samples, e);
        break;
    case EVENT_ARTIFACT:
        if (e->tells)
            add_owned(s, STYLE_DIM, say_artifact(e), 2);
        break;
    case EVENT_UNDO:
        add_owned(s, e->failure ? STYLE_BAD : STYLE_DIM, say_undo(e), 2);
        break;
    case EVENT_RUN_END:
        end_run(s, e);
        break;
    case EVENT_OUTPUT:
    case EVENT_PROGRESS:  /* both in emit() */
    case EVENT_CONTAINER: /* the step's summary names it */
        break;
    }
}

static int emit(void *self, const struct event *e, struct error *err)
{
    struct sink_terminal *s = self;
    if (s->broken.code != ERR_NONE) {
        error_move(err, &s->broken);
        return -1;
    }
    if (e->type == EVENT_OUTPUT) {
        if (lines_add(&s->lines, e->text, e->len, e->is_err, keep_line, s, err) < 0)
            return -1;
        return redraw_if_due(s, err);
    }
    if (e->type == EVENT_PROGRESS) {
        note_progress(s, e);
        return redraw_if_due(s, err);
    }
    if ((e->type == EVENT_STEP_START || e->type == EVENT_STEP_END || e->type == EVENT_RUN_END) &&
        lines_flush(&s->lines, keep_line, s, err) < 0)
        return -1;
    screen_begin(&s->screen);
    add_event(s, e);
    if (draw(s, err) < 0)
        return -1;
    s->told = s->told || (e->type == EVENT_RUN_END && s->failure_said);
    return 0;
}

static bool told(void *self)
{
    const struct sink_terminal *s = self;
    return s->told;
}

static void tick(void *self)
{
    struct sink_terminal *s = self;
    if (s->label && s->broken.code == ERR_NONE)
        (void)redraw_if_due(s, &s->broken);
}

static int close_sink(void *self, struct error *err)
{
    struct sink_terminal *s = self;
    end_of_step(s);
    int result = redraw(s, err);
    forget_lines(s);
    lines_release(&s->lines);
    samples_release(&s->samples);
    screen_release(&s->screen);
    error_release(&s->broken);
    free(s->run);
    free(s);
    return result;
}

struct event_sink sink_terminal_new(int fd, const struct terminal_options *options, const char *run)
{
    struct sink_terminal *s = xcalloc(1, sizeof(*s));
    screen_init(&s->screen, fd, options->colour, options->ascii);
    s->marks = options->ascii ? &marks_ascii : &marks;
    s->run = xstrdup(run);
    s->total = -1;
    return (struct event_sink){
        .emit = emit, .close = close_sink, .tick = tick, .told = told, .self = s};
}
