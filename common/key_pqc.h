#pragma once
#include "common/key.h"

/* Keys of FIPS 203, 204 and 205: ML-KEM, ML-DSA and SLH-DSA. Only where OpenSSL has them (3.5 and up): elsewhere nobody
 * finds a parameter set. */

enum pqc_family { PQC_ML_KEM, PQC_ML_DSA, PQC_SLH_DSA };

struct pqc_set {
	enum pqc_family family;
	unsigned char number; /* within the family, as PKCS #11 3.2 counts (CKP_...) */
	unsigned char arc[2]; /* the end of its object identifier, below 2.16.840.1.101.3.4 */
	const char *name; /* OpenSSL's: "ML-DSA-44" */
	size_t public_len, private_len; /* bytes, as FIPS encodes them */
	size_t seed_len; /* 0: there is none */
};
/* Whether OpenSSL has the family; looked up once. */
bool pqc_there(enum pqc_family family);
/* NULL for others. Static. */
const struct pqc_set *pqc_set_by_number(enum pqc_family family, unsigned long number);
const struct pqc_set *pqc_set_by_oid(struct bytes oid);
const struct pqc_set *pqc_set_of(EVP_PKEY *key);

/* Octets as FIPS encodes them, borrowed; what there is not, empty. seed or private: a key pair. */
struct pqc_octets {
	const struct pqc_set *set;
	struct bytes public, private, seed;
};
/* ERR_KEY: wrong lengths, or halves that do not belong together. */
enum err pqc_key_build(const struct pqc_octets *octets, EVP_PKEY **out, struct errmsg *em) MUST_USE;
/* What PKCS #8 holds: RFC 9881 and RFC 9935 section 6 (a seed, the expanded key, or both), RFC 9909 section 6. */
enum err pqc_private_parse(const struct pqc_set *set, struct bytes inner, EVP_PKEY **out, struct errmsg *em) MUST_USE;
