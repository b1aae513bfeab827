#include "keywrap/key_file.h"

#include "common/yaml_doc.h"

#define ENV_MAX 32

static enum err env_add(struct token_ref *ref, const char *name, const char *value, struct errmsg *em)
{
	if (!name[0] || strchr(name, '='))
		return err_set(em, ERR_PARSE, "module.env: \"%.64s\" is no name of a variable", name);
	struct token_env *entry = &ref->env[ref->env_count];
	entry->name = strdup(name);
	entry->value = strdup(value);
	ref->env_count++;
	return entry->name && entry->value ? OK : err_nomem(em, "a key file");
}

static enum err env_read(struct yaml_doc *doc, struct token_ref *ref, struct errmsg *em)
{
	yaml_node_t *module = NULL;
	yaml_node_t *env = NULL;
	enum err e = yaml_doc_member(doc, NULL, "module", &module, em);
	if (e == OK && module)
		e = yaml_doc_member(doc, module, "env", &env, em);
	if (e != OK || !env)
		return e;
	if (env->type != YAML_MAPPING_NODE)
		return err_set(em, ERR_PARSE, "module.env is no mapping");
	if (env->data.mapping.pairs.top - env->data.mapping.pairs.start > ENV_MAX)
		return err_set(em, ERR_LIMIT, "module.env has more than %d variables", ENV_MAX);
	ref->env = calloc(ENV_MAX, sizeof(*ref->env));
	if (!ref->env)
		return err_nomem(em, "a key file");
	for (yaml_node_pair_t *p = env->data.mapping.pairs.start; e == OK && p < env->data.mapping.pairs.top; p++) {
		const char *name = NULL;
		const char *value = NULL;
		e = yaml_doc_text(yaml_document_get_node(&doc->document, p->key), "module.env", &name, em);
		if (e == OK)
			e = yaml_doc_text(yaml_document_get_node(&doc->document, p->value), name, &value, em);
		if (e == OK)
			e = env_add(ref, name, value, em);
	}
	return e;
}

static enum err uri_read(struct yaml_doc *doc, const char **uri, struct errmsg *em)
{
	yaml_node_t *pkcs11 = NULL;
	yaml_node_t *node = NULL;
	enum err e = yaml_doc_member(doc, NULL, "pkcs11", &pkcs11, em);
	if (e == OK && !pkcs11)
		e = err_set(em, ERR_PARSE, "no \"pkcs11\" in it");
	if (e == OK)
		e = yaml_doc_member(doc, pkcs11, "uri", &node, em);
	return e == OK ? yaml_doc_text(node, "pkcs11.uri", uri, em) : e;
}

enum err key_file_parse(struct bytes text, struct token_ref **out, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	AUTO_YAML_DOC doc = { .loaded = false };
	AUTO_BUF
	masked = { 0 };
	struct pin_mask mask = { 0 };
	const char *uri = NULL;
	if (text.len > YAML_DOC_MAX)
		return err_set(em, ERR_LIMIT, "more than %zu bytes", YAML_DOC_MAX);
	enum err e = pin_mask_apply(text, &mask, &masked, em);
	if (e == OK)
		e = yaml_doc_parse(buf_bytes(&masked), &doc, em);
	if (e == OK)
		e = uri_read(&doc, &uri, em);
	if (e == OK)
		e = token_ref_from_masked((struct token_ref_masked){ uri, &mask }, &ref, em);
	if (e == OK)
		e = env_read(&doc, ref, em);
	if (e != OK)
		return e;
	*out = steal(&ref);
	return OK;
}
