#include "tools/kbs_token.h"

#include <string.h>

void token_kbs_list_clear(struct token_kbs_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		kbc_options_clear(&list->items[i]);
	list->count = 0;
}

static bool known(const struct token_kbs_list *list, const struct kbc_options *o)
{
	for (size_t i = 0; i < list->count; i++)
		if (kbc_options_equal(&list->items[i], o))
			return true;
	return false;
}

/* kbs: NULL means what the environment says. */
static enum err add(struct token_kbs_list *list, json_object *kbs, struct errmsg *em)
{
	struct kbc_options o = { .kind = "" };
	enum err e = kbc_options_read(kbs, &o, em);
	if (e != OK)
		return e;
	if (list->count == TOKEN_KBS_MAX || known(list, &o))
		kbc_options_clear(&o);
	else
		list->items[list->count++] = o;
	return OK;
}

/* Each token's own KBS, or the file's. */
static enum err add_tokens(const struct token_args *args, json_object *tokens, json_object *kbs,
			   struct token_kbs_list *out, struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < json_object_array_length(tokens); i++) {
		json_object *token = json_object_array_get_idx(tokens, i), *own = kbs;
		const char *label = NULL;
		e = json_get_string_opt(token, "label", &label, em);
		if (e == OK && args->token && (!label || strcmp(label, args->token) != 0))
			continue;
		if (e == OK)
			e = json_get_object_opt(token, "kbs", &own, em);
		if (e == OK)
			e = add(out, own, em);
		if (e != OK)
			err_wrap(em, e, "tokens[%zu]", i);
	}
	return e;
}

static enum err read_single(const struct token_args *args, json_object *root, json_object *kbs,
			    struct token_kbs_list *out, struct errmsg *em)
{
	json_object *token = NULL;
	const char *label = "kbs";
	enum err e = root ? json_get_object_opt(root, "token", &token, em) : OK;
	if (e == OK && token)
		e = json_get_string_opt(token, "label", &label, em);
	if (e == OK && args->token && strcmp(label, args->token) != 0)
		return OK;
	return e == OK ? add(out, kbs, em) : e;
}

enum err token_kbs_list(const struct token_args *args, const struct settings *s, struct token_kbs_list *out,
			struct errmsg *em)
{
	json_object *root = s ? s->root : NULL, *kbs = NULL, *tokens = NULL;
	enum err e = root ? json_get_object_opt(root, "kbs", &kbs, em) : OK;
	out->count = 0;
	if (e == OK && root)
		e = json_get_array_opt(root, "tokens", &tokens, em);
	if (e == OK)
		e = tokens ? add_tokens(args, tokens, kbs, out, em) : read_single(args, root, kbs, out, em);
	if (e == OK && !out->count)
		e = err_set(em, ERR_NOT_FOUND, "no token has the label %s",
			    args->token ? args->token : "that is asked for");
	return s && e != OK ? err_wrap(em, e, "%s", s->path) : e;
}
