/* SPDX-License-Identifier: Apache-2.0
 * Noise out of text. */
#include "diagnose/normal.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/strbuf.h"

enum { ID_DIGITS = 12, NUMBER_DIGITS = 4 };

/* Letters and digits: what a run of one kind must not be a part of. */
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

char *normal_text(const char *text)
{
    struct strbuf out = STRBUF_INIT;
    const char *p = text;
    while (*p) {
        bool begins = p == text || !is_word(p[-1]);
        size_t hex = strspn(p, "0123456789abcdefABCDEF"), digits = strspn(p, "0123456789");
        if (begins && p[0] == '0' && p[1] == 'x' &&
            (hex = strspn(p + 2, "0123456789abcdefABCDEF")) > 0 && !is_word(p[2 + hex])) {
            strbuf_puts(&out, "ADDRESS");
            p += 2 + hex;
        } else if (begins && hex >= ID_DIGITS && !is_word(p[hex])) {
            strbuf_puts(&out, "ID");
            p += hex;
        } else if (begins && digits >= NUMBER_DIGITS && !is_word(p[digits])) {
            strbuf_puts(&out, "N");
            p += digits;
        } else {
            /* The rest of this word, or one character between words. */
            do
                strbuf_putc(&out, *p++);
            while (*p && is_word(*p) && is_word(p[-1]));
        }
    }
    return strbuf_steal(&out);
}
