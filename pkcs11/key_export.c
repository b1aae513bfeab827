#include "pkcs11/key_export.h"

#include <openssl/bio.h>
#include <openssl/encoder.h>

enum err key_export_pkcs8(EVP_PKEY *key, struct secret **out, struct errmsg *em)
{
	char *data = NULL;
	/* A memory that is wiped when it grows and when it is freed. */
	BIO *bio = BIO_new(BIO_s_secmem());
	OSSL_ENCODER_CTX *ctx =
		OSSL_ENCODER_CTX_new_for_pkey(key, OSSL_KEYMGMT_SELECT_ALL, "DER", "PrivateKeyInfo", NULL);
	enum err e = ERR_CRYPTO;
	if (bio && ctx && OSSL_ENCODER_to_bio(ctx, bio)) {
		long len = BIO_get_mem_data(bio, &data);
		if (len > 0)
			e = secret_copy((struct bytes){ (const uint8_t *)data, (size_t)len }, out, em);
	}
	OSSL_ENCODER_CTX_free(ctx);
	BIO_free(bio);
	return e == ERR_CRYPTO ? err_set(em, e, "encoding a private key") : e;
}
