/* SPDX-License-Identifier: Apache-2.0
 * ctr, which comes with containerd. */
#include <string.h>

#include "steps/client.h"

/* ctr takes images by their full name only. */
static void add_image(const char *image, struct strv *ret)
{
    const char *tag = strrchr(image, ':');
    bool tagged = (tag && !strchr(tag, '/')) || strchr(image, '@');
    strv_printf(ret, "%s%s%s", strchr(image, '/') ? "" : "docker.io/library/", image,
                tagged ? "" : ":latest");
}

static void start(const struct run_container *c, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "ctr", "--namespace", c->space, "run", "--detach", "--runtime", c->runtime,
                  "--label", NULL);
    strv_printf(ret, "%s=%s", RUN_LABEL, run_id);
    add_image(c->image, ret);
    strv_push(ret, c->name);
    strv_extend(ret, &c->command);
}

static void read_file(const struct run_container *c, const char *path, struct strv *ret)
{
    strv_push_all(ret, "ctr", "--namespace", c->space, "tasks", "exec", "--exec-id",
                  "kataloop-read", c->name, "cat", "--", path, NULL);
}

static void state(const struct run_container *c, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c", CTR_TASK_STATE, "sh", c->space, c->name, NULL);
}

static void checkpoint(const struct run_container *c, const struct checkpoint_spec *spec,
                       struct strv *ret)
{
    strv_push_all(ret, "ctr", "--namespace", c->space, "tasks", "checkpoint", "--image-path", NULL);
    strv_printf(ret, "%s/images", spec->folder);
    strv_push(ret, "--work-path");
    strv_printf(ret, "%s/work", spec->folder);
    if (!spec->leave_running)
        strv_push(ret, "--exit");
    strv_push(ret, c->name);
}

/* With a runtime that takes no image path the checkpoint becomes an image of containerd, called
 * after the task (its client's Task.Checkpoint). Of a shell: for each ($i) whose task's name begins
 * with "$2", in namespace "$1". */
#define IMAGES "containerd.io/checkpoint/"
#define FOR_EACH_IMAGE                                                                             \
    "found=$(ctr --namespace \"$1\" images ls -q) || exit; "                                       \
    "for i in $(printf '%s\\n' \"$found\" | awk -v n=\"" IMAGES "$2\" 'index($0, n) == 1'); do "

static void forget_checkpoints(const char *space, const char *start, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c",
                  FOR_EACH_IMAGE "ctr --namespace \"$1\" images rm \"$i\" || exit; done", "sh",
                  space, start, NULL);
}

static void keep_checkpoints(const char *space, const char *start, const char *name,
                             struct strv *ret)
{
    strv_push_all(ret, "sh", "-c",
                  FOR_EACH_IMAGE "ctr --namespace \"$1\" images tag \"$i\" \"" IMAGES
                                 "$3:${i##*:}\" && "
                                 "ctr --namespace \"$1\" images rm \"$i\" >/dev/null || exit; done",
                  "sh", space, start, name, NULL);
}

static void resume(const struct run_container *c, struct strv *ret)
{
    strv_push_all(ret, "ctr", "--namespace", c->space, "tasks", "resume", c->name, NULL);
}

static void remove_container(const char *space, const char *name, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c",
                  "found=$(ctr --namespace \"$1\" containers ls -q \"id==$2\") || exit; "
                  "[ \"$found\" ] || exit 0; "
                  "ctr --namespace \"$1\" tasks rm --force \"$2\" >/dev/null 2>&1; "
                  "ctr --namespace \"$1\" containers rm \"$2\"",
                  "sh", space, name, NULL);
}

static void list(const char *space, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "ctr", "--namespace", space, "containers", "ls", "-q", NULL);
    strv_printf(ret, "labels.\"%s\"==%s", RUN_LABEL, run_id);
}

static void list_namespaces(struct strv *ret)
{
    strv_push_all(ret, "ctr", "namespaces", "ls", "-q", NULL);
}

const struct container_client client_ctr = {
    .name = "ctr",
    .start = start,
    .read_file = read_file,
    .state = state,
    .checkpoint = checkpoint,
    .forget_checkpoints = forget_checkpoints,
    .keep_checkpoints = keep_checkpoints,
    .resume = resume,
    .remove = remove_container,
    .list = list,
    .list_namespaces = list_namespaces,
};
