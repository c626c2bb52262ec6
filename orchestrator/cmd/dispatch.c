/* SPDX-License-Identifier: Apache-2.0
 * From argv to a verb, and from a failure to what the user reads. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "base/text.h"
#include "cmd/help.h"
#include "cmd/verb.h"

enum { MAX_OPTIONS = 32 };

const char *invocation_option(const struct invocation *inv, const char *name)
{
    for (size_t i = inv->options.len; i-- > 0;)
        if (strcmp(inv->options.items[i], name) == 0)
            return inv->values.items[i];
    return NULL;
}

/* --- parsing -----------------------------------------------------------------------------------
 */

static void make_getopt_table(const struct verb *v, struct option *options, struct strbuf *letters)
{
    size_t n = 0;
    strbuf_puts(letters, ":h");
    options[n++] = (struct option){"help", no_argument, NULL, 'h'};
    for (const struct verb_option *o = v->options; o->name && n + 1 < MAX_OPTIONS; o++) {
        int value = o->letter ? o->letter : 256 + (int)n;
        options[n++] =
            (struct option){o->name, o->value ? required_argument : no_argument, NULL, value};
        if (o->letter)
            strbuf_printf(letters, "%c%s", o->letter, o->value ? ":" : "");
    }
    options[n] = (struct option){0};
}

static int bad_option(const struct verb *v, int found, char **argv, struct error *err)
{
    const char *word = argv[optind - 1];
    if (found == ':')
        error_set(err, ERR_USAGE, "`%s` needs a value", word);
    else if (optopt && strncmp(word, "--", 2) == 0 && strchr(word, '='))
        error_set(err, ERR_USAGE, "`%s`: this option takes no value", word);
    else if (optopt && optopt < 256) /* in the midst of its word, `word` may be the one before */
        error_set(err, ERR_USAGE, "`kataloop %s` has no option `-%c`", v->name, optopt);
    else
        error_set(err, ERR_USAGE, "`kataloop %s` has no option `%.*s`", v->name,
                  (int)strcspn(word, "="), word);
    const char *names[MAX_OPTIONS];
    size_t n = 0;
    for (const struct verb_option *o = v->options; o->name && n < MAX_OPTIONS; o++)
        names[n++] = o->name;
    cleanup_free char *name =
        strncmp(word, "--", 2) == 0 ? xstrndup(word + 2, strcspn(word + 2, "=")) : NULL;
    const char *near = name ? suggest(name, names, n) : NULL;
    if (found != ':' && near)
        return error_hint(err, "did you mean `--%s`?", near);
    return error_hint(err,
                      found == ':' ? "`kataloop %s -h` says which"
                                   : "`kataloop %s -h` lists those that it has",
                      v->name);
}

int verb_hint_usage(const struct verb *v, struct error *err)
{
    return error_hint(err, "usage: kataloop %s [OPTIONS]%s%s", v->name, *v->synopsis ? " " : "",
                      v->synopsis);
}

/* 1: help was asked for and given. */
static int parse(int argc, char **argv, struct invocation *inv, struct error *err)
{
    const struct verb *v = inv->verb;
    struct option options[MAX_OPTIONS];
    cleanup_strbuf struct strbuf letters = STRBUF_INIT;
    make_getopt_table(v, options, &letters);
    optind = 1;
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, letters.data, options, NULL)) >= 0) {
        if (found == 'h') {
            help_print_verb(v);
            return 1;
        }
        if (found == '?' || found == ':')
            return bad_option(v, found, argv, err);
        for (const struct option *o = options; o->name; o++) {
            if (o->val != found)
                continue;
            strv_push(&inv->options, o->name);
            strv_push(&inv->values, o->has_arg ? optarg : "");
        }
    }
    for (int i = optind; i < argc; i++)
        strv_push(&inv->args, argv[i]);
    if (inv->args.len >= v->min_args && inv->args.len <= v->max_args)
        return 0;
    error_set(err, ERR_USAGE,
              inv->args.len < v->min_args ? "`kataloop %s` needs more arguments"
                                          : "`kataloop %s` takes no argument `%s`",
              v->name, inv->args.len > v->max_args ? inv->args.items[v->max_args] : "");
    return verb_hint_usage(v, err);
}

static const struct verb *find_verb(const char *name, struct error *err)
{
    const char *names[32];
    size_t n = 0;
    for (size_t i = 0; verbs[i] && n < ARRAY_SIZE(names); i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
        if (!verbs[i]->hidden)
            names[n++] = verbs[i]->name;
    }
    if (name[0] == '-') {
        error_set(err, ERR_USAGE, "`kataloop` has no option `%s`", name);
        error_hint(err, "options of a verb stand after it; `kataloop -h` lists the verbs");
        return NULL;
    }
    error_set(err, ERR_USAGE, "there is no verb `%s`", name);
    const char *near = suggest(name, names, n);
    if (near)
        error_hint(err, "did you mean `kataloop %s`?", near);
    else
        error_hint(err, "`kataloop -h` lists them");
    return NULL;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

/* Words of hosts and of files are in it: clean, its lines stay lines. */
static void say_lines(const char *start, const char *text)
{
    cleanup_free char *lines = xstrdup(text);
    char *rest = lines;
    for (char *line; (line = strsep(&rest, "\n")); start = "") {
        cleanup_free char *clean = text_clean_string(line);
        fprintf(stderr, "%s%s\n", start, clean);
    }
}

void verb_say(const struct error *err)
{
    say_lines("kataloop: ", err->message ? err->message : "failed");
    if (err->hint)
        say_lines("  ", err->hint);
}

static int run_verb(int argc, char **argv, struct error *err, bool *told, int *status)
{
    struct invocation inv = {.verb = find_verb(argv[0], err)};
    if (!inv.verb)
        return -1;
    int result = parse(argc, argv, &inv, err);
    if (result == 0)
        result = inv.verb->run(&inv, err);
    *told = inv.told;
    *status = inv.status;
    strv_release(&inv.options);
    strv_release(&inv.values);
    strv_release(&inv.args);
    return result < 0 ? -1 : 0;
}

/* `help`, or `help VERB`. */
static int help_on(const char *name, struct error *err)
{
    const struct verb *v = name ? find_verb(name, err) : NULL;
    if (name && !v)
        return -1;
    if (v)
        help_print_verb(v);
    else
        help_print();
    return 0;
}

int verbs_main(int argc, char **argv)
{
    cleanup_error struct error err = ERROR_INIT;
    bool told = false;
    int result, status = 0;
    if (argc < 2) {
        error_set(&err, ERR_USAGE, "no verb was given");
        result = error_hint(&err, "`kataloop -h` lists the verbs");
    } else if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
               strcmp(argv[1], "help") == 0) {
        result = help_on(argv[2], &err); /* NULL behind the last */
    } else if (strcmp(argv[1], "--version") == 0) {
        puts("kataloop " KATALOOP_VERSION);
        result = 0;
    } else {
        result = run_verb(argc - 1, argv + 1, &err, &told, &status);
    }
    cleanup_error struct error unwritten = ERROR_INIT;
    if (fs_flush_output(&unwritten) < 0 && (result == 0 || told)) {
        error_move(&err, &unwritten);
        told = false; /* nor was what the verb has said itself read by anybody */
        result = -1;
    }
    if (result < 0 && !told)
        verb_say(&err);
    return result < 0 ? error_exit_code(&err) : status;
}
