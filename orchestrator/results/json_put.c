/* SPDX-License-Identifier: Apache-2.0
 * Members of JSON objects. */
#include "results/json_put.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/utf8.h"

void json_put(json_t *to, const char *key, json_t *value)
{
    /* Fails for want of memory only, or where value could not be made for that reason. */
    if (json_object_set_new(to, key, value) < 0)
        abort();
}

bool json_put_bytes(json_t *to, const char *key, const char *data, size_t len)
{
    cleanup_strbuf struct strbuf repaired = STRBUF_INIT;
    bool whole = utf8_repair(data ? data : "", len, &repaired);
    json_put(to, key, json_stringn(strbuf_str(&repaired), repaired.len));
    return whole;
}

void json_put_text(json_t *to, const char *key, const char *text)
{
    if (text)
        json_put_bytes(to, key, text, strlen(text));
}

void json_put_real(json_t *to, const char *key, double value)
{
    json_put(to, key, isfinite(value) ? json_real(value) : json_null());
}

void json_put_time(json_t *to, const char *key, int64_t usec)
{
    cleanup_free char *seconds = clock_format_utc(usec);
    seconds[strcspn(seconds, "Z")] = '\0';
    cleanup_free char *text = xasprintf("%s.%06dZ", seconds, (int)(usec % 1000000));
    json_put(to, key, json_string(text));
}

void json_append(json_t *to, json_t *value)
{
    if (json_array_append_new(to, value) < 0)
        abort();
}

void json_line(json_t *o, struct strbuf *ret)
{
    char *line = json_dumps(o, JSON_COMPACT);
    if (!line)
        abort();
    strbuf_puts(ret, line);
    strbuf_putc(ret, '\n');
    free(line);
    json_decref(o);
}
