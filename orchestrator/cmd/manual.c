/* SPDX-License-Identifier: Apache-2.0
 * __man: the parts of the manual that are made from tables, as scdoc. Used by the build alone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cmd/verb.h"
#include "steps/step.h"
#include "workflow/file.h"
#include "workflow/steps.h"

static const struct verb_option options[] = {OPTION_END};

/* Text of a table: what stands between backquotes is bold, scdoc's own signs are text. */
static void put_text(const char *text)
{
    bool line_start = true;
    for (const char *p = text; *p; p++) {
        bool special = strchr("_*\\", *p) || (line_start && strchr("#-[]|>.", *p));
        if (*p == '`')
            putchar('*');
        else
            printf("%s%c", special ? "\\" : "", *p);
        line_start = *p == '\n';
    }
}

/* --- verbs -------------------------------------------------------------------------------------
 */

static void put_option(const struct verb_option *o)
{
    if (o->letter)
        printf("*-%c*, ", o->letter);
    printf("*--%s*", o->name);
    if (o->value) {
        fputs(" _", stdout);
        put_text(o->value);
        fputs("_", stdout);
    }
    fputs("\n\t", stdout);
    put_text(o->help);
    fputs("\n\n", stdout);
}

static void put_verbs(void)
{
    for (size_t i = 0; verbs[i]; i++) {
        const struct verb *v = verbs[i];
        if (v->hidden)
            continue;
        printf("## %s\n\n*kataloop %s* [_OPTIONS_] ", v->name, v->name);
        put_text(v->synopsis);
        fputs("\n\n", stdout);
        put_text(v->help);
        fputs(".\n\n", stdout);
        if (v->about) {
            put_text(v->about);
            fputs("\n\n", stdout);
        }
        for (const struct verb_option *o = v->options; o->name; o++)
            put_option(o);
    }
}

/* --- fields ------------------------------------------------------------------------------------
 */

static const char *const type_names[] = {
    [FIELD_STRING] = "text",
    [FIELD_INT] = "a number",
    [FIELD_BOOL] = "true or false",
    [FIELD_DURATION] = "a duration",
    [FIELD_MODE] = "a mode in octal",
    [FIELD_DESTINATION] = "text",
    [FIELD_REF] = "a name of",
    [FIELD_FILE] = "a path, or a name of",
    [FIELD_COMMAND] = "a command",
    [FIELD_MAP] = "a map",
    [FIELD_NAMED] = "a map of names to maps",
    [FIELD_STRINGS] = "a map of names to values",
    [FIELD_LIST] = "a list, or one value",
    [FIELD_MAPS] = "a list of maps, or one map",
    [FIELD_STEPS] = "a list of steps",
};

static void put_type(const struct field *f)
{
    if (f->type == FIELD_ENUM) {
        for (size_t i = 0; f->choices[i]; i++) {
            fputs(i > 0 ? ", " : "", stdout);
            put_text(f->choices[i]);
        }
    } else {
        fputs(type_names[f->type], stdout);
        if (f->ref) {
            fputs(" ", stdout);
            put_text(f->ref);
        }
    }
    if ((f->flags & FIELD_REQUIRED) && !f->fallback)
        fputs("; required", stdout);
    if (f->fallback) {
        fputs("; default: ", stdout);
        put_text(*f->fallback ? f->fallback : "empty");
    }
}

static void put_fields(const struct field *fields, const char *within)
{
    for (const struct field *f = fields; f->name; f++) {
        cleanup_free char *path = *within ? xasprintf("%s.%s", within, f->name) : xstrdup(f->name);
        fputs("*", stdout);
        put_text(path);
        fputs("* (", stdout);
        put_type(f);
        fputs(")\n\t", stdout);
        put_text(f->help);
        fputs(f->flags & FIELD_PRIMARY ? "; may stand without its key\n\n" : "\n\n", stdout);
        if (!f->sub)
            continue;
        cleanup_free char *below =
            f->type == FIELD_NAMED ? xasprintf("%s.NAME", path) : xstrdup(path);
        put_fields(f->sub, below);
    }
}

/* timeout: nanoseconds; 0: it has none. */
static void put_kind(const char *name, const char *help, int64_t timeout)
{
    const int64_t minute = 60 * NSEC_PER_SEC;
    printf("## %s\n\n", name);
    put_text(help);
    fputs(".", stdout);
    if (timeout > 0 && timeout % minute == 0)
        printf(" Without _timeout_ it may take %" PRId64 "m.", timeout / minute);
    else if (timeout > 0)
        printf(" Without _timeout_ it may take %" PRId64 "s.", timeout / NSEC_PER_SEC);
    fputs("\n\n", stdout);
    put_fields(steps_fields(name), "");
}

static void put_steps(void)
{
    put_kind(STEP_RECIPE, "the steps of a recipe", 0);
    put_kind(STEP_WORKFLOW, "the steps of another workflow of the file", 0);
    for (size_t i = 0; step_kinds[i]; i++)
        put_kind(step_kinds[i]->name, step_kinds[i]->help, step_kinds[i]->timeout);
}

static void put_workflow_file(void)
{
    put_fields(workflow_file_fields, "");
}

static void put_recipe_file(void)
{
    put_fields(recipe_file_fields, "");
}

static void put_common(void)
{
    put_fields(steps_common_fields, "");
}

/* --- the verb ----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*put)(void);
} parts[] = {{"verbs", put_verbs},
             {"file", put_workflow_file},
             {"recipe", put_recipe_file},
             {"common", put_common},
             {"steps", put_steps}};

static int run(struct invocation *inv, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strcmp(parts[i].name, inv->args.items[0]) != 0)
            continue;
        parts[i].put();
        return 0;
    }
    return error_set(err, ERR_USAGE, "the manual has no part `%s`", inv->args.items[0]);
}

const struct verb verb_manual = {
    .name = "__man",
    .synopsis = "PART",
    .help = "print a part of the manual as scdoc",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .hidden = true,
    .run = run,
};
