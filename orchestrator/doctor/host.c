/* SPDX-License-Identifier: Apache-2.0
 * The host: the way there, root, folders, clock and space. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "doctor/check.h"
#include "report/stats.h"
#include "transport/host_clock.h"

/* Below this a build, an upload or a dump soon fails; below the first it is worth a word. */
#define SPACE_WARN (INT64_C(1) << 30)
#define SPACE_FAIL (INT64_C(100) << 20)
/* What merging logs in time and cargo's look at file times can bear. */
#define CLOCK_WARN NSEC_PER_SEC

int check_connection(struct doctor *d, struct check_result *f, struct error *err)
{
    (void)err;
    if (d->host && transport_is_local(d->host))
        return check_say(f, VERDICT_OK, "%s is this machine", d->host_name);
    if (d->host) {
        cleanup_free char *time = duration_format(d->connect_time);
        return check_say(f, VERDICT_OK, "%s, in %s", d->host_name, time);
    }
    check_say(f, VERDICT_FAIL, "%s", d->unreached->message);
    return d->unreached->hint ? check_advise(f, "%s", d->unreached->hint) : 0;
}

int check_root(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "id", "-u", NULL);
    if (doctor_ask(d->host, true, &argv, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    d->root = r.status.code == 0 && strcmp(strbuf_str(&r.out), "0") == 0;
    if (d->root)
        return check_say(f, VERDICT_OK, "without a password");
    cleanup_free char *said = doctor_first_line(r.err.len > 0 ? &r.err : &r.out);
    if (r.status.code == 0) {
        check_say(f, VERDICT_FAIL, "`become` is none, and the login user is not root");
        return check_advise(f, "set `become: sudo` of the host, or log in as root");
    }
    check_say(f, VERDICT_FAIL, "%s", *said ? said : "sudo failed and does not say why");
    return check_advise(f, "allow sudo without a password for the login user there (visudo: "
                           "`USER ALL=(ALL) NOPASSWD: ALL`), or log in as root");
}

static const char *workspace_of(const struct doctor *d)
{
    const char *path = d->host_entry ? value_get_string(d->host_entry, "workspace") : NULL;
    return path ? path : ".";
}

int check_workspace(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    const char *path = workspace_of(d);
    if (!d->host_entry)
        return check_say(f, VERDICT_OK, "none is asked for: no workflow file here");
    if (doctor_ask_script(d->host, false,
                          "test -d \"$1\" || echo none; test -w \"$1\" || echo locked", path, &r,
                          err) < 0)
        return -1;
    if (strstr(strbuf_str(&r.out), "none")) {
        check_say(f, VERDICT_FAIL, "there is no folder %s", path);
        return check_advise(
            f, "make it there, or set `workspace` of the host to where the sources are");
    }
    if (!strstr(strbuf_str(&r.out), "locked"))
        return check_say(f, VERDICT_OK, "%s", path);
    check_say(f, VERDICT_WARN, "the login user cannot write to %s", path);
    return check_advise(f, "give it that folder (chown), or set `become: true` of each sync");
}

int check_clock(struct doctor *d, struct check_result *f, struct error *err)
{
    int64_t off;
    if (host_clock_offset(d->host, &off, err) < 0)
        return -1;
    bool behind = off < 0;
    off = behind ? -off : off;
    cleanup_free char *time = duration_format(off * 1000);
    if (off * 1000 <= CLOCK_WARN)
        return check_say(f, VERDICT_OK, off == 0 ? "no difference seen" : "%s off", time);
    check_say(f, VERDICT_WARN, "%s %s", time, behind ? "behind" : "ahead");
    return check_advise(f, "let both keep time (`timedatectl set-ntp true`): builds compare the "
                           "times of files");
}

/* --- space -------------------------------------------------------------------------------------
 */

/* What is free where a path is or would be, bytes. */
static const char free_bytes[] =
    "p=$1; case $p in CACHE) p=${XDG_CACHE_HOME:-$HOME/.cache}/kataloop ;; esac; "
    "until [ -e \"$p\" ] || [ \"$p\" = . ] || [ \"$p\" = / ]; do p=$(dirname -- \"$p\"); done; "
    "df -Pk -- \"$p\" | awk 'NR == 2 { printf \"%.0f\\n\", $4 * 1024 }'";

static int check_space(struct doctor *d, struct check_result *f, bool become, const char *path,
                       int64_t warn, int64_t fail, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, become, free_bytes, path, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    int64_t bytes;
    if (!parse_int(strbuf_str(&r.out), &bytes))
        return check_say(f, VERDICT_UNKNOWN, "`df` there does not say");
    cleanup_free char *size = stats_format((double)bytes, "bytes");
    check_say(f,
              bytes < fail   ? VERDICT_FAIL
              : bytes < warn ? VERDICT_WARN
                             : VERDICT_OK,
              "%s free", size);
    return bytes < warn ? check_advise(f, "free some (`df -h` there shows where it went)") : 0;
}

int check_space_workspace(struct doctor *d, struct check_result *f, struct error *err)
{
    return check_space(d, f, false, workspace_of(d), SPACE_WARN, SPACE_FAIL, err);
}

int check_space_image(struct doctor *d, struct check_result *f, struct error *err)
{
    if (!d->image)
        return check_say(f, VERDICT_UNKNOWN, "no image was found");
    cleanup_free char *folder = path_dir(d->image);
    /* A changed image is a copy, and the one before it is kept. */
    return check_space(d, f, true, folder, 2 * d->image_bytes, d->image_bytes, err);
}

int check_space_cache(struct doctor *d, struct check_result *f, struct error *err)
{
    return check_space(d, f, false, "CACHE", SPACE_FAIL, SPACE_FAIL / 5, err);
}

int check_space_checkpoints(struct doctor *d, struct check_result *f, struct error *err)
{
    return check_space(d, f, false, "/var/tmp", SPACE_WARN, SPACE_FAIL, err);
}
