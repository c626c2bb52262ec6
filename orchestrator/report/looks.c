/* SPDX-License-Identifier: Apache-2.0
 * Terminals, as the environment describes them. */
#include "report/looks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"

bool terminal_capable(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

int terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"); /* https://no-color.org */
    return !no || !*no;
}

bool terminal_is_coloured(int fd)
{
    return terminal_capable(fd) && wants_colour();
}

/* Only a locale that names another character set means ASCII: none set is common, and terminals
 * know UTF-8. */
static bool wants_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return !strcasestr(value, "UTF-8") && !strcasestr(value, "UTF8");
    }
    return false;
}

struct terminal_options terminal_options_of_environment(void)
{
    return (struct terminal_options){.colour = wants_colour(), .ascii = wants_ascii()};
}
