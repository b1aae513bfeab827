#include "image/signature_cosign.h"

#include "common/base64.h"
#include "common/libctx.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)

static bool verify_once(EVP_PKEY *key, struct bytes payload, struct bytes signature)
{
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	const char *hash = EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
	bool good = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, hash, libctx(), NULL, key, NULL) == 1 &&
		    EVP_DigestVerify(ctx, signature.data, signature.len, payload.data, payload.len) == 1;
	ERR_clear_error();
	return good;
}

/* r and s side by side, as DER. malloc'd by OpenSSL; NULL: they are not. */
static unsigned char *der_of_raw(EVP_PKEY *key, struct bytes raw, int *len)
{
	int half = (EVP_PKEY_get_bits(key) + 7) / 8;
	unsigned char *der = NULL;
	if (raw.len != (size_t)half * 2)
		return NULL;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
	BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);
	if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(pair);
		return NULL;
	}
	*len = i2d_ECDSA_SIG(pair, &der);
	ECDSA_SIG_free(pair);
	return *len > 0 ? der : NULL;
}

static bool key_allowed(EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048;
	return EVP_PKEY_is_a(key, "EC");
}

enum err cosign_verify(EVP_PKEY *key, struct bytes payload, struct bytes signature, struct errmsg *em)
{
	if (!key_allowed(key))
		return err_set(em, ERR_DENIED, "the key is none of ECDSA, RSA of 2048 bits or more, and Ed25519");
	if (verify_once(key, payload, signature))
		return OK;
	if (EVP_PKEY_is_a(key, "EC")) {
		int len = 0;
		unsigned char *der = der_of_raw(key, signature, &len);
		bool good = der && verify_once(key, payload, (struct bytes){ der, (size_t)len });
		OPENSSL_free(der);
		if (good)
			return OK;
	}
	return err_set(em, ERR_DENIED, "the signature does not hold");
}
