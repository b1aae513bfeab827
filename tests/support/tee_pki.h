#pragma once
#include "common/bytes.h"
#include "common/key.h"

/* A vendor of TEEs for tests: makes certificates, CRLs and raw signatures, good and bad. Aborts where it cannot. */

EVP_PKEY *pki_ec(const char *curve); /* "P-256", "P-384" */
EVP_PKEY *pki_rsa(void); /* 2048 bits: the vendors' are longer, which changes nothing that is checked */

struct pki_extension {
	const char *oid;
	struct buf der;
	bool critical;
};

struct pki_cert {
	const char *cn;
	const char *issuer;
	EVP_PKEY *key;
	EVP_PKEY *signer; /* RSA keys sign with PSS and SHA-384 */
	bool ca;
	long serial;
	int64_t from;
	int64_t until;
	const struct pki_extension *extensions;
	size_t extension_count;
};
void pki_cert_make(const struct pki_cert *c, struct buf *der);

struct pki_crl {
	const char *issuer;
	EVP_PKEY *signer;
	int64_t from;
	int64_t until;
	long revoked; /* a serial number; 0 = none */
	bool critical; /* with a critical extension: a list for something else */
};
void pki_crl_make(const struct pki_crl *c, struct buf *der);

void pki_pem(const char *label, struct bytes der, struct buf *to); /* appends */
void pki_sha256(struct bytes of, uint8_t to[32]);

/* r || s, big-endian, 64 or 96 bytes. */
void pki_sign(EVP_PKEY *key, struct bytes data, uint8_t *raw);

/* Appends one DER item. */
void pki_der(struct buf *to, uint8_t tag, struct bytes body);
void pki_append(struct buf *to, struct bytes more);
void pki_number(struct buf *to, uint64_t value, size_t len); /* little-endian */
