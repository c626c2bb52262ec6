/* SPDX-License-Identifier: Apache-2.0
 * Process groups of commands, as the host numbers them. */
#include "transport/ssh_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"

#define READ_BOOT "{ read -r boot < /proc/sys/kernel/random/boot_id; } 2>/dev/null; "

/* Says its process group before it becomes the command. Runs behind sudo and the login shell. */
static const char tell_group[] = "read -r a b c d group rest < /proc/$$/stat; " READ_BOOT
                                 "echo \"$0 $group $boot\" >&2; exec \"$@\"";

/* Wait on the host for the end of a process group, then send the signal to what is left of it.
 * Where the host has started anew since, nothing is, and its number is somebody else's by now. */
static const char patient_kill[] = READ_BOOT
    "[ \"$boot\" = \"$4\" ] || exit 0; "
    "n=$3; while [ \"$n\" -gt 0 ] && kill -s 0 -- \"$2\"; do sleep 0.2; n=$((n-1)); done; "
    "kill -s \"$1\" -- \"$2\"";
#define PATIENT_PACE (200 * NSEC_PER_MSEC) /* the 0.2 above */

void ssh_group_release(struct ssh_group *g)
{
    strbuf_release(&g->head);
}

void ssh_group_announce(struct ssh_group *g, struct strv *ret)
{
    uint64_t random[2] = {0};
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        random[0] = (uint64_t)clock_now();
    snprintf(g->marker, sizeof(g->marker), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    strv_push_all(ret, "sh", "-c", tell_group, g->marker, NULL);
}

int ssh_group_take(struct ssh_group *g, struct strbuf *err_out)
{
    if (!g->marker[0] || err_out->len == 0)
        return 0;
    strbuf_add(&g->head, err_out->data, err_out->len);
    strbuf_truncate(err_out, 0);
    const char *at = memmem(g->head.data, g->head.len, g->marker, strlen(g->marker));
    const char *end = at ? memchr(at, '\n', g->head.len - (size_t)(at - g->head.data)) : NULL;
    if (!end)
        return g->head.len > SSH_GROUP_HEAD_MAX ? -1 : 0;
    const char *said = at + strlen(g->marker);
    cleanup_free char *line = xstrndup(said, (size_t)(end - said));
    char *boot;
    g->id = strtoll(line, &boot, 10);
    snprintf(g->boot, sizeof(g->boot), "%s", *boot == ' ' ? boot + 1 : boot);
    strbuf_add(err_out, g->head.data, (size_t)(at - g->head.data));
    strbuf_add(err_out, end + 1, g->head.len - (size_t)(end + 1 - g->head.data));
    strbuf_release(&g->head);
    g->marker[0] = '\0';
    return 0;
}

void ssh_group_end(struct ssh_group *g, struct strbuf *err_out)
{
    strbuf_add(err_out, g->head.data, g->head.len);
    strbuf_release(&g->head);
}

void ssh_group_kill(const struct ssh_group *g, const char *signal, int64_t patience,
                    struct strv *ret)
{
    strv_push_all(ret, "sh", "-c", patient_kill, "sh", signal, NULL);
    strv_printf(ret, "-%" PRId64, g->id);
    strv_printf(ret, "%" PRId64, patience / PATIENT_PACE);
    strv_push(ret, g->boot);
}
