#include "keywrap/layer_hash.h"

#include "common/libctx.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

AUTO_OF_DEFINE(EVP_MAC, EVP_MAC_free)
AUTO_OF_DEFINE(EVP_MD, EVP_MD_free)

enum err layer_hash_hmac(struct layer_hash *h, struct bytes key, struct errmsg *em)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				      OSSL_PARAM_construct_end() };
	AUTO_OF(EVP_MAC) *mac = EVP_MAC_fetch(libctx(), "HMAC", NULL);
	if (!mac || !(h->mac = EVP_MAC_CTX_new(mac)) || EVP_MAC_init(h->mac, key.data, key.len, params) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot start HMAC-SHA256");
	return OK;
}

enum err layer_hash_digest(struct layer_hash *h, const char *algorithm, struct errmsg *em)
{
	AUTO_OF(EVP_MD) *md = EVP_MD_fetch(libctx(), algorithm, NULL);
	if (!md || !(h->md = EVP_MD_CTX_new()) || EVP_DigestInit_ex2(h->md, md, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot start %s", algorithm);
	return OK;
}

bool layer_hash_update(struct layer_hash *h, struct bytes data)
{
	if (h->mac)
		return EVP_MAC_update(h->mac, data.data, data.len) == 1;
	return EVP_DigestUpdate(h->md, data.data, data.len) == 1;
}

bool layer_hash_final(struct layer_hash *h, uint8_t out[LAYER_HASH_MAX], size_t *len)
{
	if (h->mac)
		return EVP_MAC_final(h->mac, out, len, LAYER_HASH_MAX) == 1;
	unsigned n = 0;
	bool good = EVP_DigestFinal_ex(h->md, out, &n) == 1;
	*len = n;
	return good;
}

void layer_hash_clear(struct layer_hash *h)
{
	EVP_MAC_CTX_free(h->mac);
	EVP_MD_CTX_free(h->md);
	*h = (struct layer_hash){ 0 };
}
