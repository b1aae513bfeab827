#pragma once
#include "attest/appraisal_record.h"
#include "common/key.h"

#include <openssl/x509.h>

/* Certificates, certificate revocation lists, chains to a pinned root, and raw ECDSA signatures. Private to attest/. */

struct cert_set {
	STACK_OF(X509) * certs;
	STACK_OF(X509_CRL) * crls;
};
void cert_set_clear(struct cert_set *s);
#define AUTO_CERTS __attribute__((cleanup(cert_set_clear))) struct cert_set

enum { CERT_MAX = 16 }; /* certificates, and CRLs, in a set */

/* Appends what `from` holds: PEM blocks (certificates and CRLs) with nothing beside them, or one of them in DER.
 * ERR_PARSE, ERR_LIMIT. */
enum err cert_set_add(struct cert_set *s, struct bytes from, struct errmsg *em) MUST_USE;

/* The leaf and those above it up to the root, which is trusted because its hash was compared before. */
struct cert_chain {
	X509 *leaf;
	X509 *middle; /* NULL: the root signed the leaf */
	X509 *root;
};

/* The root's hash as a check, "... root". Nothing under it may be believed where it is false. */
struct cert_pin {
	const char *name; /* of the check */
	const uint8_t *sha256; /* 32 bytes */
	X509 *root;
};
bool cert_pin_check(struct appraisal *to, const struct cert_pin *pin);

/* What a chain is checked against besides its root. */
struct cert_context {
	struct appraisal *to;
	int64_t now;
	const char *name; /* of the check of signatures: "PCK certificate chain" */
	const char *dates; /* of the check of dates */
};
/* Signatures, names, CA flags and critical extensions, then each certificate's dates: two checks. False where a
 * signature does not hold: nothing in the certificates may be used then. */
bool cert_chain_check(const struct cert_context *cx, const struct cert_chain *chain);

/* The CRL that the issuer of `cert` signed: there, signed by `issuer`, in its dates, and `cert` not on it. */
struct cert_revocation {
	const struct cert_set *lists;
	X509 *cert;
	X509 *issuer;
	bool optional; /* no list of this issuer: not checked */
};
void cert_revocation_check(const struct cert_context *cx, const struct cert_revocation *r);

/* r || s, each of half the length, big-endian; the digest is that of the key's curve: SHA-256 or SHA-384. */
struct cert_signature {
	struct bytes data;
	struct bytes raw;
};
bool cert_signed_by(EVP_PKEY *key, struct cert_signature signature);

/* The subject's common name; "?" where there is none. */
#define CERT_NAME_MAX 128
void cert_common_name(X509 *cert, char to[CERT_NAME_MAX]);

/* The contents of the extension with this object identifier; empty where there is none. Borrowed from `cert`. */
struct bytes cert_extension(X509 *cert, const char *oid);
