/* SPDX-License-Identifier: Apache-2.0
 * Which client, and what all have in common. */
#include "steps/client.h"

#include <string.h>

#include "base/alloc.h"

/* In order of preference. A new client is one file and one name here. */
#define CLIENTS(row) row(nerdctl) row(ctr)

#define DECLARATION(name) extern const struct container_client client_##name;
#define ADDRESS(name)     &client_##name,
#define NAME(name)        #name,

CLIENTS(DECLARATION)
const struct container_client *const container_clients[] = {CLIENTS(ADDRESS) NULL};
const char *const client_choices[] = {"auto", CLIENTS(NAME) NULL};

int client_has_program(struct exec *x, const char *program, bool *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", "command -v \"$1\"", "sh", program, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    *ret = r.status.code == 0;
    if (!*ret && r.err.len > 0) /* sudo's own troubles are not an absence */
        return transport_status_error(&cmd, &r, "looking for a container client", err);
    return 0;
}

int client_choose(struct exec *x, const char *name, const struct container_client **ret,
                  struct error *err)
{
    bool any = strcmp(name, "auto") == 0;
    for (size_t i = 0; container_clients[i]; i++) {
        bool there = x->clients & 1U << i;
        if (!any && strcmp(container_clients[i]->name, name) != 0)
            continue;
        if (!there && client_has_program(x, container_clients[i]->name, &there, err) < 0)
            return -1;
        *ret = container_clients[i];
        if (!there)
            continue;
        x->clients |= 1U << i;
        return 0;
    }
    if (any)
        error_set(err, ERR_FAILED, "%s has neither nerdctl nor ctr", transport_name(x->host));
    else
        error_set(err, ERR_FAILED, "%s has no %s", transport_name(x->host), name);
    return error_hint(err, "install it there (nerdctl 2.2 or later for checkpoints), or set "
                           "`client` to one that is there");
}

void client_only_failure(struct strbuf *said)
{
    static const char mark[] = "level=fatal msg=\"";
    const char *at = NULL;
    for (const char *p = strbuf_str(said); (p = strstr(p, mark)); p += strlen(mark))
        at = p + strlen(mark);
    if (!at)
        return;
    cleanup_strbuf struct strbuf message = STRBUF_INIT;
    for (; *at && *at != '"' && *at != '\n'; at++) {
        if (*at == '\\' && at[1])
            at++;
        strbuf_putc(&message, *at == 'n' && at[-1] == '\\' ? ' ' : *at);
    }
    strbuf_truncate(said, 0);
    strbuf_add(said, message.data, message.len);
}

struct run_container *client_container(struct exec *x)
{
    for (size_t i = x->n_containers; i-- > 0;)
        if (!x->containers[i].removed)
            return &x->containers[i];
    return NULL;
}

int client_state(struct exec *x, const struct run_container *c, char **ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    c->client->state(c, &argv);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    *ret = xstrdup(r.status.code == 0 ? strbuf_str(&r.out) : "");
    return 0;
}

int client_running(struct exec *x, const struct run_container *c, bool *ret, struct error *err)
{
    cleanup_free char *state = NULL;
    if (client_state(x, c, &state, err) < 0)
        return -1;
    *ret = strcmp(state, "running") == 0;
    return 0;
}
