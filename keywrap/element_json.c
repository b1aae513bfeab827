#define _GNU_SOURCE 1
#include "common/base64.h"
#include "common/jwe_message.h"
#include "keywrap/element.h"
#include "keywrap/scheme.h"

#include <stdio.h>

/* The elements that are JSON with an array of "recipients": JWE, and what the scheme pkcs11 writes. Nothing in them
 * binds a recipient to the others. */

#define TEXT_SIZE 128

static size_t base64_len(enum base64_kind kind, struct bytes text)
{
	AUTO_BUF
	decoded = { 0 };
	return base64_decode(kind, text, &decoded, NULL) == OK ? decoded.len : 0;
}

/* A string of a header, "" where there is none. Borrowed. */
static const char *view_text(const struct jwe_view *view, const char *name)
{
	json_object *member = jwe_view_member(view, name);
	return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

static void jwe_key_text(const struct jwe_view *view, const char *alg, char text[TEXT_SIZE])
{
	json_object *epk = jwe_view_member(view, "epk");
	json_object *crv = NULL;
	text[0] = '\0';
	if (json_object_is_type(epk, json_type_object) && json_object_object_get_ex(epk, "crv", &crv) &&
	    json_object_is_type(crv, json_type_string))
		snprintf(text, TEXT_SIZE, ", %.32s", json_object_get_string(crv));
	else if (strncmp(alg, "RSA", 3) == 0)
		snprintf(text, TEXT_SIZE, ", RSA-%zu", 8 * base64_len(BASE64_URL, view->encrypted_key));
}

static enum err jwe_describe(struct bytes element, struct recipient_list *to, struct errmsg *em)
{
	AUTO(jwe_message) *m = NULL;
	enum err e = jwe_message_parse(element, WRAP_ELEMENT_MAX, &m, em);
	for (size_t i = 0; e == OK && i < jwe_message_recipients(m); i++) {
		struct jwe_view view;
		const char *alg = NULL;
		char key[TEXT_SIZE];
		e = jwe_message_view(m, i, &view, em);
		if (e == OK)
			e = jwe_view_string(&view, "alg", &alg, em);
		if (e != OK)
			return e;
		const char *kid = view_text(&view, "kid");
		jwe_key_text(&view, alg, key);
		e = recipient_list_add(to, em, "%.32s%s%s%.150s%s", alg, key, kid[0] ? ", kid \"" : "", kid,
				       kid[0] ? "\"" : "");
	}
	return e;
}

/* The array without its n-th member; `root` stays the caller's. */
static enum err recipients_cut(json_object *root, size_t n, json_object **left, struct errmsg *em)
{
	json_object *recipients = NULL;
	enum err e = json_get_array_opt(root, "recipients", &recipients, em);
	if (e == OK && (!recipients || n >= json_object_array_length(recipients)))
		e = err_set(em, ERR_ARG, "there is no recipient %zu", n);
	if (e == OK && json_object_array_del_idx(recipients, n, 1) != 0)
		e = err_set(em, ERR_NOMEM, "no memory");
	*left = recipients;
	return e;
}

static enum err root_write(json_object *root, struct buf *out, struct errmsg *em)
{
	AUTO_STR
	char *text = json_text(root);
	return text ? buf_append(out, bytes_str(text), 0, em) : err_set(em, ERR_NOMEM, "no memory");
}

/* go-jose repeats the first one's encrypted key at the top, where its readers may look for it. */
static enum err jwe_without(struct bytes element, size_t n, struct buf *out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	json_object *left = NULL;
	json_object *key = NULL;
	enum err e = json_parse(element, WRAP_ELEMENT_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = recipients_cut(root, n, &left, em);
	if (e != OK)
		return e;
	bool has_key = json_object_object_get_ex(json_object_array_get_idx(left, 0), "encrypted_key", &key);
	if (json_object_object_get_ex(root, "encrypted_key", NULL)) {
		if (!has_key)
			json_object_object_del(root, "encrypted_key");
		else if (json_object_object_add(root, "encrypted_key", json_object_get(key)) != 0)
			return err_set(em, ERR_NOMEM, "no memory");
	}
	return root_write(root, out, em);
}

const struct element_kind element_jwe = { jwe_describe, jwe_without };

static enum err pkcs11_describe(struct bytes element, struct recipient_list *to, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	json_object *recipients = NULL;
	enum err e = json_parse(element, WRAP_ELEMENT_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_array_opt(root, "recipients", &recipients, em);
	if (e == OK && (!recipients || json_object_array_length(recipients) == 0))
		e = err_set(em, ERR_PARSE, "no \"recipients\"");
	for (size_t i = 0; e == OK && i < json_object_array_length(recipients); i++) {
		json_object *recipient = json_object_array_get_idx(recipients, i);
		const char *blob = NULL;
		const char *hash = "sha1";
		e = json_get_string(recipient, "blob", &blob, em);
		if (e == OK)
			e = json_get_string_opt(recipient, "hash", &hash, em);
		if (e == OK)
			e = recipient_list_add(to, em, "RSA-%zu, OAEP with %.16s",
					       8 * base64_len(BASE64_STD, bytes_str(blob)), hash[0] ? hash : "sha1");
	}
	return e;
}

static enum err pkcs11_without(struct bytes element, size_t n, struct buf *out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	json_object *left = NULL;
	enum err e = json_parse(element, WRAP_ELEMENT_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = recipients_cut(root, n, &left, em);
	return e == OK ? root_write(root, out, em) : e;
}

const struct element_kind element_pkcs11 = { pkcs11_describe, pkcs11_without };
