/* SPDX-License-Identifier: Apache-2.0
 * What a bundle comes to before it is judged: which processes play which part, what is frozen, how
 * far CRIU came. Everything is borrowed from the bundle. */
#ifndef DIAGNOSE_SCENE_H
#define DIAGNOSE_SCENE_H

#include "diagnose/bundle.h"

enum { QUIET_SECONDS = 10 }; /* without a line behind the last, nobody is at work any more */

/* A line of the bundle. */
struct spot {
    const struct bundle_item *item; /* NULL: nowhere */
    int line;                       /* index in the item */
};

/* A process's freezer, cgroup v2 or v1. */
struct freezer {
    bool frozen;    /* or about to be */
    bool freezing;  /* … which not all of its processes are yet, or can be (one in state D) */
    int version;    /* 2, 1; 0: not known */
    struct spot by; /* what says that it is frozen */
    struct spot
        set;      /* what froze it: `cgroup.freeze` of it or of a group above; nowhere: not seen */
    char *folder; /* its own folder on the guest; owned; NULL: not known */
};

struct scene {
    const struct bundle *bundle;
    const struct process *target; /* the root of CRIU's tree, else the container's first process */
    const struct process *criu;   /* the dump of the target, alive or a zombie; NULL: none */
    const struct process *agent;
    const struct process *spawner; /* CRIU's parent; where CRIU is gone, the agent; NULL: neither */
    bool criu_alive;               /* … and no zombie */
    bool rpc;                      /* CRIU was asked over its socket (`criu swrk`): no options */

    const struct bundle_item *log; /* CRIU's; NULL: none was found */
    bool log_is_ours;              /* … and it is known not to be older than the checkpoint */
    const struct bundle_item *earlier_log; /* of a checkpoint before this one; NULL: none */
    bool finished;                         /* it says that the dump succeeded */
    const char *last;                      /* its last line, without the time; "" without a log */
    struct spot last_spot;
    int64_t log_age; /* seconds since it last grew; -1: not known */

    struct freezer target_freezer, criu_freezer;
    /* Another process of the container, frozen where the target is not: by a freezer within the
     * container. NULL: none. */
    const struct process *inner;
    struct freezer inner_freezer;

    const struct bundle_item *caller, *said; /* its facts, and what the client said; may be NULL */
    bool stalled;                            /* the caller says so */
    bool leave_running;
    const char *client;       /* "running", "exited", "killed"; NULL: not known */
    int client_status;        /* -1: not known */
    const char *state_after;  /* of the task, after the checkpoint; NULL: not known */
    struct spot client_alive; /* a client that is still at it with this container, on the host */
};

/* *ret is the caller's (scene_release); the bundle has to outlive it. */
void scene_make(const struct bundle *b, struct scene *ret);
void scene_release(struct scene *s);
#define cleanup_scene __attribute__((cleanup(scene_release)))

/* Does it make a dump, by its words? A CRIU that its own C library's loader runs has the name of
 * that. */
bool scene_dumps(const struct process *p);
/* The first line of CRIU's log that contains `text`; then of what the client said. */
struct spot scene_said(const struct scene *s, const char *text);
/* What CRIU says at the end of a dump, or of a pre-dump, that succeeded. */
#define SCENE_SUCCESS "umping finished successfully"
/* … and of one that failed. */
#define SCENE_FAILURE "umping FAILED"
/* What it says of a helper (iptables-restore) that it could not wait for, as the kernel had reaped
 * it, and of one that died; criu/util.c, cr_system_userns(). */
#define SCENE_NO_CHILD    "waitpid() failed: No child processes"
#define SCENE_HELPER_DIED "killed by signal "
static inline bool spot_is(struct spot at)
{
    return at.item != NULL;
}
/* Its text; "" for nowhere. */
const char *spot_text(struct spot at);
/* The spot of a line of a file of a process: `spot_of(s, pid, "status", "SigBlk")`; the first line
 * where `key` is NULL. */
struct spot spot_of(const struct scene *s, const struct process *p, const char *file,
                    const char *key);

#endif
