#pragma once
#include "tests/unit/image/policy_fixture.h"

#include "common/key.h"

/* Keys and certificates of OpenSSL's making, and what is signed with them. Texts are as text() gives them. */

/* "RSA", "ED25519", or a curve. */
EVP_PKEY *key_make(const char *kind);
/* The public key's PEM in base64. */
const char *key_data(EVP_PKEY *key);
/* In base64. */
const char *key_sign(EVP_PKEY *key, const char *statement);
const char *key_sign_bytes(EVP_PKEY *key, struct bytes message);
const char *base64_of(const char *plain);
const char *base64_bytes(struct bytes plain);
/* A text as the inside of a JSON string. */
const char *json_escaped(const char *plain);

/* A certificate; members that are NULL or 0 are left out, or as below. */
struct plan {
	EVP_PKEY *key;
	X509 *issuer; /* NULL: itself */
	EVP_PKEY *issuer_key;
	const char *names; /* subjectAltName, "email:a@b,DNS:c" */
	const char *extended; /* extendedKeyUsage: "codeSigning" */
	const char *constraints; /* basicConstraints; "CA:FALSE" */
	const char *usage; /* keyUsage */
	const char *oidc; /* Fulcio's older extension: the text */
	struct bytes oidc_der; /* the newer one */
	int64_t from, to; /* seconds since 1970 */
};
X509 *certificate_make(const struct plan *plan);
const char *certificate_pem(X509 *certificate);
/* In base64. */
const char *certificate_der(X509 *certificate);
