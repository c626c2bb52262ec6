/* SPDX-License-Identifier: Apache-2.0
 * Help, as text. */
#include "cmd/help.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/looks.h"

enum {
    NO_TERMINAL_WIDTH = 110,
    LEAST_ROOM = 20, /* with less beside a name, the text is below it */
    BELOW = 8        /* and begins in this column */
};

static int screen_width(void)
{
    int width = terminal_width(STDOUT_FILENO);
    return width > 0 ? width : NO_TERMINAL_WIDTH;
}

/* Text that begins in column `indent` of a line, broken between words; further lines are indented
 * as much. */
static void print_wrapped(const char *text, int indent)
{
    int room = screen_width() - 1 - indent, used = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " \n");
        cleanup_free char *word = xstrndup(p, len);
        int columns = text_width(word);
        if (used > 0 && used + 1 + columns > room) {
            printf("\n%*s", indent, "");
            used = 0;
        }
        printf("%s%s", used > 0 ? " " : "", word);
        used += columns + (used > 0);
        p += len + (p[len] != '\0');
    }
    putchar('\n');
}

/* "  name  text": the text in a column of its own behind names of up to `width`. */
static void print_entry(const char *name, int width, const char *text)
{
    int used = text_width(name);
    int column = 2 + (used < width ? width : used) + 2;
    if (screen_width() - 1 - column >= LEAST_ROOM) {
        printf("  %s%*s", name, column - 2 - used, "");
        print_wrapped(text, column);
    } else {
        printf("  %s\n%*s", name, BELOW, "");
        print_wrapped(text, BELOW);
    }
}

static void print_option(const struct verb_option *o)
{
    cleanup_free char *name = o->letter ? xasprintf("-%c, --%s%s%s", o->letter, o->name,
                                                    o->value ? " " : "", o->value ? o->value : "")
                                        : xasprintf("    --%s%s%s", o->name, o->value ? " " : "",
                                                    o->value ? o->value : "");
    print_entry(name, 20, o->help);
}

/* It has its own line ends, for 90 columns: kept where there is room for them. */
static void print_about(const char *about)
{
    if (screen_width() < 90)
        print_wrapped(about, 0);
    else
        printf("%s\n", about);
}

void help_print_verb(const struct verb *v)
{
    cleanup_free char *usage =
        xasprintf("kataloop %s [OPTIONS]%s%s", v->name, *v->synopsis ? " " : "", v->synopsis);
    printf("usage: ");
    print_wrapped(usage, 7);
    putchar('\n');
    cleanup_free char *sentence = xasprintf("%s.", v->help);
    print_wrapped(sentence, 0);
    if (v->about) {
        putchar('\n');
        print_about(v->about);
    }
    printf("\noptions:\n");
    for (const struct verb_option *o = v->options; o->name; o++)
        print_option(o);
    print_option(&(const struct verb_option){'h', "help", NULL, "this text"});
}

void help_print(void)
{
    printf("usage: kataloop VERB [OPTIONS] [ARGUMENTS]\n\n");
    print_wrapped("From an edit of the Kata agent to a measured checkpoint, and from a hang to its "
                  "cause.",
                  0);
    printf("\nverbs:\n");
    for (size_t i = 0; verbs[i]; i++)
        if (!verbs[i]->hidden)
            print_entry(verbs[i]->name, 10, verbs[i]->help);
    putchar('\n');
    print_wrapped(
        "`kataloop VERB -h` says more about a verb, `kataloop --version` which one this is.", 0);
    putchar('\n');
    printf("exit codes: ");
    print_wrapped("0 ok, 1 a step failed, 2 usage or configuration, "
                  "4 a hang, 5 the host could not be reached, 130 interrupted and cleaned up",
                  12);
}
