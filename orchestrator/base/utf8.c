/* SPDX-License-Identifier: Apache-2.0
 * UTF-8, checked and repaired. */
#include "base/utf8.h"

int utf8_decode(const char *text, size_t n, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    /* The second byte's range excludes overlong forms, surrogates and > U+10FFFF (Unicode 15,
     * table 3-7). */
    unsigned char low = 0x80, high = 0xbf;
    int want;
    uint32_t code;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        want = 2;
        code = p[0] & 0x1f;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        want = 3;
        code = p[0] & 0x0f;
        if (p[0] == 0xe0)
            low = 0xa0;
        if (p[0] == 0xed)
            high = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        want = 4;
        code = p[0] & 0x07;
        if (p[0] == 0xf0)
            low = 0x90;
        if (p[0] == 0xf4)
            high = 0x8f;
    } else {
        return -1;
    }
    for (int i = 1; i < want; i++) {
        if ((size_t)i >= n)
            return 0;
        if (p[i] < low || p[i] > high)
            return -1;
        code = code << 6 | (p[i] & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *ret = code;
    return want;
}

bool utf8_repair(const char *data, size_t len, struct strbuf *ret)
{
    bool whole = true;
    size_t clean = 0; /* start of the stretch that can be copied as it is */
    size_t i = 0;
    while (i < len) {
        uint32_t code;
        int took = utf8_decode(data + i, len - i, &code);
        if (took > 0) {
            i += (size_t)took;
            continue;
        }
        strbuf_add(ret, data + clean, i - clean);
        strbuf_puts(ret, UTF8_REPLACEMENT);
        clean = ++i;
        whole = false;
    }
    strbuf_add(ret, data + clean, len - clean);
    return whole;
}
