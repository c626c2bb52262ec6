/* SPDX-License-Identifier: Apache-2.0
 * nerdctl, 2.2 or later for checkpoints. */
#include "steps/client.h"

extern const char script_client_nerdctl_remove[];

static void add_spec(const struct run_container *c, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "--name", c->name, "--label", NULL);
    strv_printf(ret, "%s=%s", RUN_LABEL, run_id);
    strv_push_all(ret, "--runtime", c->runtime, c->image, NULL);
    strv_extend(ret, &c->command);
}

static void start(const struct run_container *c, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "run", "--detach", NULL);
    add_spec(c, run_id, ret);
}

static void create(const struct run_container *c, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "create", NULL);
    add_spec(c, run_id, ret);
}

static void restore(const struct run_container *c, const char *folder, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "start", "--checkpoint-dir", folder,
                  "--checkpoint", "images", c->name, NULL);
}

static void read_file(const struct run_container *c, const char *path, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "exec", c->name, "cat", "--", path,
                  NULL);
}

/* It asks containerd for much more than that, and takes three times as long as ctr, which a host
 * may lack. */
static void state(const struct run_container *c, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c",
                  "if command -v ctr >/dev/null; then " CTR_TASK_STATE "; else exec nerdctl "
                  "--namespace \"$1\" inspect --format '{{.State.Status}}' \"$2\"; fi",
                  "sh", c->space, c->id, NULL);
}

/* --leave-running reaches io.containerd.runc.v2 only; with a Kata runtime nothing of it is sent,
 * and the container goes on in any case. */
static void checkpoint(const struct run_container *c, const struct checkpoint_spec *spec,
                       struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "checkpoint", "create", NULL);
    if (spec->leave_running)
        strv_push(ret, "--leave-running");
    strv_push_all(ret, "--checkpoint-dir", spec->folder, c->name, "images", NULL);
}

static void resume(const struct run_container *c, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", c->space, "unpause", c->name, NULL);
}

static void remove_container(const char *space, const char *name, struct strv *ret)
{
    strv_push_all(ret, "sh", "-c", script_client_nerdctl_remove, "sh", space, name, NULL);
}

static void list(const char *space, const char *run_id, struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "--namespace", space, "ps", "--all", "--format", "{{.Names}}",
                  "--filter", NULL);
    strv_printf(ret, "label=%s=%s", RUN_LABEL, run_id);
}

static void list_namespaces(struct strv *ret)
{
    strv_push_all(ret, "nerdctl", "namespace", "ls", "-q", NULL);
}

const struct container_client client_nerdctl = {
    .name = "nerdctl",
    .start = start,
    .create = create,
    .restore = restore,
    .read_file = read_file,
    .state = state,
    .checkpoint = checkpoint,
    .resume = resume,
    .remove = remove_container,
    .list = list,
    .list_namespaces = list_namespaces,
};
