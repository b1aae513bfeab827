#include "common/key_build.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <stdatomic.h>

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
AUTO_OF_DEFINE(BN_CTX, BN_CTX_free)
AUTO_OF_DEFINE(EC_GROUP, EC_GROUP_free)
AUTO_OF_DEFINE(EC_POINT, EC_POINT_free)

#define RSA_BITS_MAX 16384

static const struct ec_curve curves[] = {
	{ "P-256", "prime256v1", NID_X9_62_prime256v1, 32, { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 } },
	{ "P-384", "secp384r1", NID_secp384r1, 48, { (const uint8_t *)"\x2b\x81\x04\x00\x22", 5 } },
	{ "P-521", "secp521r1", NID_secp521r1, 66, { (const uint8_t *)"\x2b\x81\x04\x00\x23", 5 } },
};

const struct ec_curve *ec_curve_by_crv(const char *crv)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (strcmp(curves[i].crv, crv) == 0)
			return &curves[i];
	return NULL;
}

const struct ec_curve *ec_curve_by_oid(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (bytes_equal(curves[i].oid, oid))
			return &curves[i];
	return NULL;
}

static const struct ec_curve *curve_look(EVP_PKEY *key)
{
	char group[64];
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (strcmp(curves[i].group, group) == 0)
			return &curves[i];
	return NULL;
}

const struct ec_curve *ec_curve_of(EVP_PKEY *key)
{
	/* OpenSSL says no as well where it had no memory to look: only who fails twice is of another kind. */
	const struct ec_curve *curve = curve_look(key);
	return curve ? curve : curve_look(key);
}

static const struct okp_curve okp_curves[] = {
	{ "Ed25519", "ED25519", "1.3.101.112", 32, { (const uint8_t *)"\x2b\x65\x70", 3 }, true },
	{ "X25519", "X25519", "1.3.101.110", 32, { (const uint8_t *)"\x2b\x65\x6e", 3 }, false },
	{ "Ed448", "ED448", "1.3.101.113", 57, { (const uint8_t *)"\x2b\x65\x71", 3 }, true },
	{ "X448", "X448", "1.3.101.111", 56, { (const uint8_t *)"\x2b\x65\x6f", 3 }, false },
};

const struct okp_curve *okp_curve_by_crv(const char *crv)
{
	for (size_t i = 0; i < ARRAY_LEN(okp_curves); i++)
		if (strcmp(okp_curves[i].crv, crv) == 0)
			return &okp_curves[i];
	return NULL;
}

const struct okp_curve *okp_curve_by_oid(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(okp_curves); i++)
		if (bytes_equal(okp_curves[i].oid, oid))
			return &okp_curves[i];
	return NULL;
}

const struct okp_curve *okp_curve_of(EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(okp_curves); i++)
		if (EVP_PKEY_is_a(key, okp_curves[i].name))
			return &okp_curves[i];
	return NULL;
}

/* OSSL_PARAM integers are in the machine's byte order: copies, in the arena. */
struct params {
	OSSL_PARAM list[10];
	size_t count;
	struct secret *area;
	size_t used;
};

static enum err params_begin(struct params *p, size_t room, struct errmsg *em)
{
	*p = (struct params){ 0 };
	p->list[0] = OSSL_PARAM_construct_end();
	return secret_new(room, &p->area, em);
}

static void params_end(struct params *p)
{
	secret_free(p->area);
}

static void params_add(struct params *p, const char *name, struct bytes number)
{
	uint8_t *to = secret_data(p->area) + p->used;
	for (size_t i = 0; i < number.len; i++)
		to[i] = number.data[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? number.len - 1 - i : i];
	p->list[p->count++] = OSSL_PARAM_construct_BN(name, to, number.len);
	p->list[p->count] = OSSL_PARAM_construct_end();
	p->used += number.len;
}

static void params_add_octets(struct params *p, const char *name, struct bytes octets)
{
	/* OpenSSL only reads it: the cast drops const for a member that serves both ways. */
	p->list[p->count++] = OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)octets.data, octets.len);
	p->list[p->count] = OSSL_PARAM_construct_end();
}

static enum err params_build(struct params *p, const char *type, int selection, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(libctx(), type, NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
		return err_openssl(em, ERR_CRYPTO, "no %s keys", type);
	*out = NULL;
	if (EVP_PKEY_fromdata(ctx, out, selection, p->list) == 1)
		return OK;
	/* OpenSSL 3.0 also says "unknown group" where it had no memory: only who fails twice is wrong. */
	openssl_errors_drop();
	*out = NULL;
	if (EVP_PKEY_fromdata(ctx, out, selection, p->list) != 1)
		return err_openssl(em, ERR_KEY, "the numbers make no %s key", type);
	return OK;
}

/* The numbers of an RSA key as BIGNUMs of a BN_CTX, which wipes them. */
struct rsa_bn {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi;
};

static bool bn_take(BN_CTX *ctx, struct bytes from, BIGNUM **to)
{
	*to = BN_CTX_get(ctx);
	return *to && BN_bin2bn(from.data, (int)from.len, *to) != NULL;
}

/* e * x = 1 modulo prime - 1. */
static bool is_inverse(const BIGNUM *e, const BIGNUM *x, const BIGNUM *prime, BN_CTX *ctx)
{
	BN_CTX_start(ctx);
	BIGNUM *order = BN_CTX_get(ctx);
	BIGNUM *product = BN_CTX_get(ctx);
	bool good = product && BN_sub(order, prime, BN_value_one()) && !BN_is_zero(order) &&
		    BN_mod_mul(product, e, x, order, ctx) && BN_is_one(product);
	BN_CTX_end(ctx);
	return good;
}

/* RFC 8017 3.2, less the primality of p and q. */
static bool rsa_private_holds(const struct rsa_bn *k, BN_CTX *ctx)
{
	BIGNUM *product = BN_CTX_get(ctx);
	if (!product || BN_is_zero(k->p) || BN_is_zero(k->q))
		return false;
	if (!BN_mul(product, k->p, k->q, ctx) || BN_cmp(product, k->n) != 0)
		return false;
	if (!is_inverse(k->e, k->d, k->p, ctx) || !is_inverse(k->e, k->d, k->q, ctx))
		return false;
	if (!is_inverse(k->e, k->dp, k->p, ctx) || !is_inverse(k->e, k->dq, k->q, ctx))
		return false;
	return BN_mod_mul(product, k->q, k->qi, k->p, ctx) && BN_is_one(product);
}

static enum err rsa_check(const struct rsa_numbers *k, int min_bits, struct errmsg *em)
{
	const struct bytes all[] = { k->n, k->e, k->d, k->p, k->q, k->dp, k->dq, k->qi };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].len > RSA_BITS_MAX / 8)
			return err_set(em, ERR_KEY, "RSA key of more than %d bits", RSA_BITS_MAX);
	AUTO_OF(BN_CTX) *ctx = BN_CTX_secure_new_ex(libctx());
	if (!ctx)
		return err_nomem(em, "an RSA key");
	BN_CTX_start(ctx);
	struct rsa_bn bn;
	enum err e = OK;
	if (!bn_take(ctx, k->n, &bn.n) || !bn_take(ctx, k->e, &bn.e) || !bn_take(ctx, k->d, &bn.d) ||
	    !bn_take(ctx, k->p, &bn.p) || !bn_take(ctx, k->q, &bn.q) || !bn_take(ctx, k->dp, &bn.dp) ||
	    !bn_take(ctx, k->dq, &bn.dq) || !bn_take(ctx, k->qi, &bn.qi))
		e = err_nomem(em, "an RSA key");
	else if (BN_num_bits(bn.n) < min_bits)
		e = err_set(em, ERR_KEY, "RSA key of %d bits: at least %d are needed", BN_num_bits(bn.n), min_bits);
	else if (!BN_is_odd(bn.n) || !BN_is_odd(bn.e) || BN_is_one(bn.e) || BN_cmp(bn.e, bn.n) >= 0)
		e = err_set(em, ERR_KEY, "not an RSA key: modulus or exponent cannot be right");
	else if (k->d.len && BN_cmp(bn.d, bn.n) >= 0)
		e = err_set(em, ERR_KEY, "not an RSA key: the private exponent cannot be right");
	else if (k->p.len && !rsa_private_holds(&bn, ctx))
		e = err_set(em, ERR_KEY, "the numbers of this RSA key do not belong together");
	BN_CTX_end(ctx);
	return e;
}

enum err rsa_key_build(const struct rsa_numbers *k, int min_bits, EVP_PKEY **out, struct errmsg *em)
{
	const struct {
		const char *name;
		struct bytes number;
	} parts[] = {
		{ OSSL_PKEY_PARAM_RSA_N, k->n },          { OSSL_PKEY_PARAM_RSA_E, k->e },
		{ OSSL_PKEY_PARAM_RSA_D, k->d },          { OSSL_PKEY_PARAM_RSA_FACTOR1, k->p },
		{ OSSL_PKEY_PARAM_RSA_FACTOR2, k->q },    { OSSL_PKEY_PARAM_RSA_EXPONENT1, k->dp },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT2, k->dq }, { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->qi },
	};
	size_t crt = !!k->p.len + !!k->q.len + !!k->dp.len + !!k->dq.len + !!k->qi.len;
	if (k->n.len == 0 || k->e.len == 0 || (crt != 0 && crt != 5) || (crt && k->d.len == 0))
		return err_set(em, ERR_KEY, "RSA key with some of its numbers missing");
	enum err e = rsa_check(k, min_bits, em);
	if (e != OK)
		return e;
	size_t room = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		room += parts[i].number.len;
	struct params p;
	e = params_begin(&p, room, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].number.len)
			params_add(&p, parts[i].name, parts[i].number);
	e = params_build(&p, LIBCTX_RSA, k->d.len ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, out, em);
	params_end(&p);
	return e;
}

struct point {
	uint8_t data[EC_POINT_MAX];
	size_t len;
};

static enum err point_multiply(const EC_GROUP *group, const BIGNUM *d, struct point *out, struct errmsg *em)
{
	AUTO_OF(BN_CTX) *ctx = BN_CTX_secure_new_ex(libctx());
	AUTO_OF(EC_POINT) *point = EC_POINT_new(group);
	if (!ctx || !point || EC_POINT_mul(group, point, d, NULL, NULL, ctx) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot compute the public half of an EC key");
	out->len = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out->data, sizeof out->data, ctx);
	return out->len ? OK : err_openssl(em, ERR_CRYPTO, "cannot compute the public half of an EC key");
}

/* d * G, and that 0 < d < n. */
static enum err ec_public_of(const struct ec_numbers *k, struct point *out, struct errmsg *em)
{
	AUTO_OF(EC_GROUP) *group = EC_GROUP_new_by_curve_name_ex(libctx(), NULL, k->curve->nid);
	BIGNUM *d = BN_secure_new();
	enum err e = OK;
	if (!group || !d || !BN_bin2bn(k->d.data, (int)k->d.len, d))
		e = err_openssl(em, ERR_CRYPTO, "cannot read an EC key");
	else if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		e = err_set(em, ERR_KEY, "the private number of this %s key is out of range", k->curve->crv);
	if (e == OK) {
		BN_set_flags(d, BN_FLG_CONSTTIME);
		e = point_multiply(group, d, out, em);
	}
	BN_clear_free(d);
	return e;
}

/* Whether `form`, in any of SEC1's, is the point. */
static bool point_is(const struct point *point, struct bytes form, size_t size)
{
	uint8_t odd = point->data[point->len - 1] & 1;
	uint8_t tag = form.data[0];
	bool compressed = tag == (2 | odd);
	size_t len = 1 + (compressed ? size : 2 * size);
	return (compressed || tag == 4 || tag == (6 | odd)) && form.len == len &&
	       memcmp(form.data + 1, point->data + 1, len - 1) == 0;
}

static enum err ec_params_build(const struct ec_numbers *k, struct bytes point, int selection, EVP_PKEY **out,
				struct errmsg *em)
{
	struct params p;
	struct bytes group = bytes_str(k->curve->group);
	enum err e = params_begin(&p, k->d.len, em);
	if (e != OK)
		return e;
	p.list[p.count++] =
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group.data, group.len);
	p.list[p.count] = OSSL_PARAM_construct_end();
	if (point.len)
		params_add_octets(&p, OSSL_PKEY_PARAM_PUB_KEY, point);
	if (k->d.len)
		params_add(&p, OSSL_PKEY_PARAM_PRIV_KEY, k->d);
	e = params_build(&p, LIBCTX_EC, selection, out, em);
	params_end(&p);
	return e;
}

/* A key that has nothing but its curve. OpenSSL makes a group of numbers anew for each key, which takes half as long as
 * a derivation; copied from another key it takes nothing. Never freed; made again where libctx() is another. */
struct curve_key {
	OSSL_LIB_CTX *ctx;
	EVP_PKEY *key;
	struct curve_key *before;
};

static enum err curve_key_get(const struct ec_curve *curve, const EVP_PKEY **out, struct errmsg *em)
{
	static _Atomic(struct curve_key *) made[ARRAY_LEN(curves)];
	_Atomic(struct curve_key *) *at = &made[curve - curves];
	struct curve_key *known = atomic_load(at);
	if (known && known->ctx == libctx()) {
		*out = known->key;
		return OK;
	}
	struct curve_key *mine = calloc(1, sizeof(*mine));
	if (!mine)
		return err_nomem(em, "an EC key");
	const struct ec_numbers none = { .curve = curve };
	*mine = (struct curve_key){ .ctx = libctx(), .before = known };
	enum err e = ec_params_build(&none, (struct bytes){ NULL, 0 }, EVP_PKEY_KEY_PARAMETERS, &mine->key, em);
	if (e == OK && atomic_compare_exchange_strong(at, &known, mine)) {
		*out = mine->key;
		return OK;
	}
	EVP_PKEY_free(mine->key);
	free(mine);
	return e == OK ? curve_key_get(curve, out, em) : e; /* another thread was faster */
}

/* Of a point alone, which has to lie on the curve; the key writes it uncompressed. */
static enum err ec_public_build(const struct ec_numbers *k, EVP_PKEY **out, struct errmsg *em)
{
	const EVP_PKEY *curve = NULL;
	enum err e = curve_key_get(k->curve, &curve, em);
	if (e != OK)
		return e;
	AUTO_OF(EVP_PKEY) *key = EVP_PKEY_new();
	if (!key || EVP_PKEY_copy_parameters(key, curve) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot read an EC key");
	/* (The point at infinity is shorter.) */
	if (k->point.len <= k->curve->size || EVP_PKEY_set1_encoded_public_key(key, k->point.data, k->point.len) != 1)
		return err_openssl(em, ERR_KEY, "not a point on %s", k->curve->crv);
	if (k->point.data[0] != 4 &&
	    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot read an EC key");
	*out = steal(&key);
	return OK;
}

enum err ec_key_build(const struct ec_numbers *k, EVP_PKEY **out, struct errmsg *em)
{
	struct point computed;
	if (k->d.len > k->curve->size || (k->d.len == 0 && k->point.len == 0))
		return err_set(em, ERR_KEY, "a number of this %s key has the wrong length", k->curve->crv);
	if (k->d.len == 0)
		return ec_public_build(k, out, em);
	enum err e = ec_public_of(k, &computed, em);
	if (e != OK)
		return e;
	if (k->point.len && !point_is(&computed, k->point, k->curve->size))
		return err_set(em, ERR_KEY, "the halves of this %s key do not belong together", k->curve->crv);
	return ec_params_build(k, (struct bytes){ computed.data, computed.len }, EVP_PKEY_KEYPAIR, out, em);
}

enum err okp_key_build(const struct okp_numbers *k, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	uint8_t computed[OKP_SIZE_MAX];
	size_t len = sizeof computed, size = k->curve->size;
	if ((k->d.len != 0 && k->d.len != size) || (k->x.len != 0 && k->x.len != size) || k->d.len + k->x.len == 0)
		return err_set(em, ERR_KEY, "a number of this %s key has the wrong length", k->curve->crv);
	/* The public half is computed where there is a private one. */
	struct params p = { .list = { OSSL_PARAM_construct_end() } };
	if (k->d.len)
		params_add_octets(&p, OSSL_PKEY_PARAM_PRIV_KEY, k->d);
	else
		params_add_octets(&p, OSSL_PKEY_PARAM_PUB_KEY, k->x);
	enum err e = params_build(&p, k->curve->dotted, k->d.len ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, &key, em);
	if (e != OK)
		return e;
	if (EVP_PKEY_get_raw_public_key(key, computed, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot compute the public half of a key");
	if (k->x.len && !bytes_equal(k->x, (struct bytes){ computed, len }))
		return err_set(em, ERR_KEY, "the halves of this key do not belong together");
	*out = steal(&key);
	return OK;
}
