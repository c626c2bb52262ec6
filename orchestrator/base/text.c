/* SPDX-License-Identifier: Apache-2.0
 * Text for a screen. */
#include "base/text.h"

#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/utf8.h"

/* wcwidth() answers for the thread's locale, and a library has no business to set that for good. */
static locale_t utf8_locale;

static void make_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8_locale)
        utf8_locale = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", (locale_t)0);
}

static locale_t enter_utf8(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return uselocale(utf8_locale); /* (locale_t)0 only asks */
}

/* Bytes and columns of the character at p. -1 columns: cannot be shown. */
static size_t next_character(const char *p, size_t n, uint32_t *ret_code, int *ret_width)
{
    int took = utf8_decode(p, n, ret_code);
    if (took <= 0) {
        *ret_code = 0xfffd;
        *ret_width = 1;
        return 1;
    }
    if (*ret_code < 0x80)
        *ret_width = *ret_code >= 0x20 && *ret_code < 0x7f ? 1 : -1;
    else
        *ret_width = wcwidth((wchar_t)*ret_code);
    return (size_t)took;
}

int text_width(const char *text)
{
    locale_t before = enter_utf8();
    int columns = 0;
    for (size_t len = strlen(text), i = 0; i < len;) {
        uint32_t code;
        int width;
        i += next_character(text + i, len - i, &code, &width);
        columns += width > 0 ? width : 0;
    }
    uselocale(before);
    return columns;
}

int text_cut(const char *text, int width, bool ascii, struct strbuf *ret)
{
    int whole = text_width(text);
    if (whole <= width) {
        strbuf_puts(ret, text);
        return whole;
    }
    if (width <= 0)
        return 0;
    locale_t before = enter_utf8();
    int columns = 0;
    size_t len = strlen(text), i = 0;
    while (i < len) {
        uint32_t code;
        int wide;
        size_t took = next_character(text + i, len - i, &code, &wide);
        if (wide > 0 && columns + wide > width - 1)
            break;
        columns += wide > 0 ? wide : 0;
        i += took;
    }
    uselocale(before);
    strbuf_add(ret, text, i);
    strbuf_puts(ret, ascii ? "~" : "\xe2\x80\xa6");
    return columns + 1;
}

/* Bytes of `text` for a line of `room` columns, at least one character. *ret_next: where the line
 * after it begins. */
static size_t line_length(const char *text, int room, size_t *ret_next)
{
    size_t len = strlen(text), i = 0, space = 0;
    int columns = 0;
    while (i < len) {
        uint32_t code;
        int wide;
        size_t took = next_character(text + i, len - i, &code, &wide);
        columns += wide > 0 ? wide : 0;
        if (columns > room && i > 0)
            break;
        if (code == ' ')
            space = i;
        i += took;
    }
    if (i < len && text[i] == ' ')
        space = i;
    size_t end = i < len && space > 0 ? space : i;
    *ret_next = end + strspn(text + end, " ");
    return end;
}

void text_wrap(const char *text, int width, int indent, struct strbuf *ret)
{
    locale_t before = enter_utf8();
    bool first = true;
    do {
        int room = first ? width : width - indent;
        size_t next;
        size_t len = line_length(text, room > 0 ? room : 1, &next);
        for (int i = 0; !first && i < indent; i++)
            strbuf_putc(ret, ' ');
        strbuf_add(ret, text, len);
        strbuf_putc(ret, '\n');
        text += next;
        first = false;
    } while (*text);
    uselocale(before);
}

/* Bytes of the escape sequence at p, where p[0] is ESC (ECMA-48). One that does not end takes the
 * rest: what it hides cannot be told from what it shows. */
static size_t escape_length(const char *p, size_t n)
{
    size_t i = 1;
    if (i >= n)
        return n;
    if (p[i] == '[') { /* CSI: parameters and intermediates, then one byte @ to ~ */
        for (i++; i < n; i++) {
            if (p[i] >= 0x40 && p[i] <= 0x7e)
                return i + 1;
            if ((unsigned char)p[i] < 0x20 || (unsigned char)p[i] > 0x7e)
                return i; /* broken off; the byte is looked at for itself */
        }
        return n;
    }
    if (memchr("]PX^_", p[i], 5)) { /* OSC, DCS, SOS, PM, APC: up to BEL or ESC \ */
        for (i++; i < n; i++) {
            if (p[i] == '\a')
                return i + 1;
            if (p[i] == '\033' && i + 1 < n && p[i + 1] == '\\')
                return i + 2;
        }
        return n;
    }
    while (i < n && p[i] >= 0x20 && p[i] <= 0x2f)
        i++;
    return i < n && p[i] >= 0x30 && p[i] <= 0x7e ? i + 1 : i;
}

/* Characters that turn the direction of text around (Unicode Bidirectional Algorithm, 2). */
static bool turns_direction(uint32_t code)
{
    return code == 0x200e || code == 0x200f || code == 0x061c ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void text_clean(const char *data, size_t len, struct strbuf *ret)
{
    locale_t before = enter_utf8();
    int columns = 0;
    for (size_t i = 0; i < len;) {
        uint32_t code;
        int width;
        if (data[i] == '\033') {
            i += escape_length(data + i, len - i);
            continue;
        }
        size_t took = next_character(data + i, len - i, &code, &width);
        if (code == '\t') {
            do
                strbuf_putc(ret, ' ');
            while (++columns % 8);
        } else if (code == '\n' || code == 0x2028 || code == 0x2029) {
            strbuf_putc(ret, ' ');
            columns++;
        } else if (code == 0xfffd || (width < 0 && code >= 0xa0)) {
            strbuf_puts(ret, UTF8_REPLACEMENT);
            columns++;
        } else if (width >= 0 && !turns_direction(code)) {
            strbuf_add(ret, data + i, took);
            columns += width;
        }
        i += took;
    }
    uselocale(before);
}

char *text_clean_string(const char *text)
{
    cleanup_strbuf struct strbuf clean = STRBUF_INIT;
    if (text)
        text_clean(text, strlen(text), &clean);
    return strbuf_steal(&clean);
}
