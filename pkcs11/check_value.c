#include "pkcs11/check_value.h"

#include "common/secret.h"
#include "pkcs11/mech_aes.h"

bool check_value_aes(struct bytes key, uint8_t to[32])
{
	static const uint8_t zeros[16];
	EVP_CIPHER *cipher = mech_aes_cipher(CKM_AES_ECB, key.len);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0;
	bool good = cipher && ctx && EVP_EncryptInit_ex2(ctx, cipher, key.data, NULL, NULL) == 1 &&
		    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		    EVP_EncryptUpdate(ctx, to, &len, zeros, sizeof(zeros)) == 1 && len == sizeof(zeros);
	EVP_CIPHER_CTX_free(ctx);
	secret_wipe(to + 3, 13); /* more of it than is asked for tells more of the key */
	return good;
}

bool check_value_sha1(struct bytes value, uint8_t to[32])
{
	const EVP_MD *md = mechanism_md("SHA1");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool good = md && ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
		    EVP_DigestUpdate(ctx, value.data, value.len) == 1 && EVP_DigestFinal_ex(ctx, to, &len) == 1;
	EVP_MD_CTX_free(ctx);
	secret_wipe(to + 3, 29);
	return good;
}
