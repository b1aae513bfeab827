#pragma once
#include "common/secret.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

AUTO_OF_DEFINE(EVP_PKEY, EVP_PKEY_free)
AUTO_OF_DEFINE(X509, X509_free)

/* Keys in every form that users have, recognised by content, in libctx(). */

/* PKCS#8, PKCS#1, SEC1 in DER or PEM, encrypted PEM of both kinds, private JWK. `passphrase` may be NULL:
 * an encrypted key then gives ERR_KEY "... is encrypted: a passphrase is needed"; a wrong one ERR_AUTH.
 * Never prompts. ERR_PARSE: not a private key in a known form. out: the caller's. */
enum err key_private_parse(struct bytes text, const struct secret *passphrase, EVP_PKEY **out,
			   struct errmsg *em) MUST_USE;

/* SPKI (PEM, DER), PKCS#1 public, X.509 certificate (PEM, DER), public JWK. */
enum err key_public_parse(struct bytes text, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* The first certificate of a PEM file, or one DER. */
enum err key_certificate_parse(struct bytes text, X509 **out, struct errmsg *em) MUST_USE;

/* The SHA-256 of the SubjectPublicKeyInfo DER: one name for a key pair. */
enum err key_spki_sha256(EVP_PKEY *key, uint8_t out[32], struct errmsg *em) MUST_USE;
