#pragma once
#include "common/bytes.h"

#include <yaml.h>

/* A small YAML file over libyaml: one document, a mapping at its root, no aliases and no repeated members. What is not
 * asked for is ignored, as the Go library does. */
struct yaml_doc {
	yaml_document_t document;
	bool loaded;
};
void yaml_doc_clear(struct yaml_doc *doc);
#define AUTO_YAML_DOC __attribute__((cleanup(yaml_doc_clear))) struct yaml_doc

#define YAML_DOC_MAX ((size_t)64 * 1024)

enum err yaml_doc_parse(struct bytes text, struct yaml_doc *out, struct errmsg *em) MUST_USE;

/* NULL where there is none or it is null. `mapping` NULL: the root. ERR_PARSE: `mapping` is no mapping. */
enum err yaml_doc_member(struct yaml_doc *doc, yaml_node_t *mapping, const char *name, yaml_node_t **out,
			 struct errmsg *em) MUST_USE;

/* A scalar as text without NULs, borrowed. */
enum err yaml_doc_text(yaml_node_t *node, const char *name, const char **out, struct errmsg *em) MUST_USE;
