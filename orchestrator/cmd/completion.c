/* SPDX-License-Identifier: Apache-2.0
 * completion: scripts for shells, made from the table of verbs. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "cmd/verb.h"

static const struct verb_option options[] = {OPTION_END};

/* What every verb has besides its own. */
static const struct verb_option help_option = {'h', "help", NULL, "what the verb does"};

/* A word of help that stands for the name of a file. */
static bool is_file(const char *word, size_t len)
{
    static const char *const names[] = {"FILE", "BUNDLE"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strlen(names[i]) == len && strncmp(word, names[i], len) == 0)
            return true;
    return false;
}

static bool option_takes_file(const struct verb_option *o)
{
    return o->value && is_file(o->value, strlen(o->value));
}

static bool verb_takes_file(const struct verb *v)
{
    for (const char *p = v->synopsis; *p;) {
        size_t len = strcspn(p, " []|");
        if (is_file(p, len))
            return true;
        p += len + (p[len] != '\0');
    }
    return false;
}

/* The words of the synopsis that are typed as they are ("exec CONTAINER" has one), each with a
 * space behind it: lower case, and no option. */
static void literal_words(const char *synopsis, struct strbuf *ret)
{
    for (const char *p = synopsis; *p;) {
        size_t len = strcspn(p, " []|");
        bool literal = len > 0;
        for (size_t i = 0; i < len; i++)
            literal = literal && islower((unsigned char)p[i]);
        if (literal) {
            strbuf_add(ret, p, len);
            strbuf_putc(ret, ' ');
        }
        p += len + (p[len] != '\0');
    }
}

/* Text inside of single quotes, with a backslash before each of `special`. */
static void put_quoted(const char *text, const char *special)
{
    for (const char *p = text; *p; p++) {
        if (strchr(special, *p))
            putchar('\\');
        if (*p == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*p);
    }
}

/* --- bash --------------------------------------------------------------------------------------
 */

static void bash_words(const struct verb *v)
{
    cleanup_strbuf struct strbuf words = STRBUF_INIT;
    literal_words(v->synopsis, &words);
    fputs(strbuf_str(&words), stdout);
    for (const struct verb_option *o = v->options; o->name; o++)
        printf("--%s ", o->name);
    fputs("--help", stdout);
}

/* The options of a verb that take a value, as patterns: those of files, or the others. */
static void bash_value_patterns(const struct verb *v, bool files)
{
    const char *between = "";
    for (const struct verb_option *o = v->options; o->name; o++) {
        if (!o->value || option_takes_file(o) != files)
            continue;
        printf("%s%s:--%s", between, v->name, o->name);
        between = "|";
        if (o->letter)
            printf("|%s:-%c", v->name, o->letter);
    }
    if (*between)
        printf(files ? ") _kataloop_files; return ;;\n" : ") return ;;\n");
}

static void print_bash(void)
{
    printf("# bash completion of kataloop\n"
           "_kataloop_files() {\n" /* readline quotes names, and knows folders */
           "    compopt -o filenames 2>/dev/null\n"
           "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$word\")\n"
           "}\n"
           "_kataloop() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words='' files=''\n"
           "    COMPREPLY=()\n"
           "    case $verb:${COMP_WORDS[COMP_CWORD - 1]} in\n");
    for (size_t i = 0; verbs[i]; i++) {
        if (verbs[i]->hidden)
            continue;
        bash_value_patterns(verbs[i], true);
        bash_value_patterns(verbs[i], false);
    }
    printf("    esac\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='");
    for (size_t i = 0; verbs[i]; i++)
        if (!verbs[i]->hidden)
            printf("%s ", verbs[i]->name);
    printf("help --help --version'\n"
           "    else\n"
           "        case $verb in\n");
    for (size_t i = 0; verbs[i]; i++) {
        if (verbs[i]->hidden)
            continue;
        printf("        %s) words='", verbs[i]->name);
        bash_words(verbs[i]);
        printf(verb_takes_file(verbs[i]) ? "' files=yes ;;\n" : "' ;;\n");
    }
    printf("        esac\n"
           "    fi\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "    [ -z \"$files\" ] || _kataloop_files\n"
           "}\n"
           "complete -F _kataloop kataloop\n");
}

/* --- zsh ---------------------------------------------------------------------------------------
 */

static void zsh_option(const struct verb_option *o)
{
    if (o->letter)
        printf(" '(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
    else
        printf(" '--%s[", o->name);
    put_quoted(o->help, "[]:\\");
    printf("]%s%s%s'", o->value ? ":" : "", o->value ? o->value : "",
           !o->value              ? ""
           : option_takes_file(o) ? ":_files"
                                  : ":");
}

static void print_zsh(void)
{
    printf("#compdef kataloop\n"
           "_kataloop() {\n"
           "    if (( CURRENT == 2 )); then\n"
           "        local -a verbs=(");
    for (size_t i = 0; verbs[i]; i++) {
        if (verbs[i]->hidden)
            continue;
        printf("\n            '%s:", verbs[i]->name);
        put_quoted(verbs[i]->help, ":\\");
        printf("'");
    }
    printf(")\n"
           "        _describe verb verbs\n"
           "        return\n"
           "    fi\n"
           "    local verb=$words[2]\n"
           "    shift words\n"
           "    (( CURRENT-- ))\n"
           "    case $verb in\n");
    for (size_t i = 0; verbs[i]; i++) {
        const struct verb *v = verbs[i];
        if (v->hidden)
            continue;
        cleanup_strbuf struct strbuf words = STRBUF_INIT;
        literal_words(v->synopsis, &words);
        printf("    %s) _arguments", v->name);
        for (const struct verb_option *o = v->options; o->name; o++)
            zsh_option(o);
        zsh_option(&help_option);
        if (words.len > 0)
            printf(" '*:argument:(%s)'", strbuf_str(&words));
        else if (verb_takes_file(v))
            printf(" '*:argument:_files'");
        printf(" ;;\n");
    }
    printf("    esac\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _kataloop ]; then\n"
           "    _kataloop \"$@\"\n"
           "else\n"
           "    compdef _kataloop kataloop\n"
           "fi\n");
}

/* --- fish --------------------------------------------------------------------------------------
 */

static void fish_option(const char *verb, const struct verb_option *o)
{
    printf("complete -c kataloop -n '__fish_seen_subcommand_from %s' -l %s", verb, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    if (o->value)
        fputs(option_takes_file(o) ? " -r -F" : " -x", stdout);
    fputs(" -d '", stdout);
    put_quoted(o->help, "\\");
    fputs("'\n", stdout);
}

static void print_fish(void)
{
    printf("# fish completion of kataloop\n"
           "complete -c kataloop -f\n");
    for (size_t i = 0; verbs[i]; i++) {
        const struct verb *v = verbs[i];
        if (v->hidden)
            continue;
        printf("complete -c kataloop -n __fish_use_subcommand -a %s -d '", v->name);
        put_quoted(v->help, "\\");
        printf("'\n");
        cleanup_strbuf struct strbuf words = STRBUF_INIT;
        literal_words(v->synopsis, &words);
        if (words.len > 0)
            printf("complete -c kataloop -n '__fish_seen_subcommand_from %s' -a '%s'\n", v->name,
                   strbuf_str(&words));
        if (verb_takes_file(v))
            printf("complete -c kataloop -n '__fish_seen_subcommand_from %s' -F\n", v->name);
        for (const struct verb_option *o = v->options; o->name; o++)
            fish_option(v->name, o);
        fish_option(v->name, &help_option);
    }
}

/* --- the verb ----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static int run(struct invocation *inv, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        if (strcmp(shells[i].name, inv->args.items[0]) != 0)
            continue;
        shells[i].print();
        return 0;
    }
    error_set(err, ERR_USAGE, "there is no completion for `%s`", inv->args.items[0]);
    return error_hint(err, "there is one for bash, zsh and fish");
}

const struct verb verb_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .help = "print a script that makes a shell complete kataloop's command lines",
    .about = "bash: `source <(kataloop completion bash)` in ~/.bashrc.\n"
             "zsh: `source <(kataloop completion zsh)` in ~/.zshrc, after compinit.\n"
             "fish: `kataloop completion fish | source` in config.fish.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
