/* SPDX-License-Identifier: Apache-2.0
 * Leftovers of lost runs. */
#include "steps/leftovers.h"

#include <string.h>

#include "base/alloc.h"
#include "steps/client.h"

/* A run id is ours to make, but it comes out of a file here and goes into commands for root. */
static bool is_run_id(const char *id)
{
    return *id && strspn(id, "0123456789abcdef-") == strlen(id);
}

/* A command whose failure is none of ours: *ret_ok says how it ended. */
static int try(struct exec *x, const struct strv *argv, struct run_result *ret, bool *ret_ok,
               struct error *err)
{
    const struct command cmd = {.argv = argv, .become = true};
    if (exec_run_command(x, &cmd, ret, err) < 0)
        return -1;
    *ret_ok = ret->status.code == 0;
    return 0;
}

/* A question to `program` has failed: fine where the host has no such program, which then has left
 * nothing there. */
static int absent(struct exec *x, const char *program, const struct strv *argv,
                  struct run_result *said, struct error *err)
{
    bool there;
    if (client_has_program(x, program, &there, err) < 0)
        return -1;
    const struct command cmd = {.argv = argv, .become = true};
    return there ? transport_status_error(&cmd, said, "looking for containers of a lost run", err)
                 : 0;
}

static int remove_container(struct exec *x, const struct container_client *client, char *space,
                            char *name, struct error *err)
{
    bool ok;
    /* A frozen one cannot be removed; that it is not frozen is no failure. */
    const struct run_container frozen = {.name = name, .space = space};
    cleanup_strv struct strv resuming = STRV_INIT, removing = STRV_INIT;
    cleanup_run_result struct run_result resumed = RUN_RESULT_INIT, removed = RUN_RESULT_INIT;
    client->resume(&frozen, &resuming);
    if (try(x, &resuming, &resumed, &ok, err) < 0)
        return -1;
    client->remove(space, name, &removing);
    const struct command cmd = {.argv = &removing, .become = true};
    return exec_check_command(x, &cmd, "removing a container of a lost run", &removed, err);
}

static int remove_containers(struct exec *x, const struct container_client *client, char *space,
                             const char *run_id, bool *found, struct error *err)
{
    bool ok;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    client->list(space, run_id, &argv);
    if (try(x, &argv, &r, &ok, err) < 0)
        return -1;
    if (!ok)
        return absent(x, client->name, &argv, &r, err);
    cleanup_free char *start = xasprintf("kataloop-%s-", run_id);
    char *rest = r.out.data;
    for (char *name; rest && (name = strsep(&rest, "\n"));) {
        if (strncmp(name, start, strlen(start)) != 0)
            continue;
        if (remove_container(x, client, space, name, err) < 0)
            return -1;
        *found = true;
    }
    return 0;
}

/* What checkpoints of its containers have become in containerd, where a client has such a thing. */
static int remove_checkpoints(struct exec *x, const struct container_client *client, char *space,
                              const char *run_id, bool *found, struct error *err)
{
    bool ok;
    if (!client->forget_checkpoints)
        return 0;
    cleanup_free char *start = xasprintf("kataloop-%s-", run_id);
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    client->forget_checkpoints(space, start, &argv);
    if (try(x, &argv, &r, &ok, err) < 0)
        return -1;
    *found = *found || r.out.len > 0;
    return ok ? 0 : absent(x, client->name, &argv, &r, err);
}

/* containerd's namespaces, a line each; none where the host has no client. The last client is asked
 * first: ctr, which starts fastest. */
static int list_namespaces(struct exec *x, struct run_result *ret, struct error *err)
{
    bool ok = false;
    size_t n = 0;
    while (container_clients[n])
        n++;
    while (n-- > 0 && !ok) {
        const struct container_client *client = container_clients[n];
        cleanup_strv struct strv argv = STRV_INIT;
        client->list_namespaces(&argv);
        if (try(x, &argv, ret, &ok, err) < 0 ||
            (!ok && absent(x, client->name, &argv, ret, err) < 0))
            return -1;
    }
    if (!ok)
        strbuf_truncate(&ret->out, 0);
    return 0;
}

/* In whatever namespace a workflow put them. */
static int remove_from_containerd(struct exec *x, const char *run_id, bool *found,
                                  struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (list_namespaces(x, &r, err) < 0)
        return -1;
    char *rest = r.out.data;
    for (char *space; rest && (space = strsep(&rest, "\n"));)
        for (size_t i = 0; *space && container_clients[i]; i++)
            if (remove_containers(x, container_clients[i], space, run_id, found, err) < 0 ||
                remove_checkpoints(x, container_clients[i], space, run_id, found, err) < 0)
                return -1;
    return 0;
}

static int remove_folders(struct exec *x, const char *run_id, bool *found, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    /* Anybody may make a folder of such a name there. */
    strv_push_all(&argv, "sh", "-c",
                  "find /var/tmp /tmp -maxdepth 1 -name \"kataloop-$1-*\" -user \"$(id -u)\" "
                  "-type d -print -exec rm -rf --one-file-system -- '{}' +",
                  "sh", run_id, NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "removing the folders of a lost run", &r, err) < 0)
        return -1;
    *found = *found || r.out.len > 0;
    return 0;
}

int leftovers_remove(struct exec *x, const char *run_id, bool *ret_found, struct error *err)
{
    *ret_found = false;
    if (!is_run_id(run_id))
        return error_set(err, ERR_FAILED, "`%s` is not a run's id", run_id);
    if (remove_from_containerd(x, run_id, ret_found, err) < 0)
        return -1;
    return remove_folders(x, run_id, ret_found, err);
}
