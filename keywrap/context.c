#include "keywrap/context.h"

#include "keywrap/token_pool.h"

#include <stdio.h>

static enum okw_code code_of(enum err e)
{
	switch (e) {
	case OK:
		return OKW_OK;
	case ERR_ARG:
	case ERR_MISUSE:
		return OKW_ERR_ARG;
	case ERR_NOMEM:
		return OKW_ERR_NOMEM;
	case ERR_IO:
	case ERR_EXISTS:
		return OKW_ERR_IO;
	case ERR_NOT_FOUND:
		return OKW_ERR_NOT_FOUND;
	case ERR_PARSE:
	case ERR_LIMIT:
		return OKW_ERR_PARSE;
	case ERR_CONFIG:
		return OKW_ERR_CONFIG;
	case ERR_UNSUPPORTED:
		return OKW_ERR_UNSUPPORTED;
	case ERR_KEY:
		return OKW_ERR_KEY;
	case ERR_AUTH:
	case ERR_DENIED:
	case ERR_EXPIRED:
		return OKW_ERR_DENIED;
	case ERR_INTEGRITY:
		return OKW_ERR_INTEGRITY;
	case ERR_NET:
	case ERR_TIMEOUT:
	case ERR_TLS:
	case ERR_BUSY:
		return OKW_ERR_UNREACHABLE;
	case ERR_PROTO:
	case ERR_ATTEST:
		return OKW_ERR_TOKEN;
	default:
		return OKW_ERR_INTERNAL;
	}
}

enum okw_code okw_result(enum err e, const struct errmsg *em, struct okw_error *error)
{
	enum okw_code code = code_of(e);
	if (!error)
		return code;
	error->code = code;
	snprintf(error->text, sizeof(error->text), "%s", code == OKW_OK ? "" : em->text[0] ? em->text : err_name(e));
	return code;
}

enum okw_code okw_context_new(struct okw_context **out, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!out)
		return okw_result(err_set(&em, ERR_ARG, "no place for the context"), &em, error);
	*out = NULL;
	struct okw_context *context = calloc(1, sizeof(*context));
	enum err e = context ? token_pool_new(&context->tokens, &em) : err_set(&em, ERR_NOMEM, "no memory");
	if (e != OK) {
		free(context);
		return okw_result(e, &em, error);
	}
	*out = context;
	return okw_result(OK, &em, error);
}

void okw_context_free(struct okw_context *context)
{
	if (!context)
		return;
	for (size_t i = 0; i < context->wrap_count; i++)
		wrap_key_free(context->wrap[i]);
	for (size_t i = 0; i < context->unwrap_count; i++)
		unwrap_key_free(context->unwrap[i]);
	for (size_t i = 0; i < context->certificates.count; i++)
		X509_free(context->certificates.list[i]);
	free(context->certificates.list);
	free(context->wrap);
	free(context->unwrap);
	token_pool_free(context->tokens); /* after the keys in them */
	free(context);
}

enum okw_code okw_trust_module(struct okw_context *context, const char *path, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !path)
		return okw_result(err_set(&em, ERR_ARG, "no context or no module"), &em, error);
	AUTO_STR
	char *real = realpath(path, NULL);
	if (!real)
		return okw_result(err_errno(&em, ERR_NOT_FOUND, "the module %s", path), &em, error);
	return okw_result(token_pool_trust(context->tokens, real, &em), &em, error);
}

static enum err encryption_key_add(struct okw_context *context, const char *spec, struct errmsg *em)
{
	AUTO(wrap_key) *key = NULL;
	enum err e = wrap_key_from_spec(context->tokens, spec, &key, em);
	if (e != OK)
		return e;
	struct wrap_key **more = realloc(context->wrap, (context->wrap_count + 1) * sizeof(*more));
	if (!more)
		return err_nomem(em, "a key");
	context->wrap = more;
	more[context->wrap_count++] = steal(&key);
	return OK;
}

enum okw_code okw_add_encryption_key(struct okw_context *context, const char *specification, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !specification)
		return okw_result(err_set(&em, ERR_ARG, "no context or no key"), &em, error);
	return okw_result(encryption_key_add(context, specification, &em), &em, error);
}

static enum err certificate_add(struct certificates *to, X509 **certificate, struct errmsg *em)
{
	X509 **more = realloc(to->list, (to->count + 1) * sizeof(X509 *));
	if (!more)
		return err_nomem(em, "a certificate");
	to->list = more;
	more[to->count++] = steal(certificate);
	return OK;
}

static enum err decryption_key_add(struct okw_context *context, const char *spec, struct errmsg *em)
{
	AUTO(unwrap_key) *key = NULL;
	enum err e = unwrap_key_from_spec(context->tokens, spec, &key, em);
	if (e != OK)
		return e;
	if (key->certificate)
		return certificate_add(&context->certificates, &key->certificate, em);
	key->certificates = &context->certificates;
	struct unwrap_key **more = realloc(context->unwrap, (context->unwrap_count + 1) * sizeof(*more));
	if (!more)
		return err_nomem(em, "a key");
	context->unwrap = more;
	more[context->unwrap_count++] = steal(&key);
	return OK;
}

enum okw_code okw_add_decryption_key(struct okw_context *context, const char *specification, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!context || !specification)
		return okw_result(err_set(&em, ERR_ARG, "no context or no key"), &em, error);
	return okw_result(decryption_key_add(context, specification, &em), &em, error);
}
