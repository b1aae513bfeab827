#include "image/registries_d.h"

#include "common/file.h"
#include "common/yaml_doc.h"
#include "image/scope.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#define ENTRIES_MAX 10000

void registries_d_clear(struct registries_d *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->entries[i].scope);
		free(d->entries[i].lookaside);
	}
	free(d->entries);
	*d = (struct registries_d){ 0 };
}

static const struct registries_d_entry *entry_named(const struct registries_d *d, struct bytes scope)
{
	for (size_t i = 0; i < d->count; i++)
		if (bytes_equal(bytes_str(d->entries[i].scope), scope))
			return &d->entries[i];
	return NULL;
}

static enum err entry_new(struct registries_d *d, const char *scope, struct registries_d_entry **out, struct errmsg *em)
{
	if (entry_named(d, bytes_str(scope)))
		return err_set(em, ERR_PARSE, "it is there twice, or in two files");
	if (d->count == ENTRIES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d of them", ENTRIES_MAX);
	struct registries_d_entry *grown = reallocarray(d->entries, d->count + 1, sizeof(*grown));
	if (!grown)
		return err_set(em, ERR_NOMEM, "no memory");
	d->entries = grown;
	grown[d->count] = (struct registries_d_entry){ .scope = strdup(scope), .attachments = -1 };
	if (!grown[d->count].scope)
		return err_set(em, ERR_NOMEM, "no memory");
	*out = &grown[d->count++];
	return OK;
}

static enum err attachments_read(yaml_node_t *node, int *out, struct errmsg *em)
{
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };
	const char *text = NULL;
	enum err e = yaml_doc_text(node, "use-sigstore-attachments", &text, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0)
			*out = 1;
		if (strcmp(text, no[i]) == 0)
			*out = 0;
	}
	if (e == OK && *out < 0)
		e = err_set(em, ERR_PARSE, "\"use-sigstore-attachments\" is neither true nor false");
	return e;
}

/* "lookaside" before "sigstore", as it was called once. */
static enum err entry_fill(struct yaml_doc *doc, yaml_node_t *node, struct registries_d_entry *entry, struct errmsg *em)
{
	static const char *const names[] = { "sigstore", "lookaside", "sigstore-staging", "lookaside-staging" };
	yaml_node_t *value = NULL;
	enum err e = OK;
	for (size_t i = 0; e == OK && i < ARRAY_LEN(names); i++) {
		const char *text = NULL;
		e = yaml_doc_member(doc, node, names[i], &value, em);
		if (e == OK && value)
			e = yaml_doc_text(value, names[i], &text, em);
		if (e != OK || !text || !text[0] || i > 1) /* staging is for those who write */
			continue;
		free(entry->lookaside);
		entry->lookaside = strdup(text);
		if (!entry->lookaside)
			e = err_set(em, ERR_NOMEM, "no memory");
	}
	if (e == OK)
		e = yaml_doc_member(doc, node, "use-sigstore-attachments", &value, em);
	return e == OK && value ? attachments_read(value, &entry->attachments, em) : e;
}

static enum err scope_add(struct registries_d *d, struct yaml_doc *doc, const char *scope, yaml_node_t *node,
			  struct errmsg *em)
{
	struct registries_d_entry *entry = NULL;
	enum err e = entry_new(d, scope, &entry, em);
	/* "example.com:" with nothing in it says nothing. */
	if (e == OK && node && !(node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0))
		e = entry_fill(doc, node, entry, em);
	return e == OK ? OK : err_wrap(em, e, "%s%.200s", scope[0] ? "docker: " : "default-docker", scope);
}

static enum err scopes_add(struct registries_d *d, struct yaml_doc *doc, yaml_node_t *scopes, struct errmsg *em)
{
	if (scopes->type != YAML_MAPPING_NODE)
		return err_set(em, ERR_PARSE, "\"docker\" is no mapping");
	for (yaml_node_pair_t *p = scopes->data.mapping.pairs.start; p < scopes->data.mapping.pairs.top; p++) {
		const char *scope = NULL;
		enum err e = yaml_doc_text(yaml_document_get_node(&doc->document, p->key), "docker", &scope, em);
		if (e == OK && !scope[0])
			e = err_set(em, ERR_PARSE, "\"docker\" holds an empty scope");
		if (e == OK)
			e = scope_add(d, doc, scope, yaml_document_get_node(&doc->document, p->value), em);
		if (e != OK)
			return e;
	}
	return OK;
}

/* Nothing but comments: no document at all. */
static bool is_blank(struct bytes text)
{
	bool comment = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)text.data[i];
		comment = c == '\n' ? false : comment || c == '#';
		if (!comment && !strchr(" \t\r\n", c))
			return false;
	}
	return true;
}

enum err registries_d_add(struct registries_d *d, struct bytes text, struct errmsg *em)
{
	AUTO_YAML_DOC doc = { 0 };
	yaml_node_t *node = NULL;
	if (is_blank(text))
		return OK;
	enum err e = yaml_doc_parse(text, &doc, em);
	if (e == OK)
		e = yaml_doc_member(&doc, NULL, "default-docker", &node, em);
	if (e == OK && node)
		e = scope_add(d, &doc, "", node, em);
	if (e == OK)
		e = yaml_doc_member(&doc, NULL, "docker", &node, em);
	return e == OK && node ? scopes_add(d, &doc, node, em) : e;
}

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static enum err file_add(struct registries_d *d, const char *folder, const char *name, struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	AUTO_BUF
	text = { 0 };
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = file_read(path, YAML_DOC_MAX, &text, em);
	if (e == OK)
		e = registries_d_add(d, buf_bytes(&text), em);
	return e == OK ? OK : err_wrap(em, e == ERR_NOMEM ? e : ERR_CONFIG, "%s", path);
}

enum err registries_d_read(const char *folder, struct registries_d *out, struct errmsg *em)
{
	struct dirent **list = NULL;
	int count = scandir(folder, &list, is_yaml, alphasort);
	enum err e = OK;
	if (count < 0)
		return errno == ENOENT ? OK : err_errno(em, ERR_CONFIG, "%s", folder);
	for (int i = 0; i < count; i++) {
		if (e == OK)
			e = file_add(out, folder, list[i]->d_name, em);
		free(list[i]);
	}
	free(list);
	return e;
}

struct search {
	const struct registries_d *d;
	const char *lookaside;
	int attachments;
};

static bool look(void *ctx, struct bytes scope)
{
	struct search *s = ctx;
	const struct registries_d_entry *entry = entry_named(s->d, scope);
	if (entry && !s->lookaside)
		s->lookaside = entry->lookaside;
	if (entry && s->attachments < 0)
		s->attachments = entry->attachments;
	return s->lookaside && s->attachments >= 0;
}

void registries_d_find(const struct registries_d *d, const char *name, const char **lookaside, int *attachments)
{
	struct search s = { d, NULL, -1 };
	if (!scope_walk("docker", name, look, &s))
		look(&s, (struct bytes){ (const uint8_t *)"", 0 });
	*lookaside = s.lookaside;
	*attachments = s.attachments;
}
