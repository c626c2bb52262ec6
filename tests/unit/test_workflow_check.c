/* SPDX-License-Identifier: Apache-2.0
 * Workflow files and recipes, checked as a whole: everything that is wrong, at once, at its place,
 * word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "workflow/file.h"

static char folder[64];

static void write_file(const char *name, const char *text)
{
    struct error err = ERROR_INIT;
    cleanup_free char *dir = path_dir(name);
    if (fs_mkdir_parents(dir, &err) < 0 ||
        fs_write_atomic(name, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", err.message);
}

/* A folder of its own for each test, which is where it runs; a recipe is there. */
static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/kataloop-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_file("recipes/measure.yaml", "version: 1\n"
                                       "help: measure it\n"
                                       "params:\n"
                                       "  workload: busybox\n"
                                       "  leave_running: {type: bool, default: \"true\"}\n"
                                       "  target: {help: where it goes}\n"
                                       "measure:\n"
                                       "  - run: echo ${workload} ${target}\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    assert_int_equal(chdir("/"), 0);
    return fs_remove_tree(folder, &err);
}

static void expect_problems(const char *text, const char *expected)
{
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    write_file("f.yaml", text);
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), -1);
    assert_null(file);
    assert_int_equal(err.code, ERR_USAGE);
    diagnostics_format(&problems, &shown);
    assert_string_equal(strbuf_str(&shown), expected);
    cleanup_free char *count =
        xasprintf("%zu problem%s in `f.yaml`", problems.len, problems.len == 1 ? "" : "s");
    assert_string_equal(err.message, count);
}

#define HEAD "version: 1\nhosts: {dev: a@b}\n"

static void a_good_file_has_its_defaults_filled_in(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    struct error err = ERROR_INIT;
    write_file("f.yaml", HEAD "workflows:\n  w:\n    host: dev\n    steps:\n      - recipe: "
                              "measure\n        with: {target: /x}\n");
    if (workflow_load("f.yaml", &file, &problems, &err) < 0)
        fail_msg("%s", err.message);
    const struct value *dev = value_get(value_get(file->root, "hosts"), "dev");
    assert_string_equal(value_get_string(dev, "ssh"), "a@b");
    assert_string_equal(value_get_string(dev, "become"), "sudo");
    assert_string_equal(value_get_string(dev, "host_key"), "ask");
    assert_int_equal(file->n_recipes, 1);
    assert_non_null(workflow_recipe(file, "measure"));
    assert_null(workflow_recipe(file, "other"));
}

static void a_variable_of_the_environment_has_a_name(void **state)
{
    (void)state;
    expect_problems(HEAD "builds: {b: {run: make, env: {A=B: 1, C: 2}}}\n"
                         "workflows: {w: {host: dev, steps: [build: b]}}\n",
                    "f.yaml:3:31: error: `A=B` in `env` cannot be a name\n"
                    "    3 | builds: {b: {run: make, env: {A=B: 1, C: 2}}}\n"
                    "      |                               ^\n");
}

/* Wherever kataloop is called. */
static void a_relative_workspace_has_its_place(void **state)
{
    (void)state;
    static const char text[] = "version: 1\nhosts:\n"
                               "  here: local\n"
                               "  below: {ssh: local, workspace: src}\n"
                               "  home: {ssh: local, workspace: ~/src}\n"
                               "  there: {ssh: a@b, workspace: src}\n"
                               "  login: {ssh: a@b, workspace: ~/src}\n"
                               "  slashes: {ssh: a@b, workspace: ~//src}\n"
                               "  bare: {ssh: a@b, workspace: ~/}\n"
                               "  other: {ssh: a@b, workspace: ~me/src}\n"
                               "workflows: {w: {host: here, steps: [run: x]}}\n";
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    write_file("f.yaml", text);
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), 0);
    cleanup_free char *below = path_join(folder, "src");
    cleanup_free char *home = path_expand_home("~/src");
    const char *const expected[][2] = {{"here", folder}, {"below", below},    {"home", home},
                                       {"there", "src"}, {"login", "src"},    {"slashes", "src"},
                                       {"bare", "."},    {"other", "~me/src"}};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        const struct value *host = value_get(value_get(file->root, "hosts"), expected[i][0]);
        assert_string_equal(value_get_string(host, "workspace"), expected[i][1]);
    }
}

static void a_version_is_a_plain_number(void **state)
{
    (void)state;
    expect_problems("version: x\nhosts: {dev: a@b}\nworkflows: {w: {host: dev, steps: [run: x]}}\n",
                    "f.yaml:1:10: error: `version` must be a number from 0, not `x`\n"
                    "    1 | version: x\n"
                    "      |          ^\n");
    expect_problems("version: 1\ndefault: ${host.name}\nhosts: {dev: a@b}\nworkflows: {dev: {host: "
                    "dev, steps: [run: x]}}\n",
                    "f.yaml:2:10: error: no variables are replaced in `default`\n"
                    "    2 | default: ${host.name}\n"
                    "      |          ^\n"
                    "      = write the value itself\n");
}

static void everything_wrong_is_told_at_once(void **state)
{
    (void)state;
    expect_problems("version: 2\n"
                    "hosts:\n"
                    "  dev: {ssh: a@b, wrkspace: /x, host_key: yes}\n"
                    "  two: [a, b]\n"
                    "builds:\n"
                    "  agent:\n"
                    "    rnu: make\n"
                    "    timeout: soon\n"
                    "    env: {A: [1]}\n"
                    "images:\n"
                    "  guest: {path: auto, keep: -1}\n"
                    "workflows:\n"
                    "  loop:\n"
                    "    host: dve\n"
                    "    steps: [build: agnet]\n",
                    "f.yaml:1:10: error: version 2 is not known here\n"
                    "    1 | version: 2\n"
                    "      |          ^\n"
                    "      = this program reads version 1\n"
                    "f.yaml:3:19: error: host `dev` has no key `wrkspace`\n"
                    "    3 |   dev: {ssh: a@b, wrkspace: /x, host_key: yes}\n"
                    "      |                   ^\n"
                    "      = did you mean `workspace`?\n"
                    "f.yaml:3:43: error: `host_key` cannot be `yes`\n"
                    "    3 |   dev: {ssh: a@b, wrkspace: /x, host_key: yes}\n"
                    "      |                                           ^\n"
                    "      = known: ask, accept-new, strict\n"
                    "f.yaml:4:8: error: `ssh` must be a single value, not a list\n"
                    "    4 |   two: [a, b]\n"
                    "      |        ^\n"
                    "      = ssh: user@host:port, a name of ~/.ssh/config, or `local` for this "
                    "machine\n"
                    "f.yaml:7:5: error: build `agent` has no key `rnu`\n"
                    "    7 |     rnu: make\n"
                    "      |     ^\n"
                    "      = did you mean `run`?\n"
                    "f.yaml:7:5: error: build `agent` needs `run`\n"
                    "    7 |     rnu: make\n"
                    "      |     ^\n"
                    "      = run: the build command\n"
                    "f.yaml:8:14: error: `timeout` must be a duration, like 10s, 200ms or 2m, not "
                    "`soon`\n"
                    "    8 |     timeout: soon\n"
                    "      |              ^\n"
                    "f.yaml:9:14: error: `A` in `env` must be a single value\n"
                    "    9 |     env: {A: [1]}\n"
                    "      |              ^\n"
                    "f.yaml:11:29: error: `keep` must be a number from 0, not `-1`\n"
                    "   11 |   guest: {path: auto, keep: -1}\n"
                    "      |                             ^\n"
                    "f.yaml:14:11: error: no entry of `hosts` is called `dve`\n"
                    "   14 |     host: dve\n"
                    "      |           ^\n"
                    "      = did you mean `dev`?\n"
                    "f.yaml:15:20: error: no entry of `builds` is called `agnet`\n"
                    "   15 |     steps: [build: agnet]\n"
                    "      |                    ^\n"
                    "      = did you mean `agent`?\n");
}

#define WORKFLOW HEAD "workflows:\n  w:\n    host: dev\n    steps:\n"

static void steps_say_what_they_are(void **state)
{
    (void)state;
    expect_problems(WORKFLOW "      - rnu: x\n"
                             "      - just text\n"
                             "      - restart:\n"
                             "      - run: x\n"
                             "        rn: y\n"
                             "      - workflow: none\n"
                             "      - run: [make, {a: b}]\n"
                             "      - build: agent\n",
                    "f.yaml:7:9: error: `rnu` is not a kind of step\n"
                    "    7 |       - rnu: x\n"
                    "      |         ^\n"
                    "      = did you mean `run`?\n"
                    "f.yaml:8:9: error: a step must be a map, like `restart: containerd`\n"
                    "    8 |       - just text\n"
                    "      |         ^\n"
                    "f.yaml:9:9: error: step `restart` needs `unit`\n"
                    "    9 |       - restart:\n"
                    "      |         ^\n"
                    "      = unit: name of a systemd unit\n"
                    "f.yaml:11:9: error: step `run` has no key `rn`\n"
                    "   11 |         rn: y\n"
                    "      |         ^\n"
                    "      = known: command, dir, become, env, name, timeout\n"
                    "f.yaml:12:19: error: no entry of `workflows` is called `none`\n"
                    "   12 |       - workflow: none\n"
                    "      |                   ^\n"
                    "      = known: w\n"
                    "f.yaml:13:21: error: each element of `command` must be a single value, not a "
                    "map\n"
                    "   13 |       - run: [make, {a: b}]\n"
                    "      |                     ^\n"
                    "      = command: a shell command line, or a list of words\n"
                    "f.yaml:14:16: error: no entry of `builds` is called `agent`\n"
                    "   14 |       - build: agent\n"
                    "      |                ^\n"
                    "      = the file has no section `builds`\n");
}

static void recipes_are_checked_where_they_are_used(void **state)
{
    (void)state;
    expect_problems(WORKFLOW "      - recipe: mesure\n"
                             "      - recipe: measure\n"
                             "        with: {worklod: x, leave_running: maybe}\n",
                    "f.yaml:7:17: error: there is no recipe `mesure`\n"
                    "    7 |       - recipe: mesure\n"
                    "      |                 ^\n"
                    "      = did you mean `measure`?\n"
                    "f.yaml:8:9: error: recipe `measure` needs `target` in `with`\n"
                    "    8 |       - recipe: measure\n"
                    "      |         ^\n"
                    "f.yaml:9:16: error: recipe `measure` has no parameter `worklod`\n"
                    "    9 |         with: {worklod: x, leave_running: maybe}\n"
                    "      |                ^\n"
                    "      = did you mean `workload`?\n"
                    "f.yaml:9:43: error: `leave_running` must be true or false, not `maybe`\n"
                    "    9 |         with: {worklod: x, leave_running: maybe}\n"
                    "      |                                           ^\n");
}

static void what_is_wrong_in_a_recipe_is_told_in_the_recipe(void **state)
{
    (void)state;
    cleanup_free char *path = xasprintf("%s/recipes/bad.yaml", folder);
    write_file("recipes/bad.yaml", "version: 1\nhelp: x\nparams: {n: {type: int, default: many}}\n"
                                   "steps:\n  - run: echo ${m} $a ${12}\n");
    cleanup_free char *expected =
        xasprintf("%s:3:34: error: `n` must be a number from 0, not `many`\n"
                  "    3 | params: {n: {type: int, default: many}}\n"
                  "      |                                  ^\n"
                  "%s:5:10: error: there is no variable `12` here (a shell's own is `$${12}`)\n"
                  "    5 |   - run: echo ${m} $a ${12}\n"
                  "      |          ^\n"
                  "      = known: n, host.name, host.workspace\n"
                  "%s:5:10: error: there is no variable `m` here (a shell's own is `$m` or "
                  "`$${m}`)\n"
                  "    5 |   - run: echo ${m} $a ${12}\n"
                  "      |          ^\n"
                  "      = known: n, host.name, host.workspace\n",
                  path, path, path);
    expect_problems(WORKFLOW "      - recipe: bad\n", expected);
}

static void what_does_nothing_is_a_mistake(void **state)
{
    (void)state;
    cleanup_free char *path = xasprintf("%s/recipes/idle.yaml", folder);
    write_file("recipes/idle.yaml", "version: 1\nhelp: x\n");
    cleanup_free char *expected =
        xasprintf("%s:1:1: error: recipe `idle` has neither `steps` nor `measure`\n"
                  "    1 | version: 1\n"
                  "      | ^\n",
                  path);
    expect_problems(WORKFLOW "      - recipe: idle\n", expected);
    expect_problems(HEAD "workflows: {w: {host: dev, steps: []}}\n",
                    "f.yaml:3:35: error: `steps` is empty\n"
                    "    3 | workflows: {w: {host: dev, steps: []}}\n"
                    "      |                                   ^\n"
                    "      = steps: what it does, in order\n");
    expect_problems(HEAD "workflows:\n  w: {host: dev, steps: [run: x]}\n"
                         "  v: {host: dev, steps: [{workflow: w, timeout: 1s}]}\n",
                    "f.yaml:5:40: error: step `workflow` has no key `timeout`\n"
                    "    5 |   v: {host: dev, steps: [{workflow: w, timeout: 1s}]}\n"
                    "      |                                        ^\n"
                    "      = the steps it stands for have their own\n");
}

static void a_default_uses_what_is_above_it_only(void **state)
{
    (void)state;
    cleanup_free char *path = xasprintf("%s/recipes/below.yaml", folder);
    write_file("recipes/below.yaml", "version: 1\nhelp: x\nparams:\n  m: {default: '${n}'}\n"
                                     "  n: {default: '${host.name}'}\nsteps:\n  - run: echo\n");
    cleanup_free char *expected =
        xasprintf("%s:4:17: error: there is no variable `n` here (a shell's own is `$n` or "
                  "`$${n}`)\n"
                  "    4 |   m: {default: '${n}'}\n"
                  "      |                 ^\n"
                  "      = known: host.name, host.workspace\n",
                  path);
    expect_problems(WORKFLOW "      - recipe: below\n", expected);
}

static void a_recipes_name_is_no_path(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    write_file("f.yaml", WORKFLOW "      - recipe: ../recipes/measure\n");
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), -1);
    assert_string_equal(problems.items[0].message, "there is no recipe `../recipes/measure`");
}

static void a_cycle_is_shown_with_its_way(void **state)
{
    (void)state;
    expect_problems(HEAD "workflows:\n"
                         "  a: {host: dev, steps: [workflow: b]}\n"
                         "  b: {host: dev, steps: [workflow: c]}\n"
                         "  c: {host: dev, steps: [workflow: b]}\n",
                    "f.yaml:6:36: error: workflow b comes back to itself\n"
                    "    6 |   c: {host: dev, steps: [workflow: b]}\n"
                    "      |                                    ^\n"
                    "      = workflow a → workflow b → workflow c → workflow b\n");
    cleanup_free char *path = xasprintf("%s/recipes/again.yaml", folder);
    write_file("recipes/again.yaml", "version: 1\nhelp: x\nsteps: [recipe: again]\n");
    cleanup_free char *expected = xasprintf("%s:3:17: error: recipe again comes back to itself\n"
                                            "    3 | steps: [recipe: again]\n"
                                            "      |                 ^\n"
                                            "      = workflow w → recipe again → recipe again\n",
                                            path);
    expect_problems(WORKFLOW "      - recipe: again\n", expected);
}

static void variables_are_checked(void **state)
{
    (void)state;
    expect_problems(WORKFLOW "      - run: \"${hst.name} ${host.name} $$${x} $HOME $${x}\"\n"
                             "      - run: ${host.name\n",
                    "f.yaml:7:15: error: there is no variable `hst.name` here (a shell's own is "
                    "`$${hst.name}`)\n"
                    "    7 |       - run: \"${hst.name} ${host.name} $$${x} $HOME $${x}\"\n"
                    "      |               ^\n"
                    "      = did you mean `host.name`?\n"
                    "f.yaml:8:14: error: `${` without `}`\n"
                    "    8 |       - run: ${host.name\n"
                    "      |              ^\n"
                    "      = write `$${` for the two characters themselves\n");
}

static void a_host_has_no_variables(void **state)
{
    (void)state;
    expect_problems("version: 1\n"
                    "hosts:\n"
                    "  dev: {ssh: a@b, workspace: '/mnt/${host.name}'}\n"
                    "workflows:\n"
                    "  w: {host: dev, steps: [run: ls]}\n",
                    "f.yaml:3:31: error: no variables are replaced in `workspace`\n"
                    "    3 |   dev: {ssh: a@b, workspace: '/mnt/${host.name}'}\n"
                    "      |                               ^\n"
                    "      = write the value itself\n");
}

static void a_name_with_nothing_behind_it_has_its_place(void **state)
{
    (void)state;
    expect_problems(HEAD "workflows:\n  w:\nimages:\n  - {}\n",
                    "f.yaml:4:3: error: workflow `w` needs `host`\n"
                    "    4 |   w:\n"
                    "      |   ^\n"
                    "      = host: where it runs\n"
                    "f.yaml:4:3: error: workflow `w` needs `steps`\n"
                    "    4 |   w:\n"
                    "      |   ^\n"
                    "      = steps: what it does, in order\n"
                    "f.yaml:6:3: error: `images` must be a map, not a list\n"
                    "    6 |   - {}\n"
                    "      |   ^\n"
                    "      = images: guest images on the hosts\n");
}

static void what_is_said_twice_is_told_once_each(void **state)
{
    (void)state;
    expect_problems("version: 1\nhosts:\n  dev: a\n  dev: b\nworkflows:\n  w: {host: dev, steps: "
                    "[run: x]}\n",
                    "f.yaml:4:3: error: `dev` is here twice, first in line 3\n"
                    "    4 |   dev: b\n"
                    "      |   ^\n");
}

static void what_is_said_twice_hides_nothing(void **state)
{
    (void)state;
    expect_problems("version: 1\nhosts: {dev: a@b}\n"
                    "builds:\n"
                    "  agent: {run: make}\n"
                    "  agent: {run: make, ouput: agent}\n"
                    "workflows:\n"
                    "  w: {host: dve, steps: [build: agent]}\n",
                    "f.yaml:5:3: error: `agent` is here twice, first in line 4\n"
                    "    5 |   agent: {run: make, ouput: agent}\n"
                    "      |   ^\n"
                    "f.yaml:5:22: error: build `agent` has no key `ouput`\n"
                    "    5 |   agent: {run: make, ouput: agent}\n"
                    "      |                      ^\n"
                    "      = did you mean `output`?\n"
                    "f.yaml:7:13: error: no entry of `hosts` is called `dve`\n"
                    "    7 |   w: {host: dve, steps: [build: agent]}\n"
                    "      |             ^\n"
                    "      = did you mean `dev`?\n");
}

static void no_file_says_where_it_looked(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    assert_int_equal(workflow_load("none.yaml", &file, &problems, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, "opening `none.yaml`: No such file or directory");
    error_release(&err);
    char *found = NULL;
    assert_int_equal(workflow_find(".", &found, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    cleanup_free char *expected =
        xasprintf("there is no kataloop.yaml in `%s` or a folder above it", folder);
    assert_string_equal(err.message, expected);
    assert_string_equal(err.hint, "`kataloop init` writes one; `-f FILE` names one");
}

static void the_file_is_found_from_below(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    cleanup_free char *expected = path_join(folder, "kataloop.yaml");
    write_file("kataloop.yaml", "");
    assert_int_equal(fs_mkdir_parents("deep/er", &err), 0);
    char *found = NULL;
    assert_int_equal(workflow_find("deep/er", &found, &err), 0);
    assert_string_equal(found, expected);
    free(found);
}

/* The names of a file are shown on a terminal, whatever they hold. */
static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    cleanup_diagnostics struct diagnostics problems = DIAGNOSTICS_INIT;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    cleanup_error struct error err = ERROR_INIT;
    cleanup_workflow_file struct workflow_file *file = NULL;
    write_file("f.yaml",
               HEAD "\"a\\eb\": 1\nworkflows: {w: {host: \"x\\r\\ny\", steps: [run: x]}}\n");
    assert_int_equal(workflow_load("f.yaml", &file, &problems, &err), -1);
    diagnostics_format(&problems, &shown);
    assert_null(strchr(strbuf_str(&shown), '\033'));
    assert_null(strchr(strbuf_str(&shown), '\r'));
    assert_non_null(strstr(strbuf_str(&shown), "has no key `a?b`"));
    assert_non_null(strstr(strbuf_str(&shown), "is called `x??y`"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_file_has_its_defaults_filled_in),
        TEST(a_variable_of_the_environment_has_a_name),
        TEST(a_relative_workspace_has_its_place),
        TEST(a_version_is_a_plain_number),
        TEST(everything_wrong_is_told_at_once),
        TEST(steps_say_what_they_are),
        TEST(recipes_are_checked_where_they_are_used),
        TEST(what_is_wrong_in_a_recipe_is_told_in_the_recipe),
        TEST(what_does_nothing_is_a_mistake),
        TEST(a_default_uses_what_is_above_it_only),
        TEST(a_recipes_name_is_no_path),
        TEST(a_cycle_is_shown_with_its_way),
        TEST(variables_are_checked),
        TEST(a_host_has_no_variables),
        TEST(a_name_with_nothing_behind_it_has_its_place),
        TEST(what_is_said_twice_is_told_once_each),
        TEST(what_is_said_twice_hides_nothing),
        TEST(no_file_says_where_it_looked),
        TEST(the_file_is_found_from_below),
        TEST(control_characters_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests_name("workflow check", tests, NULL, NULL);
}
