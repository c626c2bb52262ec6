/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as what the looks at a checkpoint say: a look lies within them, and is the same however
 * much has come behind it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/parse.h"
#include "steps/checkpoint_look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct checkpoint_look *look, const char *text, size_t used)
{
    int64_t pid;
    if (look->piece < text || look->piece + look->piece_len != text + used)
        abort();
    if (look->ticks < 0 || look->offset < 0 || look->pids.len > LOOK_PIDS_MAX ||
        (look->log && look->log[0] != '/'))
        abort();
    for (size_t i = 0; i < look->pids.len; i++)
        if (!parse_int(look->pids.items[i], &pid) || pid < 2)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    for (size_t used, again; size > 0; text += used, size -= used) {
        cleanup_checkpoint_look struct checkpoint_look look = CHECKPOINT_LOOK_INIT;
        cleanup_checkpoint_look struct checkpoint_look same = CHECKPOINT_LOOK_INIT;
        cleanup_error struct error err = ERROR_INIT;
        if (checkpoint_look_read(text, size, &look, &used, &err) < 0 || used == 0)
            return 0;
        if (used > size)
            abort();
        check(&look, text, used);
        if (checkpoint_look_read(text, used, &same, &again, &err) < 0 || again != used)
            abort();
    }
    return 0;
}
