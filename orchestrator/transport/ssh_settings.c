/* SPDX-License-Identifier: Apache-2.0
 * Settings of a host. */
#include "transport/ssh_settings.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/destination.h"
#include "base/fs.h"
#include "base/parse.h"

void ssh_settings_release(struct ssh_settings *s)
{
    free(s->host);
    free(s->user);
    free(s->alias);
    free(s->agent);
    free(s->jump);
    strv_release(&s->identities);
    strv_release(&s->known_hosts);
    *s = (struct ssh_settings){0};
}

static void set_text(char **to, const char *value)
{
    free(*to);
    *to = xstrdup(value);
}

static void add_paths(struct strv *to, const char *words)
{
    for (const char *p = strcmp(words, "none") == 0 ? "" : words; *p;) {
        size_t len = strcspn(p, " ");
        cleanup_free char *word = xstrndup(p, len);
        if (len > 0)
            strv_push_owned(to, path_expand_home(word));
        p += len + (p[len] == ' ');
    }
}

/* One line of `ssh -G`: "keyword value". */
static void take_line(struct ssh_settings *s, struct strv *global, const char *key,
                      const char *value)
{
    int64_t port;
    if (strcmp(key, "hostname") == 0)
        set_text(&s->host, value);
    else if (strcmp(key, "user") == 0)
        set_text(&s->user, value);
    else if (strcmp(key, "port") == 0 && parse_int(value, &port) && port > 0 && port < 65536)
        s->port = (int)port;
    else if (strcmp(key, "hostkeyalias") == 0)
        set_text(&s->alias, value);
    else if (strcmp(key, "identityfile") == 0)
        strv_push_owned(&s->identities, path_expand_home(value));
    else if (strcmp(key, "userknownhostsfile") == 0)
        add_paths(&s->known_hosts, value);
    else if (strcmp(key, "globalknownhostsfile") == 0)
        add_paths(global, value);
    else if (strcmp(key, "identityagent") == 0)
        set_text(&s->agent, value);
    else if (strcmp(key, "proxyjump") == 0 && strcmp(value, "none") != 0)
        set_text(&s->jump, value);
}

/* `ssh -G` leaves the tokens of paths as they are (ssh_config(5), TOKENS). */
static void expand_tokens(const struct ssh_settings *s, struct strv *paths)
{
    cleanup_free char *home = home_dir();
    cleanup_free char *port = xasprintf("%d", s->port);
    const struct passwd *own = getpwuid(getuid());
    const struct {
        char token;
        const char *value;
    } tokens[] = {{'%', "%"},     {'d', home}, {'h', s->host},
                  {'r', s->user}, {'p', port}, {'u', own ? own->pw_name : NULL}};
    for (size_t i = 0; i < paths->len; i++) {
        cleanup_strbuf struct strbuf path = STRBUF_INIT;
        for (const char *p = paths->items[i]; *p; p++) {
            const char *value = NULL;
            for (size_t j = 0; *p == '%' && !value && j < ARRAY_SIZE(tokens); j++)
                if (p[1] == tokens[j].token)
                    value = tokens[j].value;
            if (value) {
                strbuf_puts(&path, value);
                p++;
            } else {
                strbuf_putc(&path, *p);
            }
        }
        set_text(&paths->items[i], strbuf_str(&path));
    }
}

static void take_lines(struct ssh_settings *s, char *text)
{
    cleanup_strv struct strv global = STRV_INIT; /* behind the user's, in whatever order they come:
                                                    a new key goes to the first */
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = '\0';
        take_line(s, &global, line, value);
    }
    strv_extend(&s->known_hosts, &global);
    expand_tokens(s, &s->identities);
    expand_tokens(s, &s->known_hosts);
}

/* Of several complaints the first is the cause, those behind it say what came of it. */
static int ssh_refuses(const struct host_spec *spec, const struct run_result *r, struct error *err)
{
    const char *said = strbuf_str(&r->err);
    said += strspn(said, " \t\r\n");
    cleanup_free char *first = xstrndup(said, strcspn(said, "\r\n"));
    error_set(err, ERR_USAGE, "ssh cannot say how to reach `%s`: %s", spec->destination,
              *first ? first : "`ssh -G` failed without a word");
    return error_hint(err, "its configuration is %s",
                      spec->ssh_config ? spec->ssh_config
                                       : "~/.ssh/config and /etc/ssh/ssh_config");
}

/* 1: ssh is not installed. */
static int ask_ssh(const struct host_spec *spec, const struct destination *d,
                   struct ssh_settings *s, struct error *err)
{
    cleanup_transport struct transport *here = NULL;
    const struct host_spec local = {.name = "this machine"};
    if (transport_open(&local, &here, err) < 0)
        return -1;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "ssh", "-G", NULL);
    if (spec->ssh_config)
        strv_push_all(&argv, "-F", spec->ssh_config, NULL);
    /* Not as a URL, in which ssh takes no IPv6 address. */
    if (d->port > 0)
        strv_printf(&argv, "-p%d", d->port);
    strv_push(&argv, "--");
    strv_printf(&argv, "%s%s%s", d->user ? d->user : "", d->user ? "@" : "", d->host);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_run(here, &cmd, deadline_in(10 * NSEC_PER_SEC), &r, err) < 0)
        return -1;
    if (r.status.code == 127)
        return 1;
    if (r.status.code != 0)
        return ssh_refuses(spec, &r, err);
    take_lines(s, r.out.data ? r.out.data : (char[]){""});
    return 0;
}

static void add_defaults(struct ssh_settings *s)
{
    static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
    cleanup_free char *home = home_dir();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        strv_printf(&s->identities, "%s/.ssh/%s", home, names[i]);
    strv_printf(&s->known_hosts, "%s/.ssh/known_hosts", home);
    strv_push(&s->known_hosts, "/etc/ssh/ssh_known_hosts");
}

int ssh_settings_read(const struct host_spec *spec, struct ssh_settings *ret, struct error *err)
{
    struct ssh_settings s = {.port = SSH_PORT};
    cleanup_destination struct destination d = DESTINATION_INIT;
    if (destination_parse(spec->destination, &d, err) < 0)
        return -1;
    int asked = ask_ssh(spec, &d, &s, err);
    if (asked < 0) {
        ssh_settings_release(&s);
        return -1;
    }
    if (asked > 0) {
        s.user = steal(&d.user);
        s.host = steal(&d.host);
        s.port = d.port > 0 ? d.port : SSH_PORT;
        add_defaults(&s);
    }
    if (!s.user) {
        const struct passwd *own = getpwuid(getuid());
        s.user = xstrdup(own ? own->pw_name : "root");
    }
    if (spec->identity) { /* first, and the others after it */
        struct strv all = STRV_INIT;
        s.named_identity = true;
        strv_push(&all, spec->identity);
        strv_extend(&all, &s.identities);
        strv_release(&s.identities);
        s.identities = all;
    }
    if (spec->known_hosts) {
        strv_release(&s.known_hosts);
        strv_push(&s.known_hosts, spec->known_hosts);
    }
    *ret = s;
    return 0;
}
