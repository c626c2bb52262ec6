/* SPDX-License-Identifier: Apache-2.0
 * report/: a run as plain lines, and on a terminal: a pty, whose output a small model of a screen
 * takes in. clock_gettime() is this file's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "report/sink_plain.h"
#include "report/sink_terminal.h"

/* What a hostile host might say: titles, cursor movements, bells, broken UTF-8. */
#define HOSTILE                                                                                    \
    "\033]0;pwned\a\033[2J\033[1;1Hevil\b\b\x9b"                                                   \
    "31m\xff\007 text"

/* How long a step runs, and whether a frame is due, is for a test to say, however busy this machine
 * is. */
static int64_t now = 1000 * NSEC_PER_SEC;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    (void)clock;
    *ret = (struct timespec){.tv_sec = now / NSEC_PER_SEC, .tv_nsec = now % NSEC_PER_SEC};
    return 0;
}

static void emit(struct event_sink sink, struct event e)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.emit(sink.self, &e, &err), 0);
}

static void output(struct event_sink sink, const char *text, bool is_err)
{
    emit(sink,
         (struct event){.type = EVENT_OUTPUT, .text = text, .len = strlen(text), .is_err = is_err});
}

static void begin_run(struct event_sink sink)
{
    emit(sink, (struct event){.type = EVENT_RUN_START,
                              .step = -1,
                              .text = "loop",
                              .detail = "kataloop.yaml",
                              .host = "dev"});
    emit(sink, (struct event){.type = EVENT_NOTE, .step = -1, .text = "connected to dev"});
    emit(sink,
         (struct event){
             .type = EVENT_STEP_SKIP, .step = 0, .label = "build agent", .text = "unchanged"});
}

static void one_step(struct event_sink sink, const struct error *failure)
{
    emit(sink,
         (struct event){.type = EVENT_STEP_START, .step = 1, .label = "inject guest" HOSTILE});
    output(sink, "copying\nhalf", false);
    output(sink, "warning: " HOSTILE "\n", true);
    output(sink, " a line\n", false);
    emit(sink,
         (struct event){
             .type = EVENT_PROGRESS, .step = 1, .text = "files" HOSTILE, .done = 50, .total = 100});
    emit(sink, (struct event){.type = EVENT_STEP_END,
                              .step = 1,
                              .label = "inject guest",
                              .duration = 1500000000,
                              .changed = true,
                              .text = failure ? NULL : "3 files" HOSTILE,
                              .failure = failure});
}

static void end_run(struct event_sink sink, const struct error *failure)
{
    const struct metric wall = {"wall", "ns", 2e9};
    emit(sink, (struct event){.type = EVENT_SAMPLE,
                              .step = 2,
                              .label = "checkpoint 1/1",
                              .sample = 1,
                              .metrics = &wall,
                              .n_metrics = 1});
    emit(sink, (struct event){.type = EVENT_UNDO, .step = -1, .text = "container x"});
    emit(sink, (struct event){
                   .type = EVENT_RUN_END, .step = -1, .duration = 34200000000, .failure = failure});
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
}

/* --- plain lines ----------------------------------------------------------------------------- */

static char *content_of(int fd)
{
    cleanup_strbuf struct strbuf all = STRBUF_INIT;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    ssize_t n;
    while ((n = read(fd, strbuf_reserve(&all, 4096), 4096)) > 0)
        all.len += (size_t)n;
    strbuf_puts(&all, "");
    return strbuf_steal(&all);
}

static void a_run_is_plain_lines(void **state)
{
    (void)state;
    cleanup_close int out = memfd_create("out", MFD_CLOEXEC);
    cleanup_close int err = memfd_create("err", MFD_CLOEXEC);
    struct event_sink sink = sink_plain_new(out, err, "r1");
    begin_run(sink);
    one_step(sink, NULL);
    end_run(sink, NULL);
    cleanup_free char *said = content_of(out);
    assert_string_equal(said, "run r1: loop on dev, kataloop.yaml\n"
                              "  note: connected to dev\n"
                              "[1] build agent: skipped, unchanged\n"
                              "[2] inject guestevil\xef\xbf\xbd"
                              "31m\xef\xbf\xbd text\n"
                              "  copying\n"
                              "  warning: evil\xef\xbf\xbd"
                              "31m\xef\xbf\xbd text\n"
                              "  half a line\n"
                              "[2] inject guest: 1.50 s, 3 filesevil\xef\xbf\xbd"
                              "31m\xef\xbf\xbd text\n"
                              "  undone: container x\n"
                              "checkpoint, 1 sample\n"
                              "  figure  n     min  median     p95     max\n"
                              "  wall    1  2.00 s  2.00 s  2.00 s  2.00 s\n"
                              "run r1: ok, 34.2 s\n");
    cleanup_free char *failed = content_of(err);
    assert_string_equal(failed, "");
}

static void a_failure_is_said_once_with_its_hint(void **state)
{
    (void)state;
    cleanup_close int out = memfd_create("out", MFD_CLOEXEC);
    cleanup_close int err = memfd_create("err", MFD_CLOEXEC);
    cleanup_error struct error failure = ERROR_INIT, wrapped = ERROR_INIT;
    error_set(&failure, ERR_FAILED, "no such image");
    error_set(&wrapped, ERR_FAILED, "inject guest: no such image");
    error_hint(&wrapped, "name\none");
    struct event_sink sink = sink_plain_new(out, err, "r1");
    begin_run(sink);
    one_step(sink, &failure);
    end_run(sink, &wrapped);
    cleanup_free char *failed = content_of(err);
    assert_string_equal(failed, "error: inject guest: no such image\nhint: name one\n");
    cleanup_free char *said = content_of(out);
    assert_non_null(strstr(said, "[2] inject guest: failed after 1.50 s\n"));
    assert_non_null(strstr(said, "run r1: failed after 34.2 s\n"));
}

static void a_run_that_fails_outside_of_its_steps_says_why(void **state)
{
    (void)state;
    cleanup_close int out = memfd_create("out", MFD_CLOEXEC);
    cleanup_close int err = memfd_create("err", MFD_CLOEXEC);
    cleanup_error struct error failure = ERROR_INIT;
    error_set(&failure, ERR_INTERRUPTED, "stopped by the user");
    failure.where = (struct span){"kataloop.yaml", 3, 5};
    struct event_sink sink = sink_plain_new(out, err, "r1");
    output(sink, "cut off", false);
    end_run(sink, &failure);
    cleanup_free char *failed = content_of(err);
    assert_string_equal(failed, "kataloop.yaml:3:5: stopped: stopped by the user\n");
    cleanup_free char *said = content_of(out);
    assert_true(strncmp(said, "  cut off\n", 10) == 0);
}

static void lines_that_cannot_be_written_stop_the_run(void **state)
{
    (void)state;
    cleanup_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    cleanup_error struct error err = ERROR_INIT;
    struct event_sink sink = sink_plain_new(full, full, "r1");
    const struct event e = {.type = EVENT_RUN_START, .text = "loop"};
    assert_int_equal(sink.emit(sink.self, &e, &err), -1);
    assert_string_equal(err.message, "writing the run's lines: No space left on device");
    sink.close(sink.self, &err);
}

/* --- a small model of a screen --------------------------------------------------------------- */

enum { ROWS = 1200, COLUMNS = 200 };

struct model {
    int width;
    uint32_t cells[ROWS][COLUMNS]; /* first byte of a character is enough here */
    int row, column;
    int widest; /* columns ever used in a line */
};

/* Only what the sink may send: CR, LF, CSI A, CSI J and CSI m. Anything else fails the test. */
static size_t take_escape(struct model *m, const char *p)
{
    int number = 0, i = 2;
    assert_int_equal(p[1], '[');
    for (; p[i] >= '0' && p[i] <= '9'; i++)
        number = number * 10 + (p[i] - '0');
    switch (p[i]) {
    case 'A':
        m->row -= number;
        assert_true(m->row >= 0);
        break;
    case 'J':
        assert_int_equal(m->column, 0);
        memset(m->cells[m->row], 0, sizeof(m->cells[0]) * (size_t)(ROWS - m->row));
        break;
    case 'm':
        break;
    default:
        fail_msg("an escape sequence that the sink does not use: %c", p[i]);
    }
    return (size_t)i + 1;
}

static void take_character(struct model *m, const char *p, size_t len)
{
    cleanup_free char *one = xstrndup(p, len);
    int width = text_width(one);
    assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    if (width > 0) {
        memcpy(&m->cells[m->row][m->column], p, len);
        m->column += width;
    }
    m->widest = m->column > m->widest ? m->column : m->widest;
    assert_true(m->column <= m->width);
}

static void model_take(struct model *m, const char *p)
{
    while (*p) {
        if (*p == '\033') {
            p += take_escape(m, p);
        } else if (*p == '\r') {
            m->column = 0;
            p++;
        } else if (*p == '\n') {
            m->row++;
            assert_true(m->row < ROWS);
            p++;
        } else {
            size_t len = 1;
            while (((unsigned char)p[len] & 0xc0) == 0x80)
                len++;
            take_character(m, p, len);
            p += len;
        }
    }
}

/* The screen's text, lines without the blanks at their ends. */
static char *model_text(const struct model *m)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    for (int row = 0; row <= m->row; row++) {
        for (int column = 0; column < m->width; column++) {
            char bytes[5] = {0};
            memcpy(bytes, &m->cells[row][column], 4);
            strbuf_puts(&text, bytes);
        }
        strbuf_rtrim(&text);
        strbuf_putc(&text, '\n');
    }
    strbuf_rtrim(&text);
    return strbuf_steal(&text);
}

struct terminal {
    int master, slave;
    struct strbuf raw;
    struct model *model;
};

static struct terminal terminal_open(int width)
{
    struct terminal t = {.raw = STRBUF_INIT};
    struct winsize size = {.ws_col = (unsigned short)width, .ws_row = 24};
    assert_int_equal(openpty(&t.master, &t.slave, NULL, NULL, &size), 0);
    struct termios raw;
    assert_int_equal(tcgetattr(t.slave, &raw), 0);
    cfmakeraw(&raw); /* the sink's bytes as they are */
    assert_int_equal(tcsetattr(t.slave, TCSANOW, &raw), 0);
    assert_int_equal(fcntl(t.master, F_SETFL, O_NONBLOCK), 0);
    t.model = xcalloc(1, sizeof(*t.model));
    t.model->width = width;
    return t;
}

/* What was drawn so far goes to the screen. The caller frees the screen's text. */
static char *terminal_look(struct terminal *t)
{
    ssize_t n;
    size_t before = t->raw.len;
    while ((n = read(t->master, strbuf_reserve(&t->raw, 4096), 4096)) > 0)
        t->raw.len += (size_t)n;
    strbuf_puts(&t->raw, "");
    model_take(t->model, t->raw.data + before);
    return model_text(t->model);
}

static void terminal_close(struct terminal *t)
{
    close(t->master);
    close(t->slave);
    strbuf_release(&t->raw);
    free(t->model);
}

static const struct terminal_options looks = {.colour = true};

static void a_run_ends_as_clean_lines_at_any_width(void **state)
{
    (void)state;
    static const int widths[] = {8, 20, 40, 100};
    for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
        struct terminal t = terminal_open(widths[i]);
        struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
        begin_run(sink);
        one_step(sink, NULL);
        end_run(sink, NULL);
        cleanup_free char *screen = terminal_look(&t);
        assert_true(t.model->widest < widths[i]); /* the last column stays free */
        assert_int_equal(t.model->column, 0);
        if (widths[i] == 100)
            assert_string_equal(screen, "run r1: loop on dev, kataloop.yaml\n"
                                        "connected to dev\n"
                                        "– build agent  skipped, unchanged\n"
                                        "✓ inject guest  1.50 s, 3 filesevil\xef\xbf\xbd"
                                        "31m\xef\xbf\xbd text\n"
                                        "undone: container x\n"
                                        "checkpoint, 1 sample\n"
                                        "  figure  n     min  median     p95     max\n"
                                        "  wall    1  2.00 s  2.00 s  2.00 s  2.00 s\n"
                                        "run r1: ok, 34.2 s");
        if (widths[i] == 40)
            assert_non_null(strstr(screen, "✓ inject guest  1.50 s, 3 filesevil\xef\xbf\xbd"
                                           "31…\n"));
        terminal_close(&t);
    }
}

static void the_running_step_shows_its_output_and_progress(void **state)
{
    (void)state;
    struct terminal t = terminal_open(60);
    struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 0, .label = "build"});
    emit(sink, (struct event){.type = EVENT_PROGRESS, .text = "crates", .done = 1, .total = 4});
    for (int i = 1; i <= 30; i++) {
        cleanup_free char *line = xasprintf("line %d\n", i);
        output(sink, line, false);
    }
    output(sink, "and this one has not end", true);
    emit(sink, (struct event){.type = EVENT_NOTE, .step = 0, .text = "noted"}); /* draws at once */
    cleanup_free char *screen = terminal_look(&t);
    assert_non_null(strstr(screen, "noted\n⠋ build  0.0 s\n"
                                   "  ███░░░░░░░░░░░░  25 %  crates\n"
                                   "  │ line 28\n"
                                   "  │ line 29\n"
                                   "  │ line 30\n"
                                   "  │ and this one has not end"));
    emit(sink, (struct event){.type = EVENT_STEP_END, .label = "build", .duration = 1000000});
    cleanup_free char *after = terminal_look(&t);
    assert_string_equal(after, "noted\n✓ build  1.0 ms, nothing to change");
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
    terminal_close(&t);
}

static void the_output_of_a_step_that_tells_stays(void **state)
{
    (void)state;
    struct terminal t = terminal_open(40);
    struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
    emit(sink,
         (struct event){.type = EVENT_STEP_START, .step = 0, .label = "guest ps", .tells = true});
    output(sink, "first" HOSTILE "\nsecond\nnot end", false);
    emit(sink, (struct event){.type = EVENT_NOTE, .step = 0, .text = "noted"}); /* draws at once */
    cleanup_free char *screen = terminal_look(&t);
    assert_string_equal(screen, "  firstevil\xef\xbf\xbd"
                                "31m\xef\xbf\xbd text\n"
                                "  second\n"
                                "noted\n"
                                "⠋ guest ps  0.0 s\n"
                                "  │ not end");
    cleanup_error struct error failure = ERROR_INIT, err = ERROR_INIT;
    error_set(&failure, ERR_FAILED, "exit status 1");
    output(sink, "ed\n", false);
    emit(sink, (struct event){.type = EVENT_STEP_END, .label = "guest ps", .failure = &failure});
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 1, .label = "build"});
    output(sink, "of no interest\n", false);
    emit(sink, (struct event){.type = EVENT_STEP_END, .label = "build", .changed = true});
    assert_int_equal(sink.close(sink.self, &err), 0);
    cleanup_free char *after = terminal_look(&t);
    assert_string_equal(after, "  firstevil\xef\xbf\xbd"
                               "31m\xef\xbf\xbd text\n"
                               "  second\n"
                               "noted\n"
                               "  not ended\n"
                               "✗ guest ps  failed after 0.0 ms\n"
                               "error: guest ps: exit status 1\n"
                               "✓ build  0.0 ms");
    terminal_close(&t);
}

/* A line each millisecond, and a look each ten. */
static void limit_frames(bool tells, size_t output_len)
{
    size_t frames = 0;
    struct terminal t = terminal_open(60);
    struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
    emit(sink,
         (struct event){.type = EVENT_STEP_START, .step = 0, .label = "build", .tells = tells});
    for (int i = 0; i < 1000; i++) {
        now += NSEC_PER_MSEC;
        output(sink, "x\n", false);
        sink.tick(sink.self);
        if (i % 10 == 9)
            free(terminal_look(&t));
    }
    for (const char *p = t.raw.data; (p = strstr(p, "\033[J")); p++)
        frames++;
    assert_int_equal(frames, 10); /* not a thousand */
    assert_true(t.raw.len < 4000 + output_len);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
    terminal_close(&t);
}

static void frames_are_limited(void **state)
{
    (void)state;
    limit_frames(false, 0);
    limit_frames(true, 1000 * strlen("  x\r\n"));
}

static void a_failed_step_leaves_its_last_lines(void **state)
{
    (void)state;
    struct terminal t = terminal_open(40);
    struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
    cleanup_error struct error failure = ERROR_INIT;
    error_set(&failure, ERR_FAILED, "cargo build ended with exit status 101, see its last lines");
    error_hint(&failure, "correct the source");
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 0, .label = "build"});
    for (int i = 1; i <= 30; i++) {
        cleanup_free char *line = xasprintf("line %d\n", i);
        output(sink, line, false);
    }
    output(sink, "error: a long line that goes on beyond what 40 columns hold", true);
    emit(sink, (struct event){.type = EVENT_STEP_END, .label = "build", .failure = &failure});
    emit(sink, (struct event){.type = EVENT_RUN_END, .step = -1, .failure = &failure});
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
    cleanup_free char *screen = terminal_look(&t);
    assert_true(strncmp(screen, "✗ build  failed after 0.0 ms\n  │ line 12\n",
                        strlen("✗ build  failed after 0.0 ms\n  │ line 12\n")) == 0);
    assert_non_null(strstr(screen, "  │ line 30\n"
                                   "  │ error: a long line that goes on\n"
                                   "    beyond what 40 columns hold\n"
                                   "error: build: cargo build ended with\n"
                                   "  exit status 101, see its last lines\n"
                                   "hint: correct the source\n"
                                   "run r1: failed after 0.0 ms"));
    terminal_close(&t);
}

static void a_terminal_made_narrower_is_cleaned_up(void **state)
{
    (void)state;
    struct terminal t = terminal_open(80);
    struct event_sink sink = sink_terminal_new(t.slave, &looks, "r1");
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 0, .label = "build"});
    output(sink, "a line of output that takes more than forty of the columns there are\n", false);
    emit(sink, (struct event){.type = EVENT_NOTE, .step = 0, .text = "one"});
    free(terminal_look(&t));
    size_t before = t.raw.len;
    struct winsize size = {.ws_col = 40, .ws_row = 24};
    assert_int_equal(ioctl(t.slave, TIOCSWINSZ, &size), 0);
    emit(sink, (struct event){.type = EVENT_NOTE, .step = 0, .text = "two"});
    ssize_t n;
    while ((n = read(t.master, strbuf_reserve(&t.raw, 4096), 4096)) > 0)
        t.raw.len += (size_t)n;
    /* The step's line and two rows of output: two rows up. */
    static const char want[] = "\r\033[2A\033[J";
    assert_memory_equal(t.raw.data + before, want, strlen(want));
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
    terminal_close(&t);
}

static void colour_and_marks_can_be_left_out(void **state)
{
    (void)state;
    struct terminal t = terminal_open(60);
    const struct terminal_options plain = {.colour = false, .ascii = true};
    struct event_sink sink = sink_terminal_new(t.slave, &plain, "r1");
    emit(sink, (struct event){.type = EVENT_STEP_START, .step = 0, .label = "build"});
    emit(sink, (struct event){.type = EVENT_STEP_END, .label = "build", .changed = true});
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(sink.close(sink.self, &err), 0);
    cleanup_free char *screen = terminal_look(&t);
    assert_string_equal(screen, "+ build  0.0 ms");
    for (size_t i = 0; i < t.raw.len; i++)
        assert_true((unsigned char)t.raw.data[i] < 0x80);
    assert_null(strstr(t.raw.data, "m+"));
    assert_null(strstr(t.raw.data, "\033[0m"));
    terminal_close(&t);
}

static void the_environment_says_how_it_looks(void **state)
{
    (void)state;
    struct terminal t = terminal_open(60);
    cleanup_close int file = memfd_create("file", MFD_CLOEXEC);
    setenv("TERM", "xterm", 1);
    assert_true(terminal_capable(t.slave));
    assert_false(terminal_capable(file));
    setenv("TERM", "dumb", 1);
    assert_false(terminal_capable(t.slave));
    unsetenv("TERM");
    assert_false(terminal_capable(t.slave));

    setenv("NO_COLOR", "1", 1);
    assert_false(terminal_options_of_environment().colour);
    setenv("NO_COLOR", "", 1);
    assert_true(terminal_options_of_environment().colour);
    unsetenv("NO_COLOR");
    assert_true(terminal_options_of_environment().colour);

    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    unsetenv("LANG");
    assert_false(terminal_options_of_environment().ascii);
    setenv("LANG", "de_DE.ISO-8859-1", 1);
    assert_true(terminal_options_of_environment().ascii);
    setenv("LC_ALL", "C.utf8", 1);
    assert_false(terminal_options_of_environment().ascii);
    unsetenv("LC_ALL");
    unsetenv("LANG");
    terminal_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_plain_lines),
        cmocka_unit_test(a_failure_is_said_once_with_its_hint),
        cmocka_unit_test(a_run_that_fails_outside_of_its_steps_says_why),
        cmocka_unit_test(lines_that_cannot_be_written_stop_the_run),
        cmocka_unit_test(a_run_ends_as_clean_lines_at_any_width),
        cmocka_unit_test(the_running_step_shows_its_output_and_progress),
        cmocka_unit_test(the_output_of_a_step_that_tells_stays),
        cmocka_unit_test(frames_are_limited),
        cmocka_unit_test(a_failed_step_leaves_its_last_lines),
        cmocka_unit_test(a_terminal_made_narrower_is_cleaned_up),
        cmocka_unit_test(colour_and_marks_can_be_left_out),
        cmocka_unit_test(the_environment_says_how_it_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
