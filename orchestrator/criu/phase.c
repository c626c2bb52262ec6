/* SPDX-License-Identifier: Apache-2.0
 * Phases of a dump. The beginnings of messages are those of criu/cr-dump.c, criu/seize.c,
 * criu/net.c, criu/mem.c and compel/src/lib/infect.c, the same from CRIU 3.16 to 4.1 but for the
 * part's name in front of some. */
#include "criu/phase.h"

#include <string.h>

#include "base/alloc.h"
#include "criu/log.h"

static const struct {
    const char *start; /* of the message */
    const char *name;
} phases[] = {
    {"Dumping processes (pid:", "starting"},
    {"freezing processes:", "freezing the cgroup"},
    {"Seized task", "seizing the processes"},
    {"SEIZE ", "seizing the processes"},
    {"Running network-lock scripts", "locking the network"},
    {"Lock network", "locking the network"},
    {"Locking network", "locking the network"},
    {"Dumping pstree", "reading the processes"},
    {"Dumping task (pid:", "reading a process"},
    {"Obtaining task stat", "reading a process"},
    {"Putting parasite blob", "infecting a process"},
    {"Set up parasite blob", "infecting a process"},
    {"Parasite syscall_ip at", "infecting a process"},
    {"Dumping pages", "dumping memory"},
    {"Dumping GP/FPU registers", "dumping registers"},
    {"Dumping core", "dumping registers"},
    {"Curing", "letting a process go"},
    {"Writing image inventory", "finishing"},
    {"Unlock network", "unlocking the network"},
    {"Unfreezing tasks", "letting the processes go"},
    {"Dumping finished successfully", "finished"},
    {"Pre-dumping finished successfully", "finished"},
};

/* "net: Lock network": without the name of the part that says it, which newer ones put in front. */
static const char *without_part(const char *message)
{
    size_t n = strspn(message, "abcdefghijklmnopqrstuvwxyz_-");
    return n > 0 && message[n] == ':' && message[n + 1] == ' ' ? message + n + 2 : message;
}

static void take_line(struct criu_phase *p, const char *text, size_t len)
{
    struct criu_log_line line;
    criu_log_parse_line(text, len, &line);
    if (line.at > p->last)
        p->last = line.at;
    const char *said = line.message ? without_part(line.message) : "";
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
        if (strncmp(said, phases[i].start, strlen(phases[i].start)) != 0)
            continue;
        if (p->name != phases[i].name) {
            p->name = phases[i].name;
            p->since = line.at;
        }
        break;
    }
    criu_log_line_release(&line);
}

void criu_phase_filter(struct strbuf *ret)
{
    strbuf_puts(ret, "s/[[:cntrl:]]/?/g\n");
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
        strbuf_puts(ret, "\\,");
        for (const char *c = phases[i].start; *c; c++) {
            if (strchr("\\,.[*^$", *c)) /* special in a basic regular expression */
                strbuf_putc(ret, '\\');
            strbuf_putc(ret, *c);
        }
        strbuf_puts(ret, ",p\n");
    }
    strbuf_puts(ret, "$p");
}

void criu_phase_add(struct criu_phase *p, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            take_line(p, p->held, p->n_held);
            p->n_held = 0;
        } else if (p->n_held < sizeof(p->held)) {
            p->held[p->n_held++] = data[i]; /* what tells phases apart stands at the beginning */
        }
    }
}
