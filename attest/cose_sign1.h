#pragma once
#include "common/key.h"

/* COSE_Sign1 (RFC 9052 4.2, tag 18) around a CoRIM, with the protected header that draft-ietf-rats-corim wants: alg,
 * content type, corim-meta with the signer's name, and where it is known the certificate (x5chain, RFC 9360). */

struct cose_sign1 {
	struct bytes payload; /* borrowed */
	char *signer; /* room of `signer_size`; written, or read */
	size_t signer_size;
};

/* ES256, ES384, ES512, EdDSA or PS256, by the kind of key. certificate may be NULL. ERR_KEY. */
enum err cose_sign1_write(const struct cose_sign1 *of, EVP_PKEY *key, X509 *certificate, struct buf *out,
			  struct errmsg *em) MUST_USE;

/* True if `file` begins as one. */
bool cose_sign1_is(struct bytes file);

/* key NULL: the signature is not checked. out->signer and its size are the caller's. ERR_PARSE, ERR_UNSUPPORTED,
 * ERR_INTEGRITY. */
enum err cose_sign1_read(struct bytes file, EVP_PKEY *key, struct cose_sign1 *out, struct errmsg *em) MUST_USE;
