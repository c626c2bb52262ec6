/* SPDX-License-Identifier: Apache-2.0
 * A log out of the guest, in the form that criu_files_read() (logs/criu_files.h) reads. */
#include "steps/kept_log.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "criu/log.h"
#include "criu/phase.h"

#define TAKE_TIME (20 * NSEC_PER_SEC)

/* PATH FILTER: when it was changed last and where it is, a line; then what the filter leaves.
 * Bounded as in checkpoint_look.sh. */
static const char script[] =
    "LC_ALL=C; export LC_ALL; ulimit -v 524288 2>/dev/null; [ -f \"$1\" ] || exit 0; "
    "when=$(stat -c '%Y %y' \"$1\") || exit 0; "
    "printf '%s %s\\n' \"$when\" \"$1\"; sed -n \"$2\" \"$1\" | head -c 65536";

int kept_log_take(struct exec *x, struct guest *guest, const char *path, struct error *err)
{
    cleanup_strbuf struct strbuf filter = STRBUF_INIT, file = STRBUF_INIT;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    criu_phase_filter(&filter);
    strbuf_puts(&filter, "\n/Version: /p\n/Error (/p\n/Warn  (/p");
    strv_push_all(&argv, "sh", "-c", script, "sh", path, strbuf_str(&filter), NULL);
    const struct guest_command cmd = {.argv = &argv};
    if (guest_run(guest, &cmd, deadline_in(TAKE_TIME), &r, &failure) < 0) {
        if (!error_ends_all(&failure))
            return exec_note(x, err, "CRIU's log is not kept: %s", failure.message);
        error_move(err, &failure);
        return -1;
    }
    size_t head = strcspn(strbuf_str(&r.out), "\n") + 1;
    if (head > r.out.len)
        return 0;
    strbuf_printf(&file, "%zu ", r.out.len - head);
    strbuf_add(&file, r.out.data, r.out.len);
    return exec_artifact(x, CRIU_LOG_KEPT, file.data, file.len, ARTIFACT_UNTOLD, err);
}
