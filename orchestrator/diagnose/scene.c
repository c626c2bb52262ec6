/* SPDX-License-Identifier: Apache-2.0
 * From a bundle to the parts that are played in it. */
#include "diagnose/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"

/* --- lines ----------------------------------------------------------------------------------- */

const char *spot_text(struct spot at)
{
    const char *text = at.item && at.line >= 0 ? item_line(at.item, (size_t)at.line) : NULL;
    return text ? text : "";
}

struct spot spot_of(const struct scene *s, const struct process *p, const char *file,
                    const char *key)
{
    struct spot at = {0};
    const struct bundle_item *item = p ? bundle_find(s->bundle, "/proc/%d/%s", p->pid, file) : NULL;
    if (item && !key && item->lines.len > 0)
        at.item = item;
    else if (item && key && (at.line = item_prefix(item, key)) >= 0)
        at.item = item;
    return at;
}

static struct spot find_in(const struct bundle_item *item, const char *text)
{
    int line = item_find(item, text);
    if (line < 0)
        return (struct spot){0};
    return (struct spot){item, line};
}

struct spot scene_said(const struct scene *s, const char *text)
{
    struct spot at = find_in(s->log, text);
    return at.item ? at : find_in(s->said, text);
}

/* --- processes ------------------------------------------------------------------------------- */

bool scene_dumps(const struct process *p)
{
    return strv_contains(&p->command, "dump") || strv_contains(&p->command, "pre-dump") ||
           strv_contains(&p->command, "swrk");
}

/* How well a process fits as "the CRIU": of our target, dumping, alive. One that is asked for
 * something else (`criu check`), or only called so, is none; a zombie has no words any more. */
static int criu_fit(const struct bundle *b, const struct process *p)
{
    bool works = scene_dumps(p) || strv_contains(&p->command, "restore");
    if (!(p->roles & PROCESS_CRIU) || (p->command.len > 0 && !works))
        return 0;
    int64_t root = 0;
    const char *tree = command_option(&p->command, "--tree", 't');
    if (tree)
        parse_int(tree, &root);
    const struct process *target =
        root > 0 && root <= INT32_MAX ? bundle_process(b, (int)root) : NULL;
    bool ours = target && (target->roles & PROCESS_TARGET);
    if (root > 0 && !ours && bundle_role(b, PROCESS_TARGET))
        return 0; /* somebody else's */
    return 1 + 4 * ours + 2 * scene_dumps(p) + (p->state != 'Z');
}

static void find_processes(struct scene *s)
{
    const struct bundle *b = s->bundle;
    int best = 0;
    for (size_t i = 0; i < b->n_processes; i++) {
        int fit = criu_fit(b, &b->processes[i]);
        /* Of two that fit, the one that started the other: a helper looks like it until its exec.
         */
        if (fit > best || (fit > 0 && fit == best && s->criu->ppid == b->processes[i].pid)) {
            best = fit;
            s->criu = &b->processes[i];
        }
    }
    const char *tree = s->criu ? command_option(&s->criu->command, "--tree", 't') : NULL;
    int64_t root = 0;
    if (tree && parse_int(tree, &root) && root > 0 && root <= INT32_MAX)
        s->target = bundle_process(b, (int)root);
    if (!s->target)
        s->target = bundle_role(b, PROCESS_TARGET);
    s->agent = bundle_role(b, PROCESS_AGENT);
    s->spawner = s->criu && s->criu->ppid > 0 ? bundle_process(b, s->criu->ppid) : NULL;
    if (!s->spawner)
        s->spawner = s->agent;
    s->criu_alive = s->criu && s->criu->state != 'Z' && s->criu->state != 'X';
    s->rpc = s->criu && strv_contains(&s->criu->command, "swrk");
}

enum { GROUP_DEPTH_MAX = 64 }; /* of cgroups; evidence.sh takes no more of them */

/* --- freezers -------------------------------------------------------------------------------- */

static void look_at_group(const struct scene *s, const char *folder, int version, bool own,
                          struct freezer *f)
{
    const struct bundle_item *events = bundle_find(s->bundle, "%s/cgroup.events", folder);
    const struct bundle_item *freeze = bundle_find(s->bundle, "%s/cgroup.freeze", folder);
    const struct bundle_item *state = bundle_find(s->bundle, "%s/freezer.state", folder);
    const char *value;
    int line = 0;
    if (version == 2) {
        value = item_value(events, "frozen", &line);
        if (own && value && strcmp(value, "1") == 0)
            f->by = (struct spot){events, line};
        value = item_line(freeze, 0);
        if (!f->set.item && value && strcmp(value, "1") == 0)
            f->set = (struct spot){freeze, 0};
    } else {
        value = item_line(state, 0);
        if (own && value && (strcmp(value, "FROZEN") == 0 || strcmp(value, "FREEZING") == 0))
            f->by = (struct spot){state, 0};
        const struct bundle_item *self = bundle_find(s->bundle, "%s/freezer.self_freezing", folder);
        value = item_line(self, 0);
        if (!f->set.item && value && strcmp(value, "1") == 0)
            f->set = (struct spot){self, 0};
    }
}

/* A process's freezer in the hierarchy of one version; false: it is not in that. */
static bool find_in_hierarchy(const struct scene *s, const struct process *p, int version,
                              struct freezer *f)
{
    const char *base = item_value(bundle_find(s->bundle, "freezers"),
                                  version == 2 ? "cgroup v2" : "cgroup v1 freezer", NULL);
    const char *path = version == 2 ? p->cgroup2 : p->freezer1;
    if (!path || !base || *base != '/')
        return false;
    f->version = version;
    f->folder = xasprintf("%s%s", base, strcmp(path, "/") == 0 ? "" : path);
    cleanup_free char *group = xstrdup(f->folder);
    for (int depth = 0; depth < GROUP_DEPTH_MAX && strlen(group) > strlen(base); depth++) {
        look_at_group(s, group, f->version, depth == 0, f);
        *strrchr(group, '/') = 0;
    }
    /* While one process cannot be frozen, the group does not count as such, and all others are. A
     * kernel without `frozen` in cgroup.events still has what was asked for. */
    f->freezing =
        !f->by.item && f->set.item && bundle_find(s->bundle, "%s/cgroup.events", f->folder);
    if (!f->by.item)
        f->by = f->set;
    f->frozen = f->by.item != NULL;
    return true;
}

/* Where both are mounted, v2's tree mostly tracks only, but it can freeze as well. */
static void find_freezer(const struct scene *s, const struct process *p, struct freezer *f)
{
    struct freezer second = {0};
    if (!p)
        return;
    bool first = find_in_hierarchy(s, p, 1, f);
    if (!f->frozen && find_in_hierarchy(s, p, 2, &second) && (second.frozen || !first)) {
        free(f->folder);
        *f = second;
    } else {
        free(second.folder);
    }
}

/* Only where the target itself is not frozen. */
static void find_inner(struct scene *s)
{
    for (size_t i = 0; !s->inner && !s->target_freezer.frozen && i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (!(p->roles & PROCESS_TARGET) || p == s->target)
            continue;
        struct freezer f = {0};
        find_freezer(s, p, &f);
        if (f.frozen) {
            s->inner = p;
            s->inner_freezer = f;
        } else {
            free(f.folder);
        }
    }
}

/* --- the log --------------------------------------------------------------------------------- */

/* "12:(00.012345) text", "(00.012345) text": the text. */
static const char *without_time(const char *line)
{
    const char *p = line + strspn(line, "0123456789");
    p += p > line && *p == ':';
    const char *end = *p == '(' ? strchr(p, ')') : NULL;
    if (!end)
        return line;
    return end + 1 + strspn(end + 1, " ");
}

/* Is the log older than the checkpoint, which began `seconds` before the evidence was taken? What
 * is done in between takes its time as well: some of it is known, and where that is slow, so is the
 * rest (a login, the client that is asked for the state). */
static bool log_is_older(const struct bundle_item *state, int64_t age, int64_t seconds)
{
    enum { MARGIN = 2, TIMES = 4, DELAY_MAX = 600 };
    const char *value = item_value(state, "delay", NULL);
    int64_t delay;
    if (!value || !parse_int(value, &delay) || delay < 0 || delay > DELAY_MAX)
        delay = 0;
    return age - seconds > MARGIN + TIMES * delay;
}

static void find_log_age(struct scene *s)
{
    const struct bundle_item *state = bundle_find(s->bundle, "log state %s", s->log->name + 4);
    const char *modified = item_value(state, "modified", NULL),
               *now = item_value(state, "now", NULL),
               *passed = item_value(s->caller, "seconds", NULL);
    int64_t then, at, seconds;
    if (!modified || !now || !parse_int(modified, &then) || !parse_int(now, &at) || then < 0 ||
        at < then)
        return;
    s->log_age = at - then;
    if (!passed || !parse_int(passed, &seconds) || seconds < 0)
        return;
    s->log_is_ours = !log_is_older(state, s->log_age, seconds);
    if (!s->log_is_ours && !s->criu_alive) {
        s->earlier_log = s->log;
        s->log = NULL;
        s->log_age = -1;
    }
}

/* Is it the log of that name, which may have folders, in the folder (NULL: not known)? */
static bool is_log(const struct bundle_item *item, const char *file, const char *folder)
{
    size_t len = strlen(item->name), its = strlen(file);
    return len > its && strcmp(item->name + len - its, file) == 0 &&
           strchr("/ ", item->name[len - its - 1]) && (!folder || strstr(item->name, folder));
}

/* Does the process have that file open? */
static bool has_open(const struct bundle *b, const struct process *p, const char *path)
{
    const struct bundle_item *list = bundle_find(b, "/proc/%d/fd", p->pid);
    for (size_t i = 0; list && i < list->lines.len; i++) {
        const char *arrow = strstr(list->lines.items[i], " -> ");
        if (arrow && strcmp(arrow + 4, path) == 0)
            return true;
    }
    return false;
}

/* Is it the log of a CRIU that is not ours? */
static bool is_anothers(const struct scene *s, const struct bundle_item *log)
{
    const char *path = log->name + strlen("log ");
    if (s->criu && has_open(s->bundle, s->criu, path))
        return false;
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if ((p->roles & PROCESS_CRIU) && p != s->criu && has_open(s->bundle, p, path))
            return true;
    }
    return false;
}

static void find_log(struct scene *s)
{
    const struct bundle_item *item = NULL, *first = NULL;
    const char *file = s->criu ? command_option(&s->criu->command, "--log-file", 'o') : NULL;
    const char *folder = s->criu ? command_option(&s->criu->command, "--work-dir", 'W') : NULL;
    if (!folder && s->criu) /* then its log is beside the images */
        folder = command_option(&s->criu->command, "--images-dir", 'D');
    if (file && *file == '/')
        folder = NULL;
    while ((item = bundle_next(s->bundle, "log /", item))) {
        first = first || is_anothers(s, item) ? first : item;
        if (file && is_log(item, file, folder))
            break;
    }
    s->log = item ? item : first;
    s->last = "";
    s->log_age = -1;
    if (!s->log || s->log->missing || s->log->lines.len == 0)
        return;
    find_log_age(s);
    if (!s->log)
        return;
    s->finished = item_find(s->log, SCENE_SUCCESS) >= 0;
    for (size_t i = s->log->lines.len; i-- > 0;)
        if (*item_line(s->log, i)) {
            s->last_spot = (struct spot){s->log, (int)i};
            s->last = without_time(item_line(s->log, i));
            break;
        }
}

/* --- the caller ------------------------------------------------------------------------------ */

static bool says_yes(const struct bundle_item *item, const char *key)
{
    const char *value = item_value(item, key, NULL);
    return value && strcmp(value, "yes") == 0;
}

static const char in_word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/* Is it a word of the line, or a folder in it? */
static bool mentions(const char *line, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = line; len > 0 && (p = strstr(p, word)); p++)
        if ((p == line || !strchr(in_word, p[-1])) && (!p[len] || !strchr(in_word, p[len])))
            return true;
    return false;
}

/* Is the id, or as much of it as clients show, a word of the line? */
static bool mentions_id(const char *line, const char *id)
{
    enum { SHORT_ID = 12 }; /* as nerdctl shows it; crictl shows 13 */
    for (const char *p = line; *p; p += strcspn(p, in_word)) {
        size_t len = strspn(p, in_word);
        if (len >= SHORT_ID && strncmp(p, id, len) == 0)
            return true;
        p += len;
    }
    return mentions(line, id);
}

/* The first client that makes a checkpoint of this container; where it is not known which one this
 * is, of any. */
static struct spot find_client(const struct scene *s)
{
    const struct bundle_item *clients = bundle_find(s->bundle, "host: clients");
    const char *id = item_value(s->caller, "container", NULL);
    const char *name = item_value(s->caller, "name", NULL);
    for (size_t i = 0; clients && i < clients->lines.len; i++) {
        const char *line = clients->lines.items[i];
        if (strstr(line, " checkpoint") &&
            ((!id && !name) || (id && mentions_id(line, id)) || (name && mentions(line, name))))
            return (struct spot){clients, (int)i};
    }
    return (struct spot){0};
}

static void find_caller(struct scene *s)
{
    s->caller = bundle_find(s->bundle, "caller");
    s->said = bundle_find(s->bundle, "caller stderr");
    s->stalled = says_yes(s->caller, "stalled");
    s->leave_running = says_yes(s->caller, "leave running") ||
                       (s->criu && (strv_contains(&s->criu->command, "--leave-running") ||
                                    strv_contains(&s->criu->command, "-R")));
    s->client = item_value(s->caller, "client:", NULL);
    s->state_after = item_value(s->caller, "state after", NULL);
    const char *status = item_value(s->caller, "client status", NULL);
    int64_t code;
    s->client_status = status && parse_int(status, &code) ? (int)code : -1;
    s->client_alive = find_client(s);
}

void scene_make(const struct bundle *b, struct scene *ret)
{
    *ret = (struct scene){.bundle = b};
    find_processes(ret);
    find_caller(ret);
    find_log(ret);
    find_freezer(ret, ret->target, &ret->target_freezer);
    find_freezer(ret, ret->criu, &ret->criu_freezer);
    find_inner(ret);
}

void scene_release(struct scene *s)
{
    free(s->target_freezer.folder);
    free(s->criu_freezer.folder);
    free(s->inner_freezer.folder);
    *s = (struct scene){0};
}
