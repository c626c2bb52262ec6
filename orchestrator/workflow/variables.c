/* SPDX-License-Identifier: Apache-2.0
 * Variables in text. */
#include "workflow/variables.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "workflow/schema.h"

static const char *const always[] = {"host.name", "host.workspace"};

/* The next "${name}" at or behind `p`; NULL: none. *ret_name is set to its first byte, *ret_len to
 * its length or, where no '}' follows, to SIZE_MAX. "$$" is stepped over. */
static const char *next_variable(const char *p, const char **ret_name, size_t *ret_len)
{
    for (; *p; p++) {
        if (p[0] != '$')
            continue;
        if (p[1] == '$' && p[2] == '{') {
            p += 2;
            continue;
        }
        if (p[1] != '{')
            continue;
        const char *end = strchr(p, '}');
        *ret_name = p + 2;
        *ret_len = end ? (size_t)(end - p - 2) : SIZE_MAX;
        return p;
    }
    return NULL;
}

/* Of a shell's variable. */
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static void unknown(const struct value *scalar, const char *name, const struct value *params,
                    struct diagnostics *problems)
{
    const char *known[66];
    size_t n = 0;
    for (size_t i = 0; params && i < params->len && n < 64; i++)
        known[n++] = params->keys[i];
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        known[n++] = always[i];
    /* `$12` and `$a:-b` mean something else to a shell than with braces. */
    bool is_name = strspn(name, NAME_CHARACTERS) == strlen(name) && (*name < '0' || *name > '9');
    cleanup_free char *bare = is_name ? xasprintf("`$%s` or ", name) : xstrdup("");
    cleanup_free char *message =
        xasprintf("there is no variable `%s` here (a shell's own is %s`$${%s}`)", name, bare, name);
    schema_unknown(problems, scalar->span, message, name, known, n);
}

size_t variables_check(const struct value *scalar, const struct value *params,
                       struct diagnostics *problems)
{
    const char *name;
    size_t n = 0, len;
    for (const char *p = scalar->text; (p = next_variable(p, &name, &len)); p = name + len + 1) {
        n++;
        if (len == SIZE_MAX) {
            diagnostics_add(problems, scalar->span, "`${` without `}`");
            diagnostics_hint(problems, "write `$${` for the two characters themselves");
            return n;
        }
        cleanup_free char *copy = xstrndup(name, len);
        bool known = params && value_get(params, copy);
        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
            known = known || strcmp(copy, always[i]) == 0;
        if (!known)
            unknown(scalar, copy, params, problems);
    }
    return n;
}

/* "$${" stands for "${". */
static void add_unescaped(struct strbuf *b, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(len - i > 2 && text[i] == '$' && text[i + 1] == '$' && text[i + 2] == '{'))
            strbuf_putc(b, text[i]);
}

/* What is put in is text: it is not looked into again. */
static char *expand_text(const char *text, const struct value *values)
{
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    const char *name, *at;
    size_t len;
    for (; (at = next_variable(text, &name, &len)) && len != SIZE_MAX; text = name + len + 1) {
        cleanup_free char *copy = xstrndup(name, len);
        const char *value = value_get_string(values, copy);
        add_unescaped(&b, text, (size_t)(at - text));
        if (value)
            strbuf_puts(&b, value);
        else
            strbuf_add(&b, at, len + 3);
    }
    add_unescaped(&b, text, strlen(text));
    return strbuf_steal(&b);
}

struct value *variables_expand(const struct value *v, const struct value *values)
{
    struct value *copy = NULL;
    switch (v->kind) {
    case VALUE_NULL:
        return value_copy(v);
    case VALUE_SCALAR: {
        cleanup_free char *text = expand_text(v->text, values);
        return value_new_scalar(text, v->span);
    }
    case VALUE_LIST:
        copy = value_new_list(v->span);
        for (size_t i = 0; i < v->len; i++)
            value_append(copy, variables_expand(v->items[i], values));
        return copy;
    case VALUE_MAP:
        copy = value_new_map(v->span);
        for (size_t i = 0; i < v->len; i++)
            value_set(copy, v->keys[i], v->key_spans[i], variables_expand(v->items[i], values));
        return copy;
    }
    return value_copy(v);
}
