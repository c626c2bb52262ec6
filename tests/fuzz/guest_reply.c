/* SPDX-License-Identifier: Apache-2.0
 * What a guest's terminal may send: anything. The first byte of the input says in which pieces it
 * comes, and whether as lines; whatever the pieces are, the same must be understood. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood. */
struct heard {
    struct guest_reply reply;
    struct strbuf out, err;
};

static void hear(struct heard *h, bool lines, const char *text, size_t len, size_t piece)
{
    struct error err = ERROR_INIT;
    *h = (struct heard){0};
    if (guest_reply_begin(&h->reply, 4096, &err) < 0)
        abort();
    h->reply.lines = lines;
    memcpy(h->reply.token, "0123456789abcdef0123", GUEST_TOKEN_SIZE);
    for (size_t at = 0; at < len; at += piece)
        guest_reply_feed(&h->reply, text + at, len - at < piece ? len - at : piece, &h->out,
                         &h->err);
}

static void release(struct heard *h)
{
    guest_reply_release(&h->reply);
    strbuf_release(&h->out);
    strbuf_release(&h->err);
}

static void must_equal(const struct strbuf *a, const struct strbuf *b)
{
    if (a->len != b->len || (a->len > 0 && memcmp(a->data, b->data, a->len) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard pieces, whole;
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    bool lines = data[0] & 0x80;
    hear(&pieces, lines, text, size - 1, 1 + data[0] % 61);
    hear(&whole, lines, text, size - 1, size);
    if (pieces.reply.status != whole.reply.status || pieces.reply.ended != whole.reply.ended ||
        pieces.reply.started != whole.reply.started || whole.reply.status < -1 ||
        whole.reply.status > 999)
        abort();
    must_equal(&pieces.out, &whole.out);
    must_equal(&pieces.err, &whole.err);
    enum { LIMIT = 4096 + GUEST_TOKEN_SIZE + GUEST_LINE_MAX }; /* what was asked for, and a line */
    if (whole.out.len > LIMIT || whole.err.len > LIMIT)
        abort();
    release(&pieces);
    release(&whole);
    return 0;
}
