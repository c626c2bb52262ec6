/* SPDX-License-Identifier: Apache-2.0
 * From a workflow file to its steps: variables, recipes, repetitions, selections, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "plan/plan.h"
#include "plan/scan.h"

static char folder[64];

static void write_file(const char *name, const char *text)
{
    struct error err = ERROR_INIT;
    cleanup_free char *dir = path_dir(name);
    if (fs_mkdir_parents(dir, &err) < 0 ||
        fs_write_atomic(name, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", err.message);
}

#define HEAD                                                                                       \
    "version: 1\n"                                                                                 \
    "hosts: {dev: {ssh: a@b, workspace: /w}}\n"                                                    \
    "builds:\n"                                                                                    \
    "  agent: {sync: [src/, lib.c], exclude: out/, run: make, output: out/agent, timeout: 5m}\n"   \
    "images: {guest: auto}\n"

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kataloop-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_file("src/main.c", "int main(void) { return 0; }\n");
    write_file("lib.c", "int x;\n");
    write_file("recipes/measure.yaml", "version: 1\n"
                                       "help: measure it\n"
                                       "params:\n"
                                       "  word: hello\n"
                                       "  long: {type: duration, default: 10s}\n"
                                       "  greeting: ${word} on ${host.name}\n"
                                       "steps:\n"
                                       "  - run: prepare ${greeting}\n"
                                       "repeat: 2\n"
                                       "warmup: 1\n"
                                       "measure:\n"
                                       "  - run: echo ${word} $${word} $HOME ${host.workspace}\n"
                                       "    name: say\n"
                                       "    timeout: ${long}\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    assert_int_equal(chdir("/"), 0);
    return fs_remove_tree(folder, &err);
}

/* A file and its plan, freed together. */
struct planned {
    struct workflow_file *file;
    struct plan *plan;
};

static void planned_release(struct planned *p)
{
    plan_free(p->plan);
    workflow_file_free(p->file);
}

static struct planned plan_of(const char *text, const char *workflow)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    struct error err = ERROR_INIT;
    struct planned p = {0};
    write_file("f.yaml", text);
    if (workflow_load("f.yaml", &p.file, &problems, &err) < 0 ||
        plan_make(p.file, workflow, &p.plan, &problems, &err) < 0) {
        cleanup_strbuf struct strbuf shown = STRBUF_INIT;
        diagnostics_format(&problems, &shown);
        fail_msg("%s\n%s", err.message, strbuf_str(&shown));
    }
    return p;
}

static void labels_are(const struct plan *p, const char *expected)
{
    cleanup_strbuf struct strbuf all = STRBUF_INIT;
    for (size_t i = 0; i < p->len; i++)
        strbuf_printf(&all, "%s\n", p->steps[i]->label);
    assert_string_equal(strbuf_str(&all), expected);
}

static const char *command_of(const struct plan_step *s)
{
    return value_get_string(s->args, "command");
}

#define LOOP HEAD "workflows:\n  w:\n    host: dev\n    steps:\n"

static void a_build_syncs_first(void **state)
{
    (void)state;
    struct planned p = plan_of(LOOP "      - build: agent\n", NULL);
    labels_are(p.plan, "sync src/\nsync lib.c\nbuild agent\n");
    const struct plan_step *sync = p.plan->steps[0], *build = p.plan->steps[2];
    const struct value *exclude = value_get(sync->args, "exclude");
    assert_int_equal(exclude->len, 1);
    assert_string_equal(exclude->items[0]->text, "out/");
    assert_string_equal(value_get_string(build->subject, "run"), "make");
    assert_true(build->timeout == 300 * NSEC_PER_SEC);
    assert_string_equal(build->host_name, "dev");
    planned_release(&p);
}

static void a_recipe_is_its_steps_with_its_values(void **state)
{
    (void)state;
    struct planned p =
        plan_of(LOOP "      - recipe: measure\n        with: {word: you, long: 3s}\n", NULL);
    labels_are(p.plan, "run prepare you on dev\nsay warm-up 1\nsay 1/2\nsay 2/2\n");
    assert_string_equal(command_of(p.plan->steps[1]), "echo you ${word} $HOME /w");
    assert_true(p.plan->steps[1]->timeout == 3 * NSEC_PER_SEC);
    const int samples[] = {0, -1, 1, 2};
    for (size_t i = 0; i < p.plan->len; i++) {
        assert_int_equal(p.plan->steps[i]->sample, samples[i]);
        assert_string_equal(p.plan->steps[i]->section, "measure");
        assert_int_equal(p.plan->steps[i]->pass, i + 1); /* each cleans up after itself */
    }
    planned_release(&p);
}

static void how_often_is_said_where_it_is_used(void **state)
{
    (void)state;
    struct planned p =
        plan_of(LOOP "      - recipe: measure\n        repeat: 1\n        warmup: 0\n", NULL);
    labels_are(p.plan, "run prepare hello on dev\nsay 1/1\n");
    planned_release(&p);
    p = plan_of(LOOP "      - recipe: measure\n        repeat: 0\n        warmup: 0\n", NULL);
    labels_are(p.plan, "run prepare hello on dev\n");
    planned_release(&p);
}

static void a_workflow_takes_in_another(void **state)
{
    (void)state;
    static const char text[] = HEAD "default: all\n"
                                    "workflows:\n"
                                    "  one: {host: dev, steps: [run: a]}\n"
                                    "  all: {host: dev, steps: [workflow: one, run: b]}\n";
    struct planned p = plan_of(text, NULL);
    labels_are(p.plan, "run a\nrun b\n");
    planned_release(&p);
    p = plan_of(text, "one");
    labels_are(p.plan, "run a\n");
    struct plan *none = NULL;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(plan_make(p.file, "al", &none, &problems, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, "`f.yaml` has no workflow `al`");
    assert_string_equal(err.hint, "did you mean `all`?");
    planned_release(&p);
}

/* What f.yaml says is wrong only once its variables are known. */
static void has_problem(const char *message)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    struct plan *plan = NULL;
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), 0);
    assert_int_equal(plan_make(file, NULL, &plan, &problems, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(problems.len, 1);
    assert_string_equal(problems.items[0].message, message);
    assert_string_equal(err.message, "1 problem in `f.yaml`");
}

static void a_value_is_checked_once_it_is_known(void **state)
{
    (void)state;
    write_file("recipes/r.yaml", "version: 1\nhelp: x\nparams: {t: 1s}\nsteps:\n"
                                 "  - run: x\n    timeout: ${t}\n");
    write_file("f.yaml", LOOP "      - recipe: r\n        with: {t: long}\n");
    has_problem("`timeout` must be a duration, like 10s, 200ms or 2m, not `long`");
}

#define COUNTED                                                                                    \
    "version: 1\nhelp: x\nparams:\n  n: {type: int, default: 2}\n"                                 \
    "  m: {type: int, default: '${n}'}\nrepeat: ${m}\nmeasure: [run: x]\n"

static void a_recipe_may_count_by_a_parameter(void **state)
{
    (void)state;
    write_file("recipes/counted.yaml", COUNTED);
    struct planned p = plan_of(LOOP "      - recipe: counted\n"
                                    "      - {recipe: counted, with: {n: 1}}\n"
                                    "      - {recipe: counted, repeat: 1}\n",
                               NULL);
    labels_are(p.plan, "run x 1/2\nrun x 2/2\nrun x 1/1\nrun x 1/1\n");
    planned_release(&p);
}

static void what_a_parameter_comes_to_is_checked(void **state)
{
    (void)state;
    write_file("recipes/counted.yaml", COUNTED);
    write_file("f.yaml", LOOP "      - recipe: counted\n        with: {n: \"${host.name}\"}\n");
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    struct plan *plan = NULL;
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), 0);
    assert_int_equal(plan_make(file, NULL, &plan, &problems, &err), -1);
    assert_int_equal(problems.len, 3);
    assert_string_equal(problems.items[0].message, "`m` must be a number from 0, not `dev`");
    assert_string_equal(problems.items[1].message, "`repeat` must be a number from 0, not `dev`");
    assert_string_equal(problems.items[2].message, "`n` must be a number from 0, not `dev`");
}

static void too_many_steps_are_refused(void **state)
{
    (void)state;
    write_file("f.yaml", LOOP "      - recipe: measure\n        repeat: 4000000000\n");
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    struct plan *plan = NULL;
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), 0);
    assert_int_equal(plan_make(file, NULL, &plan, &problems, &err), -1);
    assert_string_equal(err.message, "workflow `w` has more than 10000 steps");
}

/* Each is the one before it twice, and the first does nothing. */
static void workflows_of_nothing_count_too(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    write_file("recipes/none.yaml", "version: 1\nhelp: x\nrepeat: 0\nmeasure: [run: x]\n");
    strbuf_puts(&text, HEAD "workflows:\n  w0: {host: dev, steps: [recipe: none]}\n");
    for (int i = 1; i < 60; i++)
        strbuf_printf(&text, "  w%d: {host: dev, steps: [workflow: w%d, workflow: w%d]}\n", i,
                      i - 1, i - 1);
    write_file("f.yaml", strbuf_str(&text));
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    struct plan *plan = NULL;
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), 0);
    assert_int_equal(plan_make(file, "w59", &plan, &problems, &err), -1);
    assert_string_equal(err.message, "workflow `w59` has more than 10000 steps");
}

static void a_circle_by_a_variable_is_a_problem(void **state)
{
    (void)state;
    write_file("f.yaml", HEAD "workflows: {dev: {host: dev, steps: [workflow: '${host.name}']}}\n");
    has_problem("workflow dev: more than 64 workflows in each other");
}

/* What two steps do to the same thing is told apart from run to run; a repetition is none. */
static void two_changes_of_one_thing_have_keys_of_their_own(void **state)
{
    (void)state;
    struct planned p = plan_of(LOOP "      - restart: {unit: u, ready: a}\n"
                                    "      - restart: {unit: u, ready: b}\n"
                                    "      - restart: {unit: u, ready: a}\n"
                                    "      - restart: {unit: u, ready: c}\n"
                                    "      - restart: {unit: other, ready: b}\n",
                               NULL);
    struct plan_step *const *s = p.plan->steps;
    assert_string_equal(s[0]->key, s[2]->key);
    assert_null(strchr(s[0]->key, '\n'));
    assert_string_equal(strchr(s[1]->key, '\n'), "\n2");
    assert_string_equal(strchr(s[3]->key, '\n'), "\n3");
    assert_null(strchr(s[4]->key, '\n'));
    planned_release(&p);
}

/* --- selections --------------------------------------------------------------------------------
 */

#define FOUR LOOP "      - build: agent\n      - run: x\n"

static void selected(const char *from, const char *only, const char *expected)
{
    struct planned p = plan_of(FOUR, NULL);
    struct error err = ERROR_INIT;
    if (plan_select(p.plan, from, only, &err) < 0)
        fail_msg("%s", err.message);
    labels_are(p.plan, expected);
    planned_release(&p);
}

static void from_and_only_take_numbers_labels_and_kinds(void **state)
{
    (void)state;
    selected(NULL, NULL, "sync src/\nsync lib.c\nbuild agent\nrun x\n");
    selected("build", NULL, "build agent\nrun x\n");
    selected("2", NULL, "sync lib.c\nbuild agent\nrun x\n");
    selected(NULL, "sync", "sync src/\nsync lib.c\n");
    selected(NULL, "sync lib.c", "sync lib.c\n");
    selected(NULL, "4", "run x\n");
    selected("2", "sync", "sync lib.c\n");
}

static void what_is_selected_keeps_its_number(void **state)
{
    (void)state;
    struct planned p = plan_of(FOUR, NULL);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(plan_select(p.plan, "3", NULL, &err), 0);
    assert_int_equal(p.plan->steps[0]->index, 2);
    assert_int_equal(p.plan->steps[1]->index, 3);
    assert_int_equal(plan_select(p.plan, NULL, "4", &err), 0);
    labels_are(p.plan, "run x\n");
    assert_int_equal(p.plan->steps[0]->index, 3);
    planned_release(&p);
}

static void a_step_that_is_not_there_is_said(void **state)
{
    (void)state;
    struct planned p = plan_of(FOUR, NULL);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(plan_select(p.plan, "biuld agent", NULL, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, "workflow `w` has no step `biuld agent`");
    assert_string_equal(err.hint, "did you mean `build agent`?");
    assert_int_equal(p.plan->len, 4);
    error_release(&err);
    assert_int_equal(plan_select(p.plan, NULL, "5", &err), -1);
    assert_string_equal(err.message, "workflow `w` has no step `5`");
    error_release(&err);
    assert_int_equal(plan_select(p.plan, "", NULL, &err), -1);
    assert_string_equal(err.message, "workflow `w` has no step ``");
    error_release(&err);
    /* Each is there, but not in one step. */
    assert_int_equal(plan_select(p.plan, "run", "sync", &err), -1);
    assert_string_equal(err.message, "no step `sync` from step `run` on");
    assert_int_equal(p.plan->len, 4);
    planned_release(&p);
}

/* --- fingerprints ------------------------------------------------------------------------------
 */

static char *fingerprint(const char *text, size_t step)
{
    struct planned p = plan_of(text, NULL);
    char hex[SHA256_HEX_SIZE];
    struct error err = ERROR_INIT;
    if (plan_fingerprint(p.plan, p.plan->steps[step], hex, &err) < 0)
        fail_msg("%s", err.message);
    planned_release(&p);
    return xstrdup(hex);
}

static void is_changed(const char *before, const char *text, size_t step, bool expected)
{
    cleanup_free char *now = fingerprint(text, step);
    assert_int_equal(strcmp(before, now) != 0, expected);
}

static void the_same_has_the_same_fingerprint(void **state)
{
    (void)state;
    cleanup_free char *before = fingerprint(FOUR, 0);
    is_changed(before, FOUR, 0, false);
    is_changed(before, "# a comment\n\n" FOUR, 0, false);
    write_file("src/out/agent", "what is excluded does not count");
    is_changed(before, FOUR, 0, false);
}

static void what_a_sync_sends_changes_its_fingerprint(void **state)
{
    (void)state;
    cleanup_free char *before = fingerprint(FOUR, 0);
    cleanup_free char *other = fingerprint(FOUR, 1);
    write_file("src/main.c", "int main(void) { return 1; }\n"); /* as long as before */
    is_changed(before, FOUR, 0, true);
    is_changed(other, FOUR, 1, false);
    cleanup_free char *second = fingerprint(FOUR, 0);
    write_file("src/new.c", "");
    is_changed(second, FOUR, 0, true);
    cleanup_free char *third = fingerprint(FOUR, 0);
    assert_int_equal(chmod("src/new.c", 0600), 0);
    is_changed(third, FOUR, 0, true);
    cleanup_free char *fourth = fingerprint(FOUR, 0);
    assert_int_equal(unlink("src/new.c"), 0);
    assert_int_equal(symlink("main.c", "src/new.c"), 0);
    is_changed(fourth, FOUR, 0, true);
}

static void what_a_build_says_changes_its_fingerprint(void **state)
{
    (void)state;
    cleanup_free char *before = fingerprint(FOUR, 2);
    static const char other[] =
        "version: 1\n"
        "hosts: {dev: {ssh: a@b, workspace: /w}}\n"
        "builds:\n"
        "  agent: {sync: [src/, lib.c], exclude: out/, run: make all, output: out/agent, timeout: "
        "5m}\n"
        "images: {guest: auto}\n"
        "workflows:\n  w:\n    host: dev\n    steps:\n      - build: agent\n      - run: x\n";
    is_changed(before, other, 2, true);
    static const char elsewhere[] =
        "version: 1\n"
        "hosts: {dev: {ssh: a@c, workspace: /w}}\n"
        "builds:\n"
        "  agent: {sync: [src/, lib.c], exclude: out/, run: make, output: out/agent, timeout: 5m}\n"
        "images: {guest: auto}\n"
        "workflows:\n  w:\n    host: dev\n    steps:\n      - build: agent\n      - run: x\n";
    is_changed(before, elsewhere, 2, true);
}

static void builds_and_images_know_their_host(void **state)
{
    (void)state;
    struct planned p = plan_of(
        "version: 1\n"
        "hosts: {dev: {ssh: a@b, workspace: /w}}\n"
        "builds:\n"
        "  agent: {sync: lib.c, run: 'make W=${host.workspace} $${x} $HOME',\n"
        "          env: {ON: '${host.name}'}, output: '${host.name}/agent'}\n"
        "images: {guest: '/images/${host.name}.img'}\n"
        "workflows:\n"
        "  w: {host: dev, steps: [build: agent, inject: {image: guest, files: {from: agent, "
        "to: /a}}]}\n",
        NULL);
    const struct value *build = p.plan->steps[1]->subject;
    assert_string_equal(value_get_string(build, "run"), "make W=/w ${x} $HOME");
    assert_string_equal(value_get_string(build, "output"), "dev/agent");
    assert_string_equal(value_get_string(value_get(build, "env"), "ON"), "dev");
    assert_ptr_equal(value_get(value_get(p.plan->entries, "builds"), "agent"), build);
    assert_string_equal(value_get_string(p.plan->steps[2]->subject, "path"), "/images/dev.img");
    planned_release(&p);
}

/* Of rsync's manual, FILTER RULES, as far as they are known here. */
static void patterns_are_those_of_rsync(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool folder, expected;
    } cases[] = {
        {"*.o", "a/b.o", false, true},
        {"*.o", "b.oo", false, false},
        {"target/", "a/target", true, true},
        {"target/", "target", false, false},
        {"/out", "out", false, true},
        {"/out", "a/out", false, false},
        {"/*.c", "a/b.c", false, false},
        {"a/b", "a/b", false, true},
        {"a/b", "x/a/b", false, true},
        {"a/b", "xa/b", false, false},
        {"a/*", "a/b/c", false, false},
        {"/a/b/", "a/b", true, true},
        {"/", "a", true, false},
        {"", "a", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_strv struct strv exclude = STRV_INIT;
        strv_push_all(&exclude, "other", cases[i].pattern, NULL);
        if (scan_excludes(&exclude, cases[i].path, cases[i].folder) != cases[i].expected)
            fail_msg("`%s`: %s", cases[i].pattern, cases[i].path);
    }
}

static void a_source_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct planned p = plan_of(FOUR, NULL);
    char hex[SHA256_HEX_SIZE];
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(unlink("lib.c"), 0);
    assert_int_equal(plan_fingerprint(p.plan, p.plan->steps[1], hex, &err), -1);
    assert_non_null(strstr(err.message, "lib.c"));
    assert_non_null(strstr(err.message, "No such file or directory"));
    planned_release(&p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_build_syncs_first),
        TEST(a_recipe_is_its_steps_with_its_values),
        TEST(how_often_is_said_where_it_is_used),
        TEST(a_workflow_takes_in_another),
        TEST(a_value_is_checked_once_it_is_known),
        TEST(a_recipe_may_count_by_a_parameter),
        TEST(what_a_parameter_comes_to_is_checked),
        TEST(too_many_steps_are_refused),
        TEST(workflows_of_nothing_count_too),
        TEST(a_circle_by_a_variable_is_a_problem),
        TEST(two_changes_of_one_thing_have_keys_of_their_own),
        TEST(from_and_only_take_numbers_labels_and_kinds),
        TEST(what_is_selected_keeps_its_number),
        TEST(a_step_that_is_not_there_is_said),
        TEST(the_same_has_the_same_fingerprint),
        TEST(what_a_sync_sends_changes_its_fingerprint),
        TEST(what_a_build_says_changes_its_fingerprint),
        TEST(builds_and_images_know_their_host),
        TEST(patterns_are_those_of_rsync),
        TEST(a_source_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
