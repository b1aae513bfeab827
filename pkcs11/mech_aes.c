#include "pkcs11/mech_aes.h"

#include "common/libctx.h"

#include <stdio.h>

struct mode {
	CK_MECHANISM_TYPE type;
	const char *name;
	_Atomic(EVP_CIPHER *) fetched[3]; /* by length of key */
};

static struct mode modes[] = {
	{ CKM_AES_ECB, "ECB", { NULL } },
	{ CKM_AES_CBC, "CBC", { NULL } },
	{ CKM_AES_CBC_PAD, "CBC", { NULL } },
	{ CKM_AES_CTR, "CTR", { NULL } },
	{ CKM_AES_GCM, "GCM", { NULL } },
	{ CKM_AES_CCM, "CCM", { NULL } },
	{ CKM_AES_KEY_WRAP, "WRAP", { NULL } },
	{ CKM_AES_KEY_WRAP_KWP, "WRAP-PAD", { NULL } },
	{ CKM_AES_KEY_WRAP_PKCS7, "WRAP", { NULL } },
};

static EVP_CIPHER *fetch(struct mode *mode, size_t key_len)
{
	char name[32];
	EVP_CIPHER *cipher = atomic_load(&mode->fetched[key_len / 8 - 2]);
	if (cipher)
		return cipher;
	snprintf(name, sizeof(name), "AES-%zu-%s", key_len * 8, mode->name);
	EVP_CIPHER *fetched = EVP_CIPHER_fetch(libctx(), name, NULL);
	if (!atomic_compare_exchange_strong(&mode->fetched[key_len / 8 - 2], &cipher, fetched)) {
		EVP_CIPHER_free(fetched);
		return cipher;
	}
	return fetched;
}

EVP_CIPHER *mech_aes_cipher(CK_MECHANISM_TYPE type, size_t key_len)
{
	if (key_len != 16 && key_len != 24 && key_len != 32)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (modes[i].type == type)
			return fetch(&modes[i], key_len);
	return NULL;
}
