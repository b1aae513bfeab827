#pragma once
#include "common/key.h"
#include "common/pem.h"

/* Private keys under a passphrase: the plain DER, in the arena. `passphrase` NULL: ERR_KEY "... is encrypted: a
 * passphrase is needed". ERR_AUTH: wrong passphrase. ERR_UNSUPPORTED: an algorithm outside OpenSSL's default provider.
 * out: the caller's. */

/* EncryptedPrivateKeyInfo, RFC 5958 section 3. */
enum err key_pkcs8_decrypt(struct bytes der, const struct secret *passphrase, struct secret **out,
			   struct errmsg *em) MUST_USE;

/* The older PEM encryption (Proc-Type, DEK-Info); the key is derived with MD5. */
bool key_pem_encrypted(const struct pem_block *block);
enum err key_pem_decrypt(const struct pem_block *block, const struct secret *passphrase, struct secret **out,
			 struct errmsg *em) MUST_USE;
