#include "image/registries_conf.h"

#include <stdio.h>

/* Short names, containers-registries.conf(5), "SHORT-NAME ALIASING". Nobody is asked which one is meant: a guest has no
 * terminal. */

void registry_names_clear(struct registry_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		reference_clear(&n->items[i]);
	n->count = 0;
}

/* "BEFORE/PATH", or "BEFORE" alone, with the tag or digest that was asked for. */
static enum err name_add(struct registry_names *to, const char *before, const char *path, const struct reference *asked,
			 struct errmsg *em)
{
	AUTO_STR
	char *text = NULL;
	if (asprintf(&text, "%s%s%s%s%s", before, path ? "/" : "", path ? path : "", asked->digest ? "@" : ":",
		     asked->digest ? asked->digest : asked->tag) < 0) {
		text = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = reference_parse(text, &to->items[to->count], em);
	if (e == OK)
		to->count++;
	return e;
}

static const char *short_path(const struct reference *asked)
{
	return asked->path + asked->added;
}

static enum err search_all(const struct registries_conf *c, const struct reference *asked, struct registry_names *out,
			   struct errmsg *em)
{
	size_t count = json_object_array_length(c->search);
	enum err e = OK;
	if (c->enforcing && count > 1)
		return err_set(
			em, ERR_ARG,
			"%s may be at any of %zu registries, and short-name-mode is \"enforcing\": name the host",
			short_path(asked), count);
	for (size_t i = 0; e == OK && i < count; i++)
		e = name_add(out, json_object_get_string(json_object_array_get_idx(c->search, i)), short_path(asked),
			     asked, em);
	return e;
}

enum err registries_conf_names(const struct registries_conf *c, const struct reference *asked,
			       struct registry_names *out, struct errmsg *em)
{
	json_object *alias = NULL;
	enum err e = OK;
	out->count = 0;
	bool aliased = asked->short_name && c->aliases &&
		       json_object_object_get_ex(c->aliases, short_path(asked), &alias) &&
		       json_object_get_string_len(alias) > 0;
	if (aliased)
		e = name_add(out, json_object_get_string(alias), NULL, asked, em);
	else if (asked->short_name && c->search)
		e = search_all(c, asked, out, em);
	else
		e = name_add(out, asked->host, asked->path, asked, em);
	if (e != OK)
		registry_names_clear(out);
	return e;
}
