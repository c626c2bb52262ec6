/* SPDX-License-Identifier: Apache-2.0
 * Findings for programs. */
#include "diagnose/findings.h"
#include "diagnose/rules.h"
#include "results/json_put.h"

enum { FINDINGS_JSON_VERSION = 1 };

static json_t *evidence_json(const struct finding *f)
{
    json_t *all = json_array();
    for (size_t i = 0; i < f->n_evidence; i++) {
        json_t *one = json_object();
        json_put_text(one, "item", f->evidence[i].item);
        json_put_text(one, "text", f->evidence[i].text);
        if (f->evidence[i].line > 0)
            json_put(one, "line", json_integer(f->evidence[i].line));
        json_append(all, one);
    }
    return all;
}

static json_t *finding_json(const struct finding *f)
{
    json_t *one = json_object(), *references = json_array();
    json_put_text(one, "rule", f->rule->id);
    json_put_text(one, "certainty", certainty_name(f->certainty));
    json_put_text(one, "title", f->title);
    json_put(one, "evidence", evidence_json(f));
    json_put_text(one, "explanation", f->explanation);
    json_put_text(one, "remedy", f->remedy);
    json_put_text(one, "command", f->command);
    json_put_text(one, "refuted_by", f->refuted_by);
    for (size_t i = 0; i < RULE_REFERENCES && f->rule->references[i]; i++)
        json_append(references, json_string(f->rule->references[i]));
    json_put(one, "references", references);
    return one;
}

void findings_json(const struct findings *f, struct strbuf *ret)
{
    json_t *root = json_object(), *all = json_array(), *unusual = json_array();
    json_put(root, "v", json_integer(FINDINGS_JSON_VERSION));
    json_put(root, "hang", json_boolean(f->hang));
    json_put(root, "complete", json_boolean(f->complete));
    json_put_text(root, "headline", findings_headline(f));
    for (size_t i = 0; i < f->n; i++)
        json_append(all, finding_json(&f->items[i]));
    json_put(root, "findings", all);
    for (size_t i = 0; i < f->unusual.len; i++) {
        json_t *one = json_object();
        json_put_text(one, "text", f->unusual.items[i]);
        json_append(unusual, one);
    }
    json_put(root, "unusual", unusual);
    json_line(root, ret);
}
