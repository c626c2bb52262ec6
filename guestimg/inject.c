/* SPDX-License-Identifier: Apache-2.0
 * Files into an image. */
#include "guestimg/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/strv.h"
#include "guestimg/publish.h"

/* --- what is put -------------------------------------------------------------------------------
 */

void image_put_release(struct image_put *put)
{
    free(put->source);
    free(put->destination);
    *put = (struct image_put){0};
}

static int bad_put(const char *text, const char *what, struct error *err)
{
    error_set(err, ERR_USAGE, "`--put %s`: %s", text, what);
    return error_hint(err, "SRC:DEST[:MODE[:UID:GID]], like kata-agent:/usr/bin/kata-agent:0755");
}

/* libext2fs would cut it off. */
static bool has_long_name(const char *path)
{
    for (size_t len; *path; path += len) {
        path += strspn(path, "/");
        len = strcspn(path, "/");
        if (len > NAME_MAX)
            return true;
    }
    return false;
}

int inject_parse_put(const char *text, struct image_put *ret, struct error *err)
{
    cleanup_strv struct strv parts = STRV_INIT;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ":");
        strv_push_owned(&parts, xstrndup(p, len));
        p += len;
        if (!*p)
            break;
    }
    if (parts.len < 2 || parts.len > 5 || !*parts.items[0])
        return bad_put(text, "a source and a destination are needed", err);
    if (!path_is_plain(parts.items[1]))
        return bad_put(text, "the destination must be an absolute path of a file", err);
    if (has_long_name(parts.items[1]))
        return bad_put(text, "a name in the destination is longer than 255 bytes", err);
    struct image_put put = {0};
    if (parts.len >= 3 && *parts.items[2]) {
        put.has_mode = parse_mode(parts.items[2], &put.mode);
        if (!put.has_mode)
            return bad_put(text, "the mode must be octal", err);
    }
    if (parts.len == 4)
        return bad_put(text, "a user id needs a group id after it", err);
    if (parts.len == 5) {
        put.has_owner = parse_id(parts.items[3], &put.uid) && parse_id(parts.items[4], &put.gid);
        if (!put.has_owner)
            return bad_put(text, "user and group must be numbers", err);
    }
    put.source = xstrdup(parts.items[0]);
    put.destination = xstrdup(parts.items[1]);
    *ret = put;
    return 0;
}

static int look_at_source(struct image_put *put, struct error *err)
{
    cleanup_close int fd =
        open(put->source, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* as of an image */
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_set_errno(err, errno, "opening `%s`", put->source);
        return error_hint(err, "what is put in is a file of the machine that has the image");
    }
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FAILED, "`%s` is not a regular file", put->source);
    put->size = st.st_size;
    return 0;
}

/* The second of two would win, and the first be missed when the files are read back. */
static int check_destinations(const struct inject_job *job, struct error *err)
{
    for (size_t i = 0; i < job->n_puts; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(job->puts[i].destination, job->puts[j].destination) == 0)
                return error_set(err, ERR_USAGE, "`%s` and `%s` are both to become `%s`",
                                 job->puts[j].source, job->puts[i].source,
                                 job->puts[i].destination);
    return 0;
}

/* --- the work ----------------------------------------------------------------------------------
 */

static bool looks_as_wanted(const struct image_file *file, const struct image_put *put)
{
    return file->exists && file->regular && file->size == put->size &&
           (!put->has_mode || file->mode == put->mode) &&
           (!put->has_owner || (file->uid == put->uid && file->gid == put->gid));
}

/* Are all files as wanted in what is open? */
static int compare(const struct image_engine *engine, void *open, const struct inject_job *job,
                   bool *ret, struct error *err)
{
    *ret = true;
    for (size_t i = 0; i < job->n_puts && *ret; i++) {
        struct image_file file;
        if (engine->stat(open, job->puts[i].destination, &file, err) < 0)
            return -1;
        *ret = looks_as_wanted(&file, &job->puts[i]);
        if (*ret && engine->holds(open, &job->puts[i], ret, err) < 0)
            return -1;
    }
    return 0;
}

/* Open, compare, close. */
static int compare_file(const struct image_engine *engine, const char *path,
                        const struct image *image, const struct inject_job *job,
                        struct strbuf *notes, bool *ret, struct error *err)
{
    void *open = NULL;
    if (engine->open(path, image, false, notes, &open, err) < 0)
        return -1;
    cleanup_error struct error unheard = ERROR_INIT;
    int result = compare(engine, open, job, ret, err);
    if (engine->close(open, false, result == 0 ? err : &unheard) < 0)
        result = -1;
    return result;
}

static int read_back_differs(struct error *err)
{
    error_set(err, ERR_FAILED, "what was written reads back differently");
    return error_hint(err, "is somebody else changing a file that is to be put in?");
}

/* Put all files in; read them back at once where nobody can later. */
static int put_all(const struct image_engine *engine, void *open, const struct inject_job *job,
                   bool read_back, struct error *err)
{
    for (size_t i = 0; i < job->n_puts; i++)
        if (engine->put(open, &job->puts[i], err) < 0)
            return -1;
    bool same = true;
    if (read_back && compare(engine, open, job, &same, err) < 0)
        return -1;
    return same ? 0 : read_back_differs(err);
}

/* Change the copy. *ret_same: it had everything already. */
static int change_copy(const struct image_engine *engine, const char *copy,
                       const struct image *image, const struct inject_job *job,
                       struct strbuf *notes, bool *ret_same, struct error *err)
{
    const struct image_engine *reader = engine_reader_once_unmounted(image);
    void *open = NULL;
    *ret_same = false;
    if (engine->open(copy, image, true, notes, &open, err) < 0)
        return -1;
    int result = engine_reader(image) ? 0 : compare(engine, open, job, ret_same, err);
    if (result == 0 && !*ret_same)
        result = put_all(engine, open, job, !reader, err);
    cleanup_error struct error unheard = ERROR_INIT;
    if (engine->close(open, result == 0 && !*ret_same, result == 0 ? err : &unheard) < 0)
        result = -1;
    if (result < 0 || *ret_same || !reader)
        return result;
    bool same = false;
    if (compare_file(reader, copy, image, job, notes, &same, err) < 0)
        return -1;
    return same ? 0 : read_back_differs(err);
}

static int inject_locked(const struct image_engine *engine, const struct image *image,
                         struct inject_job *job, struct inject_result *ret, struct error *err)
{
    bool same = false;
    const struct image_engine *reader = engine_reader(image);
    if (reader && compare_file(reader, image->path, image, job, &ret->notes, &same, err) < 0)
        return -1;
    if (same)
        return 0;
    cleanup_free char *copy = NULL;
    if (publish_copy(image->path, &copy, err) < 0)
        return -1;
    int result = change_copy(engine, copy, image, job, &ret->notes, &same, err);
    if (result == 0 && !same) {
        result = publish_replace(image->path, copy, job->keep, &ret->kept, &ret->notes, err);
        ret->changed = result == 0;
    }
    if (!ret->changed && unlink(copy) < 0 && errno != ENOENT && result == 0)
        result = error_set_errno(err, errno, "removing `%s`", copy);
    return result;
}

int inject(struct inject_job *job, struct inject_result *ret, struct error *err)
{
    struct image image = {0};
    *ret = (struct inject_result){0};
    if (check_destinations(job, err) < 0)
        return -1;
    for (size_t i = 0; i < job->n_puts; i++)
        if (look_at_source(&job->puts[i], err) < 0)
            return -1;
    if (image_open(job->image, &image, err) < 0)
        return -1;
    cleanup_close int lock = publish_lock(image.path, err);
    int result = lock < 0 ? -1 : 0;
    if (result == 0) { /* whoever had the lock may have changed it */
        cleanup_free char *locked = steal(&image.path);
        image_release(&image);
        result = image_open(job->image, &image, err);
        if (result == 0 && strcmp(image.path, locked) != 0)
            result = error_set(err, ERR_FAILED,
                               "it leads to `%s` now, not to `%s` any more: nothing was changed",
                               image.path, locked);
    }
    const struct image_engine *engine =
        result == 0 ? engine_choose(&image, job->engine, &ret->why, err) : NULL;
    if (engine)
        job->chosen(engine);
    result = engine ? inject_locked(engine, &image, job, ret, err) : -1;
    if (engine)
        ret->engine = engine->name;
    ret->path = xstrdup(image.path);
    image_release(&image);
    return result < 0 ? error_wrap(err, "injecting into `%s`", job->image) : 0;
}

void inject_result_release(struct inject_result *r)
{
    strbuf_release(&r->why);
    strbuf_release(&r->notes);
    free(r->path);
    free(r->kept);
    *r = (struct inject_result){0};
}
