/* SPDX-License-Identifier: Apache-2.0
 * Kata: its runtime, the guest image, the console, and CRIU behind it. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "doctor/check.h"
#include "guest/find.h"
#include "guest/guest.h"
#include "report/stats.h"

#define KATA_PATH     "PATH=$PATH:/opt/kata/bin; "
#define GUEST_TIMEOUT (30 * NSEC_PER_SEC)

int check_kata(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, true,
                          KATA_PATH "command -v kata-runtime >/dev/null || exit 127; "
                                    "kata-runtime env --json || kata-runtime kata-env --json",
                          NULL, &r, err) < 0)
        return -1;
    if (r.status.code == 127) {
        check_say(f, VERDICT_FAIL, "there is no kata-runtime");
        return check_advise(f, "install Kata Containers there (kata-runtime is looked for on "
                               "root's PATH and in /opt/kata/bin)");
    }
    d->kata = json_loadb(strbuf_str(&r.out), r.out.len, 0, NULL);
    if (!json_is_object(d->kata)) {
        cleanup_free char *said = doctor_first_line(r.err.len > 0 ? &r.err : &r.out);
        check_say(f, VERDICT_FAIL, "`kata-runtime env` fails: %s", said);
        return check_advise(f, "its configuration file may be missing or wrong");
    }
    const json_t *runtime = json_object_get(d->kata, "Runtime");
    const json_t *version = json_object_get(runtime, "Version");
    const char *semver = json_string_value(json_object_get(version, "Semver"));
    const char *text = semver ? semver : json_string_value(version);
    return check_say(f, VERDICT_OK, "kata-runtime %s", text ? text : "of an unknown version");
}

/* That which the workflow at hand changes, else the first of the file; one with the path "auto" is
 * Kata's own. NULL: not known. */
static char *image_path(const struct doctor *d)
{
    const struct value *images = value_get(d->entries, "images");
    size_t at = 0;
    const char *name = doctor_argument(d, "inject", "image", &at);
    const struct value *image = name                        ? value_get(images, name)
                                : images && images->len > 0 ? images->items[0]
                                                            : NULL;
    const char *path = image ? value_get_string(image, "path") : "auto";
    if (path && strcmp(path, "auto") != 0) {
        const char *workspace = value_get_string(d->host_entry, "workspace");
        return path_join(workspace ? workspace : ".", path);
    }
    const char *known =
        json_string_value(json_object_get(json_object_get(d->kata, "Image"), "Path"));
    return known && *known ? xstrdup(known) : NULL;
}

int check_image(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_free char *path = image_path(d);
    if (!path) {
        check_say(f, VERDICT_FAIL, "neither the workflow file nor kata-runtime names one");
        return check_advise(f, "set `path` of an entry of `images`");
    }
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "stat", "-L", "-c", "%s", "--", path, NULL);
    if (doctor_ask(d->host, true, &argv, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    if (r.status.code != 0 || !parse_int(strbuf_str(&r.out), &d->image_bytes)) {
        check_say(f, VERDICT_FAIL, "there is no %s", path);
        return check_advise(f, "set `path` of the image, or `image` in Kata's configuration");
    }
    cleanup_free char *size = stats_format((double)d->image_bytes, "bytes");
    check_say(f, VERDICT_OK, "%s, %s", path, size);
    d->image = steal(&path);
    return 0;
}

/* Of the configuration and of what is dropped in beside it: the last word counts. */
static const char find_console[] =
    "cat -- \"$1\" \"${1%/*}\"/config.d/*.toml 2>/dev/null | "
    "sed -n 's/^[[:space:]]*debug_console_enabled[[:space:]]*=[[:space:]]*\\([a-z]*\\).*/\\1/p' | "
    "tail -n 1 | grep -qx true";

int check_console(struct doctor *d, struct check_result *f, struct error *err)
{
    const json_t *kernel = json_object_get(d->kata, "Kernel");
    const json_t *config = json_object_get(json_object_get(d->kata, "Runtime"), "Config");
    const char *parameters = json_string_value(json_object_get(kernel, "Parameters"));
    const char *path = json_string_value(json_object_get(config, "Path"));
    if (parameters && strstr(parameters, "agent.debug_console"))
        return check_say(f, VERDICT_OK, "on, by the guest kernel's parameters");
    if (!path || !*path)
        return check_say(f, VERDICT_UNKNOWN, "kata-runtime does not name its configuration");
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, true, find_console, path, &r, err) < 0)
        return -1;
    if (r.status.code == 0)
        return check_say(f, VERDICT_OK, "on, by %s", path);
    check_say(f, VERDICT_WARN, "off: nothing can be seen of a guest");
    return check_advise(f,
                        "set `debug_console_enabled = true` under [agent.kata] in %s; it is "
                        "for containers started after that",
                        path);
}

/* --- CRIU --------------------------------------------------------------------------------------
 */

/* "NAMESPACE ID" of a container of Kata's that runs; nothing where none does. */
static const char find_running[] =
    "for n in $(ctr namespaces ls -q); do "
    "for c in $(ctr -n \"$n\" containers ls | awk '$NF ~ /kata/ { print $1 }'); do "
    "if ctr -n \"$n\" tasks ls | awk -v c=\"$c\" '$1 == c && $3 == \"RUNNING\" { f = 1 } "
    "END { exit !f }'; then echo \"$n $c\"; exit 0; fi; done; done";

static int ask_guest(struct doctor *d, struct check_result *f, const char *space, const char *id,
                     struct error *err)
{
    cleanup_guest_container struct guest_container c = {0};
    cleanup_guest struct guest *guest = NULL;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    int64_t deadline = deadline_in(GUEST_TIMEOUT);
    if (guest_find(d->host, space, id, deadline, &c, err) < 0)
        return -1;
    const struct guest_spec spec = {.sandbox = c.sandbox, .runtime = c.runtime};
    if (guest_open(d->host, &spec, deadline, &guest, err) < 0)
        return -1;
    strv_push_all(&argv, "criu", "--version", NULL);
    const struct guest_command cmd = {.argv = &argv};
    if (guest_run(guest, &cmd, deadline, &r, err) < 0)
        return -1;
    cleanup_free char *said = doctor_first_line(&r.out);
    if (r.status.code == 0)
        return check_say(f, VERDICT_OK, "%s, asked in the guest of %s", said, c.name);
    check_say(f, VERDICT_FAIL, "the guest of %s has no criu", c.name);
    return check_advise(f, "put CRIU and its libraries into the guest image");
}

int check_criu(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(d->host, true, find_running, NULL, &r, err) < 0)
        return -1;
    strbuf_rtrim(&r.out);
    char *id = r.out.len > 0 ? strchr(r.out.data, ' ') : NULL;
    if (id) {
        *id++ = '\0';
        return ask_guest(d, f, r.out.data, id, err);
    }
    check_say(f, VERDICT_UNKNOWN, "no Kata container runs whose guest could be asked");
    return check_advise(f, "ask again while one runs");
}
