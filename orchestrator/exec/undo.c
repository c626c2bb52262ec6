/* SPDX-License-Identifier: Apache-2.0
 * The undo stack. */
#include "exec/undo.h"

#include <stdlib.h>

#include "base/alloc.h"

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
    undo_function *function = s->entries[ticket].function;
    s->entries[ticket].function = NULL;
    return function ? function(x, s->entries[ticket].what, err) : 0;
}

size_t undo_pending(const struct undo_stack *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++)
        n += s->entries[i].function != NULL;
    return n;
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
