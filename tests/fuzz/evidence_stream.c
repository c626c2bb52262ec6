/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as what a script printed: the result is a bundle, of bounded size. The budget is short
 * for every other input, and for the rest not even lines of several KB reach it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/bundle.h"
#include "diagnose/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SHORT = 1000, LONG = 1 << 16, ITEMS = 1 << 14 };
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    bundle_begin(&text);
    stream_to_bundle((const char *)data, size, "@M", "host: ", size % 2 ? SHORT : LONG, &text);
    bundle_end(&text);
    if (text.len < BUNDLE_MAX && size < ITEMS &&
        bundle_parse(text.data, text.len, "b", &b, &err) < 0)
        abort();
    return 0;
}
