#include "common/concat_kdf.h"

#include "common/libctx.h"

#include <openssl/evp.h>

AUTO_OF_DEFINE(EVP_MD, EVP_MD_free)
AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)

#define SHA256_SIZE 32

static bool update_number(EVP_MD_CTX *ctx, size_t number)
{
	const uint8_t word[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
				  (uint8_t)number };
	return EVP_DigestUpdate(ctx, word, sizeof word) == 1;
}

/* RFC 7518 4.6.2: Datalen || Data */
static bool update_field(EVP_MD_CTX *ctx, struct bytes field)
{
	return update_number(ctx, field.len) && EVP_DigestUpdate(ctx, field.data, field.len) == 1;
}

enum err concat_kdf_derive(const struct concat_kdf *kdf, const struct secret *z, struct secret **out, struct errmsg *em)
{
	if (kdf->len == 0 || kdf->len > SHA256_SIZE || kdf->apu.len > UINT16_MAX || kdf->apv.len > UINT16_MAX)
		return err_set(em, ERR_INTERNAL, "Concat KDF: a length out of range");
	AUTO_OF(EVP_MD) *sha256 = EVP_MD_fetch(libctx(), "SHA256", NULL);
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	AUTO(secret) *key = NULL;
	enum err e = secret_new(SHA256_SIZE, &key, em);
	if (e != OK)
		return e;
	struct bytes shared = secret_bytes(z);
	if (!sha256 || !ctx || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1 || !update_number(ctx, 1) ||
	    EVP_DigestUpdate(ctx, shared.data, shared.len) != 1 || !update_field(ctx, bytes_str(kdf->algorithm)) ||
	    !update_field(ctx, kdf->apu) || !update_field(ctx, kdf->apv) || !update_number(ctx, kdf->len * 8) ||
	    EVP_DigestFinal_ex(ctx, secret_data(key), NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "Concat KDF");
	secret_truncate(key, kdf->len);
	*out = steal(&key);
	return OK;
}
