/* SPDX-License-Identifier: Apache-2.0
 * Workflow file, plan and host of a command line. */
#include "cmd/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/destination.h"
#include "base/fs.h"
#include "base/suggest.h"
#include "results/json_put.h"

void session_release(struct session *s)
{
    plan_free(s->plan);
    workflow_file_free(s->file);
    *s = (struct session)SESSION_INIT;
}

static int print_problems_json(const struct diagnostics *problems, struct error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < problems->len; i++) {
        const struct diagnostic *d = &problems->items[i];
        json_t *one = json_object();
        json_put_text(one, "file", d->where.file);
        json_put(one, "line", json_integer(d->where.line));
        json_put(one, "column", json_integer(d->where.column));
        json_put_text(one, "message", d->message);
        json_put_text(one, "hint", d->hint);
        json_append(list, one);
    }
    json_t *root = json_object();
    json_put(root, "v", json_integer(1));
    json_put(root, "problems", list);
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    json_line(root, &text);
    fputs(strbuf_str(&text), stdout);
    return fs_flush_output(err); /* `watch` goes on */
}

static void print_problems(struct invocation *inv, const struct diagnostics *problems)
{
    cleanup_error struct error unheard = ERROR_INIT;
    if (problems->len == 0)
        return;
    inv->told = true;
    if (invocation_option(inv, "json") && print_problems_json(problems, &unheard) == 0)
        return;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    diagnostics_format(problems, &text);
    fputs(strbuf_str(&text), stderr);
}

static int load_file(struct invocation *inv, struct session *s, struct diagnostics *problems,
                     struct error *err)
{
    const char *named = invocation_option(inv, "file");
    cleanup_free char *path = xstrdup(named);
    if (!path && workflow_find(".", &path, err) < 0)
        return -1;
    return workflow_load(path, &s->file, problems, err);
}

static int load(struct invocation *inv, struct session *s, struct diagnostics *problems,
                struct error *err)
{
    if (load_file(inv, s, problems, err) < 0)
        return -1;
    const char *workflow = inv->args.len > 0 ? inv->args.items[0] : NULL;
    if (plan_make(s->file, workflow, &s->plan, problems, err) < 0)
        return -1;
    s->host_name = s->plan->host_name;
    s->host = s->plan->host;
    if (plan_select(s->plan, invocation_option(inv, "from"), invocation_option(inv, "only"), err) <
        0)
        return -1;
    return plan_check(s->plan, problems, err);
}

int session_open(struct invocation *inv, struct session *ret, struct error *err)
{
    cleanup_session struct session s = SESSION_INIT;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    if (load(inv, &s, &problems, err) < 0) {
        print_problems(inv, &problems);
        return -1;
    }
    *ret = s;
    s = (struct session)SESSION_INIT;
    return 0;
}

/* The host of the workflow that `kataloop run` would run. */
static const char *default_host(const struct value *root)
{
    const struct value *workflows = value_get(root, "workflows");
    const char *name = value_get_string(root, "default");
    if (!workflows || workflows->len == 0)
        return NULL;
    return value_get_string(name ? value_get(workflows, name) : workflows->items[0], "host");
}

static int pick_host(struct session *s, const char *named, struct error *err)
{
    const struct value *hosts = value_get(s->file->root, "hosts");
    const char *name = named ? named : default_host(s->file->root);
    if (!name && hosts->len > 0)
        name = hosts->keys[0];
    s->host_name = name;
    s->host = name ? value_get(hosts, name) : NULL;
    if (s->host)
        return 0;
    error_set(err, ERR_USAGE, "`%s` has no host%s%s%s", s->file->path, name ? " `" : "",
              name ? name : "", name ? "`" : "");
    return hosts->len > 0 ? suggest_hint(err, name, (const char *const *)hosts->keys, hosts->len)
                          : error_hint(err, "add one to its section `hosts`");
}

/* Most verbs that only need a host can be given one instead. */
static int no_file_and_no_host(const struct invocation *inv, struct error *absent,
                               struct error *err)
{
    bool by_option = false;
    for (const struct verb_option *o = inv->verb->options; o->name; o++)
        by_option = by_option || strcmp(o->name, "host") == 0;
    error_set(err, absent->code, "%s", absent->message);
    return error_hint(err,
                      "`kataloop init` writes one, `-f FILE` names one; without one name a host: "
                      "`kataloop %s %sHOST`",
                      inv->verb->name, by_option ? "--host " : "");
}

int session_open_host(struct invocation *inv, struct session *ret, struct error *err)
{
    const char *named = invocation_option(inv, "host");
    cleanup_session struct session s = SESSION_INIT;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_free char *path = NULL;
    cleanup_error struct error absent = ERROR_INIT;
    if (!invocation_option(inv, "file") && workflow_find(".", &path, &absent) < 0) {
        if (!named) {
            return no_file_and_no_host(inv, &absent, err);
        }
        cleanup_destination struct destination d = DESTINATION_INIT;
        if (destination_parse(named, &d, err) < 0)
            return -1;
        s.host_name = named;
    } else if (load_file(inv, &s, &problems, err) < 0) {
        print_problems(inv, &problems);
        return -1;
    } else if (pick_host(&s, named, err) < 0) {
        return -1;
    }
    *ret = s;
    s = (struct session)SESSION_INIT;
    return 0;
}

/* A path of the workflow file on this machine: "~" and what is relative to the file's folder. */
static char *local_path(const struct session *s, const char *key)
{
    const char *text = value_get_string(s->host, key);
    if (!text)
        return NULL;
    cleanup_free char *expanded = path_expand_home(text);
    return path_join(s->file->folder, expanded);
}

static enum host_key_policy policy_of(const char *text)
{
    if (text && strcmp(text, "accept-new") == 0)
        return HOST_KEY_ACCEPT_NEW;
    return text && strcmp(text, "strict") == 0 ? HOST_KEY_STRICT : HOST_KEY_ASK;
}

int session_connect(const struct session *s, struct transport **ret, struct error *err)
{
    const struct value *host = s->host;
    cleanup_free char *identity = local_path(s, "identity");
    cleanup_free char *known_hosts = local_path(s, "known_hosts");
    cleanup_free char *ssh_config = local_path(s, "ssh_config");
    const char *become = host ? value_get_string(host, "become") : "sudo";
    const struct host_spec spec = {
        .name = s->host_name,
        .destination = host ? value_get_string(host, "ssh") : s->host_name,
        .become = become && strcmp(become, "none") != 0 ? become : NULL,
        .identity = identity,
        .known_hosts = known_hosts,
        .ssh_config = ssh_config,
        .host_key_policy = policy_of(value_get_string(host, "host_key")),
        .connect_timeout = value_get_duration(host, "connect_timeout", 0),
    };
    return transport_open(&spec, ret, err);
}
