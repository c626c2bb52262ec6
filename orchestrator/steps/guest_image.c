/* SPDX-License-Identifier: Apache-2.0
 * guestimg on the host. */
#include "steps/guest_image.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/sha256.h"

/* Where the host keeps it: $1 is the name, by content. Says the path, and whether it is there. */
static const char locate[] = "d=${XDG_CACHE_HOME:-$HOME/.cache}/kataloop; mkdir -p \"$d\" && "
                             "chmod 0700 \"$d\" && printf '%s\\n' \"$d/$1\" && "
                             "if [ -x \"$d/$1\" ]; then echo there; fi";

/* guestimg of this machine: beside this program, or on the PATH. NULL: none. */
static char *local_guestimg(void)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n > 0) {
        exe[n] = '\0';
        cleanup_free char *dir = path_dir(exe);
        cleanup_free char *beside = path_join(dir, "guestimg");
        if (access(beside, X_OK) == 0)
            return steal(&beside);
    }
    cleanup_free char *path = xstrdup(getenv("PATH"));
    char *rest = path;
    for (char *dir; rest && (dir = strsep(&rest, ":"));) {
        cleanup_free char *candidate = path_join(dir, "guestimg");
        if (*dir && access(candidate, X_OK) == 0)
            return steal(&candidate);
    }
    return NULL;
}

static int send_it(struct exec *x, const char *local, struct error *err)
{
    char digest[SHA256_HEX_SIZE];
    if (sha256_file(local, digest, err) < 0)
        return -1;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", locate, "sh", NULL);
    strv_printf(&argv, "guestimg-%.16s", digest);
    const struct command cmd = {.argv = &argv};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_check_command(x, &cmd, "looking for guestimg on the host", &r, err) < 0)
        return -1;
    cleanup_free char *path = NULL;
    strbuf_rtrim(&r.out);
    char *end = r.out.len > 0 ? strrchr(r.out.data, '\n') : NULL;
    bool there = end && strcmp(end + 1, "there") == 0;
    if (there)
        *end = '\0';
    if (transport_path(x->host, strbuf_str(&r.out), &path, err) < 0)
        return -1;
    if (!there && transport_put(x->host, local, path, 0755, x->deadline, NULL, NULL, err) < 0)
        return -1;
    x->guestimg = steal(&path);
    return 0;
}

static int find_guestimg(struct exec *x, struct error *err)
{
    if (x->guestimg)
        return 0;
    cleanup_free char *local = local_guestimg();
    if (local && transport_is_local(x->host)) {
        x->guestimg = steal(&local);
        return 0;
    }
    if (local)
        return send_it(x, local, err);
    x->guestimg = xstrdup("guestimg"); /* installed there, or the command says that it is not */
    return 0;
}

int guest_image_run(struct exec *x, const struct strv *arguments, const char *what, json_t **ret,
                    struct error *err)
{
    if (find_guestimg(x, err) < 0)
        return -1;
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, x->guestimg);
    strv_extend(&argv, arguments);
    strv_push(&argv, "--json");
    const struct command cmd = {.argv = &argv, .become = true, .killable = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_stream_quietly(x, &cmd, &r, err) < 0)
        return -1;
    json_error_t where;
    json_t *answer = r.out.len > 0 ? json_loadb(r.out.data, r.out.len, 0, &where) : NULL;
    const char *message = json_string_value(json_object_get(answer, "error"));
    if (message) {
        const char *hint = json_string_value(json_object_get(answer, "hint"));
        error_set(err, ERR_FAILED, "%s", message);
        if (hint)
            error_hint(err, "%s", hint);
        json_decref(answer);
        return -1;
    }
    if (r.status.code == 127 && !strstr(strbuf_str(&r.err), "sudo:")) {
        error_set(err, ERR_FAILED, "guestimg is neither beside this program nor on %s",
                  transport_name(x->host));
        return error_hint(err, "build it (`make`), or install it on the host");
    }
    if (r.status.code != 0 || !json_is_object(answer)) {
        json_decref(answer);
        return transport_status_error(&cmd, &r, what, err);
    }
    *ret = answer;
    return 0;
}

/* `kata-runtime env --json`, in older versions `kata-env`. */
static int ask_kata(struct exec *x, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(
        &argv, "sh", "-c",
        "PATH=$PATH:/opt/kata/bin; kata-runtime env --json || kata-runtime kata-env --json", NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (exec_run_command(x, &cmd, &r, err) < 0)
        return -1;
    json_error_t where;
    json_t *answer = r.out.len > 0 ? json_loadb(r.out.data, r.out.len, 0, &where) : NULL;
    const char *path = json_string_value(json_object_get(json_object_get(answer, "Image"), "Path"));
    if (path && *path)
        x->image_path = xstrdup(path);
    json_decref(answer);
    if (x->image_path)
        return 0;
    if (transport_status_error(&cmd, &r, "asking kata-runtime for the guest image", err) < 0 &&
        r.status.code == 0)
        error_set(err, ERR_FAILED, "`kata-runtime env` on %s names no guest image",
                  transport_name(x->host));
    return error_hint(err, "set `path` of the image in the workflow file");
}

int guest_image_path(struct exec *x, const struct value *image, char **ret, struct error *err)
{
    const char *path = value_get_string(image, "path");
    if (path && strcmp(path, "auto") != 0) {
        *ret = exec_host_path(x, path);
        return 0;
    }
    if (!x->image_path && ask_kata(x, err) < 0)
        return -1;
    *ret = xstrdup(x->image_path);
    return 0;
}
