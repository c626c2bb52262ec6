/* SPDX-License-Identifier: Apache-2.0
 * The undo stack. */
#include "exec/undo.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "exec/exec.h"

size_t undo_push(struct undo_stack *s, undo_function *function, const char *what, const char *text)
{
    s->entries = xreallocarray(s->entries, s->len + 1, sizeof(*s->entries));
    s->entries[s->len] = (struct undo_entry){
        .text = xstrdup(text),
        .what = xstrdup(what),
        .function = function,
    };
    return s->len++;
}

void undo_forget(struct undo_stack *s, size_t ticket)
{
    s->entries[ticket].function = NULL;
}

int undo_one(struct exec *x, struct undo_stack *s, size_t ticket, struct error *err)
{
    struct undo_entry *e = &s->entries[ticket];
    if (e->function && e->function(x, e->what, err) < 0)
        return -1;
    e->function = NULL;
    return 0;
}

size_t undo_pending(const struct undo_stack *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++)
        n += s->entries[i].function != NULL;
    return n;
}

int undo_back_to(struct exec *x, struct undo_stack *s, size_t mark, bool announce,
                 struct error *err)
{
    int result = 0;
    for (size_t i = s->len; i-- > mark;) {
        if (!s->entries[i].function)
            continue;
        cleanup_error struct error failure = ERROR_INIT, unheard = ERROR_INIT;
        int undone = undo_one(x, s, i, &failure);
        struct event e = {.type = EVENT_UNDO,
                          .step = x->step,
                          .text = s->entries[i].text,
                          .failure = undone < 0 ? &failure : NULL};
        if ((announce || undone < 0) && events_emit(x->events, &e, &unheard) < 0 && result == 0) {
            error_move(err, &unheard);
            result = -1;
        }
        if (undone < 0 && result == 0) {
            error_move(err, &failure);
            result = error_wrap(err, "taking away %s", s->entries[i].text);
        }
    }
    return result;
}

void undo_give_up(struct exec *x, struct undo_stack *s, const struct error *why)
{
    for (size_t i = s->len; i-- > 0;) {
        if (!s->entries[i].function)
            continue;
        cleanup_error struct error unheard = ERROR_INIT; /* why is what has to be told */
        struct event e = {
            .type = EVENT_UNDO, .step = x->step, .text = s->entries[i].text, .failure = why};
        (void)events_emit(x->events, &e, &unheard);
    }
}

void undo_release(struct undo_stack *s)
{
    for (size_t i = 0; i < s->len; i++) {
        free(s->entries[i].text);
        free(s->entries[i].what);
    }
    free(s->entries);
    *s = (struct undo_stack)UNDO_STACK_INIT;
}
