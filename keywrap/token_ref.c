#include "keywrap/token_ref.h"

#include "common/file.h"

#include <strings.h>

#define SCHEME "pkcs11:"
#define PIN_FILE_MAX 4096
#define URI_MAX 8192

void token_ref_free(struct token_ref *ref)
{
	if (!ref)
		return;
	p11_kit_uri_free(ref->uri);
	free(ref->label);
	secret_free(ref->pin);
	for (size_t i = 0; i < ref->env_count; i++) {
		free(ref->env[i].name);
		free(ref->env[i].value);
	}
	free(ref->env);
	free(ref);
}

bool token_ref_is_uri(const char *text)
{
	if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
		return false;
	const char *rest = text + strlen(SCHEME);
	if (rest[0] == '\0' || rest[0] == '?')
		return true;
	size_t name = strspn(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	return name > 0 && rest[name] == '=';
}

enum err pin_file_read(const char *path, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *pin = NULL;
	enum err e = file_read_secret(path, PIN_FILE_MAX, &pin, em);
	if (e != OK)
		return e;
	size_t len = secret_len(pin);
	if (len > 0 && secret_data(pin)[len - 1] == '\n')
		len--;
	if (len < secret_len(pin) && len > 0 && secret_data(pin)[len - 1] == '\r')
		len--;
	secret_truncate(pin, len);
	*out = steal(&pin);
	return OK;
}

/* RFC 7512 2.4: a file: URI or an absolute path. A program ("|...") is never run. */
static enum err pin_source_read(const char *source, struct secret **pin, struct errmsg *em)
{
	const char *path = source;
	if (strncmp(path, "file:", 5) == 0) {
		path += 5;
		if (strncmp(path, "//", 2) == 0)
			path = strchr(path + 2, '/');
	}
	if (!path || path[0] != '/')
		return err_set(em, ERR_UNSUPPORTED, "pin-source must be an absolute path or a file: URI");
	enum err e = pin_file_read(path, pin, em);
	return e == OK ? OK : err_wrap(em, e, "pin-source");
}

static enum err pin_read(struct token_ref *ref, const struct pin_mask *mask, struct errmsg *em)
{
	const char *value = p11_kit_uri_get_pin_value(ref->uri);
	const char *source = p11_kit_uri_get_pin_source(ref->uri);
	if (value && source)
		return err_set(em, ERR_PARSE, "pin-value and pin-source exclude each other");
	if (value) {
		enum err e = pin_mask_value(mask, value, &ref->pin, em);
		p11_kit_uri_set_pin_value(ref->uri, NULL);
		return e;
	}
	return source ? pin_source_read(source, &ref->pin, em) : OK;
}

static enum err object_check(P11KitUri *uri, struct errmsg *em)
{
	CK_ATTRIBUTE *type = p11_kit_uri_get_attribute(uri, CKA_CLASS);
	CK_OBJECT_CLASS class = 0;
	if (p11_kit_uri_any_unrecognized(uri))
		return err_set(em, ERR_PARSE, "an attribute of its path is not known (RFC 7512 2.3)");
	if (!type || type->ulValueLen != sizeof(class))
		return OK;
	memcpy(&class, type->pValue, sizeof(class));
	if (class != CKO_PRIVATE_KEY && class != CKO_PUBLIC_KEY && class != CKO_SECRET_KEY && class != CKO_DATA)
		return err_set(em, ERR_UNSUPPORTED,
			       "only type=private, type=public, type=secret-key and type=data can be used here");
	return OK;
}

enum err token_ref_check_key(const struct token_ref *ref, struct errmsg *em)
{
	const CK_ATTRIBUTE *type = p11_kit_uri_get_attribute(ref->uri, CKA_CLASS);
	CK_OBJECT_CLASS class = 0;
	if (type && type->ulValueLen == sizeof(class))
		memcpy(&class, type->pValue, sizeof(class));
	if (!type || class != CKO_DATA)
		return OK;
	return err_set(
		em, ERR_UNSUPPORTED,
		"%s: only type=private, type=public and type=secret-key are keys; pgp: before it takes type=data",
		ref->label);
}

/* The path alone: a query may say where a PIN is. */
static char *label_make(const char *uri)
{
	size_t len = strcspn(uri, "?");
	return strndup(uri, len < 200 ? len : 200);
}

enum err token_ref_from_masked(struct token_ref_masked from, struct token_ref **out, struct errmsg *em)
{
	AUTO(token_ref) *ref = calloc(1, sizeof(*ref));
	if (!ref || !(ref->uri = p11_kit_uri_new()) || !(ref->label = label_make(from.uri)))
		return err_nomem(em, "a PKCS#11 URI");
	int result = p11_kit_uri_parse(from.uri, P11_KIT_URI_FOR_ANY, ref->uri);
	if (result != P11_KIT_URI_OK)
		return err_set(em, ERR_PARSE, "%s: %s", ref->label, p11_kit_uri_message(result));
	enum err e = pin_read(ref, from.mask, em);
	if (e == OK)
		e = object_check(ref->uri, em);
	if (e != OK)
		return err_wrap(em, e, "%s", ref->label);
	*out = steal(&ref);
	return OK;
}

enum err token_ref_parse(const char *uri, struct token_ref **out, struct errmsg *em)
{
	struct pin_mask mask = { 0 };
	AUTO_BUF
	masked = { 0 };
	if (strlen(uri) > URI_MAX)
		return err_set(em, ERR_LIMIT, "a PKCS#11 URI of more than %d bytes", URI_MAX);
	enum err e = pin_mask_apply(bytes_str(uri), &mask, &masked, em);
	if (e != OK)
		return e;
	const char *text = buf_cstr(&masked);
	if (!text)
		return err_nomem(em, "a PKCS#11 URI");
	return token_ref_from_masked((struct token_ref_masked){ text, &mask }, out, em);
}
