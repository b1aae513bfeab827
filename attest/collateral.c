#include "attest/collateral.h"

#include "common/json_scan.h"

enum { BUNDLE_MAX = 4 << 20, CRL_HEX_MAX = 2 << 20 };

void collateral_clear(struct collateral *c)
{
	cert_set_clear(&c->crls);
	cert_set_clear(&c->tcb_info.chain);
	cert_set_clear(&c->qe_identity.chain);
	json_object_put(c->tcb_info.object);
	json_object_put(c->qe_identity.object);
	json_object_put(c->root);
	*c = (struct collateral){ 0 };
}

static enum err crl_read(struct collateral *c, const char *name, struct errmsg *em)
{
	const char *hex = NULL;
	enum err e = json_get_string(c->root, name, &hex, em);
	if (e != OK)
		return e;
	AUTO_BUF
	der = { 0 };
	size_t len = strlen(hex) / 2;
	if (len == 0 || len > CRL_HEX_MAX)
		return err_set(em, ERR_PARSE, "\"%s\" is empty or too large", name);
	e = buf_reserve(&der, len, em);
	if (e == OK)
		e = hex_decode(hex, der.data, len, em);
	if (e == OK)
		e = cert_set_add(&c->crls, (struct bytes){ der.data, len }, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

/* Where the parts of a signed text lie in the bundle, and in the answer of Intel's service. */
struct place {
	const char *member;
	const char *wrapped; /* {"tcbInfo":{...},"signature":"..."} */
	const char *signature;
	const char *chain;
};

/* The text as a string; or the object as it stands in the bundle. */
static enum err text_find(struct bytes bundle, json_object *root, const char *member, struct bytes *out,
			  struct errmsg *em)
{
	json_object *value = NULL;
	json_object_object_get_ex(root, member, &value);
	if (json_object_is_type(value, json_type_string)) {
		*out = (struct bytes){ (const uint8_t *)json_object_get_string(value),
				       (size_t)json_object_get_string_len(value) };
		return OK;
	}
	if (!json_object_is_type(value, json_type_object))
		return err_set(em, ERR_PARSE, "\"%s\" is missing, or neither text nor object", member);
	return json_scan_member(bundle, (struct json_scan_path){ member, false }, out, em);
}

static enum err signed_read(struct bytes bundle, json_object *root, const struct place *place, struct signed_json *out,
			    struct errmsg *em)
{
	const char *signature = NULL;
	const char *chain = NULL;
	enum err e = text_find(bundle, root, place->member, &out->text, em);
	if (e == OK)
		e = json_parse(out->text, BUNDLE_MAX, JSON_STRICT, &out->object, em);
	if (e == OK && !json_object_is_type(out->object, json_type_object))
		e = err_set(em, ERR_PARSE, "\"%s\" holds no object", place->member);
	if (e == OK)
		e = json_get_string(root, place->chain, &chain, em);
	if (e == OK)
		e = cert_set_add(&out->chain, bytes_str(chain), em);
	if (e != OK)
		return err_wrap(em, e, "%s", place->member);
	json_object *inner = NULL;
	if (json_object_object_get_ex(out->object, place->wrapped, &inner)) {
		if (!json_object_is_type(inner, json_type_object))
			return err_set(em, ERR_PARSE, "\"%s\" is no object", place->wrapped);
		e = json_get_string(out->object, "signature", &signature, em);
		if (e == OK)
			e = hex_decode(signature, out->signature_bytes, sizeof out->signature_bytes, em);
		if (e == OK)
			e = json_scan_member(out->text, (struct json_scan_path){ place->wrapped, false }, &out->text,
					     em);
		json_object_get(inner);
		json_object_put(out->object);
		out->object = inner;
	} else {
		e = json_get_string(root, place->signature, &signature, em);
		if (e == OK)
			e = hex_decode(signature, out->signature_bytes, sizeof out->signature_bytes, em);
	}
	out->signature = BYTES(out->signature_bytes);
	return e == OK ? OK : err_wrap(em, e, "%s", place->member);
}

enum err collateral_read(struct bytes text, struct collateral *out, struct errmsg *em)
{
	static const struct place tcb = { "tcb_info", "tcbInfo", "tcb_info_signature", "tcb_info_issuer_chain" };
	static const struct place qe = { "qe_identity", "enclaveIdentity", "qe_identity_signature",
					 "qe_identity_issuer_chain" };
	*out = (struct collateral){ 0 };
	enum err e = json_parse(text, BUNDLE_MAX, JSON_STRICT, &out->root, em);
	if (e == OK && !json_object_is_type(out->root, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e == OK)
		e = signed_read(text, out->root, &tcb, &out->tcb_info, em);
	if (e == OK)
		e = signed_read(text, out->root, &qe, &out->qe_identity, em);
	if (e == OK)
		e = crl_read(out, "root_ca_crl", em);
	if (e == OK)
		e = crl_read(out, "pck_crl", em);
	if (e != OK)
		collateral_clear(out);
	return e == OK ? OK : err_wrap(em, e, "collateral");
}
