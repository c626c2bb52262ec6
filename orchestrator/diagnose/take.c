/* SPDX-License-Identifier: Apache-2.0
 * Taking the evidence: two scripts and what the caller knows, in one bundle. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "diagnose/diagnose.h"
#include "diagnose/stream.h"

/* The scripts, without comments and indentation; the Makefile makes them of evidence.sh and
 * host.sh. */
extern const char script_evidence[], script_host[];

enum {
    GUEST_MAX = 1 << 20,  /* bytes of the items of the guest's side */
    HOST_MAX = 128 << 10, /* … and of the host's */
    STDERR_MAX = 8 << 10, /* of what the client said */
};

/* --- the caller's facts ---------------------------------------------------------------------- */

static void put_line(struct strbuf *out, const char *key, const char *value)
{
    if (value && *value)
        strbuf_printf(out, "%s: %.*s\n", key, (int)strcspn(value, "\n"), value);
}

static void put_number(struct strbuf *out, const char *key, int64_t value)
{
    if (value > 0)
        strbuf_printf(out, "%s: %" PRId64 "\n", key, value);
}

static const char *const client_outcomes[] = {
    [CLIENT_UNKNOWN] = NULL,
    [CLIENT_RUNNING] = "running",
    [CLIENT_EXITED] = "exited",
    [CLIENT_KILLED] = "killed",
};

static void put_caller(const struct diagnose_spec *spec, struct strbuf *ret)
{
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_free char *now = clock_format_utc(clock_wall_usec());
    put_line(&text, "taken", now);
    put_line(&text, "kataloop", KATALOOP_VERSION);
    put_line(&text, "container", spec->container);
    put_line(&text, "name", spec->name);
    put_line(&text, "namespace", spec->space);
    put_line(&text, "runtime", spec->runtime);
    put_number(&text, "target", spec->target_pid);
    put_line(&text, "client", client_outcomes[spec->client]);
    if (spec->client == CLIENT_EXITED)
        strbuf_printf(&text, "client status: %d\n", spec->client_status);
    if (spec->client != CLIENT_UNKNOWN || spec->stalled) {
        put_line(&text, "stalled", spec->stalled ? "yes" : "no");
        put_line(&text, "leave running", spec->leave_running ? "yes" : "no");
    }
    put_line(&text, "held", spec->held ? "yes" : NULL);
    put_number(&text, "seconds", spec->seconds);
    put_line(&text, "state after", spec->state_after);
    bundle_put(ret, "caller", strbuf_str(&text), text.len, text.len, false);
    if (spec->client_stderr && *spec->client_stderr)
        bundle_put(ret, "caller stderr", spec->client_stderr, strlen(spec->client_stderr),
                   STDERR_MAX, true);
}

/* --- the two sides --------------------------------------------------------------------------- */

/* A word that no process there can have in what it prints. */
static int make_mark(char ret[24], struct error *err)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return error_set(err, ERR_FAILED, "no random numbers");
    snprintf(ret, 24, "@%016" PRIx64, random);
    return 0;
}

static void add_option(struct strv *args, const char *option, const char *value)
{
    if (value && *value)
        strv_push_all(args, option, value, NULL);
}

/* Until it has ended; what it has said is kept also where it does not. */
static int hear_out(struct proc *p, int64_t deadline, struct run_result *ret, struct error *err)
{
    int result = proc_wait(p, deadline, err);
    strbuf_add(&ret->out, strbuf_str(proc_out(p)), proc_out(p)->len);
    strbuf_add(&ret->err, strbuf_str(proc_err(p)), proc_err(p)->len);
    proc_ended(p, &ret->status);
    return result;
}

static int on_host(void *self, const char *script, const struct strv *args, int64_t deadline,
                   struct run_result *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_proc struct proc *p = NULL;
    strv_push_all(&argv, "sh", "-c", script, "kataloop", NULL);
    strv_extend(&argv, args);
    const struct command cmd = {.argv = &argv, .become = true};
    if (proc_start(self, &cmd, &p, err) < 0)
        return -1;
    return hear_out(p, deadline, ret, err);
}

/* One side of the evidence. */
struct side {
    const char *name, *prefix; /* of its items */
    size_t max;                /* bytes of content */
    char mark[24];
};

/* Put what a script has printed, also where it did not come to its end: what hangs there may hang a
 * look at it too, and what was seen before that counts the more. What went wrong (`failure`, or its
 * status) is an item. -1: nothing more can be had. */
static int put_side(const struct side *side, struct run_result *r, struct error *failure,
                    struct strbuf *ret, struct error *err)
{
    if (error_ends_all(failure)) {
        error_move(err, failure);
        return -1;
    }
    bool whole =
        stream_to_bundle(strbuf_str(&r->out), r->out.len, side->mark, side->prefix, side->max, ret);
    if (failure->code != ERR_NONE) {
        bundle_put_missing(ret, side->name, failure->message ? failure->message : "no answer");
    } else if (!whole) {
        strbuf_rtrim(&r->err);
        cleanup_free char *why =
            xasprintf("the script did not come to its end (exit status %d): %s", r->status.code,
                      strbuf_str(&r->err));
        bundle_put_missing(ret, side->name, why);
    }
    return 0;
}

static void guest_arguments(const struct diagnose_spec *spec, struct strv *ret)
{
    add_option(ret, "--container", spec->container);
    cleanup_free char *pid = xasprintf("%" PRId64, spec->target_pid);
    add_option(ret, "--pid", spec->target_pid > 0 ? pid : NULL);
    add_option(ret, "--images", spec->images_dir);
    add_option(ret, "--work", spec->work_dir);
}

static int take_guest(const struct evidence_place *place, const struct diagnose_spec *spec,
                      int64_t deadline, struct strbuf *ret, struct error *err)
{
    struct side side = {.name = "guest", .prefix = "", .max = GUEST_MAX};
    cleanup_strv struct strv args = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    cleanup_error struct error failure = ERROR_INIT;
    if (make_mark(side.mark, err) < 0)
        return -1;
    strv_push(&args, side.mark);
    guest_arguments(spec, &args);
    (void)place->run_script(place->self, script_evidence, &args, deadline, &r, &failure);
    return put_side(&side, &r, &failure, ret, err); /* a failure too */
}

struct host_evidence {
    struct side side;
    struct proc *p;       /* NULL: it could not be begun */
    struct error failure; /* why */
};

int host_evidence_begin(struct transport *host, const struct diagnose_spec *spec,
                        struct host_evidence **ret, struct error *err)
{
    struct host_evidence *e = xcalloc(1, sizeof(*e));
    e->side = (struct side){.name = "host", .prefix = "host: ", .max = HOST_MAX};
    if (make_mark(e->side.mark, err) < 0) {
        free(e);
        return -1;
    }
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push_all(&argv, "sh", "-c", script_host, "kataloop", e->side.mark,
                  spec->space ? spec->space : "default", spec->container ? spec->container : "",
                  NULL);
    const struct command cmd = {.argv = &argv, .become = true};
    (void)proc_start(host, &cmd, &e->p, &e->failure); /* a failure is put, too */
    *ret = e;
    return 0;
}

void host_evidence_free(struct host_evidence *e)
{
    if (!e)
        return;
    proc_free(e->p);
    error_release(&e->failure);
    free(e);
}

static int take_host(struct host_evidence *e, int64_t deadline, struct strbuf *ret,
                     struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (e->p)
        (void)hear_out(e->p, deadline, &r, &e->failure); /* a failure is put, too */
    return put_side(&e->side, &r, &e->failure, ret, err);
}

/* The host's side is begun before the guest's and read after it: it takes as long, and they do not
 * wait for each other. */
int diagnose_take(struct transport *host, const struct evidence_place *guest,
                  const struct diagnose_spec *spec, int64_t deadline, struct strbuf *ret,
                  struct error *err)
{
    const struct evidence_place the_host = {on_host, host};
    struct host_evidence *own = NULL, *begun = spec->host_evidence;
    bundle_begin(ret);
    put_caller(spec, ret);
    int result = begun ? 0 : host_evidence_begin(host, spec, &own, err);
    if (result == 0)
        result = take_guest(guest ? guest : &the_host, spec, deadline, ret, err);
    if (result == 0)
        result = take_host(begun ? begun : own, deadline, ret, err);
    host_evidence_free(own);
    if (result < 0)
        return error_wrap(err, "taking the evidence");
    bundle_end(ret);
    return 0;
}
