/* Each mechanism against OpenSSL's own EVP with the same key. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

static CK_BYTE data[100] = "what is signed, sealed and digested in all of these tests";

struct hash {
	CK_MECHANISM_TYPE digest;
	CK_RSA_PKCS_MGF_TYPE mgf;
	const char *name;
	CK_MECHANISM_TYPE pkcs, pss, ecdsa;
};
static const struct hash hashes[] = {
	{ CKM_SHA_1, CKG_MGF1_SHA1, "SHA1", CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1 },
	{ CKM_SHA224, CKG_MGF1_SHA224, "SHA224", CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224 },
	{ CKM_SHA256, CKG_MGF1_SHA256, "SHA256", CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256 },
	{ CKM_SHA384, CKG_MGF1_SHA384, "SHA384", CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384 },
	{ CKM_SHA512, CKG_MGF1_SHA512, "SHA512", CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512 },
	{ CKM_SHA3_224, CKG_MGF1_SHA3_224, "SHA3-224", CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS,
	  CKM_ECDSA_SHA3_224 },
	{ CKM_SHA3_256, CKG_MGF1_SHA3_256, "SHA3-256", CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS,
	  CKM_ECDSA_SHA3_256 },
	{ CKM_SHA3_384, CKG_MGF1_SHA3_384, "SHA3-384", CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS,
	  CKM_ECDSA_SHA3_384 },
	{ CKM_SHA3_512, CKG_MGF1_SHA3_512, "SHA3-512", CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS,
	  CKM_ECDSA_SHA3_512 },
};

static size_t digest(const char *name, uint8_t to[64])
{
	size_t len = 0;
	assert_int_equal(EVP_Q_digest(libctx(), name, NULL, data, sizeof(data), to, &len), 1);
	return len;
}

static void digests_are_openssls(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		CK_MECHANISM m = { hashes[i].digest, NULL, 0 };
		CK_BYTE out[64], parts[64];
		CK_ULONG len = sizeof(out), parts_len = sizeof(parts);
		uint8_t wanted[64];
		size_t wanted_len = digest(hashes[i].name, wanted);
		check_rv(CKR_OK, C_DigestInit(s, &m));
		check_rv(CKR_OK, C_Digest(s, data, sizeof(data), out, &len));
		check_bytes((struct bytes){ wanted, wanted_len }, (struct bytes){ out, len });
		check_rv(CKR_OK, C_DigestInit(s, &m));
		check_rv(CKR_OK, C_DigestUpdate(s, data, 1));
		check_rv(CKR_OK, C_DigestUpdate(s, NULL, 0));
		check_rv(CKR_OK, C_DigestUpdate(s, data + 1, sizeof(data) - 1));
		check_rv(CKR_OK, C_DigestFinal(s, parts, &parts_len));
		check_bytes((struct bytes){ wanted, wanted_len }, (struct bytes){ parts, parts_len });
	}
}

/* What EVP says of a signature. */
struct evp_check {
	EVP_PKEY *key;
	const char *hash; /* of the data; NULL: `in` is what was signed */
	int padding; /* 0 for EC */
	const char *mgf1;
	int salt;
};

static bool evp_verifies(const struct evp_check *c, struct bytes in, struct bytes signature)
{
	uint8_t hashed[64];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), c->key, NULL);
	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	if (c->padding)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, c->padding), 1);
	EVP_MD *md = c->hash ? EVP_MD_fetch(libctx(), c->hash, NULL) : NULL;
	EVP_MD *mgf1 = c->mgf1 ? EVP_MD_fetch(libctx(), c->mgf1, NULL) : NULL;
	if (md) {
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
		in = (struct bytes){ hashed, digest(c->hash, hashed) };
	}
	if (mgf1) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, c->salt), 1);
	}
	bool good = EVP_PKEY_verify(ctx, signature.data, signature.len, in.data, in.len) == 1;
	EVP_MD_free(md);
	EVP_MD_free(mgf1);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* Signs at once and, where the mechanism hashes, by parts; the module verifies both; the first is handed out. */
static CK_ULONG sign(CK_SESSION_HANDLE s, CK_MECHANISM *m, const char *label, struct bytes in, CK_BYTE out[512])
{
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, label);
	CK_ULONG len = 512;
	CK_BYTE *text = (CK_BYTE *)(uintptr_t)in.data;
	check_rv(CKR_OK, C_SignInit(s, m, key));
	check_rv(CKR_OK, C_Sign(s, text, in.len, out, &len));
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, label);
	check_rv(CKR_OK, C_VerifyInit(s, m, public));
	check_rv(CKR_OK, C_Verify(s, text, in.len, out, len));
	out[len / 2] ^= 1;
	check_rv(CKR_OK, C_VerifyInit(s, m, public));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(s, text, in.len, out, len));
	out[len / 2] ^= 1;
	return len;
}

static void sign_by_parts(CK_SESSION_HANDLE s, CK_MECHANISM *m, const char *label)
{
	CK_BYTE out[512];
	CK_ULONG len = sizeof(out);
	check_rv(CKR_OK, C_SignInit(s, m, fixture_find(s, CKO_PRIVATE_KEY, label)));
	check_rv(CKR_OK, C_SignUpdate(s, data, 60));
	check_rv(CKR_OK, C_SignUpdate(s, data + 60, sizeof(data) - 60));
	check_rv(CKR_OK, C_SignFinal(s, out, &len));
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, label);
	check_rv(CKR_OK, C_VerifyInit(s, m, public));
	check_rv(CKR_OK, C_Verify(s, data, sizeof(data), out, len));
	check_rv(CKR_OK, C_VerifyInit(s, m, public));
	check_rv(CKR_OK, C_VerifyUpdate(s, data, sizeof(data)));
	check_rv(CKR_OK, C_VerifyFinal(s, out, len));
	check_rv(CKR_OK, C_VerifyInit(s, m, public));
	check_rv(CKR_OK, C_VerifyUpdate(s, data, 99));
	check_rv(CKR_SIGNATURE_INVALID, C_VerifyFinal(s, out, len));
}

static void rsa_pkcs1_signatures_are_openssls(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE out[512];
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		CK_MECHANISM m = { hashes[i].pkcs, NULL, 0 };
		CK_ULONG len = sign(s, &m, "rsa", BYTES(data), out);
		struct evp_check c = { fixture.rsa, hashes[i].name, RSA_PKCS1_PADDING, NULL, 0 };
		assert_true(evp_verifies(&c, BYTES(data), (struct bytes){ out, len }));
		sign_by_parts(s, &m, "rsa");
	}
	CK_MECHANISM raw = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG len = sign(s, &raw, "rsa", (struct bytes){ data, 51 }, out);
	struct evp_check c = { fixture.rsa, NULL, RSA_PKCS1_PADDING, NULL, 0 };
	assert_true(evp_verifies(&c, (struct bytes){ data, 51 }, (struct bytes){ out, len }));
}

static void rsa_pss_signatures_are_openssls(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE out[512];
	uint8_t hashed[64];
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		const struct hash *other = &hashes[(i + 1) % ARRAY_LEN(hashes)];
		CK_RSA_PKCS_PSS_PARAMS p = { hashes[i].digest, i % 2 ? other->mgf : hashes[i].mgf, 10 * i };
		struct evp_check c = { fixture.rsa, hashes[i].name, RSA_PKCS1_PSS_PADDING,
				       i % 2 ? other->name : hashes[i].name, (int)(10 * i) };
		CK_MECHANISM m = { hashes[i].pss, &p, sizeof(p) }, raw = { CKM_RSA_PKCS_PSS, &p, sizeof(p) };
		CK_ULONG len = sign(s, &m, "rsa", BYTES(data), out);
		assert_true(evp_verifies(&c, BYTES(data), (struct bytes){ out, len }));
		sign_by_parts(s, &m, "rsa");
		len = sign(s, &raw, "rsa", (struct bytes){ hashed, digest(hashes[i].name, hashed) }, out);
		assert_true(evp_verifies(&c, BYTES(data), (struct bytes){ out, len }));
	}
}

static void pss_parameters_are_checked(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_RSA_PKCS_PSS_PARAMS p = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS_PSS, &p, sizeof(p) };
	CK_BYTE out[512];
	CK_ULONG len = sizeof(out);
	m.ulParameterLen = sizeof(p) - 1;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	m = (CK_MECHANISM){ CKM_SHA384_RSA_PKCS_PSS, &p, sizeof(p) };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	m.mechanism = CKM_RSA_PKCS_PSS;
	p.sLen = 223;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	p.sLen = (CK_ULONG)-1;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	p = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA256, 99, 32 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	p = (CK_RSA_PKCS_PSS_PARAMS){ CKM_MD5, CKG_MGF1_SHA256, 32 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &m, key));
	p = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA256, CKG_MGF1_SHA256, 222 };
	check_rv(CKR_OK, C_SignInit(s, &m, key));
	check_rv(CKR_DATA_LEN_RANGE, C_Sign(s, data, 31, out, &len));
}

static void rsa_raw_is_a_number_to_the_power_of_the_exponent(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_MECHANISM raw = { CKM_RSA_X_509, NULL, 0 };
	CK_BYTE out[512], back[512], block[256] = { 0 };
	CK_ULONG len = sign(s, &raw, "rsa", (struct bytes){ data, 57 }, out), back_len = sizeof(back);
	check_rv(CKR_OK, C_EncryptInit(s, &raw, fixture_find(s, CKO_PUBLIC_KEY, "rsa")));
	check_rv(CKR_OK, C_Encrypt(s, out, len, back, &back_len));
	memcpy(block + 256 - 57, data, 57);
	check_bytes(BYTES(block), (struct bytes){ back, back_len });
	memset(block, 0xff, sizeof(block));
	len = sizeof(out);
	check_rv(CKR_OK, C_SignInit(s, &raw, fixture_find(s, CKO_PRIVATE_KEY, "rsa")));
	check_rv(CKR_DATA_INVALID, C_Sign(s, block, sizeof(block), out, &len));
}

static size_t evp_encrypt(EVP_PKEY *key, const struct hash *h, const struct hash *mgf, const char *label,
			  CK_BYTE to[512])
{
	size_t len = 512;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	EVP_MD *md = EVP_MD_fetch(libctx(), h->name, NULL), *md1 = EVP_MD_fetch(libctx(), mgf->name, NULL);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md1), 1);
	if (label)
		EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label), (int)strlen(label));
	assert_int_equal(EVP_PKEY_encrypt(ctx, to, &len, data, 40), 1);
	EVP_MD_free(md);
	EVP_MD_free(md1);
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static void oaep_opens_what_openssl_sealed(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa"), public = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	char label[] = "a label";
	for (size_t i = 0; i < 4 * ARRAY_LEN(hashes); i++) {
		const struct hash *h = &hashes[i % 9], *mgf = i % 2 ? &hashes[(i + 2) % 9] : h;
		bool labelled = i % 4 > 1;
		CK_RSA_PKCS_OAEP_PARAMS p = { h->digest, mgf->mgf, CKZ_DATA_SPECIFIED, labelled ? label : NULL,
					      labelled ? strlen(label) : 0 };
		CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &p, sizeof(p) };
		CK_BYTE sealed[512], plain[512];
		CK_ULONG len = sizeof(plain);
		size_t sealed_len = evp_encrypt(fixture.rsa, h, mgf, labelled ? label : NULL, sealed);
		check_rv(CKR_OK, C_DecryptInit(s, &m, key));
		check_rv(CKR_OK, C_Decrypt(s, sealed, sealed_len, plain, &len));
		check_bytes((struct bytes){ data, 40 }, (struct bytes){ plain, len });
		CK_ULONG ours = sizeof(sealed);
		check_rv(CKR_OK, C_EncryptInit(s, &m, public));
		check_rv(CKR_OK, C_Encrypt(s, data, 7, sealed, &ours));
		len = sizeof(plain);
		check_rv(CKR_OK, C_DecryptInit(s, &m, key));
		check_rv(CKR_OK, C_Decrypt(s, sealed, ours, plain, &len));
		check_bytes((struct bytes){ data, 7 }, (struct bytes){ plain, len });
		sealed[100] ^= 1;
		len = sizeof(plain);
		check_rv(CKR_OK, C_DecryptInit(s, &m, key));
		check_rv(CKR_ENCRYPTED_DATA_INVALID, C_Decrypt(s, sealed, ours, plain, &len));
	}
}

static void an_oaep_label_does_not_stick_to_the_session(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	char one[] = "one", two[] = "two";
	CK_RSA_PKCS_OAEP_PARAMS p = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, one, 3 };
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &p, sizeof(p) };
	CK_BYTE sealed[512], plain[512];
	size_t sealed_len = evp_encrypt(fixture.rsa, &hashes[0], &hashes[0], "one", sealed);
	char *labels[] = { one, two, NULL, one, NULL };
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		CK_ULONG len = sizeof(plain);
		p.pSourceData = labels[i];
		p.ulSourceDataLen = labels[i] ? 3 : 0;
		check_rv(CKR_OK, C_DecryptInit(s, &m, key));
		check_rv(labels[i] == one ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID,
			 C_Decrypt(s, sealed, sealed_len, plain, &len));
	}
}

static void oaep_parameters_are_checked(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_RSA_PKCS_OAEP_PARAMS good = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 }, p = good;
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, NULL, 0 };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(s, &m, key));
	m = (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, &p, sizeof(p) };
	p.hashAlg = CKM_MD5;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(s, &m, key));
	p = good;
	p.mgf = 0;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(s, &m, key));
	p = good;
	p.source = 2;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(s, &m, key));
	p = good;
	p.ulSourceDataLen = 5;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(s, &m, key));
	p = good;
	p.source = 0;
	check_rv(CKR_OK, C_DecryptInit(s, &m, key));
}

static bool ecdsa_verifies(EVP_PKEY *key, const char *hash, struct bytes in, struct bytes rs)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)rs.len / 2;
	ECDSA_SIG_set0(sig, BN_bin2bn(rs.data, half, NULL), BN_bin2bn(rs.data + half, half, NULL));
	unsigned char *der = NULL;
	int len = i2d_ECDSA_SIG(sig, &der);
	struct evp_check c = { key, hash, 0, NULL, 0 };
	bool good = evp_verifies(&c, in, (struct bytes){ der, (size_t)len });
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return good;
}

static void ecdsa_signatures_are_openssls_and_of_fixed_length(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	const struct {
		const char *label;
		EVP_PKEY *key;
		CK_ULONG len;
	} curves[] = { { "p256", fixture.p256, 64 }, { "p384", fixture.p384, 96 }, { "p521", fixture.p521, 132 } };
	CK_BYTE out[512];
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		/* The public half has to be known for the module's own verification. */
		CK_ATTRIBUTE point = { CKA_EC_POINT, NULL, 0 };
		check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, curves[i].label), &point, 1));
		for (size_t h = 0; h < ARRAY_LEN(hashes); h++) {
			CK_MECHANISM m = { hashes[h].ecdsa, NULL, 0 };
			assert_int_equal(sign(s, &m, curves[i].label, BYTES(data), out), curves[i].len);
			assert_true(ecdsa_verifies(curves[i].key, hashes[h].name, BYTES(data),
						   (struct bytes){ out, curves[i].len }));
			sign_by_parts(s, &m, curves[i].label);
		}
		/* Often enough that some r or s is short and wants padding. */
		CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
		for (int n = 0; n < 100; n++) {
			assert_int_equal(sign(s, &raw, curves[i].label, (struct bytes){ data, 32 }, out),
					 curves[i].len);
			assert_true(ecdsa_verifies(curves[i].key, NULL, (struct bytes){ data, 32 },
						   (struct bytes){ out, curves[i].len }));
		}
		check_rv(CKR_OK, C_VerifyInit(s, &raw, fixture_find(s, CKO_PUBLIC_KEY, curves[i].label)));
		check_rv(CKR_SIGNATURE_LEN_RANGE, C_Verify(s, data, 32, out, curves[i].len - 1));
	}
}

/* --- ECDH ----------------------------------------------------------------------------------------------------------
 */

struct peer {
	EVP_PKEY *key;
	uint8_t point[160];
	size_t len;
};

static void peer_make(struct peer *peer, const char *group)
{
	peer->key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", group);
	assert_int_equal(EVP_PKEY_get_octet_string_param(peer->key, OSSL_PKEY_PARAM_PUB_KEY, peer->point,
							 sizeof(peer->point), &peer->len),
			 1);
}

static size_t evp_derive(EVP_PKEY *mine, EVP_PKEY *other, uint8_t to[128])
{
	size_t len = 128;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), mine, NULL);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, other), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, to, &len), 1);
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static CK_RV derive(CK_SESSION_HANDLE s, const char *label, CK_ECDH1_DERIVE_PARAMS *p, CK_ULONG want, CK_BYTE *value,
		    CK_ULONG *len)
{
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, p, sizeof(*p) };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_TOKEN, &no, 1 },
				    { CKA_SENSITIVE, &no, 1 },
				    { CKA_EXTRACTABLE, &yes, 1 },
				    { CKA_VALUE_LEN, &want, sizeof(want) } };
	CK_OBJECT_HANDLE made = 0;
	CK_RV rv = C_DeriveKey(s, &m, fixture_find(s, CKO_PRIVATE_KEY, label), template, want ? 6 : 5, &made);
	if (rv != CKR_OK)
		return rv;
	CK_ATTRIBUTE a = { CKA_VALUE, value, *len };
	rv = C_GetAttributeValue(s, made, &a, 1);
	*len = a.ulValueLen;
	check_rv(CKR_OK, C_DestroyObject(s, made));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_DestroyObject(s, made));
	return rv;
}

static void ecdh_gives_openssls_secret(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	const struct {
		const char *label, *group;
		EVP_PKEY *key;
	} curves[] = { { "p256", "P-256", fixture.p256 },
		       { "p384", "P-384", fixture.p384 },
		       { "p521", "P-521", fixture.p521 } };
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		struct peer peer;
		uint8_t wanted[128];
		CK_BYTE value[256], wrapped[170];
		CK_ULONG len = sizeof(value);
		peer_make(&peer, curves[i].group);
		size_t wanted_len = evp_derive(curves[i].key, peer.key, wanted);
		CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, peer.len, peer.point };
		check_rv(CKR_OK, derive(s, curves[i].label, &p, 0, value, &len));
		check_bytes((struct bytes){ wanted, wanted_len }, (struct bytes){ value, len });
		/* Cut at its leading end. */
		len = sizeof(value);
		check_rv(CKR_OK, derive(s, curves[i].label, &p, 16, value, &len));
		check_bytes((struct bytes){ wanted + wanted_len - 16, 16 }, (struct bytes){ value, len });
		len = sizeof(value);
		check_rv(CKR_ATTRIBUTE_VALUE_INVALID, derive(s, curves[i].label, &p, 100, value, &len));
		/* The point in a DER OCTET STRING. */
		size_t head = peer.len > 0x7f ? 3 : 2;
		wrapped[0] = 0x04;
		wrapped[1] = 0x81;
		wrapped[head - 1] = (CK_BYTE)peer.len;
		memcpy(wrapped + head, peer.point, peer.len);
		p.pPublicData = wrapped;
		p.ulPublicDataLen = peer.len + head;
		len = sizeof(value);
		check_rv(CKR_OK, derive(s, curves[i].label, &p, 0, value, &len));
		check_bytes((struct bytes){ wanted, wanted_len }, (struct bytes){ value, len });
		EVP_PKEY_free(peer.key);
	}
}

/* ANSI X9.63: SHA-256(Z || counter || shared). */
static void ecdh_with_a_kdf_is_x963(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	struct peer peer;
	uint8_t message[128], wanted[64];
	CK_BYTE value[64], shared[] = "info";
	CK_ULONG len = sizeof(value);
	peer_make(&peer, "P-256");
	size_t z = evp_derive(fixture.p256, peer.key, message);
	for (uint8_t counter = 1; counter <= 2; counter++) {
		memcpy(message + z, "\0\0\0", 3);
		message[z + 3] = counter;
		memcpy(message + z + 4, shared, 4);
		assert_int_equal(
			EVP_Q_digest(libctx(), "SHA256", NULL, message, z + 8, wanted + 32 * (counter - 1), NULL), 1);
	}
	CK_ECDH1_DERIVE_PARAMS p = { CKD_SHA256_KDF, 4, shared, peer.len, peer.point };
	check_rv(CKR_OK, derive(s, "p256", &p, 48, value, &len));
	check_bytes((struct bytes){ wanted, 48 }, (struct bytes){ value, len });
	EVP_PKEY_free(peer.key);
}

static void ecdh_refuses_bad_points_and_templates(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	struct peer peer, other;
	CK_BYTE value[128];
	CK_ULONG len = sizeof(value);
	peer_make(&peer, "P-256");
	peer_make(&other, "P-384");
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, other.len, other.point };
	check_rv(CKR_MECHANISM_PARAM_INVALID, derive(s, "p256", &p, 0, value, &len));
	p.pPublicData = peer.point;
	p.ulPublicDataLen = peer.len;
	peer.point[peer.len - 1] ^= 1;
	check_rv(CKR_MECHANISM_PARAM_INVALID, derive(s, "p256", &p, 0, value, &len));
	peer.point[peer.len - 1] ^= 1;
	p.ulPublicDataLen = 0;
	check_rv(CKR_MECHANISM_PARAM_INVALID, derive(s, "p256", &p, 0, value, &len));
	p.ulPublicDataLen = peer.len;
	p.kdf = 77;
	check_rv(CKR_MECHANISM_PARAM_INVALID, derive(s, "p256", &p, 0, value, &len));
	p.kdf = CKD_NULL;
	check_rv(CKR_KEY_TYPE_INCONSISTENT, derive(s, "rsa", &p, 0, value, &len));
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof(p) };
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_OBJECT_HANDLE made, key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	CK_ATTRIBUTE token = { CKA_TOKEN, &yes, 1 }, wrong = { CKA_CLASS, &class, sizeof(class) };
	CK_ATTRIBUTE odd = { 0x8badf00d, &yes, 1 }, local = { CKA_LOCAL, &yes, 1 };
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_DeriveKey(s, &m, key, &token, 1, &made));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_DeriveKey(s, &m, key, &wrong, 1, &made));
	check_rv(CKR_ATTRIBUTE_TYPE_INVALID, C_DeriveKey(s, &m, key, &odd, 1, &made));
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_DeriveKey(s, &m, key, &local, 1, &made));
	/* Without a word about it the secret stays in, and goes with its session. */
	check_rv(CKR_OK, C_DeriveKey(s, &m, key, NULL, 0, &made));
	CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof(value) };
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, made, &a, 1));
	CK_SESSION_HANDLE two = fixture_session();
	check_rv(CKR_OK, C_CloseSession(s));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(two, made, &a, 1));
	EVP_PKEY_free(peer.key);
	EVP_PKEY_free(other.key);
}

static void random_numbers_come_and_differ(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE one[64] = { 0 }, two[64] = { 0 };
	check_rv(CKR_OK, C_GenerateRandom(s, one, sizeof(one)));
	check_rv(CKR_OK, C_GenerateRandom(s, two, sizeof(two)));
	assert_memory_not_equal(one, two, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(digests_are_openssls),
		TEST(rsa_pkcs1_signatures_are_openssls),
		TEST(rsa_pss_signatures_are_openssls),
		TEST(pss_parameters_are_checked),
		TEST(rsa_raw_is_a_number_to_the_power_of_the_exponent),
		TEST(oaep_opens_what_openssl_sealed),
		TEST(an_oaep_label_does_not_stick_to_the_session),
		TEST(oaep_parameters_are_checked),
		TEST(ecdsa_signatures_are_openssls_and_of_fixed_length),
		TEST(ecdh_gives_openssls_secret),
		TEST(ecdh_with_a_kdf_is_x963),
		TEST(ecdh_refuses_bad_points_and_templates),
		TEST(random_numbers_come_and_differ),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
