#include "kbs/tee_key.h"

#include "common/jwe.h"
#include "common/jwk.h"

#include <openssl/core_names.h>

#define RSA_BITS_MAX 8192

static enum err alg_check(json_object *jwk, const char *wanted, struct errmsg *em)
{
	const char *alg = NULL;
	enum err e = json_get_string(jwk, "alg", &alg, em);
	if (e == OK && strcmp(alg, wanted) != 0)
		return err_set(em, ERR_UNSUPPORTED, "tee-pubkey: \"alg\" must be %s", wanted);
	return e;
}

static enum err ec_check(json_object *jwk, struct errmsg *em)
{
	static const char *const names[] = { "kty", "crv", "alg", "x", "y", NULL };
	const char *crv = NULL;
	enum err e = json_only_members(jwk, names, em);
	if (e == OK)
		e = alg_check(jwk, "ECDH-ES+A256KW", em);
	if (e == OK)
		e = json_get_string(jwk, "crv", &crv, em);
	if (e == OK && strcmp(crv, "P-256") != 0 && strcmp(crv, "P-521") != 0)
		return err_set(em, ERR_UNSUPPORTED, "tee-pubkey: \"crv\" must be P-256 or P-521");
	return e;
}

static enum err rsa_check(json_object *jwk, struct errmsg *em)
{
	static const char *const names[] = { "kty", "alg", "n", "e", NULL };
	enum err e = json_only_members(jwk, names, em);
	return e == OK ? alg_check(jwk, "RSA-OAEP-256", em) : e;
}

/* A huge modulus or exponent would cost us, not the peer. */
static enum err rsa_size_check(EVP_PKEY *key, struct errmsg *em)
{
	BIGNUM *exponent = NULL;
	int bits = EVP_PKEY_get_bits(key);
	int known = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent);
	int exponent_bits = known == 1 ? BN_num_bits(exponent) : 0;
	BN_free(exponent);
	if (known != 1)
		return err_openssl(em, ERR_KEY, "tee-pubkey");
	if (bits < 2048 || bits > RSA_BITS_MAX || exponent_bits < 2 || exponent_bits > 64)
		return err_set(em, ERR_KEY, "tee-pubkey: an RSA key of 2048 to %d bits is wanted", RSA_BITS_MAX);
	return OK;
}

enum err tee_key_read(json_object *jwk, EVP_PKEY **out, struct errmsg *em)
{
	const char *kty = NULL;
	enum err e = json_get_string(jwk, "kty", &kty, em);
	if (e != OK)
		return err_wrap(em, e, "tee-pubkey");
	bool rsa = strcmp(kty, "RSA") == 0;
	if (!rsa && strcmp(kty, "EC") != 0)
		return err_set(em, ERR_UNSUPPORTED, "tee-pubkey: \"kty\" must be EC or RSA");
	e = rsa ? rsa_check(jwk, em) : ec_check(jwk, em);
	AUTO_OF(EVP_PKEY) *key = NULL;
	if (e == OK)
		e = jwk_to_public(jwk, &key, em);
	if (e == OK && rsa)
		e = rsa_size_check(key, em);
	if (e == OK)
		*out = steal(&key);
	return e;
}

enum err tee_key_seal(EVP_PKEY *key, const struct secret *resource, char **jwe, struct errmsg *em)
{
	struct jwe_recipient to = { .key = key };
	to.alg = EVP_PKEY_is_a(key, "RSA") ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
	return jwe_encrypt(&to, 1, secret_bytes(resource), jwe, em);
}
