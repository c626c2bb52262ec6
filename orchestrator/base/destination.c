/* SPDX-License-Identifier: Apache-2.0
 * Destinations of ssh. */
#include "base/destination.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"

#define SCHEME "ssh://"

void destination_release(struct destination *d)
{
    free(d->user);
    free(d->host);
    *d = (struct destination)DESTINATION_INIT;
}

static int check_user(const char *user, struct error *err)
{
    if (!*user)
        return error_set(err, ERR_USAGE, "no user stands before the `@`");
    if (*user == '-')
        return error_set(err, ERR_USAGE, "`%s` is not a user name", user);
    return 0;
}

/* Besides white space, what ssh itself refuses in a host (valid_hostname() of OpenSSH's ssh.c), and
 * what nobody can look up. */
static int check_host(const char *host, struct error *err)
{
    bool address = strchr(host, ':');
    size_t fine =
        address ? strspn(host, "0123456789abcdefABCDEF:.") : strcspn(host, "'`\"$\\;&<>|(){},/[]");
    if (!*host)
        return error_set(err, ERR_USAGE, "the host is missing");
    if (*host == '-' || (host[fine] && !(address && host[fine] == '%')))
        return error_set(err, ERR_USAGE, "`%s` is not the name or address of a host", host);
    return 0;
}

static int parse_port(const char *text, int *ret, struct error *err)
{
    int64_t port;
    if (!parse_int(text, &port) || port < 1 || port > 65535)
        return error_set(err, ERR_USAGE, "`%s` is not a port from 1 to 65535", text);
    *ret = (int)port;
    return 0;
}

static int parse_host(const char *text, bool url, struct destination *d, struct error *err)
{
    const char *colon = strchr(text, ':');
    bool address = colon && strchr(colon + 1, ':');
    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return error_set(err, ERR_USAGE, "`%s` is not an address in brackets", text);
        d->host = xstrndup(text + 1, (size_t)(end - text - 1));
        colon = end[1] ? end + 1 : NULL;
    } else if (address && url) {
        return error_set(err, ERR_USAGE, "after `" SCHEME "` an address stands in brackets, `[%s]`",
                         text);
    } else {
        colon = address ? NULL : colon;
        d->host = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    }
    return check_host(d->host, err) < 0 || (colon && parse_port(colon + 1, &d->port, err) < 0) ? -1
                                                                                               : 0;
}

static int parse(const char *text, struct destination *d, struct error *err)
{
    bool url = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    for (const char *p = text; *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return error_set(err, ERR_USAGE, "it has white space in it");
    if (url)
        text += strlen(SCHEME);
    const char *at = strrchr(text, '@');
    if (at) {
        d->user = xstrndup(text, (size_t)(at - text));
        if (check_user(d->user, err) < 0)
            return -1;
    }
    return parse_host(at ? at + 1 : text, url, d, err);
}

int destination_parse(const char *text, struct destination *ret, struct error *err)
{
    cleanup_destination struct destination d = DESTINATION_INIT;
    if (parse(text, &d, err) < 0) {
        error_wrap(err, "`%s` names no host to log in to", text);
        return error_hint(err, "a host is user@host:port, a name of ~/.ssh/config, or `local` for "
                               "this machine");
    }
    *ret = d;
    d = (struct destination)DESTINATION_INIT;
    return 0;
}
