/* SPDX-License-Identifier: Apache-2.0
 * Containers of a host, by name. */
#include "guest/find.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Labels that hold a container's name: nerdctl's, and that of CRI with Kubernetes above it. */
static const char *const name_labels[] = {"nerdctl/name", "io.kubernetes.container.name"};
#define SANDBOX_ANNOTATION "io.kubernetes.cri.sandbox-id"

enum { COMMAND_NOT_FOUND = 127 };

void guest_container_release(struct guest_container *c)
{
    free(c->id);
    free(c->sandbox);
    free(c->name);
    free(c->runtime);
    *c = (struct guest_container){0};
}

static int ctr(struct transport *t, const struct strv *argv, int64_t deadline, struct strbuf *ret,
               struct error *err)
{
    const struct command cmd = {.argv = argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (transport_check(t, &cmd, deadline, "asking containerd for its containers", &r, err) < 0) {
        if (r.status.code != COMMAND_NOT_FOUND || strstr(strbuf_str(&r.err), "sudo:"))
            return -1;
        error_set(err, ERR_FAILED, "%s has no `ctr`, which comes with containerd",
                  transport_name(t));
        return error_hint(err, "install containerd there, or put its programs on root's PATH; "
                               "`kataloop doctor` shows what else is missing");
    }
    strbuf_add(ret, strbuf_str(&r.out), r.out.len);
    return 0;
}

/* The ids of namespace "$1", an empty line, and the ids that the filters choose, where there are
 * any. */
static const char list[] =
    "space=$1; shift; ctr --namespace \"$space\" containers ls -q || exit; echo; "
    "[ $# -eq 0 ] || exec ctr --namespace \"$space\" containers ls -q \"$@\"";

static int list_ids(struct transport *t, const char *space, const char *name, int64_t deadline,
                    struct strbuf *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", list, "sh", space, NULL);
    /* ctr's filters know quoted strings as Go has them; a name with a quote in it is none. */
    for (size_t i = 0; i < ARRAY_SIZE(name_labels) && !strpbrk(name, "\"\\"); i++) {
        cleanup_strbuf struct strbuf filter = STRBUF_INIT;
        strbuf_printf(&filter, "labels.\"%s\"==\"", name_labels[i]);
        strbuf_puts(&filter, name);
        strbuf_putc(&filter, '"');
        strv_push(&argv, strbuf_str(&filter));
    }
    return ctr(t, &argv, deadline, ret, err);
}

/* How `what` may mean a container; an earlier one counts for more. */
enum match { BY_ID, BY_NAME, BY_START_OF_ID, MATCHES };

struct candidates {
    size_t n[MATCHES];
    const char *id[MATCHES]; /* the last of them; borrowed from the lines */
};

static void sort_out(char *lines, const char *what, struct candidates *ret)
{
    bool named = false;
    for (char *line; (line = strsep(&lines, "\n"));) {
        enum match how = named                                    ? BY_NAME
                         : strcmp(line, what) == 0                ? BY_ID
                         : strncmp(line, what, strlen(what)) == 0 ? BY_START_OF_ID
                                                                  : MATCHES;
        if (!*line) {
            named = true;
        } else if (how < MATCHES) {
            ret->n[how]++;
            ret->id[how] = line;
        }
    }
}

static int find_id(struct transport *t, const char *space, const char *what, int64_t deadline,
                   char **ret, struct error *err)
{
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    struct candidates found = {0};
    enum match how = BY_ID;
    if (!*what)
        return error_set(err, ERR_USAGE, "the container's name is empty");
    if (list_ids(t, space, what, deadline, &said, err) < 0)
        return -1;
    if (said.len > 0)
        sort_out(said.data, what, &found);
    while (how < BY_START_OF_ID && found.n[how] == 0)
        how++;
    if (found.n[how] == 1) {
        *ret = xstrdup(found.id[how]);
        return 0;
    }
    bool none = found.n[how] == 0;
    error_set(err, ERR_FAILED, "%s: %s container of namespace %s is called `%s`", transport_name(t),
              none ? "no" : "more than one", space, what);
    return error_hint(err,
                      none ? "`ctr --namespace %s containers ls` there lists them; --namespace "
                             "names another"
                           : "give more of the id: `ctr --namespace %s containers ls`",
                      space);
}

static char *text_of(const json_t *object, const char *key)
{
    return xstrdup(json_string_value(json_object_get(object, key)));
}

static void read_info(const json_t *info, struct guest_container *ret)
{
    const json_t *labels = json_object_get(info, "Labels");
    const json_t *annotations = json_object_get(json_object_get(info, "Spec"), "annotations");
    for (size_t i = 0; i < ARRAY_SIZE(name_labels) && !ret->name; i++)
        ret->name = text_of(labels, name_labels[i]);
    ret->runtime = text_of(json_object_get(info, "Runtime"), "Name");
    ret->sandbox = text_of(annotations, SANDBOX_ANNOTATION);
    if (!ret->name)
        ret->name = xstrdup(ret->id);
    if (!ret->sandbox)
        ret->sandbox = xstrdup(ret->id);
    if (!ret->runtime)
        ret->runtime = xstrdup("");
}

int guest_find(struct transport *t, const char *space, const char *what, int64_t deadline,
               struct guest_container *ret, struct error *err)
{
    cleanup_guest_container struct guest_container found = {0};
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    if (find_id(t, space, what, deadline, &found.id, err) < 0)
        return -1;
    strv_push_all(&argv, "ctr", "--namespace", space, "containers", "info", found.id, NULL);
    if (ctr(t, &argv, deadline, &said, err) < 0)
        return -1;
    json_t *info = json_loadb(strbuf_str(&said), said.len, 0, NULL);
    if (!info)
        return error_set(err, ERR_FAILED, "%s: ctr's account of container %.12s is not JSON",
                         transport_name(t), found.id);
    read_info(info, &found);
    json_decref(info);
    *ret = found;
    found = (struct guest_container){0};
    return 0;
}
