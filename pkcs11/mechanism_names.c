#include "pkcs11/mechanism_names.h"

#include "common/bytes.h"

#define ROW(name)                                                                                                      \
	{                                                                                                              \
#name, CKM_##name                                                                                      \
	}
static const struct {
	const char *name;
	CK_MECHANISM_TYPE type;
} rows[] = {
	ROW(RSA_PKCS),
	ROW(SHA1_RSA_PKCS),
	ROW(SHA224_RSA_PKCS),
	ROW(SHA256_RSA_PKCS),
	ROW(SHA384_RSA_PKCS),
	ROW(SHA512_RSA_PKCS),
	ROW(SHA3_224_RSA_PKCS),
	ROW(SHA3_256_RSA_PKCS),
	ROW(SHA3_384_RSA_PKCS),
	ROW(SHA3_512_RSA_PKCS),
	ROW(RSA_X_509),
	ROW(RSA_PKCS_OAEP),
	ROW(RSA_AES_KEY_WRAP),
	ROW(RSA_PKCS_PSS),
	ROW(SHA1_RSA_PKCS_PSS),
	ROW(SHA224_RSA_PKCS_PSS),
	ROW(SHA256_RSA_PKCS_PSS),
	ROW(SHA384_RSA_PKCS_PSS),
	ROW(SHA512_RSA_PKCS_PSS),
	ROW(SHA3_224_RSA_PKCS_PSS),
	ROW(SHA3_256_RSA_PKCS_PSS),
	ROW(SHA3_384_RSA_PKCS_PSS),
	ROW(SHA3_512_RSA_PKCS_PSS),
	ROW(ECDSA),
	ROW(ECDSA_SHA1),
	ROW(ECDSA_SHA224),
	ROW(ECDSA_SHA256),
	ROW(ECDSA_SHA384),
	ROW(ECDSA_SHA512),
	ROW(ECDSA_SHA3_224),
	ROW(ECDSA_SHA3_256),
	ROW(ECDSA_SHA3_384),
	ROW(ECDSA_SHA3_512),
	ROW(EDDSA),
	ROW(ECDH1_DERIVE),
	ROW(ECDH1_COFACTOR_DERIVE),
	ROW(HKDF_DERIVE),
	ROW(HKDF_DATA),
	ROW(SHA_1_HMAC),
	ROW(SHA_1_HMAC_GENERAL),
	ROW(SHA224_HMAC),
	ROW(SHA224_HMAC_GENERAL),
	ROW(SHA256_HMAC),
	ROW(SHA256_HMAC_GENERAL),
	ROW(SHA384_HMAC),
	ROW(SHA384_HMAC_GENERAL),
	ROW(SHA512_HMAC),
	ROW(SHA512_HMAC_GENERAL),
	ROW(SHA3_224_HMAC),
	ROW(SHA3_224_HMAC_GENERAL),
	ROW(SHA3_256_HMAC),
	ROW(SHA3_256_HMAC_GENERAL),
	ROW(SHA3_384_HMAC),
	ROW(SHA3_384_HMAC_GENERAL),
	ROW(SHA3_512_HMAC),
	ROW(SHA3_512_HMAC_GENERAL),
	ROW(AES_ECB),
	ROW(AES_CBC),
	ROW(AES_CBC_PAD),
	ROW(AES_CTR),
	ROW(AES_GCM),
	ROW(AES_CCM),
	ROW(AES_KEY_WRAP),
	ROW(AES_KEY_WRAP_KWP),
	ROW(AES_CMAC),
	ROW(AES_CMAC_GENERAL),
	ROW(ML_DSA),
	ROW(HASH_ML_DSA),
	ROW(SLH_DSA),
	ROW(HASH_SLH_DSA),
	ROW(ML_KEM),
};

bool mechanism_by_name(const char *name, CK_MECHANISM_TYPE *type)
{
	if (strncmp(name, "CKM_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].name, name) == 0) {
			*type = rows[i].type;
			return true;
		}
	return false;
}
