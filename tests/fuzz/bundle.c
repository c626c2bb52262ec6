/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a bundle: what is read can be judged, shown and compared. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/compare.h"
#include "diagnose/findings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct bundle *b)
{
    cleanup_findings struct findings f = FINDINGS_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT, json = STRBUF_INIT;
    findings_make(b, &f);
    findings_text(&f, 60, false, &text);
    findings_json(&f, &json);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 && text.data[i] != '\n')
            abort();
    if (json.len == 0 || json.data[json.len - 1] != '\n')
        abort();
}

static void compare(const struct bundle *b)
{
    cleanup_comparison struct comparison c = COMPARISON_INIT;
    comparison_make(b, b, &c);
    if (c.n != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    cleanup_error struct error err = ERROR_INIT;
    int result = bundle_parse((const char *)data, size, "b", &b, &err);
    if ((result < 0) != (err.message != NULL))
        abort();
    if (result == 0) {
        judge(&b);
        compare(&b);
    }
    return 0;
}
