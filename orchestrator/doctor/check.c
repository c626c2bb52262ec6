/* SPDX-License-Identifier: Apache-2.0
 * What the checks share. */
#include "doctor/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"

#define ASK_TIMEOUT (30 * NSEC_PER_SEC)

enum { LINE_COLUMNS = 200 };

static void set_text(char **to, const char *fmt, va_list ap)
{
    cleanup_free char *text = xvasprintf(fmt, ap);
    free(*to);
    *to = text_clean_string(text);
}

int check_say(struct check_result *f, enum verdict v, const char *fmt, ...)
{
    va_list ap;
    f->verdict = v;
    va_start(ap, fmt);
    set_text(&f->detail, fmt, ap);
    va_end(ap);
    return 0;
}

int check_advise(struct check_result *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_text(&f->remedy, fmt, ap);
    va_end(ap);
    return 0;
}

const char *doctor_argument(const struct doctor *d, const char *kind, const char *key, size_t *at)
{
    while (d->plan && *at < d->plan->len) {
        const struct plan_step *s = d->plan->steps[(*at)++];
        const char *text = strcmp(s->kind->name, kind) == 0 ? value_get_string(s->args, key) : NULL;
        if (text)
            return text;
    }
    return NULL;
}

int doctor_ask(struct transport *t, bool become, const struct strv *argv, struct run_result *ret,
               struct error *err)
{
    cleanup_strv struct strv env = STRV_INIT;
    strv_push(&env, "LC_ALL=C"); /* its words are read */
    const struct command cmd = {.argv = argv, .env = &env, .become = become, .killable = true};
    return transport_run(t, &cmd, deadline_in(ASK_TIMEOUT), ret, err);
}

int doctor_ask_script(struct transport *t, bool become, const char *script, const char *arg,
                      struct run_result *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script, "sh", NULL);
    if (arg)
        strv_push(&argv, arg);
    return doctor_ask(t, become, &argv, ret, err);
}

char *doctor_first_line(const struct strbuf *said)
{
    const char *text = strbuf_str(said);
    text += strspn(text, " \t\r\n");
    cleanup_strbuf struct strbuf clean = STRBUF_INIT, cut = STRBUF_INIT;
    text_clean(text, strcspn(text, "\n"), &clean);
    strbuf_rtrim(&clean);
    text_cut(strbuf_str(&clean), LINE_COLUMNS, false, &cut);
    return strbuf_steal(&cut);
}

int doctor_version_in(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!isdigit((unsigned char)*p) || (p > text && isdigit((unsigned char)p[-1])))
            continue;
        char *end;
        long major = strtol(p, &end, 10);
        if (*end != '.' || !isdigit((unsigned char)end[1]))
            continue;
        long minor = strtol(end + 1, NULL, 10);
        return major < 1000 && minor < 1000 ? (int)(major * 1000 + minor) : -1;
    }
    return -1;
}
