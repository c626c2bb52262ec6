/* SPDX-License-Identifier: Apache-2.0
 * Facts worth a look, none of them a verdict. */
#include "diagnose/unusual.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static void note_processes(const struct scene *s, struct strv *ret)
{
    for (size_t i = 0; i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        const char *where = p->wchan ? p->wchan : "an unknown place";
        if (p->state == 'D')
            strv_printf(ret, "%s (process %d) waits uninterruptibly in %s", p->name, p->pid, where);
        else if (p->state == 'Z' && (p->roles & (PROCESS_CRIU | PROCESS_CHILD)))
            strv_printf(ret, "%s (process %d) has ended and its parent %d has not waited for it",
                        p->name, p->pid, p->ppid);
        else if ((p->state == 'T' || p->state == 't') && !(p->roles & PROCESS_TARGET))
            strv_printf(ret, "%s (process %d) is stopped", p->name, p->pid);
    }
    if (s->criu_alive && !s->finished)
        strv_printf(ret, "CRIU (process %d) is alive in state %c, in %s", s->criu->pid,
                    s->criu->state ? s->criu->state : '?',
                    s->criu->wchan ? s->criu->wchan : "user space");
}

/* CRIU may wait for a helper, iptables-restore for one. */
static void note_children(const struct scene *s, struct strv *ret)
{
    for (size_t i = 0; s->criu_alive && !s->finished && i < s->bundle->n_processes; i++) {
        const struct process *p = &s->bundle->processes[i];
        if (p->ppid == s->criu->pid && p->state && !strchr("ZX", p->state))
            strv_printf(ret, "%s (process %d), a child of CRIU, is alive in state %c, in %s",
                        p->name, p->pid, p->state, p->wchan ? p->wchan : "user space");
    }
}

static void note_log(const struct scene *s, struct strv *ret)
{
    int error = item_find(s->log, "Error (");
    if (error >= 0)
        strv_printf(ret, "CRIU's first error: %s", item_line(s->log, (size_t)error));
    if (*s->last && !s->finished)
        strv_printf(ret, "CRIU's log ends with: %s", s->last);
    if (!s->finished && s->criu_alive && s->log_age >= QUIET_SECONDS)
        strv_printf(ret, "CRIU's log has not grown for %" PRId64 " s", s->log_age);
    if (s->criu_alive && !s->log)
        strv_printf(ret, "CRIU runs and no log of it was found");
    if (s->earlier_log)
        strv_printf(ret, "%s is older than this checkpoint, which has no log",
                    s->earlier_log->name);
}

static void note_images(const struct scene *s, struct strv *ret)
{
    const struct bundle_item *item = NULL;
    while ((item = bundle_next(s->bundle, "images /", item)))
        if (item->missing && strstr(item->missing, "does not answer"))
            strv_printf(ret, "the folder of the images, %s: %s", item->name + strlen("images "),
                        item->missing);
}

static void note_caller(const struct scene *s, struct strv *ret)
{
    const char *said = item_line(s->said, 0);
    if (s->stalled)
        strv_printf(ret, "the checkpoint stalled");
    if (s->client_status > 0)
        strv_printf(ret, "the client ended with status %d%s%s", s->client_status, said ? ": " : "",
                    said ? said : "");
}

static void note_kernel(const struct scene *s, struct strv *ret)
{
    static const char *const signs[] = {"blocked for more than", "Out of memory", "oom-kill",
                                        "segfault at",           "BUG: ",         "soft lockup"};
    const struct bundle_item *dmesg = bundle_find(s->bundle, "dmesg");
    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        int line = item_find(dmesg, signs[i]);
        if (line >= 0)
            strv_printf(ret, "the kernel says: %s", item_line(dmesg, (size_t)line));
    }
}

static void note_missing(const struct scene *s, struct strv *ret)
{
    static const char *const parts[] = {"guest", "host"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const struct bundle_item *item = bundle_find(s->bundle, "%s", parts[i]);
        if (item && item->missing)
            strv_printf(ret, "the %s's evidence is not whole: %s", parts[i], item->missing);
    }
    if (!s->bundle->complete)
        strv_printf(ret, "the bundle was cut off");
    if (!s->target && !s->criu && bundle_find(s->bundle, "processes"))
        strv_printf(ret, "neither a process of the container nor a CRIU was found");
}

void unusual_find(const struct scene *s, struct strv *ret)
{
    note_caller(s, ret);
    note_processes(s, ret);
    note_children(s, ret);
    note_log(s, ret);
    note_images(s, ret);
    note_kernel(s, ret);
    note_missing(s, ret);
}
