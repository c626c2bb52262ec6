/* SPDX-License-Identifier: Apache-2.0
 * Does anything move? */
#include "steps/stall.h"

#include "base/clock.h"

/* containerd moves a little when it has nothing to do: more clock ticks than this in a second are
 * work (of 100, by what Linux calls USER_HZ). */
#define IDLE_TICKS 3

void stall_begin(struct stall *s, int64_t after, int64_t now)
{
    *s = (struct stall){.after = after, .quiet_since = now, .before = {.host = HOST_NOT_ASKED}};
}

bool stall_asks_host(const struct stall *s, bool criu_runs, int64_t now)
{
    return !criu_runs && now - s->quiet_since >= s->after / 2;
}

void stall_look(struct stall *s, const struct motion *seen)
{
    const struct motion *before = &s->before;
    bool guest = seen->criu != before->criu || seen->ticks != before->ticks ||
                 seen->offset != before->offset;
    int64_t idle = IDLE_TICKS * (1 + (seen->at - before->at) / NSEC_PER_SEC);
    bool compared = seen->host >= 0 && before->host >= 0;
    bool host = compared && seen->host - before->host > idle;
    s->telling = seen->criu_runs || compared || seen->host == HOST_UNSEEN;
    s->quiet_looks++;
    s->before = *seen;
    if (guest)
        s->before.host = HOST_NOT_ASKED;
    if (guest || host) {
        s->quiet_since = seen->at;
        s->quiet_looks = 0;
    }
}

bool stall_is_suspected(const struct stall *s, int64_t now)
{
    return s->before.criu_runs && s->quiet_looks + 1 >= STALL_LOOKS / 2 &&
           now - s->quiet_since >= s->after / 2;
}

bool stall_is_near(const struct stall *s, int64_t now)
{
    return s->telling && s->quiet_looks + 1 >= STALL_LOOKS && now - s->quiet_since >= s->after;
}

bool stall_is_there(const struct stall *s)
{
    return s->telling && s->quiet_looks >= STALL_LOOKS && s->before.at - s->quiet_since >= s->after;
}
