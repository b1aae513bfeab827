#define _GNU_SOURCE 1
#include "keywrap/context.h"
#include "common/base64.h"
#include "keywrap/layer_options.h"
#include "keywrap/layer_reasons.h"
#include "keywrap/provider.h"
#include "keywrap/provider_config.h"

#include <stdio.h>

#define ELEMENTS_MAX 1024

/* What became of one key, over all elements of one annotation. */
struct attempt {
	enum err e; /* OK: not tried */
	struct errmsg why;
};

/* A layer being opened. */
struct opening {
	const struct okw_context *context;
	const struct wrap_scheme *scheme;
	struct attempt *attempts; /* one a key */
	bool *given_up; /* keys that cannot be used at all: not tried again for every element */
	struct secret *priv;
};

static bool key_try(struct opening *o, size_t i, struct bytes element)
{
	struct errmsg why = { "" };
	AUTO(secret) *plain = NULL;
	const struct unwrap_key *key = o->context->unwrap[i];
	if (o->given_up[i] || (!key->call && !wrap_scheme_takes(o->scheme, key)))
		return false;
	enum err e = o->scheme->unwrap(o->context->unwrap[i], element, &plain, &why);
	if (e == OK)
		e = privopts_check(plain, &why);
	if (e == OK) {
		o->priv = steal(&plain);
		return true;
	}
	if (error_rank(e) > error_rank(o->attempts[i].e))
		o->attempts[i] = (struct attempt){ e, why };
	/* A provider may fail for this element and open the next; one that hangs is not asked again. */
	bool next_may_do = o->context->unwrap[i]->call && (e == ERR_PROTO || e == ERR_DENIED);
	o->given_up[i] = error_rank(e) >= 5 && !next_may_do;
	return false;
}

/* Left to right. An element that is not base64 fails the scheme; one that does not unwrap is skipped. */
static enum err elements_try(struct opening *o, const char *annotation, struct errmsg *em)
{
	size_t number = 0;
	for (const char *at = annotation; at; number++) {
		size_t len = strcspn(at, ",");
		AUTO_BUF
		element = { 0 };
		if (number == ELEMENTS_MAX)
			return err_set(em, ERR_LIMIT, "more than %d elements", ELEMENTS_MAX);
		if (len > WRAP_ELEMENT_MAX)
			return err_set(em, ERR_LIMIT, "element %zu is larger than %zu bytes", number + 1,
				       WRAP_ELEMENT_MAX);
		enum err e = base64_decode(BASE64_STD, (struct bytes){ (const uint8_t *)at, len }, &element, em);
		if (e != OK)
			return err_wrap(em, e, "element %zu", number + 1);
		for (size_t i = 0; i < o->context->unwrap_count; i++)
			if (key_try(o, i, buf_bytes(&element)))
				return OK;
		at = at[len] ? at + len + 1 : NULL;
	}
	return OK;
}

static void reason_add(struct reasons *r, const char *scheme, const char *key, const struct attempt *a)
{
	reasons_add(r, scheme, key, (struct reason_why){ a->e, a->why.text });
}

static enum err scheme_try(struct opening *o, const char *annotation, struct reasons *r)
{
	struct attempt whole = { .e = OK };
	memset(o->attempts, 0, o->context->unwrap_count * sizeof(*o->attempts));
	whole.e = elements_try(o, annotation, &whole.why);
	if (o->priv)
		return OK;
	for (size_t i = 0; i < o->context->unwrap_count; i++)
		if (o->attempts[i].e != OK)
			reason_add(r, o->scheme->name, o->context->unwrap[i]->label, &o->attempts[i]);
	if (whole.e != OK)
		reason_add(r, o->scheme->name, NULL, &whole);
	return ERR_KEY;
}

/* What the context has to say to one provider. */
static enum err provider_arguments(const struct okw_context *context, const char *name, struct provider_call *call,
				   struct errmsg *em)
{
	*call = (struct provider_call){ .name = name };
	for (size_t i = 0; i < context->unwrap_count; i++) {
		const struct provider_key *provider = context->unwrap[i]->provider;
		if (!provider || strcmp(provider->name, name) != 0)
			continue;
		if (call->arg_count == PROVIDER_ARGS_MAX)
			return err_set(em, ERR_LIMIT, "more than %d keys of one provider", PROVIDER_ARGS_MAX);
		call->args[call->arg_count++] = provider->args;
	}
	return OK;
}

static enum err provider_unwrap(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	return provider_ask(PROVIDER_UNWRAP, key->call, element, plain, em);
}

/* A provider that is configured is always asked, whether a key names it or not: as in the Go library. */
static enum err provider_try(struct opening *o, const struct okw_annotation *annotation, struct reasons *r)
{
	const char *name = annotation->key + strlen(ANNOTATION_KEYS ANNOTATION_PROVIDER);
	struct provider_call call;
	struct attempt attempt = { .e = OK };
	bool given_up = false;
	const struct wrap_scheme scheme = { .name = annotation->key + strlen(ANNOTATION_KEYS),
					    .unwrap = provider_unwrap };
	struct unwrap_key key = { .call = &call };
	struct unwrap_key *keys[] = { &key };
	const struct okw_context alone = { .unwrap = keys, .unwrap_count = 1 };
	struct opening one = { &alone, &scheme, &attempt, &given_up, NULL };
	attempt.e = provider_name_valid(name) ? provider_arguments(o->context, name, &call, &attempt.why)
					      : err_set(&attempt.why, ERR_PARSE, "no name of a key provider");
	if (attempt.e != OK) {
		reason_add(r, "provider", NULL, &attempt);
		return attempt.e;
	}
	enum err e = scheme_try(&one, annotation->value, r);
	o->priv = one.priv;
	return e;
}

static bool annotation_of_provider(const char *key)
{
	return key &&
	       strncmp(key, ANNOTATION_KEYS ANNOTATION_PROVIDER, strlen(ANNOTATION_KEYS ANNOTATION_PROVIDER)) == 0;
}

static enum err providers_try(struct opening *o, const struct okw_annotations *annotations, struct reasons *r)
{
	for (size_t i = 0; i < annotations->count; i++)
		if (annotation_of_provider(annotations->items[i].key) && annotations->items[i].value &&
		    provider_try(o, &annotations->items[i], r) == OK)
			return OK;
	return ERR_KEY;
}

/* Key annotations of schemes that are not in the table. */
static void others_report(const struct okw_annotations *annotations, struct reasons *r)
{
	static const struct attempt unknown = { ERR_UNSUPPORTED, { "this scheme is not supported" } };
	for (size_t i = 0; i < annotations->count; i++) {
		const char *key = annotations->items[i].key;
		if (!key || strncmp(key, ANNOTATION_KEYS, strlen(ANNOTATION_KEYS)) != 0)
			continue;
		const char *name = key + strlen(ANNOTATION_KEYS);
		char shown[64];
		snprintf(shown, sizeof(shown), "%.60s", name);
		if (!wrap_scheme_find(name, strlen(name)) && !annotation_of_provider(key))
			reason_add(r, shown, NULL, &unknown);
	}
}

static bool has_keys(const struct okw_annotations *annotations)
{
	for (size_t i = 0; i < annotations->count; i++)
		if (annotations->items[i].key &&
		    strncmp(annotations->items[i].key, ANNOTATION_KEYS, strlen(ANNOTATION_KEYS)) == 0)
			return true;
	return false;
}

static enum err opening_failed(const struct okw_annotations *annotations, const struct reasons *r, struct errmsg *em)
{
	/* A layer whose keys do not fit is no broken layer: ERR_INTEGRITY is for its data. */
	enum err e = error_rank(r->e) <= 2 && r->e != ERR_PARSE && r->e != ERR_LIMIT ? ERR_KEY : r->e;
	if (r->count == 0 && has_keys(annotations))
		return err_set(em, ERR_KEY, "no key opens the layer: none of those given is for its schemes");
	if (r->count == 0)
		return err_set(em, ERR_PARSE, "the layer has no annotation " ANNOTATION_KEYS "*: nobody can open it");
	char text[REASONS_TEXT_SIZE];
	reasons_write(r, text);
	return err_set(em, e, "no key opens the layer: %s", text);
}

enum err layer_key_unwrap(const struct okw_context *context, const struct okw_annotations *annotations,
			  struct secret **priv, struct errmsg *em)
{
	struct opening o = { .context = context };
	AUTO_REASONS r = { .e = OK };
	if (context->unwrap_count == 0)
		return err_set(em, ERR_KEY, "the layer is encrypted, and no decryption key was given%s",
			       context->certificates.count ? ", only certificates" : "");
	AUTO_STR
	char *attempts = calloc(context->unwrap_count, sizeof(struct attempt));
	AUTO_STR
	char *given_up = calloc(context->unwrap_count, sizeof(bool));
	if (!attempts || !given_up)
		return err_set(em, ERR_NOMEM, "no memory to open a layer");
	o.attempts = (struct attempt *)(void *)attempts;
	o.given_up = (bool *)(void *)given_up;
	for (size_t i = 0; i < wrap_scheme_count; i++) {
		const char *annotation = annotation_value(annotations, wrap_schemes[i]->annotation);
		o.scheme = wrap_schemes[i];
		if (annotation && scheme_try(&o, annotation, &r) == OK) {
			*priv = o.priv;
			return OK;
		}
	}
	if (providers_try(&o, annotations, &r) == OK) {
		*priv = o.priv;
		return OK;
	}
	others_report(annotations, &r);
	return opening_failed(annotations, &r, em);
}

/* One element with all recipients of a scheme. */
static enum err scheme_wrap(const struct okw_context *context, const struct wrap_scheme *scheme, struct bytes plain,
			    struct okw_annotations *made, struct errmsg *em)
{
	AUTO_BUF
	element = { 0 };
	struct wrap_recipients to = { 0 };
	AUTO_STR
	char *keys = calloc(context->wrap_count, sizeof(struct wrap_key *));
	if (!keys)
		return err_nomem(em, "the recipients");
	struct wrap_key **list = (struct wrap_key **)(void *)keys;
	for (size_t i = 0; i < context->wrap_count; i++)
		if (context->wrap[i]->scheme == scheme)
			list[to.count++] = context->wrap[i];
	if (to.count == 0)
		return OK;
	to.keys = list;
	enum err e = scheme->wrap(to, plain, &element, em);
	if (e != OK)
		return err_wrap(em, e, "%s", scheme->name);
	return annotation_append(made, scheme->annotation, buf_bytes(&element), em);
}

/* All keys from the first on that name the same provider: one annotation. */
static enum err provider_wrap(const struct okw_context *context, size_t first, struct bytes plain,
			      struct okw_annotations *made, struct errmsg *em)
{
	const struct wrap_key *key = context->wrap[first];
	struct provider_call call = { .name = key->provider->name };
	AUTO(secret) *element = NULL;
	AUTO_STR
	char *name = NULL;
	for (size_t i = first; i < context->wrap_count; i++) {
		const struct provider_key *provider = context->wrap[i]->provider;
		if (!provider || strcmp(provider->name, call.name) != 0)
			continue;
		if (call.arg_count == PROVIDER_ARGS_MAX)
			return err_set(em, ERR_LIMIT, "more than %d keys of one provider", PROVIDER_ARGS_MAX);
		call.args[call.arg_count++] = provider->args;
	}
	enum err e = provider_ask(PROVIDER_WRAP, &call, plain, &element, em);
	if (e != OK)
		return e;
	if (asprintf(&name, ANNOTATION_KEYS "%s", key->label) < 0) {
		name = NULL;
		return err_nomem(em, "the recipients");
	}
	return annotation_append(made, name, secret_bytes(element), em);
}

static bool provider_seen(const struct okw_context *context, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (context->wrap[i]->provider && strcmp(context->wrap[i]->label, context->wrap[at]->label) == 0)
			return true;
	return false;
}

static enum err providers_wrap(const struct okw_context *context, struct bytes plain, struct okw_annotations *made,
			       struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < context->wrap_count; i++)
		if (context->wrap[i]->provider && !provider_seen(context, i))
			e = provider_wrap(context, i, plain, made, em);
	return e;
}

enum err layer_key_wrap(const struct okw_context *context, const struct secret *priv,
			struct okw_annotations *annotations, struct errmsg *em)
{
	struct okw_annotations made = { 0 };
	if (context->wrap_count == 0)
		return err_set(em, ERR_ARG, "no encryption key was given");
	enum err e = annotations_copy(annotations, ANNOTATION_KEYS, &made, em);
	for (size_t i = 0; e == OK && i < wrap_scheme_count; i++)
		e = scheme_wrap(context, wrap_schemes[i], secret_bytes(priv), &made, em);
	if (e == OK)
		e = providers_wrap(context, secret_bytes(priv), &made, em);
	if (e == OK)
		e = annotations_copy(&made, ANNOTATION_KEYS, annotations, em);
	okw_annotations_clear(&made);
	return e;
}
