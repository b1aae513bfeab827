#pragma once
#include "common/secret.h"

#include <openssl/evp.h>

/* RSAES-PKCS1-v1_5 decryption that tells nothing about the padding (Bleichenbacher's attack, and what was found after
 * it): where the padding is wrong the result is a message made from the private key and the cipher text, the same
 * each time, of a length made in the same way, as draft-irtf-cfrg-rsa-guidance has it. OpenSSL before 3.2 does not.
 *
 * ctx: prepared for decryption without padding. in: as long as the modulus; to has room for as much.
 * ERR_CRYPTO only where `in` is not below the modulus, which everybody can see, or OpenSSL fails. */
enum err rsa_unpad_decrypt(EVP_PKEY_CTX *ctx, EVP_PKEY *key, struct bytes in, uint8_t *to, size_t *len) MUST_USE;
