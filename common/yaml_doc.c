#include "common/yaml_doc.h"

void yaml_doc_clear(struct yaml_doc *doc)
{
	if (doc->loaded)
		yaml_document_delete(&doc->document);
	doc->loaded = false;
}

static enum err parser_error(const yaml_parser_t *parser, struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "line %zu: %s", parser->problem_mark.line + 1,
		       parser->problem ? parser->problem : "not YAML");
}

static bool node_is(const yaml_node_t *node, struct bytes text)
{
	return node && node->type == YAML_SCALAR_NODE &&
	       bytes_equal((struct bytes){ node->data.scalar.value, node->data.scalar.length }, text);
}

static struct bytes node_text(const yaml_node_t *node)
{
	return (struct bytes){ node->data.scalar.value, node->data.scalar.length };
}

/* An alias makes a node that has two parents; libyaml does not say so afterwards, so it is counted by hand. */
static enum err events_check(struct bytes text, struct errmsg *em)
{
	yaml_parser_t parser;
	yaml_event_t event;
	enum err e = OK;
	if (!yaml_parser_initialize(&parser))
		return err_nomem(em, "a YAML file");
	yaml_parser_set_input_string(&parser, text.data, text.len);
	unsigned documents = 0;
	for (bool more = true; e == OK && more;) {
		if (!yaml_parser_parse(&parser, &event)) {
			e = parser_error(&parser, em);
			break;
		}
		if (event.type == YAML_ALIAS_EVENT)
			e = err_set(em, ERR_UNSUPPORTED, "line %zu: aliases are not allowed here",
				    event.start_mark.line + 1);
		if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
			e = err_set(em, ERR_PARSE, "line %zu: a second document", event.start_mark.line + 1);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return e;
}

enum err yaml_doc_parse(struct bytes text, struct yaml_doc *out, struct errmsg *em)
{
	yaml_parser_t parser;
	if (text.len > YAML_DOC_MAX)
		return err_set(em, ERR_LIMIT, "more than %zu bytes", YAML_DOC_MAX);
	if (text.len == 0)
		return err_set(em, ERR_PARSE, "it is empty");
	enum err e = events_check(text, em);
	if (e != OK)
		return e;
	if (!yaml_parser_initialize(&parser))
		return err_nomem(em, "a YAML file");
	yaml_parser_set_input_string(&parser, text.data, text.len);
	out->loaded = yaml_parser_load(&parser, &out->document) == 1;
	if (!out->loaded)
		e = parser_error(&parser, em);
	yaml_parser_delete(&parser);
	return e;
}

enum err yaml_doc_member(struct yaml_doc *doc, yaml_node_t *mapping, const char *name, yaml_node_t **out,
			 struct errmsg *em)
{
	*out = NULL;
	if (!mapping)
		mapping = yaml_document_get_root_node(&doc->document);
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return err_set(em, ERR_PARSE, "not a mapping where \"%s\" was expected", name);
	for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top; p++) {
		if (!node_is(yaml_document_get_node(&doc->document, p->key), bytes_str(name)))
			continue;
		if (*out)
			return err_set(em, ERR_PARSE, "\"%s\" is there twice", name);
		*out = yaml_document_get_node(&doc->document, p->value);
	}
	if (*out && (*out)->type == YAML_SCALAR_NODE && (*out)->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (node_is(*out, bytes_str("")) || node_is(*out, bytes_str("null")) || node_is(*out, bytes_str("~"))))
		*out = NULL;
	return OK;
}

enum err yaml_doc_text(yaml_node_t *node, const char *name, const char **out, struct errmsg *em)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return err_set(em, ERR_PARSE, "\"%s\" is no text", name);
	struct bytes text = node_text(node);
	if (text.len && memchr(text.data, '\0', text.len))
		return err_set(em, ERR_PARSE, "\"%s\" holds a NUL", name);
	*out = (const char *)text.data; /* libyaml ends scalars with a NUL */
	return OK;
}
