#include "keywrap/scheme.h"

/* RFC 7516; what go-jose writes and reads for ocicrypt. */

#define RECIPIENTS_MAX 256

static enum err jwe_fits(EVP_PKEY *public_key, struct errmsg *em)
{
	if (EVP_PKEY_is_a(public_key, "RSA") || EVP_PKEY_is_a(public_key, "EC"))
		return OK;
	return err_set(em, ERR_UNSUPPORTED, "a JWE recipient needs an RSA or an EC key (P-256, P-384, P-521)");
}

static enum err jwe_wrap(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em)
{
	struct jwe_recipient recipients[RECIPIENTS_MAX] = { { 0 } };
	AUTO_STR
	char *json = NULL;
	if (to.count > RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_MAX);
	for (size_t i = 0; i < to.count; i++)
		recipients[i].key = to.keys[i]->public_key;
	enum err e = jwe_encrypt(recipients, to.count, plain, &json, em);
	return e == OK ? buf_append(element, bytes_str(json), 0, em) : e;
}

static enum err jwe_unwrap(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	struct jwe_key ops = { 0 };
	enum err e = unwrap_key_ops(key, &ops, em);
	return e == OK ? jwe_decrypt(element, WRAP_ELEMENT_MAX, &ops, plain, em) : e;
}

const struct wrap_scheme scheme_jwe = {
	.name = "jwe",
	.annotation = ANNOTATION_KEYS "jwe",
	.fits = jwe_fits,
	.wrap = jwe_wrap,
	.unwrap = jwe_unwrap,
	.kind = &element_jwe,
};
