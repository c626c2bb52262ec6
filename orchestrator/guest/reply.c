/* SPDX-License-Identifier: Apache-2.0
 * What comes back from the guest's terminal, line by line. Any bytes may come; only lines of a
 * known shape count. */
#include <ctype.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "guest/protocol.h"

enum { LINE_MAX_KEPT = GUEST_TOKEN_SIZE + GUEST_LINE_MAX };

int guest_reply_begin(struct guest_reply *r, size_t max, struct error *err)
{
    unsigned char random[(GUEST_TOKEN_SIZE - 1) / 2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return error_set(err, ERR_FAILED, "no random bytes for a token");
    guest_reply_release(r);
    *r = (struct guest_reply){.status = -1, .max = max};
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(r->token + 2 * i, 3, "%02x", random[i]);
    return 0;
}

void guest_reply_release(struct guest_reply *r)
{
    strbuf_release(&r->line);
}

/* 0…999 of decimal digits up to the end; -1: none. */
static int small_number(const char *text)
{
    int value = 0;
    size_t n = 0;
    for (; n < 3 && isdigit((unsigned char)text[n]); n++)
        value = 10 * value + (text[n] - '0');
    return n == 0 || text[n] ? -1 : value;
}

/* A line of standard output, as it is. */
static void take_text(struct guest_reply *r, const char *text, struct strbuf *out)
{
    if (!r->lines || !r->started || r->ended || out->len > r->max)
        return;
    strbuf_puts(out, text);
    strbuf_putc(out, '\n');
}

/* A line that begins with the token: the rest of it. */
static void take_mark(struct guest_reply *r, const char *rest, struct strbuf *out)
{
    if (rest[0] == '+' && strlen(rest) <= 2) {
        r->answered = true;
        r->tools = rest[1];
    } else if (strcmp(rest, "<") == 0) {
        r->started = true;
    } else if (strcmp(rest, ">") == 0) {
        r->ended = true;
    } else if (rest[0] == '=' && small_number(rest + 1) >= 0) {
        r->status = small_number(rest + 1);
    } else if (rest[0] == ':') {
        take_text(r, rest + 1, out);
    }
}

/* Groups of `width` digits, each a byte, with spaces between: all of the line, or nothing. */
static bool take_dump(const char *line, size_t width, int base, struct strbuf *to)
{
    size_t before = to->len;
    for (const char *at = line + strspn(line, " "); *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        int value = n == width ? 0 : -1;
        for (size_t i = 0; i < n && value >= 0; i++) {
            const char *digit = memchr("0123456789abcdef", at[i], (size_t)base);
            value = digit ? value * base + (int)(digit - "0123456789abcdef") : -1;
        }
        if (value < 0 || value > 0xff) {
            strbuf_truncate(to, before);
            return false;
        }
        strbuf_putc(to, (char)value);
        at += n;
    }
    return true;
}

static void take_base64(const char *line, size_t len, struct strbuf *to)
{
    size_t digits =
        strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(line + digits, "=");
    if (len % 4 == 0 && padding <= 2 && digits + padding == len)
        (void)base64_decode(line, len, to); /* of that shape it is base64 */
}

static void take_line(struct guest_reply *r, struct strbuf *out, struct strbuf *err_out)
{
    struct strbuf *b = &r->line;
    while (b->len > 0 && b->data[b->len - 1] == '\r')
        strbuf_truncate(b, b->len - 1);
    size_t token = strlen(r->token);
    if (b->len == 0 || memchr(b->data, '\0', b->len))
        return;
    if (strncmp(b->data, r->token, token) == 0) {
        take_mark(r, b->data + token, out);
        return;
    }
    if (!r->started || r->ended)
        return;
    /* Too much stays a line too much: the caller looks. */
    if (!r->lines && out->len <= r->max && !take_dump(b->data, 2, 16, out))
        take_base64(b->data, b->len, out);
    if (err_out->len <= r->max)
        (void)take_dump(b->data, 3, 8, err_out); /* other lines are none of it */
}

void guest_reply_feed(struct guest_reply *r, const char *bytes, size_t len, struct strbuf *out,
                      struct strbuf *err_out)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t n = end ? (size_t)(end - bytes) : len;
        r->too_long = r->too_long || r->line.len + n > LINE_MAX_KEPT;
        if (!r->too_long)
            strbuf_add(&r->line, bytes, n);
        if (end) {
            if (!r->too_long)
                take_line(r, out, err_out);
            strbuf_truncate(&r->line, 0);
            r->too_long = false;
            n++;
        }
        bytes += n;
        len -= n;
    }
}
