/* SPDX-License-Identifier: Apache-2.0
 * What the scripts print (evidence.sh describes it), turned into items of a bundle. */
#ifndef DIAGNOSE_STREAM_H
#define DIAGNOSE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Append the items of a stream to a bundle, their names after `prefix`. Whatever the bytes are,
 * the result is well-formed, and once it has `max` bytes no more content is taken; what is beyond
 * that is said. False: the stream does not come to its end. */
bool stream_to_bundle(const char *data, size_t len, const char *mark, const char *prefix,
                      size_t max, struct strbuf *out);

#endif
