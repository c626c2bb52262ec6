/* SPDX-License-Identifier: Apache-2.0
 * What the items say of each process. */
#include "diagnose/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"

static const struct {
    const char *word;
    unsigned role;
} roles[] = {
    {"target", PROCESS_TARGET}, {"criu", PROCESS_CRIU},     {"parent", PROCESS_PARENT},
    {"agent", PROCESS_AGENT},   {"tracer", PROCESS_TRACER}, {"child", PROCESS_CHILD},
};

void process_release(struct process *p)
{
    free(p->name);
    strv_release(&p->ns_pids);
    free(p->wchan);
    strv_release(&p->command);
    free(p->cgroup2);
    free(p->freezer1);
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool read_int(const char *text, int *ret)
{
    int64_t value;
    if (!text || !parse_int(text, &value) || value < INT32_MIN || value > INT32_MAX)
        return false;
    *ret = (int)value;
    return true;
}

static int field_int(const struct bundle_item *status, const char *key)
{
    int value;
    return read_int(item_value(status, key, NULL), &value) ? value : -1;
}

/* A mask of a status file: hexadecimal digits and nothing else. */
static bool field_mask(const struct bundle_item *status, const char *key, uint64_t *ret)
{
    const char *text = item_value(status, key, NULL);
    if (!text || !*text || strlen(text) > 16 ||
        strspn(text, "0123456789abcdefABCDEF") != strlen(text))
        return false;
    *ret = strtoull(text, NULL, 16);
    return true;
}

/* --- one process ----------------------------------------------------------------------------- */

static void split_words(const char *text, struct strv *ret)
{
    while (text && *(text += strspn(text, " \t"))) {
        size_t len = strcspn(text, " \t");
        strv_push_owned(ret, xstrndup(text, len));
        text += len;
    }
}

static void read_status(struct process *p, const struct bundle_item *status)
{
    const char *name = item_value(status, "Name", NULL);
    const char *state = item_value(status, "State", NULL);
    p->name = xstrdup(name && *name ? name : "?");
    p->state = state && strchr("RSDTtZXI", *state) ? *state : 0;
    p->ppid = field_int(status, "PPid");
    p->tracer = field_int(status, "TracerPid");
    p->no_new_privs = field_int(status, "NoNewPrivs");
    p->seccomp = field_int(status, "Seccomp");
    split_words(item_value(status, "NSpid", NULL), &p->ns_pids);
    p->has_status =
        field_mask(status, "SigBlk", &p->sig_blk) && field_mask(status, "SigIgn", &p->sig_ign) &&
        field_mask(status, "SigCgt", &p->sig_cgt) && field_mask(status, "CapEff", &p->cap_eff) &&
        field_mask(status, "CapBnd", &p->cap_bnd);
}

/* "812 (a) b) S ppid group session tty …": the name may hold anything. */
static void read_stat(struct process *p, const char *line)
{
    const char *rest = line ? strrchr(line, ')') : NULL;
    char state;
    int ppid, group, session, terminal;
    if (rest && sscanf(rest, ") %c %d %d %d %d", &state, &ppid, &group, &session, &terminal) == 5) {
        p->group = group;
        p->session = session;
        p->terminal = terminal;
    }
}

static void read_cgroup(struct process *p, const struct bundle_item *cgroup)
{
    for (size_t i = 0; cgroup && i < cgroup->lines.len; i++) {
        const char *line = cgroup->lines.items[i];
        const char *controllers = strchr(line, ':');
        const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        if (strncmp(line, "0::", 3) == 0 && !p->cgroup2)
            p->cgroup2 = xstrdup(path + 1);
        else if (strncmp(controllers, ":freezer:", 9) == 0 && !p->freezer1)
            p->freezer1 = xstrdup(path + 1);
    }
}

static void read_process(struct bundle *b, struct process *p)
{
    read_status(p, bundle_find(b, "/proc/%d/status", p->pid));
    read_stat(p, item_line(bundle_find(b, "/proc/%d/stat", p->pid), 0));
    read_cgroup(p, bundle_find(b, "/proc/%d/cgroup", p->pid));
    const char *wchan = item_line(bundle_find(b, "/proc/%d/wchan", p->pid), 0);
    if (wchan && *wchan && strcmp(wchan, "0") != 0)
        p->wchan = xstrdup(wchan);
    const char *syscall = item_line(bundle_find(b, "/proc/%d/syscall", p->pid), 0);
    cleanup_free char *number = syscall ? xstrndup(syscall, strcspn(syscall, " ")) : NULL;
    if (!number || !parse_int(number, &p->syscall))
        p->syscall = -1;
    const struct bundle_item *command = bundle_find(b, "/proc/%d/cmdline", p->pid);
    if (command)
        strv_extend(&p->command, &command->lines);
}

/* --- all of them ----------------------------------------------------------------------------- */

static struct process *add_process(struct bundle *b, int pid)
{
    for (size_t i = 0; i < b->n_processes; i++)
        if (b->processes[i].pid == pid)
            return &b->processes[i];
    if (b->n_processes == BUNDLE_PROCESSES_MAX)
        return NULL;
    b->processes = xreallocarray(b->processes, b->n_processes + 1, sizeof(*b->processes));
    struct process *p = &b->processes[b->n_processes++];
    *p = (struct process){.pid = pid, .group = -1, .session = -1, .terminal = -1};
    return p;
}

void processes_read(struct bundle *b)
{
    const struct bundle_item *list = bundle_find(b, "processes");
    for (size_t i = 0; list && i < list->lines.len; i++) {
        const char *line = list->lines.items[i];
        for (size_t r = 0; r < ARRAY_SIZE(roles); r++) {
            size_t len = strlen(roles[r].word);
            int pid;
            if (strncmp(line, roles[r].word, len) != 0 || line[len] != ' ' ||
                !read_int(line + len + 1, &pid) || pid <= 0)
                continue;
            struct process *p = add_process(b, pid);
            if (p)
                p->roles |= roles[r].role;
        }
    }
    for (size_t i = 0; i < b->n_processes; i++)
        read_process(b, &b->processes[i]);
}

const struct process *bundle_process(const struct bundle *b, int pid)
{
    for (size_t i = 0; i < b->n_processes; i++)
        if (b->processes[i].pid == pid)
            return &b->processes[i];
    return NULL;
}

const struct process *bundle_role(const struct bundle *b, unsigned wanted)
{
    for (size_t i = 0; i < b->n_processes; i++)
        if (b->processes[i].roles & wanted)
            return &b->processes[i];
    return NULL;
}

/* --- parts of one ---------------------------------------------------------------------------- */

const char *command_option(const struct strv *command, const char *name, char letter)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < command->len; i++) {
        const char *word = command->items[i];
        const char *next = i + 1 < command->len ? command->items[i + 1] : NULL;
        if (strncmp(word, name, len) == 0 && word[len] == '=')
            return word + len + 1;
        if (strcmp(word, name) == 0)
            return next;
        if (letter && word[0] == '-' && word[1] == letter)
            return word[2] ? word + 2 : next;
    }
    return NULL;
}

int64_t process_limit(const struct bundle *b, int pid, const char *what, int *ret_line)
{
    const struct bundle_item *limits = bundle_find(b, "/proc/%d/limits", pid);
    int line = item_prefix(limits, what);
    if (line < 0)
        return LIMIT_UNKNOWN;
    if (ret_line)
        *ret_line = line;
    const char *text = limits->lines.items[line] + strlen(what);
    text += strspn(text, " ");
    cleanup_free char *soft = xstrndup(text, strcspn(text, " "));
    int64_t value;
    if (strcmp(soft, "unlimited") == 0)
        return LIMIT_UNLIMITED;
    return parse_int(soft, &value) && value >= 0 ? value : LIMIT_UNKNOWN;
}

/* "lrwx------ 1 root root 64 Nov 25 02:00 0 -> /dev/null": the number is the word before the
 * arrow, and what follows is the first target, whatever it holds. A line without an arrow is of one
 * that is open and could not be read; of many, some are cut off. */
const char *process_fd(const struct bundle *b, int pid, int fd, bool *ret_known)
{
    const struct bundle_item *list = bundle_find(b, "/proc/%d/fd", pid);
    *ret_known = list && !list->missing && item_prefix(list, "total ") == 0;
    for (size_t i = 1; *ret_known && i < list->lines.len; i++) {
        const char *line = list->lines.items[i];
        const char *arrow = strstr(line, " -> ");
        const char *end = arrow ? arrow : line + strlen(line), *number = end;
        while (number > line && number[-1] != ' ')
            number--;
        cleanup_free char *text = xstrndup(number, (size_t)(end - number));
        int found;
        if (!read_int(text, &found) || found != fd)
            continue;
        *ret_known = arrow != NULL;
        return arrow ? arrow + 4 : NULL;
    }
    *ret_known = *ret_known && !list->cut;
    return NULL;
}
