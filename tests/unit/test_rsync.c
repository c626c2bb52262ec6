/* SPDX-License-Identifier: Apache-2.0
 * rsync as a step uses it, and its bridge: the real rsync on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "transport/rsync.h"
#include "transport/rsync_relay.h"

#define WITHOUT_A_FILE "without-a-file"

struct place {
    char folder[64];
    char *from, *to; /* <folder>/from/, <folder>/to */
    struct transport *host;
};

static void write_file(const char *folder, const char *name, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = path_join(folder, name);
    cleanup_free char *dir = path_dir(path);
    if (fs_mkdir_parents(dir, &err) < 0 ||
        fs_write_atomic(path, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", err.message);
}

static bool holds(const char *folder, const char *name, const char *text)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = path_join(folder, name);
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    return fs_read(path, 4096, &b, &err) == 0 && strcmp(strbuf_str(&b), text) == 0;
}

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof(*p));
    snprintf(p->folder, sizeof(p->folder), "/tmp/kataloop-test-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->from = path_join(p->folder, "from");
    p->to = path_join(p->folder, "a b/it's to");
    write_file(p->from, "src/main.rs", "fn main() {}\n");
    write_file(p->from, "src/odd $(name) 'x'.rs", "odd\n");
    write_file(p->from, "target/release/kata-agent", "ELF");
    struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here"};
    *state = p;
    return transport_open(&spec, &p->host, &err);
}

static int tear_down(void **state)
{
    struct place *p = *state;
    struct error err = ERROR_INIT;
    transport_close(p->host);
    int result = fs_remove_tree(p->folder, &err);
    free(p->from);
    free(p->to);
    free(p);
    return result;
}

static struct rsync_stats sync_once(struct place *p, struct rsync_job job)
{
    cleanup_strv struct strv exclude = STRV_INIT;
    strv_push(&exclude, "target/");
    job.from = job.from ? job.from : p->from;
    job.to = job.to ? job.to : p->to;
    job.exclude = &exclude;
    struct rsync_stats stats = {0};
    struct error err = ERROR_INIT;
    if (rsync_run(p->host, &job, deadline_in(60 * NSEC_PER_SEC), NULL, NULL, &stats, &err) < 0)
        fail_msg("%s", err.message);
    return stats;
}

static void a_tree_is_synced_and_then_only_what_changed(void **state)
{
    struct place *p = *state;
    struct rsync_stats stats = sync_once(p, (struct rsync_job){0});
    assert_int_equal(stats.files_sent, 2);
    assert_int_equal(stats.files_total, 2);
    assert_int_equal(stats.bytes_total, 17);
    assert_true(stats.bytes_sent > 17);
    assert_true(holds(p->to, "src/odd $(name) 'x'.rs", "odd\n"));
    assert_false(holds(p->to, "target/release/kata-agent", "ELF"));
    assert_int_equal(sync_once(p, (struct rsync_job){0}).files_sent, 0);
    write_file(p->from, "src/main.rs", "fn main() { edited(); }\n");
    assert_int_equal(sync_once(p, (struct rsync_job){0}).files_sent, 1);
    assert_true(holds(p->to, "src/main.rs", "fn main() { edited(); }\n"));
    write_file(p->from, "src/main.rs", "fn main() { Edited(); }\n"); /* of the same size, at once */
    assert_int_equal(sync_once(p, (struct rsync_job){0}).files_sent, 1);
    assert_true(holds(p->to, "src/main.rs", "fn main() { Edited(); }\n"));
}

static void what_is_no_file_counts_as_a_change_too(void **state)
{
    struct place *p = *state;
    cleanup_free char *link = path_join(p->from, "src/link");
    cleanup_free char *file = path_join(p->from, "src/main.rs");
    assert_true(sync_once(p, (struct rsync_job){0}).items_changed >= 2);
    assert_int_equal(sync_once(p, (struct rsync_job){0}).items_changed, 0);
    assert_int_equal(symlink("main.rs", link), 0);
    struct rsync_stats stats = sync_once(p, (struct rsync_job){0});
    assert_int_equal(stats.files_sent, 0);
    assert_int_equal(stats.items_changed, 1); /* not its folder's time */
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(sync_once(p, (struct rsync_job){0}).items_changed, 1);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(sync_once(p, (struct rsync_job){0}).items_changed, 0);
    assert_int_equal(sync_once(p, (struct rsync_job){.delete_extra = true}).items_changed, 1);
}

static void nothing_is_removed_unless_asked(void **state)
{
    struct place *p = *state;
    write_file(p->to, "src/old.rs", "old\n");
    write_file(p->to, "target/release/kata-agent", "theirs");
    assert_int_equal(sync_once(p, (struct rsync_job){0}).files_deleted, 0);
    assert_true(holds(p->to, "src/old.rs", "old\n"));
    assert_int_equal(sync_once(p, (struct rsync_job){.delete_extra = true}).files_deleted, 1);
    assert_false(holds(p->to, "src/old.rs", "old\n"));
    assert_true(holds(p->to, "target/release/kata-agent", "theirs"));
}

static void one_file_goes_to_a_path(void **state)
{
    struct place *p = *state;
    cleanup_free char *from = path_join(p->from, "src/main.rs");
    cleanup_free char *to = path_join(p->to, "deep/er/container.rs");
    assert_int_equal(sync_once(p, (struct rsync_job){.from = from, .to = to}).files_sent, 1);
    assert_true(holds(p->to, "deep/er/container.rs", "fn main() {}\n"));
}

static void what_fails_names_both_ends_and_the_cause(void **state)
{
    struct place *p = *state;
    struct rsync_stats stats;
    struct error err = ERROR_INIT;
    struct rsync_job job = {.from = "/no/such/tree", .to = p->to};
    assert_int_equal(rsync_run(p->host, &job, DEADLINE_NEVER, NULL, NULL, &stats, &err), -1);
    assert_string_equal(err.message, "syncing `/no/such/tree`: No such file or directory");
    job = (struct rsync_job){.from = p->from, .to = "/proc/no/such"};
    assert_int_equal(rsync_run(p->host, &job, DEADLINE_NEVER, NULL, NULL, &stats, &err), -1);
    assert_non_null(strstr(err.message, "/proc/no"));
    error_release(&err);
}

/* The first `rsync` of the PATH is one that says once that a file has vanished, behind its work. */
static void a_file_that_vanishes_meanwhile_is_no_failure(void **state)
{
    struct place *p = *state;
    write_file(p->folder, "bin/rsync",
               "#!/bin/sh\nPATH=${PATH#*:} rsync \"$@\" || exit\n"
               "[ -e \"$0.once\" ] || { : >\"$0.once\"; exit 24; }\n");
    cleanup_free char *fake = path_join(p->folder, "bin/rsync");
    assert_int_equal(chmod(fake, 0700), 0);
    cleanup_free char *before = xstrdup(getenv("PATH"));
    cleanup_free char *path = xasprintf("%s/bin:%s", p->folder, before);
    assert_int_equal(setenv("PATH", path, 1), 0);
    struct rsync_stats stats = sync_once(p, (struct rsync_job){0});
    assert_int_equal(setenv("PATH", before, 1), 0);
    assert_int_equal(stats.files_sent, 2); /* by the first of the two, which counts too */
    assert_true(stats.items_changed >= 2);
    assert_int_equal(stats.files_total, 2);
    assert_true(holds(p->to, "src/main.rs", "fn main() {}\n"));
}

/* By the bridge, with this machine as the far side. Returns rsync's exit status. */
static int bridge(struct transport *here, const char *from, const char *to)
{
    struct error err = ERROR_INIT;
    int64_t deadline = deadline_in(60 * NSEC_PER_SEC);
    cleanup_strv struct strv env = STRV_INIT, argv = STRV_INIT;
    cleanup_rsync_relay struct rsync_relay *relay = NULL;
    assert_int_equal(rsync_relay_new(&relay, &env, &err), 0);
    strv_push_all(&argv, "rsync", "-r", "-s", NULL);
    strv_printf(&argv, "--rsh=%s", rsync_relay_shell(relay));
    strv_printf(&argv, "%s/", from);
    strv_printf(&argv, "host:%s", to);
    const struct command cmd = {.argv = &argv, .env = &env};
    cleanup_proc struct proc *near = NULL;
    assert_int_equal(proc_start(here, &cmd, &near, &err), 0);
    assert_int_equal(rsync_relay_accept(relay, here, false, deadline, &err), 0);
    while (!proc_ended(near, NULL)) {
        struct proc *const procs[] = {near, rsync_relay_far(relay)};
        size_t index;
        assert_int_equal(proc_wait_any(procs, 2, deadline, &index, &err), 0);
        if (procs[1] && proc_ended(procs[1], NULL))
            rsync_relay_end(relay);
    }
    struct exit_status status;
    assert_true(proc_ended(near, &status));
    return status.code;
}

static void the_bridge_carries_rsync(void **state)
{
    struct place *p = *state;
    cleanup_free char *to = path_join(p->folder, "to $(x)");
    assert_int_equal(bridge(p->host, p->from, to), 0);
    assert_true(holds(to, "src/odd $(name) 'x'.rs", "odd\n"));
}

/* In a process of its own: PROGRAM WITHOUT_A_FILE FROM TO. */
static int without_a_file(char **argv)
{
    struct error err = ERROR_INIT;
    cleanup_transport struct transport *here = NULL;
    const struct host_spec spec = {.name = "here"};
    if (unlink(argv[0]) < 0 || transport_open(&spec, &here, &err) < 0)
        return 99;
    return bridge(here, argv[2], argv[3]);
}

static void the_bridge_outlives_the_file_of_its_program(void **state)
{
    struct place *p = *state;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *program = path_join(p->folder, "program");
    cleanup_free char *to = path_join(p->folder, "to");
    assert_int_equal(transport_put(p->host, "/proc/self/exe", program, 0700,
                                   deadline_in(20 * NSEC_PER_SEC), NULL, NULL, &err),
                     0);
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, program, WITHOUT_A_FILE, p->from, to, NULL);
    const struct command cmd = {.argv = &argv};
    if (transport_check(p->host, &cmd, deadline_in(60 * NSEC_PER_SEC), "syncing", &r, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(holds(to, "src/main.rs", "fn main() {}\n"));
}

static void the_bridge_notices_an_rsync_that_ends_early(void **state)
{
    struct place *p = *state;
    struct error err = ERROR_INIT;
    cleanup_strv struct strv env = STRV_INIT, argv = STRV_INIT;
    cleanup_rsync_relay struct rsync_relay *relay = NULL;
    assert_int_equal(rsync_relay_new(&relay, &env, &err), 0);
    strv_push_all(&argv, "rsync", "--no-such-option", NULL);
    const struct command cmd = {.argv = &argv, .env = &env};
    cleanup_proc struct proc *near = NULL;
    assert_int_equal(proc_start(p->host, &cmd, &near, &err), 0);
    assert_int_equal(rsync_relay_accept(relay, p->host, false, DEADLINE_NEVER, &err), 0);
    assert_null(rsync_relay_far(relay));
    assert_int_equal(proc_wait(near, DEADLINE_NEVER, &err), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], RSYNC_SHELL_VERB) == 0)
        return rsync_shell_main(argc - 1, argv + 1);
    if (argc == 4 && strcmp(argv[1], WITHOUT_A_FILE) == 0)
        return without_a_file(argv);
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_tree_is_synced_and_then_only_what_changed),
        TEST(what_is_no_file_counts_as_a_change_too),
        TEST(nothing_is_removed_unless_asked),
        TEST(one_file_goes_to_a_path),
        TEST(what_fails_names_both_ends_and_the_cause),
        TEST(a_file_that_vanishes_meanwhile_is_no_failure),
        TEST(the_bridge_carries_rsync),
        TEST(the_bridge_outlives_the_file_of_its_program),
        TEST(the_bridge_notices_an_rsync_that_ends_early),
    };
    return cmocka_run_group_tests_name("rsync", tests, NULL, NULL);
}
