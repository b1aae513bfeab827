#pragma once
#include "pkcs11/mechanism.h"

/* OpenSSL's AES in the mode of a mechanism, fetched once; NULL for other lengths of keys. Borrowed, never freed. */
EVP_CIPHER *mech_aes_cipher(CK_MECHANISM_TYPE type, size_t key_len);
