/* SPDX-License-Identifier: Apache-2.0
 * The orchestrator's main(). */
#include <signal.h>
#include <string.h>

#include "base/fs.h"
#include "cmd/verb.h"
#include "transport/rsync.h"

int main(int argc, char **argv)
{
    fs_guard_standard();
    signal(SIGCHLD, SIG_DFL); /* where it came ignored, no child could be waited for */
    /* rsync starts this program as its remote shell: transport/rsync_relay.c. */
    if (argc > 1 && strcmp(argv[1], RSYNC_SHELL_VERB) == 0)
        return rsync_shell_main(argc - 1, argv + 1);
    return verbs_main(argc, argv);
}
