#pragma once
#include "common/key.h"
#include "pkcs11/cryptoki.h"

#include <stdatomic.h>

/* What a resource turned out to hold, parsed once. Shared and const after material_parse(); counted. */
struct material {
	atomic_uint refs;
	uint64_t serial; /* never the same for two of them */
	EVP_PKEY *key; /* a private or a public key, or a certificate's; NULL if there is none */
	bool private_key;
	X509 *certificate;
	struct secret *raw; /* the resource itself, unless a private key came out of it */
	CK_KEY_TYPE key_type; /* of `key`; CK_UNAVAILABLE_INFORMATION if there is none */
	CK_ULONG bits; /* of ML-KEM, ML-DSA and SLH-DSA: bytes of a public key, which C_GetMechanismInfo counts */
	CK_ULONG parameter_set; /* theirs: CKP_... */
	/* Public parts, as attributes want them. */
	struct buf modulus, exponent, ec_params, ec_point, value, spki;
	struct buf cert, subject, issuer, cert_serial;
	/* The certificates that follow the first one in its text, in that order. */
	struct material **chain;
	size_t chain_len;
};

/* Recognises PEM and DER keys and certificates and JWK by content; everything else is raw data. Takes `raw` and frees
 * it where a private key came out of it. ERR_PARSE: it says it is a private key and is not one we can read. */
enum err material_parse(struct secret *raw, struct material **out, struct errmsg *em) MUST_USE;
/* Fills in the chain: what comes behind the first certificate in PEM, up to the first thing that is no certificate. A
 * bad one among them ends it, and hides nothing else. ERR_NOMEM. */
enum err material_chain_parse(struct material *m, struct bytes text, struct errmsg *em) MUST_USE;

/* A secret that was computed here (a derived key). Takes `raw`. */
enum err material_from_secret(struct secret *raw, struct material **out, struct errmsg *em) MUST_USE;

/* Of a key that was made or put together here; takes a reference to it. */
enum err material_from_key(EVP_PKEY *key, bool private_key, struct material **out, struct errmsg *em) MUST_USE;

struct material *material_ref(struct material *m);
void material_free(struct material *m); /* drops one reference */
AUTO_DEFINE(material)
