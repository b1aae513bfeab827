/* Ed25519: PKCS #11 3.0, 2.3.14, RFC 8032. All at once; the pre-hashed and the context variants are not there. */
#include "common/libctx.h"
#include "pkcs11/mechanism.h"

#define SIGNATURE 64

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	(void)from;
	use->out_max = SIGNATURE;
	return CKR_OK;
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	size_t n = SIGNATURE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *data = in.data ? in.data : (const uint8_t *)"";
	bool good = ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key, NULL) == 1 &&
		    EVP_DigestSign(ctx, to, &n, data, in.len) == 1;
	EVP_MD_CTX_free(ctx);
	*len = n;
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	(void)m;
	if (signature.len != SIGNATURE)
		return CKR_SIGNATURE_LEN_RANGE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *data = in.data ? in.data : (const uint8_t *)"";
	CK_RV rv = CKR_FUNCTION_FAILED;
	if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key, NULL) == 1)
		rv = EVP_DigestVerify(ctx, signature.data, signature.len, data, in.len) == 1 ? CKR_OK
											     : CKR_SIGNATURE_INVALID;
	EVP_MD_CTX_free(ctx);
	return rv;
}

const struct mechanism_ops mech_eddsa = { mechanism_check_none, prepare, run, verify, NULL, NULL };
