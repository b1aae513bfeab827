#include "common/der.h"
#include "keywrap/cms.h"

#define OID(contents)                                                                                                  \
	{                                                                                                              \
		(const uint8_t *)(contents), sizeof(contents) - 1                                                      \
	}
#define PKCS "\x2a\x86\x48\x86\xf7\x0d\x01"
#define AES "\x60\x86\x48\x01\x65\x03\x04\x01"
static const struct bytes oid_enveloped = OID(PKCS "\x07\x03");
static const struct bytes oid_auth_enveloped = OID(PKCS "\x09\x10\x01\x17");
static const struct bytes oid_rsa = OID(PKCS "\x01\x01");
static const struct bytes oid_oaep = OID(PKCS "\x01\x07");
static const struct bytes oid_mgf1 = OID(PKCS "\x01\x08");

static const struct cms_cipher ciphers[] = {
	{ "AES-128-GCM", OID(AES "\x06"), 16, "A128GCM" }, { "AES-256-GCM", OID(AES "\x2e"), 32, "A256GCM" },
	{ "AES-128-CBC", OID(AES "\x02"), 16, NULL },      { "AES-192-CBC", OID(AES "\x16"), 24, NULL },
	{ "AES-256-CBC", OID(AES "\x2a"), 32, NULL },
};

static const struct {
	const char *name;
	struct bytes oid;
} hashes[] = { { "SHA1", OID("\x2b\x0e\x03\x02\x1a") }, { "SHA256", OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01") } };

static enum err malformed(const char *what, struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "CMS: malformed %s", what);
}

void cms_envelope_clear(struct cms_envelope *envelope)
{
	buf_clear(&envelope->der);
	buf_clear(&envelope->joined);
}

struct algorithm {
	struct bytes oid;
	struct bytes parameters; /* with their header; empty: none */
};

/* AlgorithmIdentifier, RFC 5280 4.1.1.2. */
static bool algorithm_take(struct bytes *rest, struct algorithm *out)
{
	struct bytes body;
	if (!der_expect(rest, DER_SEQUENCE, &body) || !der_expect(&body, DER_OID, &out->oid))
		return false;
	out->parameters = body;
	return true;
}

static bool is_null(struct bytes parameters)
{
	return parameters.len == 0 ||
	       (parameters.len == 2 && parameters.data[0] == DER_NULL && parameters.data[1] == 0);
}

static const char *hash_name(const struct algorithm *a)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (bytes_equal(a->oid, hashes[i].oid) && is_null(a->parameters))
			return hashes[i].name;
	return NULL;
}

/* RSAES-OAEP-params, RFC 8017 A.2.1; what is absent means SHA-1 and an empty label. NULL: not one of ours. */
static const char *oaep_hash(struct bytes parameters)
{
	struct bytes body, box, label;
	struct algorithm a;
	const char *hash = "SHA1";
	const char *mgf_hash = "SHA1";
	if (parameters.len == 0)
		return hash;
	if (!der_expect(&parameters, DER_SEQUENCE, &body) || parameters.len)
		return NULL;
	if (der_expect(&body, DER_CONTEXT_0, &box))
		hash = algorithm_take(&box, &a) && box.len == 0 ? hash_name(&a) : NULL;
	if (der_expect(&body, DER_CONTEXT_1, &box)) {
		bool mgf1 = algorithm_take(&box, &a) && box.len == 0 && bytes_equal(a.oid, oid_mgf1);
		struct bytes inner = mgf1 ? a.parameters : (struct bytes){ NULL, 0 };
		mgf_hash = algorithm_take(&inner, &a) && inner.len == 0 ? hash_name(&a) : NULL;
	}
	/* pSpecified with an empty label is the default written out. */
	if (der_expect(&body, DER_CONTEXT_2, &box) &&
	    (!algorithm_take(&box, &a) || !der_expect(&a.parameters, DER_OCTET_STRING, &label) || label.len))
		return NULL;
	if (body.len || !hash || !mgf_hash || strcmp(hash, mgf_hash) != 0)
		return NULL;
	return hash;
}

static void transport_read(const struct algorithm *a, struct cms_recipient *to)
{
	if (bytes_equal(a->oid, oid_rsa) && is_null(a->parameters))
		return;
	if (!bytes_equal(a->oid, oid_oaep))
		to->unsupported = "it is not wrapped with RSA";
	else if (!(to->hash = oaep_hash(a->parameters)))
		to->unsupported = "OAEP with other parameters than SHA-1 or SHA-256 throughout";
}

static struct bytes item_whole(struct bytes from, struct bytes after)
{
	return (struct bytes){ from.data, from.len - after.len };
}

static bool identity_take(struct bytes *rest, struct cms_identity *out)
{
	struct bytes before = *rest;
	struct bytes ignored;
	if (!der_expect(rest, DER_SEQUENCE, &ignored))
		return false;
	out->issuer = item_whole(before, *rest);
	before = *rest;
	if (!der_expect(rest, DER_INTEGER, &ignored))
		return false;
	out->serial = item_whole(before, *rest);
	return true;
}

/* KeyTransRecipientInfo, RFC 5652 6.2.1. */
static bool recipient_read(struct bytes body, struct cms_recipient *to)
{
	struct bytes version, id;
	struct algorithm a;
	if (!der_unsigned(&body, &version))
		return false;
	if (der_expect(&body, DER_SEQUENCE, &id)) {
		if (!identity_take(&id, &to->identity) || id.len)
			return false;
	} else if (!der_expect(&body, DER_CONTEXT_PRIMITIVE_0, &to->key_id)) {
		return false;
	}
	if (!algorithm_take(&body, &a) || !der_expect(&body, DER_OCTET_STRING, &to->wrapped) || body.len)
		return false;
	transport_read(&a, to);
	return true;
}

static enum err recipients_read(struct bytes infos, struct cms_envelope *out, struct errmsg *em)
{
	while (infos.len) {
		struct der_item info;
		if (!der_read(&infos, &info))
			return malformed("recipients", em);
		if (out->count + out->others == CMS_RECIPIENTS_MAX)
			return err_set(em, ERR_LIMIT, "CMS: more than %d recipients", CMS_RECIPIENTS_MAX);
		if (info.tag != DER_SEQUENCE)
			out->others++;
		else if (!recipient_read(info.body, &out->recipients[out->count++]))
			return malformed("recipient", em);
	}
	return OK;
}

/* Peers: a SEQUENCE, or its number as a primitive tag, around SEQUENCE { [4] nonce, INTEGER 16 }. RFC 5084 3.2 has an
 * OCTET STRING and one SEQUENCE alone. */
static enum err gcm_parameters(struct bytes parameters, struct bytes *nonce, struct errmsg *em)
{
	struct der_item outer, item;
	struct bytes tag_len;
	if (!der_read(&parameters, &outer) || parameters.len || (outer.tag != 0x10 && outer.tag != DER_SEQUENCE))
		return malformed("AES-GCM parameters", em);
	struct bytes body = outer.body;
	if (der_peek(body) == DER_SEQUENCE && (!der_expect(&body, DER_SEQUENCE, &outer.body) || body.len))
		return malformed("AES-GCM parameters", em);
	body = outer.body;
	if (!der_read(&body, &item) || (item.tag != 0x84 && item.tag != DER_OCTET_STRING) ||
	    !der_unsigned(&body, &tag_len) || body.len)
		return malformed("AES-GCM parameters", em);
	if (item.body.len != 12 || tag_len.len != 1 || tag_len.data[0] != 16)
		return err_set(em, ERR_UNSUPPORTED, "CMS: AES-GCM with another nonce than 12 or tag than 16 bytes");
	*nonce = item.body;
	return OK;
}

static enum err cipher_read(const struct algorithm *a, struct cms_envelope *out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		if (bytes_equal(a->oid, ciphers[i].oid))
			out->cipher = &ciphers[i];
	if (!out->cipher)
		return err_set(em, ERR_UNSUPPORTED, "CMS: a cipher that is neither AES-CBC nor AES-GCM");
	struct bytes parameters = a->parameters;
	if (out->cipher->gcm)
		return gcm_parameters(parameters, &out->iv, em);
	if (!der_expect(&parameters, DER_OCTET_STRING, &out->iv) || parameters.len || out->iv.len != 16)
		return malformed("AES-CBC parameters", em);
	return OK;
}

/* [0] IMPLICIT OCTET STRING, whole or in pieces (older peers write one piece). */
static enum err content_read(struct bytes *rest, struct cms_envelope *out, struct errmsg *em)
{
	struct bytes pieces, piece;
	if (der_expect(rest, DER_CONTEXT_PRIMITIVE_0, &out->content))
		return OK;
	if (!der_expect(rest, DER_CONTEXT_0, &pieces))
		return malformed("content", em);
	while (pieces.len) {
		if (!der_expect(&pieces, DER_OCTET_STRING, &piece))
			return malformed("content", em);
		enum err e = buf_append(&out->joined, piece, 0, em);
		if (e != OK)
			return e;
	}
	out->content = buf_bytes(&out->joined);
	return OK;
}

/* EnvelopedData, RFC 5652 6.1: what comes after the content are attributes that nothing protects. */
static enum err enveloped_read(struct bytes body, struct cms_envelope *out, struct errmsg *em)
{
	struct bytes version, ignored, infos, encrypted, type;
	struct algorithm a;
	if (!der_unsigned(&body, &version))
		return malformed("EnvelopedData", em);
	(void)der_expect(&body, DER_CONTEXT_0, &ignored); /* the originator's certificates */
	if (!der_expect(&body, DER_SET, &infos) || !der_expect(&body, DER_SEQUENCE, &encrypted))
		return malformed("EnvelopedData", em);
	enum err e = recipients_read(infos, out, em);
	if (e != OK)
		return e;
	if (!der_expect(&encrypted, DER_OID, &type) || !algorithm_take(&encrypted, &a))
		return malformed("EncryptedContentInfo", em);
	e = cipher_read(&a, out, em);
	if (e == OK)
		e = content_read(&encrypted, out, em);
	return e == OK && encrypted.len ? malformed("EncryptedContentInfo", em) : e;
}

enum err cms_envelope_read(struct bytes element, struct cms_envelope *out, struct errmsg *em)
{
	struct bytes info, type, box, body;
	*out = (struct cms_envelope){ .count = 0 };
	enum err e = ber_normalize(element, &out->der, em);
	if (e != OK)
		return e;
	struct bytes der = buf_bytes(&out->der);
	if (!der_expect(&der, DER_SEQUENCE, &info) || der.len || !der_expect(&info, DER_OID, &type))
		return malformed("ContentInfo", em);
	if (bytes_equal(type, oid_auth_enveloped))
		return err_set(em, ERR_UNSUPPORTED, "CMS: AuthEnvelopedData, which no peer reads");
	if (!bytes_equal(type, oid_enveloped))
		return err_set(em, ERR_UNSUPPORTED, "CMS: the content is no EnvelopedData");
	if (!der_expect(&info, DER_CONTEXT_0, &box) || info.len || !der_expect(&box, DER_SEQUENCE, &body) || box.len)
		return malformed("ContentInfo", em);
	return enveloped_read(body, out, em);
}

/* Certificate and TBSCertificate, RFC 5280 4.1. */
enum err cms_identity_read(struct bytes certificate, struct cms_identity *out, struct errmsg *em)
{
	struct bytes body, tbs, ignored;
	if (!der_expect(&certificate, DER_SEQUENCE, &body) || !der_expect(&body, DER_SEQUENCE, &tbs))
		return err_set(em, ERR_PARSE, "malformed certificate");
	(void)der_expect(&tbs, DER_CONTEXT_0, &ignored); /* the version */
	struct bytes before = tbs;
	if (!der_expect(&tbs, DER_INTEGER, &ignored))
		return err_set(em, ERR_PARSE, "malformed certificate");
	out->serial = item_whole(before, tbs);
	if (!der_expect(&tbs, DER_SEQUENCE, &ignored))
		return err_set(em, ERR_PARSE, "malformed certificate");
	before = tbs;
	if (!der_expect(&tbs, DER_SEQUENCE, &ignored))
		return err_set(em, ERR_PARSE, "malformed certificate");
	out->issuer = item_whole(before, tbs);
	return OK;
}
