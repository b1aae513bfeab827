#include "pkcs11/mech_ec.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "pkcs11/key_params.h"
#include "pkcs11/mechanism.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <stdio.h>

#define FIELD_MAX 66 /* bytes of P-521 */

static CK_ULONG field_len(const struct material *m)
{
	return (m->bits + 7) / 8;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	(void)from;
	use->out_max = 2 * field_len(use->material);
	if (use->out_max > 2 * FIELD_MAX)
		return CKR_KEY_SIZE_RANGE;
	use->ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), use->material->key, NULL);
	if (!use->ctx)
		return CKR_HOST_MEMORY;
	int good = use->kind == OP_SIGN ? EVP_PKEY_sign_init(use->ctx) : EVP_PKEY_verify_init(use->ctx);
	openssl_errors_drop();
	return good > 0 ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* One INTEGER of OpenSSL's own DER, right-aligned in `width` bytes. By hand, since this is on the way of every
 * signature: OpenSSL's parser makes two numbers on the heap of it. */
static bool take_integer(const uint8_t **at, const uint8_t *end, uint8_t *to, size_t width)
{
	const uint8_t *p = *at;
	if (end - p < 2 || p[0] != 0x02 || p[1] > 0x7f || (size_t)(end - p) < 2u + p[1])
		return false;
	size_t len = p[1];
	*at = p + 2 + len;
	p += 2;
	for (; len && *p == 0; len--)
		p++;
	if (len > width)
		return false;
	memset(to, 0, width - len);
	memcpy(to + (width - len), p, len);
	return true;
}

/* PKCS #11 2.40 mechanisms 2.3.1: r || s, each as long as the order of the curve. */
static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	uint8_t der[2 * FIELD_MAX + 16];
	size_t der_len = sizeof(der);
	size_t half = use->out_max / 2;
	if (!in.len)
		return CKR_DATA_LEN_RANGE;
	if (EVP_PKEY_sign(use->ctx, der, &der_len, in.data, in.len) <= 0) {
		openssl_errors_drop();
		return CKR_FUNCTION_FAILED;
	}
	const uint8_t *at = der + (der[1] & 0x80 ? 3 : 2), *end = der + der_len;
	*len = use->out_max;
	return take_integer(&at, end, to, half) && take_integer(&at, end, to + half, half) && at == end
		       ? CKR_OK
		       : CKR_FUNCTION_FAILED;
}

static CK_RV verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	(void)m;
	if (!in.len)
		return CKR_DATA_LEN_RANGE;
	if (signature.len != use->out_max)
		return CKR_SIGNATURE_LEN_RANGE;
	int half = (int)(signature.len / 2);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature.data, half, NULL), *s = BN_bin2bn(signature.data + half, half, NULL);
	if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return CKR_HOST_MEMORY;
	}
	uint8_t der[2 * FIELD_MAX + 16], *at = der;
	int der_len = i2d_ECDSA_SIG(sig, NULL);
	bool good = der_len > 0 && (size_t)der_len <= sizeof(der) && i2d_ECDSA_SIG(sig, &at) == der_len &&
		    EVP_PKEY_verify(use->ctx, der, (size_t)der_len, in.data, in.len) == 1;
	ECDSA_SIG_free(sig);
	openssl_errors_drop();
	return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}

const struct mechanism_ops mech_ecdsa = { mechanism_check_none, prepare, run, verify, NULL, NULL };

/* The other's point: as it is, or in a DER OCTET STRING (both are allowed, 2.3.8). */
static struct bytes bare_point(struct bytes point, size_t field)
{
	size_t want = 1 + 2 * field;
	size_t head = want > 0x7f ? 3 : 2;
	if (point.len == want + head && point.data[0] == 0x04 && point.data[head - 1] == want &&
	    (head == 2 || point.data[1] == 0x81) && point.data[head] == 0x04)
		return (struct bytes){ point.data + head, want };
	return point;
}

static EVP_PKEY *okp_peer(const struct material *base, struct bytes point)
{
	const struct okp_curve *okp = okp_curve_of(base->key);
	struct key_curve curve = { .okp = okp, .point = okp->size };
	struct okp_numbers n = { .curve = okp, .x = key_point_bare(point, &curve) };
	EVP_PKEY *peer = NULL;
	return okp_key_build(&n, &peer, NULL) == OK ? peer : NULL;
}

static EVP_PKEY *peer_key(const struct material *base, struct bytes point)
{
	if (base->key_type == CKK_EC_MONTGOMERY)
		return okp_peer(base, point);
	char group[64];
	EVP_PKEY *peer = NULL;
	struct bytes bare = bare_point(point, field_len(base));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx(), LIBCTX_EC, NULL);
	if (ctx && EVP_PKEY_get_group_name(base->key, group, sizeof(group), NULL) && EVP_PKEY_fromdata_init(ctx) > 0) {
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
			OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)bare.data, bare.len),
			OSSL_PARAM_construct_end(),
		};
		if (EVP_PKEY_fromdata(ctx, &peer, EVP_PKEY_PUBLIC_KEY, params) <= 0)
			peer = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	openssl_errors_drop();
	return peer;
}

static CK_RV shared_secret(const struct material *base, EVP_PKEY *peer, struct secret **out)
{
	AUTO(secret) *z = NULL;
	size_t len = field_len(base);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), base->key, NULL);
	CK_RV rv = CKR_FUNCTION_FAILED;
	if (!ctx || secret_new(len, &z, NULL) != OK)
		rv = CKR_HOST_MEMORY;
	else if (EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) <= 0)
		rv = CKR_MECHANISM_PARAM_INVALID; /* the point is not a good one */
	else if (EVP_PKEY_derive(ctx, secret_data(z), &len) > 0 && len == field_len(base))
		rv = CKR_OK;
	else if (base->key_type == CKK_EC_MONTGOMERY)
		rv = CKR_MECHANISM_PARAM_INVALID; /* RFC 7748 6.1: a point of small order gives zeros */
	EVP_PKEY_CTX_free(ctx);
	openssl_errors_drop();
	if (rv == CKR_OK)
		*out = steal(&z);
	return rv;
}

struct ecdh_kdf {
	CK_ULONG type;
	const char *hash, *name; /* to OpenSSL */
};
/* ANSI X9.63, and the one step of SP 800-56C section 4 (PKCS #11 3.0, 2.3.10). */
#define X963 "X963KDF"
#define SP800 "SSKDF"
static const struct ecdh_kdf kdfs[] = {
	{ CKD_SHA1_KDF, "SHA1", X963 },
	{ CKD_SHA224_KDF, "SHA224", X963 },
	{ CKD_SHA256_KDF, "SHA256", X963 },
	{ CKD_SHA384_KDF, "SHA384", X963 },
	{ CKD_SHA512_KDF, "SHA512", X963 },
	{ CKD_SHA3_224_KDF, "SHA3-224", X963 },
	{ CKD_SHA3_256_KDF, "SHA3-256", X963 },
	{ CKD_SHA3_384_KDF, "SHA3-384", X963 },
	{ CKD_SHA3_512_KDF, "SHA3-512", X963 },
	{ CKD_SHA1_KDF_SP800, "SHA1", SP800 },
	{ CKD_SHA224_KDF_SP800, "SHA224", SP800 },
	{ CKD_SHA256_KDF_SP800, "SHA256", SP800 },
	{ CKD_SHA384_KDF_SP800, "SHA384", SP800 },
	{ CKD_SHA512_KDF_SP800, "SHA512", SP800 },
	{ CKD_SHA3_224_KDF_SP800, "SHA3-224", SP800 },
	{ CKD_SHA3_256_KDF_SP800, "SHA3-256", SP800 },
	{ CKD_SHA3_384_KDF_SP800, "SHA3-384", SP800 },
	{ CKD_SHA3_512_KDF_SP800, "SHA3-512", SP800 },
};

static const struct ecdh_kdf *kdf_find(CK_ULONG type)
{
	for (size_t i = 0; i < ARRAY_LEN(kdfs); i++)
		if (kdfs[i].type == type)
			return &kdfs[i];
	return NULL;
}

static CK_RV expand(struct bytes z, const CK_ECDH1_DERIVE_PARAMS *p, CK_ULONG length, struct secret **out)
{
	const struct ecdh_kdf *how = kdf_find(p->kdf);
	AUTO(secret) *made = NULL;
	if (secret_new(length, &made, NULL) != OK)
		return CKR_HOST_MEMORY;
	EVP_KDF *kdf = EVP_KDF_fetch(libctx(), how->name, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)how->hash, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, p->pSharedData, p->ulSharedDataLen),
		OSSL_PARAM_construct_end(),
	};
	bool good = ctx && EVP_KDF_derive(ctx, secret_data(made), length, params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	openssl_errors_drop();
	if (!good)
		return CKR_FUNCTION_FAILED;
	*out = steal(&made);
	return CKR_OK;
}

/* 2.3.8: what is too long loses bytes from its leading end. */
static CK_RV cut(struct bytes z, CK_ULONG length, struct secret **out)
{
	if (length > z.len)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	struct bytes end = { z.data + (z.len - length), length };
	return secret_copy(end, out, NULL) == OK ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV mech_ec_derive(const struct material *base, const CK_MECHANISM *mechanism, CK_ULONG length, struct secret **out)
{
	const CK_ECDH1_DERIVE_PARAMS *p = mechanism->pParameter;
	if (!p || mechanism->ulParameterLen != sizeof(*p) || !p->pPublicData || !p->ulPublicDataLen ||
	    p->ulPublicDataLen > 4 * FIELD_MAX || (p->ulSharedDataLen && !p->pSharedData))
		return CKR_MECHANISM_PARAM_INVALID;
	if (p->kdf == CKD_NULL ? p->ulSharedDataLen != 0 : !kdf_find(p->kdf))
		return CKR_MECHANISM_PARAM_INVALID;
	AUTO_OF(EVP_PKEY) *peer = peer_key(base, (struct bytes){ p->pPublicData, p->ulPublicDataLen });
	if (!peer)
		return CKR_MECHANISM_PARAM_INVALID;
	AUTO(secret) *z = NULL;
	CK_RV rv = shared_secret(base, peer, &z);
	if (rv != CKR_OK)
		return rv;
	if (!length)
		length = field_len(base);
	return p->kdf == CKD_NULL ? cut(secret_bytes(z), length, out) : expand(secret_bytes(z), p, length, out);
}
