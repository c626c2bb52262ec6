/* SPDX-License-Identifier: Apache-2.0
 * What a step depends on, in one digest. */
#include "plan/plan.h"

/* Raised whenever what goes in, or its order, changes. */
#define FINGERPRINT_VERSION "1"

static void add_value(struct sha256 *digest, const struct value *v)
{
    static const char *const kinds[] = {"null", "scalar", "list", "map"};
    sha256_add_string(digest, v ? kinds[v->kind] : NULL);
    if (!v)
        return;
    sha256_add_string(digest, v->text);
    for (size_t i = 0; i < v->len; i++) {
        if (v->kind == VALUE_MAP)
            sha256_add_string(digest, v->keys[i]);
        add_value(digest, v->items[i]);
    }
    sha256_add_string(digest, NULL);
}

int plan_fingerprint(const struct plan *p, const struct plan_step *step, char hex[SHA256_HEX_SIZE],
                     struct error *err)
{
    struct sha256 *digest = sha256_new();
    sha256_add_string(digest, FINGERPRINT_VERSION);
    sha256_add_string(digest, step->kind->name);
    sha256_add_string(digest, value_get_string(step->host, "ssh"));
    sha256_add_string(digest, value_get_string(step->host, "workspace"));
    add_value(digest, step->args);
    add_value(digest, step->subject);
    int result =
        step->kind->fingerprint ? step->kind->fingerprint(step, p->file->folder, digest, err) : 0;
    sha256_finish(digest, hex);
    return result;
}
