/* SPDX-License-Identifier: Apache-2.0
 * Any bytes from a host on their way to a screen: clean, and no wider than there is room. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int width = data[0] % 100 + 1;
    cleanup_strbuf struct strbuf clean = STRBUF_INIT, cut = STRBUF_INIT, wrapped = STRBUF_INIT;
    text_clean((const char *)data + 1, size - 1, &clean);
    for (size_t i = 0; i < clean.len; i++)
        if ((unsigned char)clean.data[i] < 0x20 || clean.data[i] == 0x7f)
            abort();
    (void)text_cut(strbuf_str(&clean), width, data[0] & 1, &cut);
    if (text_width(strbuf_str(&cut)) > width)
        abort();
    text_wrap(strbuf_str(&clean), width, data[0] % 8, &wrapped);
    return 0;
}
