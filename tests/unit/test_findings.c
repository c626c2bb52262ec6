/* SPDX-License-Identifier: Apache-2.0
 * What is found in the bundles of tests/bundles: the name of each says what (README.md there). */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/text.h"
#include "diagnose/compare.h"
#include "diagnose/findings.h"
#include "diagnose/normal.h"
#include "diagnose/rules.h"

#define FOLDER "tests/bundles"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), its = strlen(end);
    return len >= its && strcmp(text + len - its, end) == 0;
}

static void read_bundle(const char *name, struct strbuf *text, struct bundle *ret)
{
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *path = path_join(FOLDER, name);
    if (fs_read(path, BUNDLE_MAX, text, &err) < 0 ||
        bundle_parse(text->data, text->len, name, ret, &err) < 0)
        fail_msg("%s", err.message);
}

static int is_bundle(const struct dirent *e)
{
    return ends_with(e->d_name, ".evidence");
}

typedef void visit_fn(const char *name, const char *data, size_t len, const struct bundle *b);

static void each_bundle(visit_fn *visit)
{
    struct dirent **names;
    int n = scandir(FOLDER, &names, is_bundle, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        read_bundle(names[i]->d_name, &text, &b);
        visit(names[i]->d_name, text.data, text.len, &b);
        free(names[i]);
    }
    free(names);
}

/* --- what is found --------------------------------------------------------------------------- */

/* A bundle with what is found in it. */
struct judged {
    struct strbuf text;
    struct bundle b;
    struct findings f;
};

#define JUDGED_INIT                                                                                \
    {                                                                                              \
        STRBUF_INIT, BUNDLE_INIT, FINDINGS_INIT                                                    \
    }
#define cleanup_judged __attribute__((cleanup(judged_release)))

static void judged_release(struct judged *j)
{
    findings_release(&j->f);
    bundle_release(&j->b);
    strbuf_release(&j->text);
}

static void judge_file(const char *name, struct judged *ret)
{
    read_bundle(name, &ret->text, &ret->b);
    findings_make(&ret->b, &ret->f);
}

static void judge_text(const char *text, struct judged *ret)
{
    cleanup_error struct error err = ERROR_INIT;
    strbuf_puts(&ret->text, text);
    if (bundle_parse(ret->text.data, ret->text.len, "text", &ret->b, &err) < 0)
        fail_msg("%s", err.message);
    findings_make(&ret->b, &ret->f);
}

/* All that is said of `text`. */
static void assert_told(const char *text, const char *want)
{
    cleanup_judged struct judged j = JUDGED_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    judge_text(text, &j);
    assert_int_equal(j.f.n, 0);
    assert_true(j.f.hang);
    findings_text(&j.f, 0, false, &out);
    assert_string_equal(strbuf_str(&out), want);
}

static void check_name(const char *name, const char *data, size_t len, const struct bundle *b)
{
    (void)data;
    (void)len;
    cleanup_findings struct findings f = FINDINGS_INIT;
    findings_make(b, &f);
    if (ends_with(name, ".healthy.evidence")) {
        if (f.n > 0)
            fail_msg("%s: nothing is to be found, but: %s", name, f.items[0].title);
        assert_false(f.hang);
        return;
    }
    cleanup_free char *rule = xstrndup(name, strcspn(name, "."));
    if (f.n == 0)
        fail_msg("%s: nothing was found", name);
    if (strcmp(f.items[0].rule->id, rule) != 0)
        fail_msg("%s: found %s: %s", name, f.items[0].rule->id, f.items[0].title);
    for (size_t i = 0; i < f.n; i++) {
        const struct finding *one = &f.items[i];
        assert_true(one->n_evidence > 0);
        assert_non_null(one->explanation);
        assert_non_null(one->remedy);
        assert_non_null(one->refuted_by);
        assert_non_null(one->rule->references[0]);
    }
}

static void the_cause_is_found_first_and_its_twin_is_silent(void **state)
{
    (void)state;
    each_bundle(check_name);
}

static bool seen[64];

static void note_rule(const char *name, const char *data, size_t len, const struct bundle *b)
{
    (void)data;
    (void)len;
    (void)b;
    for (size_t i = 0; rules[i] && i < ARRAY_SIZE(seen); i++) {
        size_t id = strlen(rules[i]->id);
        if (strncmp(name, rules[i]->id, id) == 0 && name[id] == '.')
            seen[i] = true;
    }
}

static void every_rule_has_a_bundle(void **state)
{
    (void)state;
    each_bundle(note_rule);
    for (size_t i = 0; rules[i]; i++)
        if (!seen[i])
            fail_msg("no bundle for %s", rules[i]->id);
}

/* Each line of evidence stands where it is said to stand. */
static void check_lines(const char *name, const char *data, size_t len, const struct bundle *b)
{
    cleanup_findings struct findings f = FINDINGS_INIT;
    findings_make(b, &f);
    for (size_t i = 0; i < f.n; i++)
        for (size_t e = 0; e < f.items[i].n_evidence; e++) {
            const struct evidence *at = &f.items[i].evidence[e];
            const char *line = data;
            for (int n = 1; at->line > 0 && n < at->line; n++)
                line = strchr(line, '\n') + 1;
            if (at->line > 0 &&
                (line[0] != '|' || strncmp(line + 1, at->text, strlen(at->text)) != 0))
                fail_msg("%s:%d: not `%s`", name, at->line, at->text);
        }
    (void)len;
}

static void evidence_stands_on_its_lines(void **state)
{
    (void)state;
    each_bundle(check_lines);
}

static void check_output(const char *name, const char *data, size_t len, const struct bundle *b)
{
    (void)data;
    (void)len;
    cleanup_findings struct findings f = FINDINGS_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT, json = STRBUF_INIT;
    findings_make(b, &f);
    findings_text(&f, 60, false, &text);
    assert_null(strchr(strbuf_str(&text), '\033'));
    assert_non_null(strstr(strbuf_str(&text),
                           f.n > 0 ? certainty_name(f.items[0].certainty) : findings_headline(&f)));
    findings_json(&f, &json);
    json_t *root = json_loads(strbuf_str(&json), 0, NULL);
    if (!root)
        fail_msg("%s: no JSON", name);
    assert_int_equal(json_array_size(json_object_get(root, "findings")), f.n);
    json_decref(root);
}

static void findings_are_shown_as_text_and_as_json(void **state)
{
    (void)state;
    each_bundle(check_output);
}

static void a_frozen_target_is_told_in_full(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    cleanup_strbuf struct strbuf out = STRBUF_INIT;
    judge_file("frozen-target.v2.evidence", &j);
    assert_true(j.f.hang);
    assert_string_equal(findings_headline(&j.f),
                        "the target's cgroup is frozen, and CRIU was not told to thaw it (no "
                        "--freeze-cgroup)");
    findings_text(&j.f, 100, false, &out);
    static const char *const parts[] = {
        "1. certain: the target's cgroup is frozen",
        "frozen 1",
        "no --freeze-cgroup among",
        "Parasite syscall_ip at 0x401000",
        "do_wait",
        "--freeze-cgroup /sys/fs/cgroup/default/",
        "echo 0 > /sys/fs/cgroup/default/",
        "rule: frozen-target",
    };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (!strstr(strbuf_str(&out), parts[i]))
            fail_msg("no `%s` in:\n%s", parts[i], strbuf_str(&out));
}

static void blocks_and_inodes_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *bundle, *title, *shown;
    } cases[] = {
        {"no-space.df.evidence", "the file system of the images is full", "tmpfs 16 16 0 100%"},
        {"no-space.full.evidence", "the file system of the images is full", "1018380   0%"},
        {"no-space.inodes.evidence", "the file system of the images has no free inodes",
         "25600      0  100%"},
        {"no-space.inodes-only.evidence", "the file system of the images has no free inodes",
         "25600      0  100%"},
        {"no-space.inodes-said.evidence", "the file system of the images has no free inodes",
         "25600      0  100%"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_string_equal(findings_headline(&j.f), cases[i].title);
        const struct finding *first = &j.f.items[0];
        assert_non_null(strstr(first->evidence[first->n_evidence - 1].text, cases[i].shown));
    }
}

static void a_cause_that_no_line_shows_is_only_possible(void **state)
{
    (void)state;
    static const struct {
        const char *bundle;
        enum certainty certainty;
    } cases[] = {
        {"left-frozen.kubelet.evidence", POSSIBLE},
        {"left-frozen.live.evidence", LIKELY},
        {"workload-gone.interrupted.evidence", CERTAIN},
        {"workload-gone.no-log.evidence", POSSIBLE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_int_equal(j.f.items[0].certainty, cases[i].certainty);
    }
}

/* Nothing else is accused of it. */
static void one_cause_is_one_finding(void **state)
{
    (void)state;
    static const struct {
        const char *bundle;
        enum certainty certainty;
    } cases[] = {
        {"frozen-target.freezing.evidence", LIKELY},
        {"frozen-target.v1-gave-up.evidence", LIKELY},
        {"kernel-options.no-diag.evidence", CERTAIN},
        {"kernel-options.no-diag-own-network.evidence", CERTAIN},
        {"kernel-options.udp-lite.evidence", CERTAIN},
        {"no-space.client.evidence", CERTAIN},
        {"ptrace-forbidden.lab-no-new-privs.evidence", CERTAIN},
        {"ptrace-forbidden.no-new-privs-root.evidence", CERTAIN},
        {"ptrace-forbidden.selinux.evidence", LIKELY},
        {"traced.child.evidence", CERTAIN},
        {"uninterruptible.fuse.evidence", CERTAIN},
        {"uninterruptible.zombie.evidence", CERTAIN},
        {"unsupported.control-message.evidence", CERTAIN},
        {"unsupported.criu-itself.evidence", CERTAIN},
        {"unsupported.zombie.evidence", CERTAIN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        if (j.f.n != 1)
            fail_msg("%s: %zu findings", cases[i].bundle, j.f.n);
        assert_int_equal(j.f.items[0].certainty, cases[i].certainty);
    }
}

static void what_criu_says_has_its_own_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *bundle, *does, *does_not;
    } cases[] = {
        {"unsupported.outside-file.evidence", "file[%x:%x]", "--skip-mnt"},
        {"unsupported.watch.evidence", "--irmap-scan-path ", "ls -l"},
        {"unsupported.unix-socket.evidence", "--ext-unix-sk\n--external unix[INODE]", "--skip-mnt"},
        {"unsupported.unix-stream.evidence", "--external unix[INODE]", "--ext-unix-sk"},
        {"unsupported.unix-nameless.evidence", "--external unix[INODE]", "--ext-unix-sk"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_non_null(strstr(j.f.items[0].command, cases[i].does));
        assert_null(strstr(j.f.items[0].command, cases[i].does_not));
    }
}

static void what_iptables_says_itself_is_shown(void **state)
{
    (void)state;
    static const struct {
        const char *bundle, *words;
    } cases[] = {
        {"network-lock.old-iptables.evidence", "iptables-restore: invalid option -- 'w'"},
        {"network-lock.no-lock-file.evidence",
         "Fatal: can't open lock file /run/xtables.lock: Read-only file system"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_int_equal(j.f.n, 1);
        assert_string_equal(j.f.items[0].evidence[0].text, cases[i].words);
    }
}

/* 1 is for children only, and the target is none of CRIU's. */
static void yama_is_to_be_off_where_the_capability_is_not_given(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    judge_file("ptrace-forbidden.yama2.evidence", &j);
    for (size_t i = 0; i < j.f.n; i++)
        if (strstr(j.f.items[i].title, "Yama"))
            assert_string_equal(j.f.items[i].command, "sysctl -w kernel.yama.ptrace_scope=0");
    assert_non_null(strstr(j.f.items[0].title, "Yama"));
}

/* A program of root's has what its parent gave up, unless no_new_privs says otherwise. */
static void what_root_gives_up_criu_has_again(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"ptrace-forbidden.capability.evidence", "lacks CAP_SYS_PTRACE"},
        {"ptrace-forbidden.no-new-privs.evidence", "criu with file capabilities"},
        {"ptrace-forbidden.no-new-privs-root.evidence", "CRIU does not get CAP_SYS_PTRACE"},
        {"ptrace-forbidden.reduced-root.evidence", "the bundle does not show by what"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i][0], &j);
        assert_non_null(strstr(j.f.items[0].title, cases[i][1]));
    }
}

/* Its number may be somebody else's by now. */
static void a_tracer_that_was_not_seen_is_not_to_be_killed(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    judge_text("kataloop-evidence 1\n[processes]\n|target 5\n[/proc/5/status]\n|Name:\tsh\n"
               "|TracerPid:\t77\nend\n",
               &j);
    assert_string_equal(j.f.items[0].rule->id, "traced");
    assert_null(strstr(j.f.items[0].command, "kill"));
}

static void a_folder_that_hangs_is_unusual(void **state)
{
    (void)state;
    assert_told("kataloop-evidence 1\n[caller]\n|stalled: yes\n[processes]\n|target 5\n"
                "[images /shared/c]\n!it does not answer: a look at it took more than 5 s\nend\n",
                "no known cause fits; the unusual things are listed\n"
                "  - the checkpoint stalled\n"
                "  - the folder of the images, /shared/c: it does not answer: a look at it took\n"
                "  more than 5 s\n");
}

static void a_tracer_of_the_container_is_not_to_be_killed(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    judge_file("traced.own.evidence", &j);
    assert_null(strstr(j.f.items[0].command, "kill"));
    assert_non_null(strstr(j.f.items[0].remedy, "a process of the container itself"));
}

/* Given back between start and wait, the lock keeps nobody away. */
static void the_reapers_lock_is_kept_until_criu_was_waited_for(void **state)
{
    (void)state;
    static const char *const bundles[] = {"no-answer.reaped.evidence", "no-answer.zombie.evidence"};
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(bundles[i], &j);
        const char *lock = strstr(j.f.items[0].command, "WAIT_PID_LOCKER.lock()");
        const char *wait = lock ? strstr(lock, ".output().await") : NULL;
        assert_non_null(wait);
        assert_non_null(strstr(wait, "drop(_guard)"));
        assert_non_null(strstr(j.f.items[0].remedy, "until CRIU's status is read"));
    }
}

static void a_refusal_makes_a_filter_likely(void **state)
{
    (void)state;
    static const char *const bundles[] = {"ptrace-forbidden.seccomp.evidence",
                                          "ptrace-forbidden.suspend-seccomp.evidence"};
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(bundles[i], &j);
        assert_int_equal(j.f.items[0].certainty, LIKELY);
    }
}

/* What CRIU manages all the same is possible; what shows in its log is more than that. */
static void a_spawner_is_as_sure_as_the_log_says(void **state)
{
    (void)state;
    static const struct {
        const char *bundle;
        enum certainty certainty;
    } cases[] = {
        {"spawner.sigchld-ignored.evidence", CERTAIN},
        {"spawner.sigchld-no-witness.evidence", LIKELY},
        {"spawner.sigchld-blocked.evidence", POSSIBLE},
        {"spawner.stdio.evidence", POSSIBLE},
        {"spawner.stack.evidence", CERTAIN},
        {"spawner.fsize.evidence", LIKELY},
        {"spawner.nofile.evidence", LIKELY},
        {"network-lock.died.evidence", LIKELY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_int_equal(j.f.items[0].certainty, cases[i].certainty);
    }
}

/* It is the one that CRIU names, whoever else waits. */
static void a_parent_of_vfork_is_not_taken_for_one_that_waits_for_a_disk(void **state)
{
    (void)state;
    static const struct {
        const char *bundle, *waits;
    } cases[] = {{"uninterruptible.vfork.evidence", "waits for its child of vfork()"},
                 {"uninterruptible.fuse.evidence", "waits uninterruptibly"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(cases[i].bundle, &j);
        assert_non_null(strstr(j.f.items[0].title, cases[i].waits));
    }
}

/* Nor is the lock accused whose helper CRIU could not wait for. */
static void a_helper_that_could_not_be_waited_for_is_not_accused(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    judge_file("spawner.sigchld-ignored.evidence", &j);
    assert_int_equal(j.f.n, 1);
    assert_string_equal(j.f.items[0].rule->id, "spawner");
}

static void another_criu_is_named_and_not_to_be_killed(void **state)
{
    (void)state;
    static const char *const bundles[] = {"traced.other-criu.evidence",
                                          "traced.hanging-criu.evidence"};
    for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_file(bundles[i], &j);
        assert_string_equal(findings_headline(&j.f), "the target is traced already, by process 950 "
                                                     "(criu): CRIU cannot attach");
        assert_int_equal(j.f.items[0].certainty, CERTAIN);
        assert_null(strstr(j.f.items[0].command, "kill"));
    }
}

/* A bundle comes from anybody, and what to do is there to be copied. */
static void what_a_bundle_names_is_quoted_in_commands(void **state)
{
    (void)state;
    cleanup_judged struct judged j = JUDGED_INIT;
    judge_text("kataloop-evidence 1\n[caller]\n|container: a;reboot\n|namespace: $(id)\n"
               "|client: killed\n[processes]\n|target 8\n[/proc/8/cgroup]\n|0::/x\n"
               "[freezers]\n|cgroup v2: /c\n[/c/x/cgroup.events]\n|frozen 1\nend\n",
               &j);
    assert_string_equal(j.f.items[0].rule->id, "left-frozen");
    assert_string_equal(j.f.items[0].command, "ctr -n '$(id)' tasks resume 'a;reboot'");
}

static void what_no_rule_knows_is_told_with_what_is_unusual(void **state)
{
    (void)state;
    static const char text[] = "kataloop-evidence 1\n[caller]\n|stalled: yes\n[processes]\n"
                               "|target 5\n|criu 6\n[/proc/6/status]\n|Name: criu\n"
                               "|State: D (disk sleep)\n[/proc/6/wchan]\n|rpc_wait\n"
                               "[/proc/6/cmdline]\n|criu\n|dump\n|-t\n|5\n[dmesg]\n"
                               "|task criu:6 blocked for more than 120 seconds\n";
    assert_told(text, "note: the bundle was cut off; what is missing was not judged\n\n"
                      "no known cause fits; the unusual things are listed\n"
                      "  - the checkpoint stalled\n"
                      "  - criu (process 6) waits uninterruptibly in rpc_wait\n"
                      "  - CRIU (process 6) is alive in state D, in rpc_wait\n"
                      "  - CRIU runs and no log of it was found\n"
                      "  - the kernel says: task criu:6 blocked for more than 120 seconds\n"
                      "  - the bundle was cut off\n");
}

static void a_child_of_criu_is_unusual_while_it_hangs(void **state)
{
    (void)state;
    static const char text[] = "kataloop-evidence 1\n[caller]\n|stalled: yes\n[processes]\n"
                               "|target 5\n|criu 10\n|criu 9\n|child 11\n|child 12\n"
                               "[/proc/10/status]\n|Name: criu\n|State: S\n|PPid: 9\n"
                               "[/proc/10/cmdline]\n|criu\n|dump\n|-t\n|5\n"
                               "[/proc/9/status]\n|Name: criu\n|State: S\n|PPid: 1\n"
                               "[/proc/9/cmdline]\n|criu\n|dump\n|-t\n|5\n"
                               "[/proc/11/status]\n|Name: ip\n|State: Z\n|PPid: 9\n"
                               "[/proc/12/status]\n|Name: ip\n|State: R\n|PPid: 1\n"
                               "[log /w/dump.log]\n|(00.1) x\nend\n";
    assert_told(text, "no known cause fits; the unusual things are listed\n"
                      "  - the checkpoint stalled\n"
                      "  - ip (process 11) has ended and its parent 9 has not waited for it\n"
                      "  - CRIU (process 9) is alive in state S, in user space\n"
                      "  - criu (process 10), a child of CRIU, is alive in state S, in user "
                      "space\n"
                      "  - CRIU's log ends with: x\n");
}

/* Of several CRIUs, each has its own. */
static void the_log_is_the_one_that_criu_was_given(void **state)
{
    (void)state;
    static const char *const options[] = {"|-D\n|/b\n|-o\n|dump.log\n", "|-W\n|/b\n|-odump.log\n",
                                          "|-D\n|/c\n|-o\n|/b/dump.log\n"};
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        cleanup_judged struct judged j = JUDGED_INIT;
        cleanup_free char *text = xasprintf(
            "kataloop-evidence 1\n[processes]\n|target 5\n|criu 8\n[/proc/8/status]\n|State:\tS\n"
            "[/proc/8/cmdline]\n|criu\n|dump\n|-t\n|5\n%s[log /a/dump.log]\n|other\n"
            "[log /b/criu-dump.log]\n|another\n[log /b/dump.log]\n|its own\nend\n",
            options[i]);
        judge_text(text, &j);
        assert_true(strv_contains(&j.f.unusual, "CRIU's log ends with: its own"));
    }
}

static void a_log_of_before_is_no_log_of_this_one(void **state)
{
    (void)state;
    static const char text[] = "kataloop-evidence 1\n[caller]\n|stalled: yes\n|seconds: 11\n"
                               "[processes]\n|target 5\n[log /w/dump.log]\n"
                               "|(00.1) Dumping finished successfully\n"
                               "[log state /w/dump.log]\n|modified: 100\n|now: %d\n%s"
                               "end\n";
    static const struct {
        int now;
        const char *delay, *want;
    } cases[] = {
        {113, "", "CRIU has finished and is reaped, but the request does not return"},
        {114, "", NULL},
        {114, "|delay: 1\n", "CRIU has finished and is reaped, but the request does not return"},
        {118, "|delay: 1\n", NULL},
        {114, "|delay: -1\n", NULL},
        {114, "|delay: x\n", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *one = xasprintf(text, cases[i].now, cases[i].delay);
        cleanup_judged struct judged j = JUDGED_INIT;
        judge_text(one, &j);
        assert_true(j.f.hang);
        if (cases[i].want) {
            assert_string_equal(findings_headline(&j.f), cases[i].want);
            continue;
        }
        assert_int_equal(j.f.n, 0);
        assert_string_equal(j.f.unusual.items[j.f.unusual.len - 1],
                            "log /w/dump.log is older than this checkpoint, which has no log");
    }
}

/* --- anything may come ----------------------------------------------------------------------- */

static void check_cut(const char *name, const char *data, size_t len, const struct bundle *whole)
{
    (void)name;
    (void)whole;
    for (size_t cut = strlen("kataloop-evidence 1\n"); cut < len - 1; cut += 1 + len / 60) {
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        cleanup_error struct error err = ERROR_INIT;
        cleanup_findings struct findings f = FINDINGS_INIT;
        cleanup_free char *exact = xmalloc(cut);
        memcpy(exact, data, cut);
        assert_int_equal(bundle_parse(exact, cut, "cut", &b, &err), 0);
        findings_make(&b, &f);
        assert_false(f.complete);
        assert_non_null(findings_headline(&f));
    }
}

static void any_cut_is_survived(void **state)
{
    (void)state;
    each_bundle(check_cut);
}

/* --- two of them -------------------------------------------------------------------------------
 */

static void compare_files(const char *left, const char *right, struct comparison *ret)
{
    cleanup_strbuf struct strbuf l = STRBUF_INIT, r = STRBUF_INIT;
    cleanup_bundle struct bundle a = BUNDLE_INIT, b = BUNDLE_INIT;
    read_bundle(left, &l, &a);
    read_bundle(right, &r, &b);
    comparison_make(&a, &b, ret);
}

static void the_frozen_cgroup_is_the_first_difference(void **state)
{
    (void)state;
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT, json = STRBUF_INIT;
    compare_files("frozen-target.running.healthy.evidence", "frozen-target.v2.evidence", &c);
    assert_true(c.n >= 1);
    assert_string_equal(c.items[0].what, "target: frozen");
    assert_string_equal(c.items[0].left, "no");
    assert_string_equal(c.items[0].right, "yes");
    comparison_text(&c, "manual", "agent", 0, &text);
    assert_non_null(strstr(strbuf_str(&text), "- manual\n+ agent\n\n1. target: frozen"));
    comparison_json(&c, "manual", "agent", &json);
    json_t *root = json_loads(strbuf_str(&json), 0, NULL);
    assert_non_null(root);
    json_decref(root);
}

static void what_a_spawner_changes_is_a_difference(void **state)
{
    (void)state;
    static const struct {
        const char *bundle, *what, *left, *right;
    } cases[] = {
        {"spawner.sigchld-blocked.evidence", "CRIU: blocked signals", "none", "CHLD"},
        {"spawner.nofile.evidence", "CRIU: Max open files", "1048576", "64"},
        {"spawner.stdio.evidence", "CRIU: descriptor 1", "/dev/null", "closed"},
        {"ptrace-forbidden.capability-live.evidence", "CRIU: effective capabilities",
         "000001ffffffffff", "000001fffff7ffff"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_comparison struct comparison c = COMPARISON_INIT;
        compare_files("frozen-target.v2.healthy.evidence", cases[i].bundle, &c);
        size_t at = 0;
        while (at < c.n && strcmp(c.items[at].what, cases[i].what) != 0)
            at++;
        if (at == c.n)
            fail_msg("%s: no difference of %s", cases[i].bundle, cases[i].what);
        assert_string_equal(c.items[at].left, cases[i].left);
        assert_string_equal(c.items[at].right, cases[i].right);
    }
}

/* What is typed by hand is short. */
static void an_option_is_the_same_however_it_is_written(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "|criu\n|dump\n|--tree\n|5\n|--images-dir=/a\n|--leave-running\n|--shell-job\n|-v4\n"
        "|--libdir\n|/l\n|--tcp-established\n",
        "|criu\n|dump\n|-vvv\n|-l\n|-R\n|-j\n|-L/l\n|-t6\n|-D\n|/b\n",
    };
    struct bundle b[2] = {BUNDLE_INIT, BUNDLE_INIT};
    for (size_t i = 0; i < 2; i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_free char *text = xasprintf(
            "kataloop-evidence 1\n[processes]\n|criu 8\n[/proc/8/cmdline]\n%send\n", commands[i]);
        assert_int_equal(bundle_parse(text, strlen(text), "b", &b[i], &err), 0);
    }
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    comparison_make(&b[0], &b[1], &c);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.items[0].what, "CRIU: option --file-locks");
    assert_string_equal(c.items[1].what, "CRIU: option --tcp-established");
    bundle_release(&b[0]);
    bundle_release(&b[1]);
}

static void what_a_configuration_file_adds_is_a_difference(void **state)
{
    (void)state;
    cleanup_bundle struct bundle without = BUNDLE_INIT, with = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    static const char text[] = "kataloop-evidence 1\n[/etc/criu/default.conf]\n|# options\n|\n"
                               "|tcp-established\nend\n";
    assert_int_equal(bundle_parse("kataloop-evidence 1\nend\n", 24, "b", &without, &err), 0);
    assert_int_equal(bundle_parse(text, strlen(text), "b", &with, &err), 0);
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    comparison_make(&without, &with, &c);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.items[0].what, "system: /etc/criu/default.conf: tcp-established");
}

static void a_bundle_does_not_differ_from_itself(void **state)
{
    (void)state;
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    compare_files("frozen-target.v2.evidence", "frozen-target.v2.evidence", &c);
    assert_int_equal(c.n, 0);
    assert_true(c.same > 20);
}

static void noise_is_taken_out_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain text 12", "plain text 12"},
        {"socket:[123456]", "socket:[N]"},
        {"at 0x7f2d1c0a3a47.", "at ADDRESS."},
        {"/a/4f2a9c1b7e6d5f4a3b2c/b", "/a/ID/b"},
        {"nerdctl:4f2a9c1b7e6d5f4a:x", "nerdctl:ID:x"},
        {"ext4 x86_64 v20261124a", "ext4 x86_64 v20261124a"},
        {"0x", "0x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *got = normal_text(cases[i].text);
        assert_string_equal(got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cause_is_found_first_and_its_twin_is_silent),
        cmocka_unit_test(every_rule_has_a_bundle),
        cmocka_unit_test(evidence_stands_on_its_lines),
        cmocka_unit_test(findings_are_shown_as_text_and_as_json),
        cmocka_unit_test(a_frozen_target_is_told_in_full),
        cmocka_unit_test(blocks_and_inodes_are_told_apart),
        cmocka_unit_test(a_cause_that_no_line_shows_is_only_possible),
        cmocka_unit_test(one_cause_is_one_finding),
        cmocka_unit_test(what_criu_says_has_its_own_remedy),
        cmocka_unit_test(what_iptables_says_itself_is_shown),
        cmocka_unit_test(yama_is_to_be_off_where_the_capability_is_not_given),
        cmocka_unit_test(what_root_gives_up_criu_has_again),
        cmocka_unit_test(a_tracer_that_was_not_seen_is_not_to_be_killed),
        cmocka_unit_test(a_folder_that_hangs_is_unusual),
        cmocka_unit_test(a_tracer_of_the_container_is_not_to_be_killed),
        cmocka_unit_test(the_reapers_lock_is_kept_until_criu_was_waited_for),
        cmocka_unit_test(a_refusal_makes_a_filter_likely),
        cmocka_unit_test(a_parent_of_vfork_is_not_taken_for_one_that_waits_for_a_disk),
        cmocka_unit_test(a_spawner_is_as_sure_as_the_log_says),
        cmocka_unit_test(a_helper_that_could_not_be_waited_for_is_not_accused),
        cmocka_unit_test(another_criu_is_named_and_not_to_be_killed),
        cmocka_unit_test(what_a_bundle_names_is_quoted_in_commands),
        cmocka_unit_test(what_no_rule_knows_is_told_with_what_is_unusual),
        cmocka_unit_test(a_child_of_criu_is_unusual_while_it_hangs),
        cmocka_unit_test(the_log_is_the_one_that_criu_was_given),
        cmocka_unit_test(a_log_of_before_is_no_log_of_this_one),
        cmocka_unit_test(any_cut_is_survived),
        cmocka_unit_test(the_frozen_cgroup_is_the_first_difference),
        cmocka_unit_test(what_a_spawner_changes_is_a_difference),
        cmocka_unit_test(an_option_is_the_same_however_it_is_written),
        cmocka_unit_test(what_a_configuration_file_adds_is_a_difference),
        cmocka_unit_test(a_bundle_does_not_differ_from_itself),
        cmocka_unit_test(noise_is_taken_out_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
