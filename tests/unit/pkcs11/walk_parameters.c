#include "tests/unit/pkcs11/walk_parameters.h"

CK_BYTE walk_data[32] = "what goes through every mechani";
static CK_BYTE iv[16] = "sixteen octets.";

static union {
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes;
	CK_AES_CTR_PARAMS ctr;
	CK_GCM_PARAMS gcm;
	CK_CCM_PARAMS ccm;
	CK_ECDH1_DERIVE_PARAMS ecdh;
	CK_HKDF_PARAMS hkdf;
	CK_PKCS5_PBKD2_PARAMS2 pbkd2;
	CK_HASH_SIGN_ADDITIONAL_CONTEXT hash;
	CK_ULONG mac;
} p;
static CK_RSA_PKCS_OAEP_PARAMS oaep_inner = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };

static bool named(const char *name, const char *a)
{
	return name && strcmp(name, a) == 0;
}

static void pss_of(const char *hash)
{
	static const CK_RSA_PKCS_MGF_TYPE mgfs[] = { CKG_MGF1_SHA1,     CKG_MGF1_SHA224,   CKG_MGF1_SHA256,
						     CKG_MGF1_SHA384,   CKG_MGF1_SHA512,   CKG_MGF1_SHA3_224,
						     CKG_MGF1_SHA3_256, CKG_MGF1_SHA3_384, CKG_MGF1_SHA3_512 };
	static const char *const names[] = { "SHA1",     "SHA224",   "SHA256",   "SHA384",  "SHA512",
					     "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (named(hash ? hash : "SHA256", names[i]))
			p.pss = (CK_RSA_PKCS_PSS_PARAMS){ mechanism_hash_type(names[i]), mgfs[i], 20 };
}

CK_MECHANISM walk_mechanism_with(CK_MECHANISM_TYPE type, const void *value, size_t len)
{
	return (CK_MECHANISM){ type, (CK_VOID_PTR)(uintptr_t)value, len };
}

static CK_MECHANISM hkdf_or_kdf(CK_MECHANISM_TYPE type)
{
	if (type == CKM_PKCS5_PBKD2) {
		p.pbkd2 = (CK_PKCS5_PBKD2_PARAMS2){ CKZ_SALT_SPECIFIED, iv, 16, 2, CKP_PKCS5_PBKD2_HMAC_SHA256, NULL, 0,
						    walk_data,          8 };
		return walk_mechanism_with(type, &p.pbkd2, sizeof(p.pbkd2));
	}
	p.hkdf = (CK_HKDF_PARAMS){ CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_NULL, NULL, 0, 0, iv, 16 };
	return walk_mechanism_with(type, &p.hkdf, sizeof(p.hkdf));
}

/* Of the MACs, the one that takes its length. */
static bool is_general(CK_MECHANISM_TYPE type)
{
	static const CK_MECHANISM_TYPE types[] = {
		CKM_SHA_1_HMAC_GENERAL,      CKM_SHA224_HMAC_GENERAL,   CKM_SHA256_HMAC_GENERAL,
		CKM_SHA384_HMAC_GENERAL,     CKM_SHA512_HMAC_GENERAL,   CKM_SHA512_224_HMAC_GENERAL,
		CKM_SHA512_256_HMAC_GENERAL, CKM_SHA3_224_HMAC_GENERAL, CKM_SHA3_256_HMAC_GENERAL,
		CKM_SHA3_384_HMAC_GENERAL,   CKM_SHA3_512_HMAC_GENERAL, CKM_AES_CMAC_GENERAL,
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

CK_MECHANISM walk_mechanism(const struct mechanism *m)
{
	if (m->ops == &mech_rsa_pss) {
		pss_of(m->hash);
		return walk_mechanism_with(m->type, &p.pss, sizeof(p.pss));
	}
	switch (m->type) {
	case CKM_RSA_PKCS_OAEP:
		return walk_mechanism_with(m->type, &oaep_inner, sizeof(oaep_inner));
	case CKM_RSA_AES_KEY_WRAP:
		p.rsa_aes = (CK_RSA_AES_KEY_WRAP_PARAMS){ 256, &oaep_inner };
		return walk_mechanism_with(m->type, &p.rsa_aes, sizeof(p.rsa_aes));
	case CKM_AES_CBC:
	case CKM_AES_CBC_PAD:
		return walk_mechanism_with(m->type, iv, 16);
	case CKM_AES_CTR:
		p.ctr = (CK_AES_CTR_PARAMS){ .ulCounterBits = 32 };
		return walk_mechanism_with(m->type, &p.ctr, sizeof(p.ctr));
	case CKM_AES_GCM:
		p.gcm = (CK_GCM_PARAMS){ iv, 12, 96, walk_data, 5, 128 };
		return walk_mechanism_with(m->type, &p.gcm, sizeof(p.gcm));
	case CKM_AES_CCM:
		p.ccm = (CK_CCM_PARAMS){ sizeof(walk_data), iv, 12, walk_data, 5, 16 };
		return walk_mechanism_with(m->type, &p.ccm, sizeof(p.ccm));
	case CKM_HASH_ML_DSA:
	case CKM_HASH_SLH_DSA:
		p.hash = (CK_HASH_SIGN_ADDITIONAL_CONTEXT){ CKH_HEDGE_PREFERRED, NULL, 0, CKM_SHA256 };
		return walk_mechanism_with(m->type, &p.hash, sizeof(p.hash));
	case CKM_HKDF_DERIVE:
	case CKM_HKDF_DATA:
	case CKM_PKCS5_PBKD2:
		return hkdf_or_kdf(m->type);
	default:
		break;
	}
	if (is_general(m->type)) {
		p.mac = 5;
		return walk_mechanism_with(m->type, &p.mac, sizeof(p.mac));
	}
	return walk_mechanism_with(m->type, NULL, 0);
}
