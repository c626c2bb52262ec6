/* SPDX-License-Identifier: Apache-2.0
 * YAML text to values. Events rather than libfyaml's documents: every event carries its place,
 * duplicate keys and aliases are seen as such, and nothing is expanded behind our back. */
#include "workflow/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include "base/alloc.h"
#include "base/utf8.h"

struct anchor {
    char *name;
    struct value *value; /* owned: what is a key, or named twice, does not stay in the tree */
};

struct reader {
    struct fy_parser *parser;
    struct fy_diag *diag;
    const char *file;
    struct diagnostics *problems;
    struct anchor *anchors;
    size_t n_anchors;
    size_t n_values; /* made so far, copies included */
};

static struct span span_at(const struct reader *r, const struct fy_mark *mark)
{
    struct span span = {.file = r->file, .line = 1, .column = 1};
    if (mark) {
        span.line = mark->line + 1;
        span.column = mark->column + 1;
    }
    return span;
}

/* libfyaml's own words on what it could not parse, once, at their place. */
static void report_syntax(struct reader *r)
{
    void *iterator = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(r->diag, &iterator);
    struct span where = {.file = r->file, .line = 1, .column = 1};
    if (e && e->line > 0) {
        where.line = e->line;
        where.column = e->column > 0 ? e->column : 1;
    }
    diagnostics_add(r->problems, where, "not YAML: %s", e && e->msg ? e->msg : "cannot be parsed");
}

static struct fy_event *next_event(struct reader *r)
{
    struct fy_event *event = fy_parser_parse(r->parser);
    if (!event || fy_parser_get_stream_error(r->parser)) {
        if (event)
            fy_parser_event_free(r->parser, event);
        report_syntax(r);
        return NULL;
    }
    return event;
}

static int count_value(struct reader *r, struct span where)
{
    if (++r->n_values <= YAML_MAX_VALUES)
        return 0;
    diagnostics_add(r->problems, where, "more than %d values", YAML_MAX_VALUES);
    return -1;
}

static int check_names(struct reader *r, size_t n, struct span where)
{
    if (n < YAML_MAX_NAMES)
        return 0;
    diagnostics_add(r->problems, where, "more than %d names", YAML_MAX_NAMES);
    return -1;
}

static size_t tree_size(const struct value *v)
{
    size_t n = 1;
    for (size_t i = 0; i < v->len; i++)
        n += tree_size(v->items[i]);
    return n;
}

static char *token_text(struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return text ? xstrndup(text, len) : NULL;
}

static int remember_anchor(struct reader *r, struct fy_token *token, const struct value *value)
{
    cleanup_free char *name = token_text(token);
    if (!name)
        return 0;
    r->n_values += tree_size(value);
    if (count_value(r, value->span) < 0 || check_names(r, r->n_anchors, value->span) < 0)
        return -1;
    r->anchors = xreallocarray(r->anchors, r->n_anchors + 1, sizeof(*r->anchors));
    r->anchors[r->n_anchors++] = (struct anchor){.name = steal(&name), .value = value_copy(value)};
    return 0;
}

static struct value *read_alias(struct reader *r, struct fy_token *token, struct span where)
{
    cleanup_free char *name = token_text(token);
    for (size_t i = r->n_anchors; name && i-- > 0;) {
        if (strcmp(r->anchors[i].name, name) != 0)
            continue;
        r->n_values += tree_size(r->anchors[i].value);
        if (count_value(r, where) < 0)
            return NULL;
        return value_copy(r->anchors[i].value);
    }
    diagnostics_add(r->problems, where, "no anchor `%s` above", name ? name : "");
    return NULL;
}

static struct value *read_scalar(struct reader *r, struct fy_event *event, struct span where)
{
    struct fy_token *token = event->scalar.value;
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    if (text && memchr(text, '\0', len)) {
        diagnostics_add(r->problems, where, "a NUL character in a value");
        return NULL;
    }
    bool plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
    bool null = plain && (!text || len == 0 || (len == 1 && text[0] == '~') ||
                          (len == 4 && memcmp(text, "null", 4) == 0));
    cleanup_free char *copy = null ? NULL : xstrndup(text ? text : "", len);
    return value_new_scalar(copy, where);
}

static struct value *read_value(struct reader *r, struct fy_event *event, int depth);

/* Read the next value; NULL with *ret_end where the collection ends instead. */
static struct value *read_next(struct reader *r, enum fy_event_type end, int depth, bool *ret_end)
{
    *ret_end = false;
    struct fy_event *event = next_event(r);
    if (!event)
        return NULL;
    if (event->type == end) {
        *ret_end = true;
        fy_parser_event_free(r->parser, event);
        return NULL;
    }
    struct value *v = read_value(r, event, depth);
    fy_parser_event_free(r->parser, event);
    return v;
}

static int read_items(struct reader *r, struct value *list, int depth)
{
    for (;;) {
        bool end;
        struct value *item = read_next(r, FYET_SEQUENCE_END, depth + 1, &end);
        if (!item)
            return end ? 0 : -1;
        if (item->span.line < list->span.line) /* nothing at all has no place */
            item->span = list->span;
        value_append(list, item);
    }
}

static void check_duplicate(struct reader *r, const struct value *map, const struct value *key)
{
    for (size_t i = 0; i < map->len; i++)
        if (strcmp(map->keys[i], key->text) == 0)
            diagnostics_add(r->problems, key->span, "`%s` is here twice, first in line %d",
                            key->text, map->key_spans[i].line);
}

static int read_pairs(struct reader *r, struct value *map, int depth)
{
    for (;;) {
        bool end;
        struct value *key = read_next(r, FYET_MAPPING_END, depth + 1, &end);
        if (!key)
            return end ? 0 : -1;
        if (key->kind != VALUE_SCALAR) {
            diagnostics_add(r->problems, key->span, "a name is expected here, with `:` after it");
            value_free(key);
            return -1;
        }
        bool fits = check_names(r, map->len, key->span) == 0;
        struct value *item = fits ? read_next(r, FYET_NONE, depth + 1, &end) : NULL;
        if (item) {
            if (item->kind == VALUE_NULL) /* nothing at all has no place; its key has */
                item->span = key->span;
            check_duplicate(r, map, key);
            value_set(map, key->text, key->span, item);
        }
        value_free(key);
        if (!item)
            return -1;
    }
}

static struct value *read_value(struct reader *r, struct fy_event *event, int depth)
{
    struct span where = span_at(r, fy_event_start_mark(event));
    if (depth > YAML_MAX_DEPTH) {
        diagnostics_add(r->problems, where, "nested more than %d deep", YAML_MAX_DEPTH);
        return NULL;
    }
    if (count_value(r, where) < 0)
        return NULL;
    struct value *v;
    int result = 0;
    switch (event->type) {
    case FYET_ALIAS:
        return read_alias(r, event->alias.anchor, where);
    case FYET_SCALAR:
        v = read_scalar(r, event, where);
        result = v ? remember_anchor(r, event->scalar.anchor, v) : 0;
        break;
    case FYET_SEQUENCE_START:
        v = value_new_list(where);
        result = read_items(r, v, depth);
        if (result == 0)
            result = remember_anchor(r, event->sequence_start.anchor, v);
        break;
    case FYET_MAPPING_START:
        v = value_new_map(where);
        result = read_pairs(r, v, depth);
        if (result == 0)
            result = remember_anchor(r, event->mapping_start.anchor, v);
        break;
    default:
        diagnostics_add(r->problems, where, "a value is expected here");
        return NULL;
    }
    if (result < 0) {
        value_free(v);
        return NULL;
    }
    return v;
}

/* The document's value, with the stream's and the document's marks around it. */
static struct value *read_document(struct reader *r)
{
    struct value *root = NULL;
    for (;;) {
        struct fy_event *event = next_event(r);
        if (!event)
            break;
        enum fy_event_type type = event->type;
        struct span where = span_at(r, fy_event_start_mark(event));
        bool failed = false;
        if (type == FYET_DOCUMENT_START && root) {
            diagnostics_add(r->problems, where, "a second document; one is expected");
            failed = true;
        } else if (type != FYET_STREAM_START && type != FYET_STREAM_END &&
                   type != FYET_DOCUMENT_START && type != FYET_DOCUMENT_END) {
            root = read_value(r, event, 0);
            failed = !root;
        }
        fy_parser_event_free(r->parser, event);
        if (type == FYET_STREAM_END) {
            if (!root)
                diagnostics_add(r->problems, (struct span){r->file, 1, 1}, "the file is empty");
            return root;
        }
        if (failed)
            break;
    }
    value_free(root);
    return NULL;
}

/* Problems are collected; nothing goes to the terminal. */
static void no_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static struct value *read_text(struct reader *r, const char *text, size_t len)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = no_output;
    r->diag = fy_diag_create(&diag_config);
    if (!r->diag)
        return NULL;
    fy_diag_set_collect_errors(r->diag, true);
    const struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_PARSE, .diag = r->diag};
    r->parser = fy_parser_create(&config);
    struct value *root = NULL;
    if (r->parser && fy_parser_set_string(r->parser, text, len) == 0)
        root = read_document(r);
    fy_parser_destroy(r->parser);
    fy_diag_destroy(r->diag);
    for (size_t i = 0; i < r->n_anchors; i++) {
        free(r->anchors[i].name);
        value_free(r->anchors[i].value);
    }
    free(r->anchors);
    return root;
}

/* Characters that YAML does not allow (YAML 1.2.2, 5.1). */
static bool is_control(uint32_t code)
{
    if (code < 0x20)
        return code != '\t' && code != '\n' && code != '\r';
    return code >= 0x7f && code < 0xa0 && code != 0x85;
}

/* libfyaml 0.7 does not end on some texts that are not UTF-8. */
static int check_characters(const char *text, size_t len, struct span where,
                            struct diagnostics *problems)
{
    for (size_t i = 0; i < len;) {
        uint32_t code = 0;
        int n = utf8_decode(text + i, len - i, &code);
        if (n <= 0 || is_control(code)) {
            diagnostics_add(problems, where, "not YAML: %s",
                            n > 0 ? "a control character" : "the text is not UTF-8");
            return -1;
        }
        where.column = code == '\n' ? 1 : where.column + 1;
        where.line += code == '\n';
        i += (size_t)n;
    }
    return 0;
}

struct value *yaml_parse(const char *file, const char *text, size_t len,
                         struct diagnostics *problems)
{
    const struct span start = {file, 1, 1};
    diagnostics_source(problems, file, len > YAML_MAX_BYTES ? "" : text);
    size_t before = problems->len + problems->dropped;
    if (len > YAML_MAX_BYTES) {
        diagnostics_add(problems, start, "larger than %d bytes", YAML_MAX_BYTES);
        return NULL;
    }
    if (check_characters(text, len, start, problems) < 0)
        return NULL;
    struct reader r = {.file = file, .problems = problems};
    struct value *root = read_text(&r, text, len);
    if (!root && problems->len + problems->dropped == before)
        diagnostics_add(problems, start, "cannot be read as YAML");
    return root;
}
