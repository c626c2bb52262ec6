/* SPDX-License-Identifier: Apache-2.0
 * What several kinds of steps need. */
#include "steps/common.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"

void step_command(const struct value *command, struct strv *ret)
{
    if (command->kind != VALUE_LIST) {
        strv_push_all(ret, "sh", "-c", command->text, NULL);
        return;
    }
    for (size_t i = 0; i < command->len; i++)
        strv_push(ret, command->items[i]->text);
}

void step_check_artifact_name(const struct value *args, const char *key,
                              struct diagnostics *problems)
{
    const struct value *name = value_get(args, key);
    if (!name || exec_is_artifact_name(name->text))
        return;
    diagnostics_add(problems, name->span, "`%s` must be the name of a file, not `%s`", key,
                    name->text);
    diagnostics_hint(problems, "it is kept among the run's files: no folder, no `.` in front");
}

void user_command_read(const struct exec *x, const struct value *map, const char *key,
                       struct user_command *ret)
{
    const char *dir = value_get_string(map, "dir");
    const struct value *env = value_get(map, "env");
    *ret = (struct user_command){.folder = exec_host_path(x, dir ? dir : ".")};
    step_command(value_get(map, key), &ret->argv);
    for (size_t i = 0; env && i < env->len; i++)
        strv_printf(&ret->env, "%s=%s", env->keys[i],
                    env->items[i]->text ? env->items[i]->text : "");
    ret->cmd = (struct command){
        .argv = &ret->argv,
        .dir = ret->folder,
        .env = &ret->env,
        .login = true,
        .killable = true,
    };
}

void user_command_release(struct user_command *c)
{
    strv_release(&c->argv);
    strv_release(&c->env);
    free(c->folder);
}

/* 1: it is, 0: it is not. */
static int is_folder(struct exec *x, const char *path, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "test", "-d", path, NULL);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    return r.status.code == 0;
}

int step_check_folder(struct exec *x, const char *folder, struct error *err)
{
    int there = is_folder(x, folder, err);
    if (there != 0)
        return there < 0 ? -1 : 0;
    if (strcmp(folder, x->workspace) != 0) {
        there = is_folder(x, x->workspace, err);
        if (there < 0)
            return -1;
    }
    if (there > 0) {
        error_set(err, ERR_FAILED, "there is no folder `%s` on %s", folder,
                  transport_name(x->host));
        return error_hint(err,
                          "`dir` is taken from the workspace, `%s`; what is synced there makes it",
                          x->workspace);
    }
    error_set(err, ERR_FAILED, "there is no workspace `%s` on %s", x->workspace,
              transport_name(x->host));
    return error_hint(
        err, "make the folder there, or set `workspace` of the host to where the sources are");
}

int step_command_failed(struct exec *x, const struct command *cmd, const struct run_result *r,
                        const char *what, struct error *err)
{
    /* What a host ends with where it cannot enter the folder, among other things. */
    if (r->status.code == 126 && step_check_folder(x, cmd->dir, err) < 0)
        return -1;
    transport_status_error(cmd, r, what, err);
    if (r->out.len + r->err.len == 0)
        return error_hint(err, "it printed nothing; it ran in `%s` on %s", cmd->dir,
                          transport_name(x->host));
    return error_hint(err, "its whole output is in %s", x->run_folder);
}

int step_stat_files(struct exec *x, const struct strv *paths, bool become, struct strbuf *ret,
                    struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "stat", "-L", "-c", "%d:%i:%s:%y %n", "--", NULL);
    strv_extend(&argv, paths);
    const struct command cmd = {.argv = &argv, .become = become};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    strbuf_add(ret, r.out.data, r.out.len);
    return 0;
}

char *step_build_output(const struct exec *x, const struct value *build)
{
    const char *dir = value_get_string(build, "dir");
    const char *output = value_get_string(build, "output");
    cleanup_free char *folder = exec_host_path(x, dir ? dir : ".");
    return path_join(folder, output ? output : ".");
}
