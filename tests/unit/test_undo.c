/* SPDX-License-Identifier: Apache-2.0
 * The undo stack: in reverse, and an entry stays until its thing is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/strbuf.h"
#include "exec/exec.h"

/* What was undone, and what the events told: a name a line, "!" behind one that failed. */
static struct strbuf undone, told;
static int failures;

static int take_away(struct exec *x, const char *what, struct error *err)
{
    (void)x;
    if (strcmp(what, "stubborn") == 0 && failures > 0) {
        failures--;
        return error_set(err, ERR_FAILED, "it does not go");
    }
    strbuf_printf(&undone, "%s\n", what);
    return 0;
}

static int take_event(void *self, const struct event *e, struct error *err)
{
    (void)self;
    (void)err;
    if (e->type == EVENT_UNDO)
        strbuf_printf(&told, "%s%s\n", e->text, e->failure ? "!" : "");
    return 0;
}

static int end_events(void *self, struct error *err)
{
    (void)self;
    (void)err;
    return 0;
}

static int set_up(void **state)
{
    static struct exec x;
    x = (struct exec){.events = events_new(), .step = -1};
    events_add(x.events, (struct event_sink){.emit = take_event, .close = end_events});
    undo_push(&x.undo, take_away, "first", "the first");
    undo_push(&x.undo, take_away, "stubborn", "the stubborn one");
    undo_push(&x.undo, take_away, "last", "the last");
    *state = &x;
    return 0;
}

static int tear_down(void **state)
{
    struct exec *x = *state;
    struct error err = ERROR_INIT;
    undo_release(&x->undo);
    strbuf_release(&undone);
    strbuf_release(&told);
    return events_close(x->events, &err);
}

static void what_does_not_go_stays_on_the_stack(void **state)
{
    struct exec *x = *state;
    cleanup_error struct error err = ERROR_INIT;
    failures = 1;
    assert_int_equal(undo_back_to(x, &x->undo, 0, false, &err), -1);
    assert_string_equal(err.message, "taking away the stubborn one: it does not go");
    assert_string_equal(strbuf_str(&undone), "last\nfirst\n");
    assert_string_equal(strbuf_str(&told), "the stubborn one!\n");
    assert_int_equal(undo_pending(&x->undo), 1);
    error_release(&err);
    assert_int_equal(undo_back_to(x, &x->undo, 0, true, &err), 0);
    assert_string_equal(strbuf_str(&undone), "last\nfirst\nstubborn\n");
    assert_string_equal(strbuf_str(&told), "the stubborn one!\nthe stubborn one\n");
    assert_int_equal(undo_pending(&x->undo), 0);
}

static void what_is_gone_is_not_undone_again(void **state)
{
    struct exec *x = *state;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(undo_one(x, &x->undo, 0, &err), 0);
    undo_forget(&x->undo, 2);
    assert_int_equal(undo_back_to(x, &x->undo, 0, false, &err), 0);
    assert_string_equal(strbuf_str(&undone), "first\nstubborn\n");
}

/* A pass undoes what it has made, and leaves what was there before it. */
static void what_lies_below_the_mark_stays(void **state)
{
    struct exec *x = *state;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(undo_back_to(x, &x->undo, 1, false, &err), 0);
    assert_string_equal(strbuf_str(&undone), "last\nstubborn\n");
    assert_int_equal(undo_pending(&x->undo), 1);
}

static void what_is_given_up_is_told_thing_by_thing(void **state)
{
    struct exec *x = *state;
    cleanup_error struct error why = ERROR_INIT;
    error_set(&why, ERR_UNREACHABLE, "the host is gone");
    undo_forget(&x->undo, 0);
    undo_give_up(x, &x->undo, &why);
    assert_string_equal(strbuf_str(&told), "the last!\nthe stubborn one!\n");
    assert_string_equal(strbuf_str(&undone), "");
    assert_int_equal(undo_pending(&x->undo), 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_go_stays_on_the_stack),
        TEST(what_is_gone_is_not_undone_again),
        TEST(what_lies_below_the_mark_stays),
        TEST(what_is_given_up_is_told_thing_by_thing),
    };
    return cmocka_run_group_tests_name("undo", tests, NULL, NULL);
}
