/* SPDX-License-Identifier: Apache-2.0
 * guestimg: changes files in Kata guest images, safely. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "guestimg/ending.h"
#include "guestimg/inject.h"
#include "guestimg/publish.h"

#define DEFAULT_KEEP 5
#define AS_TEXT_(x)  #x
#define AS_TEXT(x)   AS_TEXT_(x)

struct arguments {
    char **words;
    int n_words;
    struct image_put *puts; /* owned */
    size_t n_puts;
    const char *engine, *version;
    int keep;
    bool drop, json, help;
};

struct verb {
    const char *name, *synopsis, *help;
    int words;           /* how many it takes */
    const char *options; /* their letters */
    int (*run)(struct arguments *a, json_t *out, struct error *err);
};

/* --- output: a JSON object is filled; as text its entries are printed one a line ----------------
 */

static void put(json_t *to, const char *key, json_t *value)
{
    if (value && json_object_set_new(to, key, value) < 0)
        abort(); /* for want of memory only */
}

/* What is no UTF-8 is replaced. */
static json_t *json_text(const char *text)
{
    cleanup_strbuf struct strbuf repaired = STRBUF_INIT;
    utf8_repair(text, strlen(text), &repaired);
    return json_string(strbuf_str(&repaired));
}

static void put_text(json_t *to, const char *key, const char *text)
{
    if (text && *text)
        put(to, key, json_text(text));
}

static void put_lines(json_t *to, const char *key, const struct strbuf *lines)
{
    json_t *list = json_array();
    cleanup_free char *text = xstrdup(strbuf_str(lines));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            json_array_append_new(list, json_text(line));
    if (json_array_size(list) > 0)
        put(to, key, list);
    else
        json_decref(list);
}

/* Names out of the image are in it, and words of libguestfs. */
static void print_text(const char *key, const json_t *v)
{
    cleanup_free char *clean = text_clean_string(json_string_value(v));
    printf("%-14s %s\n", key, clean);
}

static void print_value(const char *key, const json_t *v)
{
    size_t i;
    const json_t *item;
    if (json_is_string(v))
        print_text(key, v);
    else if (json_is_integer(v))
        printf("%-14s %lld\n", key, (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        printf("%-14s %s\n", key, json_is_true(v) ? "yes" : "no");
    json_array_foreach(v, i, item)
    {
        if (json_is_string(item))
            print_text(i == 0 ? key : "", item);
        else
            print_value("", item);
    }
    if (!json_is_object(v))
        return;
    const char *name;
    json_t *inner;
    json_object_foreach((json_t *)v, name, inner)
    {
        cleanup_free char *whole = xasprintf("%s%s%s", key, *key ? " " : "", name);
        print_value(whole, inner);
    }
}

/* --- verbs -------------------------------------------------------------------------------------
 */

/* A person who waits is told what for. */
static void tell_slow(const struct image_engine *engine)
{
    if (!engine->fast && isatty(STDERR_FILENO))
        fprintf(stderr, "guestimg: %s starts its appliance, which takes a while\n", engine->name);
}

static int run_inject(struct arguments *a, json_t *out, struct error *err)
{
    if (a->n_puts == 0) {
        error_set(err, ERR_USAGE, "nothing was named to put into the image");
        return error_hint(err, "such as --put kata-agent:/usr/bin/kata-agent:0755");
    }
    struct inject_job job = {.image = a->words[0],
                             .puts = a->puts,
                             .n_puts = a->n_puts,
                             .engine = a->engine,
                             .keep = a->keep,
                             .chosen = tell_slow};
    struct inject_result r;
    int result = inject(&job, &r, err);
    if (result == 0) {
        put_text(out, "image", r.path);
        put(out, "changed", json_boolean(r.changed));
        put_text(out, "engine", r.engine);
        put_text(out, "why", strbuf_str(&r.why));
        put_text(out, "kept", r.kept);
        json_t *files = json_array();
        for (size_t i = 0; i < a->n_puts; i++) {
            json_t *file = json_object();
            put_text(file, "path", a->puts[i].destination);
            put_text(file, "sha256", a->puts[i].sha256);
            put(file, "size", json_integer(a->puts[i].size));
            json_array_append_new(files, file);
        }
        put(out, "files", files);
        put_lines(out, "notes", &r.notes);
    }
    inject_result_release(&r);
    return result;
}

/* What is not to be had is a note; an engine that does not exist is an error. */
static int put_agent(json_t *out, const struct image *image, const char *engine_name,
                     struct strbuf *notes, struct error *err)
{
    static const char *const places[] = {"/usr/bin/kata-agent", "/sbin/init"};
    cleanup_error struct error unheard = ERROR_INIT; /* an image without an agent is one as well */
    cleanup_strbuf struct strbuf why = STRBUF_INIT;
    const struct image_engine *engine = engine_choose(image, engine_name, &why, &unheard);
    void *open = NULL;
    if (engine)
        tell_slow(engine);
    if (!engine || engine->open(image->path, image, false, notes, &open, &unheard) < 0) {
        if (unheard.code == ERR_USAGE) {
            error_move(err, &unheard);
            return -1;
        }
        strbuf_printf(notes, "the agent was not looked at: %s\n", unheard.message);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct image_file file;
        char digest[SHA256_HEX_SIZE];
        if (engine->stat(open, places[i], &file, &unheard) < 0 || !file.regular ||
            engine->digest(open, places[i], digest, &unheard) < 0)
            continue;
        json_t *agent = json_object();
        cleanup_free char *mode = xasprintf("%04o", (unsigned)file.mode);
        put_text(agent, "path", places[i]);
        put_text(agent, "sha256", digest);
        put_text(agent, "mode", mode);
        put(agent, "size", json_integer(file.size));
        put(out, "agent", agent);
        break;
    }
    if (engine->close(open, false, &unheard) < 0)
        strbuf_printf(notes, "%s\n", unheard.message);
    return 0;
}

static int run_inspect(struct arguments *a, json_t *out, struct error *err)
{
    struct image image;
    if (image_open(a->words[0], &image, err) < 0)
        return -1;
    put_text(out, "image", image.path);
    put(out, "size", json_integer(image.size));
    put_text(out, "fs", image_fs_name(image.fs));
    put(out, "dax_header", json_boolean(image.dax_header));
    put(out, "offset", json_integer(image.offset));
    put(out, "length", json_integer(image.length));
    put(out, "measured", json_boolean(image.verity_offset > 0));
    if (image.fs == FS_EXT4) {
        put(out, "block_size", json_integer(image.block_size));
        put(out, "free_bytes", json_integer(image.free_blocks * image.block_size));
        put(out, "clean", json_boolean(image.clean));
        put(out, "journal",
            json_string(!image.has_journal    ? "none"
                        : image.journal_dirty ? "dirty"
                                              : "clean"));
    }
    struct strbuf notes = STRBUF_INIT;
    int result = put_agent(out, &image, a->engine, &notes, err);
    put_lines(out, "notes", &notes);
    strbuf_release(&notes);
    image_release(&image);
    return result;
}

static int run_list(struct arguments *a, json_t *out, struct error *err)
{
    struct image image;
    cleanup_strv struct strv versions = STRV_INIT;
    if (image_open(a->words[0], &image, err) < 0)
        return -1;
    int result = publish_versions(image.path, &versions, err);
    json_t *list = json_array();
    for (size_t i = 0; i < versions.len; i++)
        json_array_append_new(list, json_text(versions.items[i]));
    put_text(out, "image", image.path);
    put(out, "versions", list);
    image_release(&image);
    return result;
}

static int run_rollback(struct arguments *a, json_t *out, struct error *err)
{
    cleanup_free char *path = realpath(a->words[0], NULL);
    if (!path)
        return image_not_opened(a->words[0], errno, err);
    cleanup_close int lock = publish_lock(path, err);
    cleanup_free char *version = NULL, *kept = NULL;
    if (lock < 0 || publish_rollback(path, a->version, &version, a->drop ? NULL : &kept, err) < 0)
        return -1;
    put_text(out, "image", path);
    put_text(out, "restored", version);
    if (kept)
        put_text(out, "kept", kept);
    return 0;
}

/* Of others (folders, devices, pipes) an engine would read what they are made of, or nothing. */
static int check_regular(const struct image_engine *engine, void *open, const char *path,
                         struct error *err)
{
    struct image_file file;
    if (engine->stat(open, path, &file, err) < 0)
        return -1;
    if (!file.exists)
        return error_set(err, ERR_FAILED, "there is no `%s` in the image", path);
    return file.regular
               ? 0
               : error_set(err, ERR_FAILED, "`%s` in the image is not a regular file", path);
}

static int run_cat(struct arguments *a, json_t *out, struct error *err)
{
    (void)out;
    struct image image;
    if (image_open(a->words[0], &image, err) < 0)
        return -1;
    struct strbuf why = STRBUF_INIT, notes = STRBUF_INIT;
    const struct image_engine *engine = engine_choose(&image, a->engine, &why, err);
    void *open = NULL;
    if (engine)
        tell_slow(engine);
    int result = engine ? engine->open(image.path, &image, false, &notes, &open, err) : -1;
    if (result == 0) {
        cleanup_error struct error unheard = ERROR_INIT;
        result = check_regular(engine, open, a->words[1], err);
        if (result == 0)
            result = engine->read(open, a->words[1], STDOUT_FILENO, err);
        if (engine->close(open, false, result == 0 ? err : &unheard) < 0)
            result = -1;
    }
    strbuf_release(&why);
    strbuf_release(&notes);
    image_release(&image);
    return result;
}

static const struct verb verbs[] = {
    {"inject", "IMAGE --put SRC:DEST[:MODE[:UID:GID]]...", "put files into an image", 1, "pekj",
     run_inject},
    {"inspect", "IMAGE", "what the image is, and the agent in it", 1, "ej", run_inspect},
    {"list", "IMAGE", "the versions kept, youngest first", 1, "j", run_list},
    {"rollback", "IMAGE [--to VERSION] [--drop]", "put a kept version back", 1, "tdj",
     run_rollback},
    {"cat", "IMAGE PATH", "a file of the image, on standard output", 2, "e", run_cat},
};

/* --- the command line --------------------------------------------------------------------------
 */

/* All long; by its letter a verb names those that it takes. */
static const struct verb_option {
    char letter;
    const char *name, *value, *help;
} verb_options[] = {
    {'p', "put", "SRC:DEST[:MODE[:UID:GID]]", "a file to put into the image; several may be given"},
    {'e', "engine", "auto|ext4|guestfs", "what reads and changes it (default: auto)"},
    {'k', "keep", "N", "older versions to keep (default: " AS_TEXT(DEFAULT_KEEP) ")"},
    {'t', "to", "VERSION", "the version to put back"},
    {'d', "drop", NULL, "do not keep the image that it replaces"},
    {'j', "json", NULL, "one JSON object on standard output"},
};

/* getopt's value of a long option, apart from any letter. */
enum { LONG_OPTION = 256 };

/* NULL: those of all verbs. */
static void print_options(const struct verb *verb)
{
    printf("\noptions%s:\n", verb ? "" : " (`guestimg VERB -h` has those of a verb)");
    for (size_t i = 0; i < ARRAY_SIZE(verb_options); i++) {
        const struct verb_option *o = &verb_options[i];
        if (verb && !strchr(verb->options, o->letter))
            continue;
        cleanup_free char *form =
            xasprintf("--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("      %-32s %s\n", form, o->help);
    }
    printf("  -h, --help                           this text\n");
    if (!verb)
        printf("      --version                        the version of this program\n");
    printf("\nexit codes: 0 ok, 1 failed (the image is as it was, unless the message says that it\n"
           "IS replaced), 2 usage\n");
}

static void print_help(void)
{
    printf("usage: guestimg VERB IMAGE [OPTIONS]\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        printf("  %-9s %-42s %s\n", verbs[i].name, verbs[i].synopsis, verbs[i].help);
    print_options(NULL);
}

static int add_put(struct arguments *a, const char *text, struct error *err)
{
    a->puts = xreallocarray(a->puts, a->n_puts + 1, sizeof(*a->puts));
    if (inject_parse_put(text, &a->puts[a->n_puts], err) < 0)
        return -1;
    a->n_puts++;
    return 0;
}

static int set_option(struct arguments *a, char letter, const char *value, struct error *err)
{
    int64_t keep;
    switch (letter) {
    case 'p':
        return add_put(a, value, err);
    case 'e':
        a->engine = value;
        return 0;
    case 'k':
        if (!parse_int(value, &keep) || keep < 0 || keep > 1000)
            return error_set(err, ERR_USAGE, "`--keep %s`: a number from 0 to 1000", value);
        a->keep = (int)keep;
        return 0;
    case 't':
        a->version = value;
        return 0;
    case 'd':
        a->drop = true;
        return 0;
    default:
        a->json = true;
        return 0;
    }
}

/* getopt has moved past a long option; of a word of letters it may be in the midst. */
static int bad_option(int found, const char *word, struct error *err)
{
    if (found == ':')
        error_set(err, ERR_USAGE, "`%s` needs a value", word);
    else if (optopt >= LONG_OPTION || optopt == 'h')
        error_set(err, ERR_USAGE, "`%s`: this option takes no value", word);
    else if (optopt)
        error_set(err, ERR_USAGE, "no option `-%c`", optopt);
    else
        error_set(err, ERR_USAGE, "no option `%s`", word);
    if (found == ':')
        return error_hint(err, "`guestimg -h` says which");
    return error_hint(
        err, optopt && optopt != 'h' && optopt < LONG_OPTION
                 ? "`guestimg -h` lists them; write a file name that begins with `-` as `./-…`"
                 : "`guestimg -h` lists them");
}

static int parse_arguments(int argc, char **argv, const struct verb *verb, struct arguments *a,
                           struct error *err)
{
    struct option options[ARRAY_SIZE(verb_options) + 2] = {{"help", no_argument, NULL, 'h'}};
    for (size_t i = 0; i < ARRAY_SIZE(verb_options); i++)
        options[i + 1] = (struct option){
            verb_options[i].name,
            verb_options[i].value ? required_argument : no_argument,
            NULL,
            LONG_OPTION + (int)i,
        };
    int found;
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (found == 'h') {
            a->help = true;
            return 0;
        }
        if (found < LONG_OPTION)
            return bad_option(found, argv[optind - 1], err);
        const struct verb_option *o = &verb_options[found - LONG_OPTION];
        if (!strchr(verb->options, o->letter)) {
            error_set(err, ERR_USAGE, "`%s` has no option `--%s`", verb->name, o->name);
            return error_hint(err, "`guestimg %s -h` lists those that it has", verb->name);
        }
        if (set_option(a, o->letter, optarg, err) < 0)
            return -1;
    }
    a->words = argv + optind;
    a->n_words = argc - optind;
    return 0;
}

static const struct verb *find_verb(const char *name, struct error *err)
{
    const char *names[ARRAY_SIZE(verbs)];
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    }
    error_set(err, ERR_USAGE, "there is no verb `%s`", name);
    const char *near = suggest(name, names, ARRAY_SIZE(verbs));
    error_hint(err, near ? "did you mean `%s`?" : "`guestimg -h` lists them", near);
    return NULL;
}

static int run(int argc, char **argv, struct arguments *a, json_t *out, struct error *err)
{
    const struct verb *verb = find_verb(argv[0], err);
    if (!verb || parse_arguments(argc, argv, verb, a, err) < 0)
        return -1;
    if (a->help) {
        printf("usage: guestimg %s %s [OPTIONS]\n\n%s\n", verb->name, verb->synopsis, verb->help);
        print_options(verb);
        a->json = false; /* nothing more is printed */
        return 0;
    }
    if (a->n_words == verb->words)
        return verb->run(a, out, err);
    if (a->n_words < verb->words)
        error_set(err, ERR_USAGE, "`%s` needs more arguments", verb->name);
    else
        error_set(err, ERR_USAGE, "`%s` takes no argument `%s`", verb->name, a->words[verb->words]);
    return error_hint(err, "usage: guestimg %s %s", verb->name, verb->synopsis);
}

static int finish(const struct arguments *a, json_t *out, int result, struct error *err)
{
    if (result < 0 && a->json) {
        json_object_clear(out);
        put_text(out, "error", err->message);
        put_text(out, "hint", err->hint);
    } else if (result < 0) {
        /* Words of libguestfs and names out of the image are in it. */
        cleanup_free char *message = text_clean_string(err->message);
        cleanup_free char *hint = text_clean_string(err->hint);
        fprintf(stderr, "guestimg: %s\n", message);
        if (err->hint)
            fprintf(stderr, "  %s\n", hint);
    }
    if (a->json) {
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text ? text : "{}");
        free(text);
    } else if (result == 0) {
        print_value("", out);
    }
    cleanup_error struct error unwritten = ERROR_INIT;
    if (fs_flush_output(&unwritten) < 0 && result == 0) {
        fprintf(stderr, "guestimg: %s\n", unwritten.message);
        return 1;
    }
    return result < 0 ? error_exit_code(err) : 0;
}

int main(int argc, char **argv)
{
    fs_guard_standard();
    signal(SIGCHLD, SIG_DFL); /* where it came ignored, no child could be waited for */
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("guestimg " KATALOOP_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 1 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help();
        return argc == 1 ? 2 : 0;
    }
    ending_guard();
    struct arguments a = {.engine = "auto", .keep = DEFAULT_KEEP};
    struct error err = ERROR_INIT;
    json_t *out = json_object();
    int result = run(argc - 1, argv + 1, &a, out, &err);
    int code = finish(&a, out, result, &err);
    json_decref(out);
    error_release(&err);
    for (size_t i = 0; i < a.n_puts; i++)
        image_put_release(&a.puts[i]);
    free(a.puts);
    return code;
}
