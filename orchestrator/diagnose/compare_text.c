/* SPDX-License-Identifier: Apache-2.0
 * A comparison, as text and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "diagnose/compare.h"
#include "results/json_put.h"

enum { WIDTH = 80, LEAST_WIDTH = 40, COMPARISON_JSON_VERSION = 1, MINOR = 10 };

static void put_side(const char *mark, const char *value, int width, struct strbuf *ret)
{
    cleanup_free char *clean = text_clean_string(value ? value : "(not there)");
    cleanup_free char *line = xasprintf("   %s %s", mark, clean);
    text_wrap(line, width, 5, ret);
}

void comparison_text(const struct comparison *c, const char *left, const char *right, int width,
                     struct strbuf *ret)
{
    cleanup_free char *l = text_clean_string(left), *r = text_clean_string(right);
    size_t minor = 0;
    width = width <= 0 ? WIDTH : width < LEAST_WIDTH ? LEAST_WIDTH : width;
    strbuf_printf(ret, "- %s\n+ %s\n", l, r);
    if (c->n == 0)
        strbuf_printf(ret, "\nnothing differs; %zu facts are the same\n", c->same);
    for (size_t i = 0; i < c->n; i++) {
        const struct difference *d = &c->items[i];
        if (d->weight < MINOR) {
            minor++;
            continue;
        }
        cleanup_free char *what = text_clean_string(d->what);
        cleanup_free char *head = xasprintf("%zu. %s%s%s%s", i + 1, what, d->why ? " (" : "",
                                            d->why ? d->why : "", d->why ? ")" : "");
        strbuf_putc(ret, '\n');
        text_wrap(head, width, 3, ret);
        put_side("-", d->left, width, ret);
        put_side("+", d->right, width, ret);
    }
    if (minor > 0)
        strbuf_printf(ret,
                      "\n%zu more that hardly matter (--json lists them); %zu facts are the same\n",
                      minor, c->same);
    else if (c->n > 0)
        strbuf_printf(ret, "\n%zu facts are the same\n", c->same);
}

void comparison_json(const struct comparison *c, const char *left, const char *right,
                     struct strbuf *ret)
{
    json_t *root = json_object(), *all = json_array();
    json_put(root, "v", json_integer(COMPARISON_JSON_VERSION));
    json_put_text(root, "left", left);
    json_put_text(root, "right", right);
    for (size_t i = 0; i < c->n; i++) {
        json_t *one = json_object();
        json_put_text(one, "what", c->items[i].what);
        json_put_text(one, "left", c->items[i].left);
        json_put_text(one, "right", c->items[i].right);
        json_put(one, "weight", json_integer(c->items[i].weight));
        json_put_text(one, "why", c->items[i].why);
        json_append(all, one);
    }
    json_put(root, "differences", all);
    json_put(root, "same", json_integer((json_int_t)c->same));
    json_line(root, ret);
}
