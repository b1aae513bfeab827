#pragma once
#include "common/key.h"

/* Keys from their bare numbers: big-endian, borrowed. What is private is copied into the arena and from there into
 * OpenSSL's key alone, which wipes it; OpenSSL's own decoders free copies of the DER unwiped. */

struct ec_curve {
	const char *crv; /* RFC 7518 6.2.1.1: "P-256" */
	const char *group; /* OpenSSL's name: "prime256v1" */
	int nid;
	size_t size; /* of the field, in bytes */
	struct bytes oid; /* DER contents */
};
/* NULL for other curves. Static. */
const struct ec_curve *ec_curve_by_crv(const char *crv);
const struct ec_curve *ec_curve_by_oid(struct bytes oid);
const struct ec_curve *ec_curve_of(EVP_PKEY *key);

#define EC_POINT_MAX (1 + 2 * 66)

/* d empty: a public key. p, q, dp, dq and qi: all or none. */
struct rsa_numbers {
	struct bytes n, e, d, p, q, dp, dq, qi;
};
/* ERR_KEY: fewer than `min_bits`, more than 16384, or numbers that do not belong together. */
enum err rsa_key_build(const struct rsa_numbers *numbers, int min_bits, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* point: SEC1 2.3.3, empty = computed from d. d empty: a public key. */
struct ec_numbers {
	const struct ec_curve *curve;
	struct bytes point;
	struct bytes d;
};
/* ERR_KEY: off the curve, d out of range, or not d's point. */
enum err ec_key_build(const struct ec_numbers *numbers, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* The curves of RFC 7748 and RFC 8032, which have no coordinates, only octets. */
struct okp_curve {
	const char *crv; /* RFC 8037 section 2: "Ed25519" */
	const char *name; /* OpenSSL's: "ED25519" */
	const char *dotted; /* its object identifier, as OpenSSL takes it where a name will not do: see libctx.h */
	size_t size; /* of either half, in bytes */
	struct bytes oid; /* DER contents; RFC 8410 section 3 */
	bool signs;
};
#define OKP_SIZE_MAX 57
/* NULL for others. Static. */
const struct okp_curve *okp_curve_by_crv(const char *crv);
const struct okp_curve *okp_curve_by_oid(struct bytes oid);
const struct okp_curve *okp_curve_of(EVP_PKEY *key);

struct okp_numbers {
	const struct okp_curve *curve;
	struct bytes x; /* empty = computed from d */
	struct bytes d; /* empty = a public key */
};
enum err okp_key_build(const struct okp_numbers *numbers, EVP_PKEY **out, struct errmsg *em) MUST_USE;
