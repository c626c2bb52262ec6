/* SPDX-License-Identifier: Apache-2.0
 * inject: files of the host into a guest image. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "plan/plan.h"
#include "steps/common.h"
#include "steps/guest_image.h"
#include "steps/step.h"

static const struct field file_fields[] = {
    {"from", FIELD_FILE, FIELD_REQUIRED, NULL, NULL, NULL, "builds",
     "a build, whose output is taken, or a path on the host (with a `/`)"},
    {"to", FIELD_STRING, FIELD_REQUIRED, NULL, NULL, NULL, NULL, "absolute path in the image"},
    {"mode", FIELD_MODE, 0, NULL, NULL, NULL, NULL,
     "permissions; default: those of the file it replaces, or 0755"},
    {"owner", FIELD_STRING, 0, NULL, NULL, NULL, NULL,
     "UID:GID; default: that of the file it replaces, or 0:0"},
    FIELD_END,
};

static const struct field fields[] = {
    {"image", FIELD_REF, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, "images",
     "name of an entry of images"},
    {"files", FIELD_MAPS, FIELD_REQUIRED, NULL, file_fields, NULL, NULL, "what is put into it"},
    FIELD_END,
};

static const char *const after[] = {"sync", "build", "run", NULL};

static bool is_owner(const char *text)
{
    const char *colon = strchr(text, ':');
    cleanup_free char *uid = xstrndup(text, strcspn(text, ":"));
    uint32_t id;
    return colon && parse_id(uid, &id) && parse_id(colon + 1, &id);
}

/* guestimg says it too, but not before all is built. It takes the paths with colons between. */
static void check_file(const struct value *file, struct diagnostics *problems)
{
    const struct value *from = value_get(file, "from"), *to = value_get(file, "to");
    const struct value *owner = value_get(file, "owner");
    if (strchr(from->text, '/') && strchr(from->text, ':'))
        diagnostics_add(problems, from->span, "`from` cannot have a colon: `%s`", from->text);
    if (!path_is_plain(to->text) || strchr(to->text, ':'))
        diagnostics_add(problems, to->span,
                        "`to` must be the absolute path of a file, without a colon, not `%s`",
                        to->text);
    if (owner && !is_owner(owner->text))
        diagnostics_add(problems, owner->span, "`owner` must be two numbers, UID:GID, not `%s`",
                        owner->text);
}

static void check(const struct plan_step *step, const char *folder, struct diagnostics *problems)
{
    (void)folder;
    const struct value *files = value_get(step->args, "files");
    for (size_t i = 0; i < files->len; i++)
        check_file(files->items[i], problems);
}

/* The file of the host that an entry of `files` means. The caller frees. */
static char *source_of(struct exec *x, const struct value *file)
{
    const char *from = value_get_string(file, "from");
    if (strchr(from, '/'))
        return exec_host_path(x, from);
    return step_build_output(x, value_get(x->builds, from));
}

static int witness(struct exec *x, const struct plan_step *step, struct strbuf *ret,
                   struct error *err)
{
    cleanup_free char *image = NULL;
    cleanup_strv struct strv paths = STRV_INIT;
    if (guest_image_path(x, step->subject, &image, err) < 0)
        return -1;
    strv_push(&paths, image);
    const struct value *files = value_get(step->args, "files");
    for (size_t i = 0; i < files->len; i++)
        strv_push_owned(&paths, source_of(x, files->items[i]));
    return step_stat_files(x, &paths, true, ret, err);
}

static void add_puts(struct exec *x, const struct plan_step *step, struct strv *arguments)
{
    const struct value *files = value_get(step->args, "files");
    for (size_t i = 0; i < files->len; i++) {
        const struct value *file = files->items[i];
        cleanup_free char *source = source_of(x, file);
        const char *mode = value_get_string(file, "mode");
        const char *owner = value_get_string(file, "owner");
        strv_push(arguments, "--put");
        strv_printf(arguments, "%s:%s:%s%s%s", source, value_get_string(file, "to"),
                    mode ? mode : "", owner ? ":" : "", owner ? owner : "");
    }
}

static int remember_replaced(struct exec *x, const char *path, const char *kept, struct error *err)
{
    cleanup_strv struct strv paths = STRV_INIT;
    cleanup_strbuf struct strbuf put = STRBUF_INIT;
    strv_push(&paths, path);
    int result = step_stat_files(x, &paths, true, &put, err);
    x->replaced = xreallocarray(x->replaced, x->n_replaced + 1, sizeof(*x->replaced));
    x->replaced[x->n_replaced++] = (struct replaced_image){
        .path = xstrdup(path), .previous = xstrdup(kept), .put = xstrdup(strbuf_str(&put))};
    return result;
}

static int tell(struct exec *x, const json_t *answer, struct error *err)
{
    size_t i;
    const json_t *line;
    const char *engine = json_string_value(json_object_get(answer, "engine"));
    const char *why = json_string_value(json_object_get(answer, "why"));
    if (exec_note(x, err, "%s engine: %s", engine ? engine : "?", why ? why : "?") < 0)
        return -1;
    json_array_foreach(json_object_get(answer, "notes"), i, line)
    {
        if (json_is_string(line) && exec_note(x, err, "%s", json_string_value(line)) < 0)
            return -1;
    }
    json_array_foreach(json_object_get(answer, "files"), i, line)
    {
        const char *path = json_string_value(json_object_get(line, "path"));
        const char *digest = json_string_value(json_object_get(line, "sha256"));
        if (path && digest && exec_note(x, err, "%s sha256 %s", path, digest) < 0)
            return -1;
    }
    return 0;
}

static int run(struct exec *x, const struct plan_step *step, bool *ret_changed, struct error *err)
{
    cleanup_free char *image = NULL;
    if (guest_image_path(x, step->subject, &image, err) < 0)
        return -1;
    cleanup_strv struct strv arguments = STRV_INIT;
    strv_push_all(&arguments, "inject", image, "--engine",
                  value_get_string(step->subject, "engine"), "--keep",
                  value_get_string(step->subject, "keep"), NULL);
    add_puts(x, step, &arguments);
    json_t *answer = NULL;
    if (guest_image_run(x, &arguments, "changing the guest image", &answer, err) < 0)
        return -1;
    *ret_changed = json_is_true(json_object_get(answer, "changed"));
    const char *path = json_string_value(json_object_get(answer, "image"));
    const char *kept = json_string_value(json_object_get(answer, "kept"));
    int result = *ret_changed && path && kept ? remember_replaced(x, path, kept, err) : 0;
    exec_summary(x, *ret_changed ? "changed, checked and put in place" : "had it already");
    if (result == 0)
        result = tell(x, answer, err);
    json_decref(answer);
    return result;
}

const struct step_kind step_inject = {
    .name = "inject",
    .help = "put files into a guest image",
    .flags = STEP_CONTAINERD | STEP_SKIPPABLE,
    .timeout = 15 * 60 * NSEC_PER_SEC,
    .fields = fields,
    .after = after,
    .check = check,
    .witness = witness,
    .run = run,
};
