#include "common/jwk.h"

#include "common/json_scan.h"
#include "common/key_build.h"
#include "common/libctx.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#define JWK_RSA_BITS_MIN 2048 /* RFC 7518 3.3, 4.2, 4.3 */
#define NUMBER_MAX 2048 /* bytes: RSA of 16384 bits */

static enum err put_text(json_object *jwk, const char *name, const char *value, struct errmsg *em)
{
	json_object *text = value ? json_object_new_string(value) : NULL;
	if (!text || json_object_object_add(jwk, name, text) != 0) {
		json_object_put(text);
		return err_nomem(em, "a JWK");
	}
	return OK;
}

static enum err put_octets(json_object *jwk, const char *name, struct bytes octets, struct errmsg *em)
{
	AUTO_STR
	char *text = base64_encode(BASE64_URL, octets);
	return put_text(jwk, name, text, em);
}

/* A public number of the key; width 0 = as short as it is (RFC 7518 2), else padded (6.2.1.2). */
static enum err put_number(json_object *jwk, const char *name, EVP_PKEY *key, const char *parameter, size_t width,
			   struct errmsg *em)
{
	uint8_t number[NUMBER_MAX];
	BIGNUM *bn = NULL;
	if (EVP_PKEY_get_bn_param(key, parameter, &bn) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot read the public half of a key");
	size_t len = width ? width : (size_t)BN_num_bytes(bn);
	enum err e = OK;
	if (len > sizeof number || BN_bn2binpad(bn, number, (int)len) < 0)
		e = err_set(em, ERR_KEY, "a number of this key is too large for a JWK");
	BN_free(bn);
	return e == OK ? put_octets(jwk, name, (struct bytes){ number, len }, em) : e;
}

static enum err ec_members(json_object *jwk, EVP_PKEY *key, const char *alg, struct errmsg *em)
{
	const struct ec_curve *curve = ec_curve_of(key);
	if (!curve)
		return err_set(em, ERR_KEY, "EC key on another curve than P-256, P-384, P-521");
	enum err e = put_text(jwk, "kty", "EC", em);
	if (e == OK)
		e = put_text(jwk, "crv", curve->crv, em);
	if (e == OK && alg)
		e = put_text(jwk, "alg", alg, em);
	if (e == OK)
		e = put_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, curve->size, em);
	if (e == OK)
		e = put_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, curve->size, em);
	return e;
}

static enum err rsa_members(json_object *jwk, EVP_PKEY *key, const char *alg, struct errmsg *em)
{
	enum err e = put_text(jwk, "kty", "RSA", em);
	if (e == OK && alg)
		e = put_text(jwk, "alg", alg, em);
	if (e == OK)
		e = put_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0, em);
	if (e == OK)
		e = put_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0, em);
	return e;
}

/* RFC 8037 section 2. */
static enum err okp_members(json_object *jwk, EVP_PKEY *key, const char *alg, struct errmsg *em)
{
	uint8_t x[OKP_SIZE_MAX];
	size_t len = sizeof x;
	if (EVP_PKEY_get_raw_public_key(key, x, &len) != 1)
		return err_openssl(em, ERR_KEY, "cannot read the public half of a key");
	enum err e = put_text(jwk, "kty", "OKP", em);
	if (e == OK)
		e = put_text(jwk, "crv", okp_curve_of(key)->crv, em);
	if (e == OK && alg)
		e = put_text(jwk, "alg", alg, em);
	if (e == OK)
		e = put_octets(jwk, "x", (struct bytes){ x, len }, em);
	return e;
}

enum err jwk_from_public(EVP_PKEY *key, const char *alg, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *jwk = json_object_new_object();
	if (!jwk)
		return err_nomem(em, "a JWK");
	enum err e;
	if (ec_curve_of(key) || EVP_PKEY_is_a(key, "EC"))
		e = ec_members(jwk, key, alg, em);
	else if (EVP_PKEY_is_a(key, "RSA"))
		e = rsa_members(jwk, key, alg, em);
	else if (okp_curve_of(key))
		e = okp_members(jwk, key, alg, em);
	else
		e = err_set(em, ERR_KEY, "key of another kind than RSA, EC, Ed25519, Ed448, X25519, X448");
	if (e == OK)
		*out = steal(&jwk);
	return e;
}

static enum err take_number(json_object *jwk, const char *name, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(jwk, name, &text, em);
	if (e == OK)
		e = base64_decode(BASE64_URL, bytes_str(text), out, em);
	if (e == OK && (out->len == 0 || out->len > NUMBER_MAX))
		e = err_set(em, ERR_PARSE, "a number of %zu bytes", out->len);
	return e == OK ? OK : err_wrap(em, e, "JWK member \"%s\"", name);
}

/* RFC 7518 6.2.1: the coordinates are exactly as long as the field. */
static enum err ec_point(const struct ec_curve *curve, struct bytes x, struct bytes y, uint8_t point[EC_POINT_MAX],
			 struct errmsg *em)
{
	if (x.len != curve->size || y.len != curve->size)
		return err_set(em, ERR_PARSE, "JWK: a coordinate on %s has %zu bytes", curve->crv, curve->size);
	point[0] = 0x04;
	memcpy(point + 1, x.data, x.len);
	memcpy(point + 1 + x.len, y.data, y.len);
	return OK;
}

static enum err ec_to_public(json_object *jwk, EVP_PKEY **out, struct errmsg *em)
{
	const char *crv = NULL;
	enum err e = json_get_string(jwk, "crv", &crv, em);
	if (e != OK)
		return e;
	const struct ec_curve *curve = ec_curve_by_crv(crv);
	if (!curve)
		return err_set(em, ERR_UNSUPPORTED, "JWK: another curve than P-256, P-384, P-521");
	AUTO_BUF
	x = { 0 };
	AUTO_BUF
	y = { 0 };
	uint8_t point[EC_POINT_MAX];
	e = take_number(jwk, "x", &x, em);
	if (e == OK)
		e = take_number(jwk, "y", &y, em);
	if (e == OK)
		e = ec_point(curve, buf_bytes(&x), buf_bytes(&y), point, em);
	if (e != OK)
		return e;
	struct ec_numbers numbers = { .curve = curve, .point = { point, 1 + 2 * curve->size } };
	return ec_key_build(&numbers, out, em);
}

static enum err rsa_to_public(json_object *jwk, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_BUF
	n = { 0 };
	AUTO_BUF
	e = { 0 };
	enum err err = take_number(jwk, "n", &n, em);
	if (err == OK)
		err = take_number(jwk, "e", &e, em);
	if (err != OK)
		return err;
	struct rsa_numbers numbers = { .n = buf_bytes(&n), .e = buf_bytes(&e) };
	return rsa_key_build(&numbers, JWK_RSA_BITS_MIN, out, em);
}

static enum err okp_to_public(json_object *jwk, EVP_PKEY **out, struct errmsg *em)
{
	const char *crv = NULL;
	enum err e = json_get_string(jwk, "crv", &crv, em);
	if (e != OK)
		return e;
	AUTO_BUF
	x = { 0 };
	struct okp_numbers numbers = { .curve = okp_curve_by_crv(crv) };
	if (!numbers.curve)
		return err_set(em, ERR_UNSUPPORTED, "JWK: another curve than Ed25519, Ed448, X25519, X448");
	e = take_number(jwk, "x", &x, em);
	if (e != OK)
		return e;
	numbers.x = buf_bytes(&x);
	return okp_key_build(&numbers, out, em);
}

enum err jwk_to_public(json_object *jwk, EVP_PKEY **out, struct errmsg *em)
{
	*out = NULL;
	const char *kty = NULL;
	enum err e = json_get_string(jwk, "kty", &kty, em);
	if (e != OK)
		return err_wrap(em, e, "JWK");
	if (strcmp(kty, "EC") == 0)
		return ec_to_public(jwk, out, em);
	if (strcmp(kty, "RSA") == 0)
		return rsa_to_public(jwk, out, em);
	if (strcmp(kty, "OKP") == 0)
		return okp_to_public(jwk, out, em);
	return err_set(em, ERR_UNSUPPORTED, "JWK: another kty than EC, RSA, OKP");
}
