#include "pkcs11/mechanism.h"

#include "common/libctx.h"

#define NO_KEY CK_UNAVAILABLE_INFORMATION
#define SIGN_VERIFY (CKF_SIGN | CKF_VERIFY)
#define CRYPT (CKF_ENCRYPT | CKF_DECRYPT)
#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)
#define RSA_BITS 2048, 16384
#define EC_BITS 256, 521

static const struct mechanism table[] = {
	{ CKM_RSA_PKCS, SIGN_VERIFY | CRYPT, RSA_BITS, CKK_RSA, NULL, &mech_rsa_pkcs1 },
	{ CKM_SHA1_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA1", &mech_rsa_pkcs1 },
	{ CKM_SHA224_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA224", &mech_rsa_pkcs1 },
	{ CKM_SHA256_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA256", &mech_rsa_pkcs1 },
	{ CKM_SHA384_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA384", &mech_rsa_pkcs1 },
	{ CKM_SHA512_RSA_PKCS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA512", &mech_rsa_pkcs1 },
	{ CKM_RSA_X_509, SIGN_VERIFY | CRYPT, RSA_BITS, CKK_RSA, NULL, &mech_rsa_raw },
	{ CKM_RSA_PKCS_OAEP, CRYPT, RSA_BITS, CKK_RSA, NULL, &mech_rsa_oaep },
	{ CKM_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, NULL, &mech_rsa_pss },
	{ CKM_SHA1_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA1", &mech_rsa_pss },
	{ CKM_SHA224_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA224", &mech_rsa_pss },
	{ CKM_SHA256_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA256", &mech_rsa_pss },
	{ CKM_SHA384_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA384", &mech_rsa_pss },
	{ CKM_SHA512_RSA_PKCS_PSS, SIGN_VERIFY, RSA_BITS, CKK_RSA, "SHA512", &mech_rsa_pss },
	{ CKM_ECDSA, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, NULL, &mech_ecdsa },
	{ CKM_ECDSA_SHA1, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA1", &mech_ecdsa },
	{ CKM_ECDSA_SHA224, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA224", &mech_ecdsa },
	{ CKM_ECDSA_SHA256, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA256", &mech_ecdsa },
	{ CKM_ECDSA_SHA384, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA384", &mech_ecdsa },
	{ CKM_ECDSA_SHA512, SIGN_VERIFY | EC_FLAGS, EC_BITS, CKK_EC, "SHA512", &mech_ecdsa },
	{ CKM_ECDH1_DERIVE, CKF_DERIVE | EC_FLAGS, EC_BITS, CKK_EC, NULL, NULL },
	{ CKM_SHA_1, CKF_DIGEST, 0, 0, NO_KEY, "SHA1", NULL },
	{ CKM_SHA224, CKF_DIGEST, 0, 0, NO_KEY, "SHA224", NULL },
	{ CKM_SHA256, CKF_DIGEST, 0, 0, NO_KEY, "SHA256", NULL },
	{ CKM_SHA384, CKF_DIGEST, 0, 0, NO_KEY, "SHA384", NULL },
	{ CKM_SHA512, CKF_DIGEST, 0, 0, NO_KEY, "SHA512", NULL },
};
_Static_assert(ARRAY_LEN(table) <= MECHANISM_MAX, "MECHANISM_MAX is too small");

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].type == type)
			return &table[i];
	return NULL;
}

size_t mechanism_list(CK_MECHANISM_TYPE *to)
{
	for (size_t i = 0; to && i < ARRAY_LEN(table); i++)
		to[i] = table[i].type;
	return ARRAY_LEN(table);
}

size_t mechanism_list_for(CK_KEY_TYPE type, CK_MECHANISM_TYPE *to)
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].key_type == type && type != NO_KEY)
			to[n++] = table[i].type;
	return n;
}

CK_FLAGS mechanism_flag(enum operation_kind kind)
{
	static const CK_FLAGS flags[OP_KINDS] = {
		[OP_ENCRYPT] = CKF_ENCRYPT, [OP_DECRYPT] = CKF_DECRYPT, [OP_DIGEST] = CKF_DIGEST,
		[OP_SIGN] = CKF_SIGN,       [OP_VERIFY] = CKF_VERIFY,
	};
	return flags[kind];
}

struct hash {
	CK_MECHANISM_TYPE type;
	const char *name;
	_Atomic(EVP_MD *) md;
};

static struct hash hashes[] = {
	{ CKM_SHA_1, "SHA1", NULL },    { CKM_SHA224, "SHA224", NULL }, { CKM_SHA256, "SHA256", NULL },
	{ CKM_SHA384, "SHA384", NULL }, { CKM_SHA512, "SHA512", NULL },
};

const char *mechanism_hash_name(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].type == type)
			return hashes[i].name;
	return NULL;
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
	EVP_PKEY_CTX_free(use->ctx);
	material_free(use->material);
	memset(use, 0, sizeof(*use));
}
