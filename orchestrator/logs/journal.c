/* SPDX-License-Identifier: Apache-2.0
 * journalctl -o json. */
#include "logs/journal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/text.h"

enum { LINES_MAX = 20000, TEXT_MAX = 16384 };

static const char *const questions[JOURNAL_QUESTIONS][9] = {
    {"--unit=containerd", "--unit=kata-agent*"},
    {"SYSLOG_IDENTIFIER=kata", "+", "SYSLOG_IDENTIFIER=containerd-shim-kata-v2", "+",
     "SYSLOG_IDENTIFIER=kata-agent", "+", "_TRANSPORT=kernel"},
};

void journal_command(size_t question, int64_t since, int64_t until, bool follow, struct strv *ret)
{
    strv_push_all(ret, "journalctl", "--output=json", "--all", "--no-pager", "--quiet",
                  "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,PRIORITY", NULL);
    strv_printf(ret, "--since=@%" PRId64, since / 1000000);
    if (until > 0)
        strv_printf(ret, "--until=@%" PRId64, until / 1000000 + 1);
    strv_printf(ret, "--lines=%d", LINES_MAX); /* the youngest */
    if (follow)
        strv_push(ret, "--follow");
    for (size_t i = 0; i < ARRAY_SIZE(questions[question]) && questions[question][i]; i++)
        strv_push(ret, questions[question][i]);
}

/* A field is a string, or an array of numbers where it is no UTF-8. */
static char *field(const json_t *entry, const char *name)
{
    const json_t *value = json_object_get(entry, name), *byte;
    cleanup_strbuf struct strbuf raw = STRBUF_INIT, clean = STRBUF_INIT;
    size_t i;
    if (json_is_string(value))
        strbuf_add(&raw, json_string_value(value), json_string_length(value));
    json_array_foreach(value, i, byte)
    {
        if (raw.len < TEXT_MAX)
            strbuf_putc(&raw, (char)json_integer_value(byte));
    }
    text_clean(strbuf_str(&raw), raw.len < TEXT_MAX ? raw.len : TEXT_MAX, &clean);
    strbuf_rtrim(&clean);
    return strbuf_steal(&clean);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* The shim's identifier carries what it forwards of the agent, too: logrus fields tell. */
static enum log_source source_of(const char *identifier, const char *unit, const char *text)
{
    if (begins(identifier, "kata-agent") || begins(unit, "kata-agent"))
        return strcmp(identifier, "systemd") == 0 ? LOG_HOST : LOG_AGENT;
    if (strcmp(identifier, "kata") == 0 || begins(identifier, "containerd-shim"))
        return strstr(text, "source=agent") || strstr(text, "subsystem=agent") ? LOG_AGENT
                                                                               : LOG_SHIM;
    if (strcmp(identifier, "containerd") == 0)
        return LOG_CONTAINERD;
    return LOG_HOST;
}

bool journal_parse(const char *json, size_t len, struct log_line *ret)
{
    json_t *entry = json_loadb(json, len, 0, NULL);
    cleanup_free char *time = field(entry, "__REALTIME_TIMESTAMP");
    cleanup_free char *text = field(entry, "MESSAGE");
    cleanup_free char *identifier = field(entry, "SYSLOG_IDENTIFIER");
    cleanup_free char *unit = field(entry, "_SYSTEMD_UNIT");
    cleanup_free char *priority = field(entry, "PRIORITY");
    cleanup_free char *cursor = field(entry, "__CURSOR");
    int64_t at, level;
    json_decref(entry);
    if (!parse_int(time, &at) || at < 0 || !*text)
        return false;
    if (!parse_int(priority, &level) || level < 0 || level > 7)
        level = -1;
    *ret = (struct log_line){
        .at = at,
        .source = source_of(identifier, unit, text),
        .priority = (int)level,
        .who = *unit ? xasprintf("%s %s", identifier, unit) : xstrdup(identifier),
        .cursor = *cursor ? steal(&cursor) : NULL,
        .text = steal(&text),
    };
    return true;
}

void journal_read(struct strbuf *from, struct log_lines *to)
{
    size_t done = 0;
    const char *end;
    while (done < from->len && (end = memchr(from->data + done, '\n', from->len - done))) {
        struct log_line line;
        if (journal_parse(from->data + done, (size_t)(end - from->data) - done, &line))
            log_lines_add(to, line);
        done = (size_t)(end - from->data) + 1;
    }
    strbuf_consume(from, done);
}
