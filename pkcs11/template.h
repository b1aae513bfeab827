#pragma once
#include "common/bytes.h"
#include "pkcs11/cryptoki.h"

/* A template of the application, checked against one table of rules: PKCS #11 2.40, 4.1 to 4.10, with footnotes. */

/* For what it is. */
enum template_use {
	TEMPLATE_CREATE = 1,
	TEMPLATE_GENERATE = 2,
	TEMPLATE_DERIVE = 4,
	TEMPLATE_UNWRAP = 8,
	TEMPLATE_COPY = 16,
	TEMPLATE_SET = 32,
};

/* What a key may be used for; bits of template.usages. */
enum usage {
	USAGE_ENCRYPT = 1,
	USAGE_DECRYPT = 2,
	USAGE_SIGN = 4,
	USAGE_VERIFY = 8,
	USAGE_WRAP = 16,
	USAGE_UNWRAP = 32,
	USAGE_DERIVE = 64,
	USAGE_SIGN_RECOVER = 128,
	USAGE_VERIFY_RECOVER = 256,
	USAGE_ENCAPSULATE = 512,
	USAGE_DECAPSULATE = 1024,
};
/* The bit of CKA_SIGN and its like; 0 for others. */
unsigned usage_of(CK_ATTRIBUTE_TYPE type);

/* Everything borrowed from the caller's attributes; what was not given has its default. */
struct template
{
	uint64_t given; /* bits: rows of the table */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: not given */
	CK_ULONG certificate_type, value_len, modulus_bits, parameter_set;
	bool token, private, modifiable, copyable, destroyable;
	bool sensitive, extractable, trusted, wrap_with_trusted, always_authenticate;
	unsigned usages_given, usages;
	struct bytes label, id, subject, start_date, end_date, allowed, application, object_id;
	struct bytes value, modulus, public_exponent, private_exponent;
	struct bytes prime_1, prime_2, exponent_1, exponent_2, coefficient;
	struct bytes wrap_template, unwrap_template, derive_template; /* arrays of CK_ATTRIBUTE */
	struct bytes ec_params, ec_point, seed, issuer, serial;
};

/* class: what it must be; CK_UNAVAILABLE_INFORMATION = whatever the template says, which then must say it.
 * CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCOMPLETE,
 * CKR_TEMPLATE_INCONSISTENT. A token object is not refused here: see template_check_token(). */
CK_RV template_read(const CK_ATTRIBUTE *attributes, CK_ULONG count, enum template_use use, CK_OBJECT_CLASS class,
		    struct template *out);
/* CKR_SESSION_READ_ONLY or CKR_TOKEN_WRITE_PROTECTED where a token object is asked for. */
CK_RV template_check_token(const CK_ATTRIBUTE *attributes, CK_ULONG count, bool rw_session);
bool template_has(const struct template *t, CK_ATTRIBUTE_TYPE type);
