/* SPDX-License-Identifier: Apache-2.0
 * The order of what stands in front: root, so that sudo cannot drop the environment; environment;
 * login shell, which may add to it. */
#include "transport/command_line.h"

void command_line_add(const struct command *cmd, const char *become, const char *shell,
                      struct strv *ret)
{
    if (cmd->become && become)
        strv_push_all(ret, become, "-n", "--", NULL);
    if (cmd->env && cmd->env->len > 0) {
        strv_push_all(ret, "env", "--", NULL);
        strv_extend(ret, cmd->env);
    }
    if (cmd->login)
        strv_push_all(ret, shell, "-l", "-c", "exec \"$@\"", "sh", NULL);
    strv_extend(ret, cmd->argv);
}
