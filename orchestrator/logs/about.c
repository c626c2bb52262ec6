/* SPDX-License-Identifier: Apache-2.0
 * Names of containers in log lines. */
#include "logs/about.h"

#include <string.h>

#include "base/alloc.h"

enum { ID_DIGITS = 64 };
static const char hex[] = "0123456789abcdef";

static bool is_digest(const char *text, const char *at)
{
    static const char mark[] = "sha256"; /* sha256:… of an image, sha256=… of an agent */
    size_t n = sizeof(mark);             /* the sign behind it, for its end */
    return (size_t)(at - text) >= n && strncmp(at - n, mark, n - 1) == 0;
}

static bool has_id(const char *text)
{
    for (const char *at = text; *(at += strcspn(at, hex));) {
        size_t n = strspn(at, hex);
        if (n == ID_DIGITS && !is_digest(text, at))
            return true;
        at += n;
    }
    return false;
}

/* Is there a field `key` with a value? A key begins the line, or follows a blank. */
static bool has_field(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = text; (at = strstr(at, key)); at += n)
        if ((at == text || at[-1] == ' ') && at[n] == '=' && at[n + 1] > ' ')
            return true;
    return false;
}

bool log_line_names_container(const struct log_line *line)
{
    static const char *const keys[] = {"sandbox", "sandbox_id", "container", "container_id"};
    if (line->source == LOG_CRIU || has_id(line->text) || has_id(line->who))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (has_field(line->text, keys[i]))
            return true;
    return has_field(line->text, "id") && has_field(line->text, "namespace");
}
