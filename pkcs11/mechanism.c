#include "pkcs11/mechanism.h"

#include "common/crypto_gate.h"
#include "common/key_pqc.h"
#include "common/libctx.h"

#include <stdio.h>

#define NO_KEY CK_UNAVAILABLE_INFORMATION
#define SIGN_VERIFY (CKF_SIGN | CKF_VERIFY)
#define RECOVER (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)
#define CRYPT (CKF_ENCRYPT | CKF_DECRYPT)
#define WRAPS (CKF_WRAP | CKF_UNWRAP)
#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)
#define KEM (CKF_ENCAPSULATE | CKF_DECAPSULATE)
#define RSA_BITS 2048, 16384
#define EC_BITS 256, 521
#define AES_BYTES 16, 32
#define SECRET_BYTES 1, 4096

static const struct mechanism table[] = {
	{ CKM_RSA_PKCS, SIGN_VERIFY | RECOVER | CRYPT | WRAPS, RSA_BITS, CKK_RSA, NULL, &mech_rsa_pkcs1, NULL },
	{ CKM_SHA1_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA1", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA224_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA224", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA256_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA256", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA384_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA384", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA512_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA512", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA3_224_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-224", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA3_256_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-256", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA3_384_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-384", &mech_rsa_pkcs1, NULL },
	{ CKM_SHA3_512_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-512", &mech_rsa_pkcs1, NULL },
	{ CKM_RSA_X_509, SIGN_VERIFY | RECOVER | CRYPT, RSA_BITS, CKK_RSA, NULL, &mech_rsa_raw, NULL },
	{ CKM_RSA_PKCS_OAEP, CRYPT | WRAPS, RSA_BITS, CKK_RSA, NULL, &mech_rsa_oaep, NULL },
	{ CKM_RSA_AES_KEY_WRAP, WRAPS, RSA_BITS, CKK_RSA, NULL, &mech_rsa_aes_wrap, NULL },
	{ CKM_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, NULL, &mech_rsa_pss, NULL },
	{ CKM_SHA1_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA1", &mech_rsa_pss, NULL },
	{ CKM_SHA224_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA224", &mech_rsa_pss, NULL },
	{ CKM_SHA256_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA256", &mech_rsa_pss, NULL },
	{ CKM_SHA384_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA384", &mech_rsa_pss, NULL },
	{ CKM_SHA512_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA512", &mech_rsa_pss, NULL },
	{ CKM_SHA3_224_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-224", &mech_rsa_pss, NULL },
	{ CKM_SHA3_256_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-256", &mech_rsa_pss, NULL },
	{ CKM_SHA3_384_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-384", &mech_rsa_pss, NULL },
	{ CKM_SHA3_512_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA3-512", &mech_rsa_pss, NULL },
	{ CKM_ECDSA, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, NULL, &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA1, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA1", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA224, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA224", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA256, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA256", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA384, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA384", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA512, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA512", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA3_224, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA3-224", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA3_256, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA3-256", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA3_384, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA3-384", &mech_ecdsa, NULL },
	{ CKM_ECDSA_SHA3_512, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA3-512", &mech_ecdsa, NULL },
	{ CKM_EDDSA, SIGN_VERIFY | EC_FLAGS, 255, 448, CKK_EC_EDWARDS, NULL, &mech_eddsa, NULL },
	{ CKM_ECDH1_DERIVE, CKF_DERIVE | EC_FLAGS, 255, 521, CKK_EC, NULL, NULL, NULL },
	{ CKM_ECDH1_COFACTOR_DERIVE, CKF_DERIVE | EC_FLAGS, EC_BITS, CKK_EC, NULL, NULL, NULL },
	{ CKM_HKDF_DERIVE, CKF_DERIVE, SECRET_BYTES, CKK_HKDF, NULL, NULL, NULL },
	{ CKM_HKDF_DATA, CKF_DERIVE, SECRET_BYTES, CKK_HKDF, NULL, NULL, NULL },
	{ CKM_SHA_1, CKF_DIGEST, 0, 0, NO_KEY, "SHA1", NULL, NULL },
	{ CKM_SHA224, CKF_DIGEST, 0, 0, NO_KEY, "SHA224", NULL, NULL },
	{ CKM_SHA256, CKF_DIGEST, 0, 0, NO_KEY, "SHA256", NULL, NULL },
	{ CKM_SHA384, CKF_DIGEST, 0, 0, NO_KEY, "SHA384", NULL, NULL },
	{ CKM_SHA512, CKF_DIGEST, 0, 0, NO_KEY, "SHA512", NULL, NULL },
	{ CKM_SHA512_224, CKF_DIGEST, 0, 0, NO_KEY, "SHA512-224", NULL, NULL },
	{ CKM_SHA512_256, CKF_DIGEST, 0, 0, NO_KEY, "SHA512-256", NULL, NULL },
	{ CKM_SHA3_224, CKF_DIGEST, 0, 0, NO_KEY, "SHA3-224", NULL, NULL },
	{ CKM_SHA3_256, CKF_DIGEST, 0, 0, NO_KEY, "SHA3-256", NULL, NULL },
	{ CKM_SHA3_384, CKF_DIGEST, 0, 0, NO_KEY, "SHA3-384", NULL, NULL },
	{ CKM_SHA3_512, CKF_DIGEST, 0, 0, NO_KEY, "SHA3-512", NULL, NULL },
	{ CKM_SHA_1_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA1" },
	{ CKM_SHA_1_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA1" },
	{ CKM_SHA224_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA224" },
	{ CKM_SHA224_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA224" },
	{ CKM_SHA256_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA256" },
	{ CKM_SHA256_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA256" },
	{ CKM_SHA384_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA384" },
	{ CKM_SHA384_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA384" },
	{ CKM_SHA512_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512" },
	{ CKM_SHA512_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512" },
	{ CKM_SHA512_224_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512-224" },
	{ CKM_SHA512_224_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512-224" },
	{ CKM_SHA512_256_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512-256" },
	{ CKM_SHA512_256_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA512-256" },
	{ CKM_SHA3_224_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-224" },
	{ CKM_SHA3_224_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-224" },
	{ CKM_SHA3_256_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-256" },
	{ CKM_SHA3_256_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-256" },
	{ CKM_SHA3_384_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-384" },
	{ CKM_SHA3_384_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-384" },
	{ CKM_SHA3_512_HMAC, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-512" },
	{ CKM_SHA3_512_HMAC_GENERAL, SIGN_VERIFY, SECRET_BYTES, CKK_GENERIC_SECRET, NULL, &mech_hmac, "SHA3-512" },
	{ CKM_AES_ECB, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "ECB" },
	{ CKM_AES_CBC, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "CBC" },
	{ CKM_AES_CBC_PAD, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "CBC" },
	{ CKM_AES_CTR, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "CTR" },
	{ CKM_AES_GCM, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "GCM" },
	{ CKM_AES_CCM, CRYPT, AES_BYTES, CKK_AES, NULL, &mech_cipher, "CCM" },
	{ CKM_AES_KEY_WRAP, CRYPT | WRAPS, AES_BYTES, CKK_AES, NULL, &mech_key_wrap, "WRAP" },
	{ CKM_AES_KEY_WRAP_KWP, CRYPT | WRAPS, AES_BYTES, CKK_AES, NULL, &mech_key_wrap, "WRAP-PAD" },
	{ CKM_AES_KEY_WRAP_PKCS7, CRYPT | WRAPS, AES_BYTES, CKK_AES, NULL, &mech_key_wrap, "WRAP" },
	{ CKM_AES_CMAC, SIGN_VERIFY, AES_BYTES, CKK_AES, NULL, &mech_cmac, NULL },
	{ CKM_AES_CMAC_GENERAL, SIGN_VERIFY, AES_BYTES, CKK_AES, NULL, &mech_cmac, NULL },
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 2048, 4096, NO_KEY, NULL, NULL, NULL },
	{ CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | EC_FLAGS, EC_BITS, NO_KEY, NULL, NULL, NULL },
	{ CKM_EC_EDWARDS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | EC_FLAGS, 255, 448, NO_KEY, NULL, NULL, NULL },
	{ CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR | EC_FLAGS, 255, 448, NO_KEY, NULL, NULL, NULL },
	{ CKM_ML_DSA, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, NULL, &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, NULL, &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA256, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA256", &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA384, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA384", &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA512, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA512", &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA3_256, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA3-256", &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA3_384, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA3-384", &mech_pqc, NULL },
	{ CKM_HASH_ML_DSA_SHA3_512, SIGN_VERIFY, 1312, 2592, CKK_ML_DSA, "SHA3-512", &mech_pqc, NULL },
	{ CKM_SLH_DSA, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, NULL, &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, NULL, &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA256, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA256", &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA384, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA384", &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA512, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA512", &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA3_256, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA3-256", &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA3_384, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA3-384", &mech_pqc, NULL },
	{ CKM_HASH_SLH_DSA_SHA3_512, SIGN_VERIFY, 32, 64, CKK_SLH_DSA, "SHA3-512", &mech_pqc, NULL },
	{ CKM_ML_KEM, KEM, 800, 1568, CKK_ML_KEM, NULL, NULL, NULL },
	{ CKM_ML_KEM_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 800, 1568, NO_KEY, NULL, NULL, NULL },
	{ CKM_ML_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 1312, 2592, NO_KEY, NULL, NULL, NULL },
	{ CKM_SLH_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 32, 64, NO_KEY, NULL, NULL, NULL },
	{ CKM_AES_KEY_GEN, CKF_GENERATE, AES_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE, 8, 32768, NO_KEY, NULL, NULL, NULL }, /* in bits, this one */
	{ CKM_HKDF_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA_1_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA224_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA256_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA384_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA512_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA512_224_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA512_256_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA3_224_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA3_256_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA3_384_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_SHA3_512_KEY_GEN, CKF_GENERATE, SECRET_BYTES, NO_KEY, NULL, NULL, NULL },
	{ CKM_PKCS5_PBKD2, CKF_GENERATE, 0, 0, NO_KEY, NULL, NULL, NULL },
};
_Static_assert(ARRAY_LEN(table) <= MECHANISM_MAX, "MECHANISM_MAX is too small");

/* Whether this OpenSSL has it. */
static bool is_there(const struct mechanism *m)
{
	switch (m->type) {
	case CKM_ML_KEM:
	case CKM_ML_KEM_KEY_PAIR_GEN:
		return pqc_there(PQC_ML_KEM);
	case CKM_ML_DSA_KEY_PAIR_GEN:
		return pqc_there(PQC_ML_DSA);
	case CKM_SLH_DSA_KEY_PAIR_GEN:
		return pqc_there(PQC_SLH_DSA);
	default:
		return m->ops != &mech_pqc || pqc_there(m->key_type == CKK_ML_DSA ? PQC_ML_DSA : PQC_SLH_DSA);
	}
}

/* Every operation begins with a search: where each type was found last, one more than its row. */
#define FOUND_SLOTS 64
_Static_assert(ARRAY_LEN(table) < UINT8_MAX, "a row's number is a byte");

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
	static _Atomic(uint8_t) found[FOUND_SLOTS];
	_Atomic(uint8_t) *slot = &found[(type ^ type >> 6) % FOUND_SLOTS];
	size_t last = atomic_load_explicit(slot, memory_order_relaxed);
	if (last && table[last - 1].type == type)
		return &table[last - 1];
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].type != type || !is_there(&table[i]))
			continue;
		atomic_store_explicit(slot, (uint8_t)(i + 1), memory_order_relaxed);
		return &table[i];
	}
	return NULL;
}

size_t mechanism_list(CK_MECHANISM_TYPE *to)
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (!is_there(&table[i]))
			continue;
		if (to)
			to[n] = table[i].type;
		n++;
	}
	return n;
}

size_t mechanism_list_for(CK_KEY_TYPE type, CK_MECHANISM_TYPE *to)
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (type != NO_KEY && table[i].key_type != NO_KEY && mechanism_takes(&table[i], type) &&
		    is_there(&table[i]))
			to[n++] = table[i].type;
	return n;
}

bool mechanism_is_symmetric(const struct mechanism *m)
{
	return m->key_type == CKK_AES || m->key_type == CKK_GENERIC_SECRET || m->key_type == CKK_HKDF;
}

bool mechanism_wraps_private(const struct mechanism *m)
{
	return mechanism_is_symmetric(m) || m->ops == &mech_rsa_aes_wrap;
}

const char *mechanism_hmac_hash(CK_KEY_TYPE type)
{
	switch (type) {
	case CKK_SHA_1_HMAC:
		return "SHA1";
	case CKK_SHA224_HMAC:
		return "SHA224";
	case CKK_SHA256_HMAC:
		return "SHA256";
	case CKK_SHA384_HMAC:
		return "SHA384";
	case CKK_SHA512_HMAC:
		return "SHA512";
	case CKK_SHA512_224_HMAC:
		return "SHA512-224";
	case CKK_SHA512_256_HMAC:
		return "SHA512-256";
	case CKK_SHA3_224_HMAC:
		return "SHA3-224";
	case CKK_SHA3_256_HMAC:
		return "SHA3-256";
	case CKK_SHA3_384_HMAC:
		return "SHA3-384";
	case CKK_SHA3_512_HMAC:
		return "SHA3-512";
	default:
		return NULL;
	}
}

bool mechanism_takes(const struct mechanism *m, CK_KEY_TYPE type)
{
	if (type == CK_UNAVAILABLE_INFORMATION || type == m->key_type)
		return true;
	if (m->type == CKM_ECDH1_DERIVE && type == CKK_EC_MONTGOMERY)
		return true;
	if (m->key_type == CKK_HKDF && type == CKK_GENERIC_SECRET)
		return true;
	const char *hash = m->ops == &mech_hmac ? mechanism_hmac_hash(type) : NULL;
	return hash && strcmp(hash, m->name) == 0;
}

CK_RV mechanism_check_material(const struct mechanism *m, const struct material *material)
{
	bool symmetric = mechanism_is_symmetric(m);
	size_t len = secret_bytes(material->raw).len;
	if (symmetric ? !material->raw || material->key : !material->key || !mechanism_takes(m, material->key_type))
		return CKR_KEY_TYPE_INCONSISTENT;
	CK_ULONG size = symmetric ? len : material->bits;
	if (size < m->min_bits || size > m->max_bits || (m->key_type == CKK_AES && len % 8))
		return CKR_KEY_SIZE_RANGE;
	return CKR_OK;
}

CK_RV mechanism_check_none(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	if (from->ulParameterLen)
		return CKR_MECHANISM_PARAM_INVALID;
	snprintf(to->hash, sizeof(to->hash), "%s", m->hash ? m->hash : "");
	return CKR_OK;
}

CK_FLAGS mechanism_flag(enum operation_kind kind)
{
	static const CK_FLAGS flags[OP_KINDS] = {
		[OP_ENCRYPT] = CKF_ENCRYPT,
		[OP_DECRYPT] = CKF_DECRYPT,
		[OP_DIGEST] = CKF_DIGEST,
		[OP_SIGN] = CKF_SIGN,
		[OP_VERIFY] = CKF_VERIFY,
		[OP_SIGN_RECOVER] = CKF_SIGN_RECOVER,
		[OP_VERIFY_RECOVER] = CKF_VERIFY_RECOVER,
	};
	return flags[kind];
}

struct hash {
	CK_MECHANISM_TYPE type;
	const char *name;
	_Atomic(EVP_MD *) md;
};

static struct hash hashes[] = {
	{ CKM_SHA_1, "SHA1", NULL },
	{ CKM_SHA224, "SHA224", NULL },
	{ CKM_SHA256, "SHA256", NULL },
	{ CKM_SHA384, "SHA384", NULL },
	{ CKM_SHA512, "SHA512", NULL },
	{ CKM_SHA512_224, "SHA512-224", NULL },
	{ CKM_SHA512_256, "SHA512-256", NULL },
	{ CKM_SHA3_224, "SHA3-224", NULL },
	{ CKM_SHA3_256, "SHA3-256", NULL },
	{ CKM_SHA3_384, "SHA3-384", NULL },
	{ CKM_SHA3_512, "SHA3-512", NULL },
};

const char *mechanism_hash_name(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].type == type)
			return hashes[i].name;
	return NULL;
}

CK_MECHANISM_TYPE mechanism_hash_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (strcmp(hashes[i].name, name) == 0)
			return hashes[i].type;
	return CK_UNAVAILABLE_INFORMATION;
}

const EVP_MD *mechanism_md(const char *name)
{
	struct hash *hash = NULL;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (strcmp(hashes[i].name, name) == 0)
			hash = &hashes[i];
	if (!hash)
		return NULL;
	EVP_MD *md = atomic_load(&hash->md);
	if (md)
		return md;
	EVP_MD *fetched = EVP_MD_fetch(libctx(), name, NULL);
	if (!atomic_compare_exchange_strong(&hash->md, &md, fetched)) {
		EVP_MD_free(fetched);
		return md;
	}
	return fetched;
}

void mechanism_use_clear(struct mechanism_use *use)
{
	crypto_gate_enter();
	EVP_PKEY_CTX_free(use->ctx);
	if (use->state_free)
		use->state_free(use->state);
	crypto_gate_leave();
	material_free(use->material);
	memset(use, 0, sizeof(*use));
}
