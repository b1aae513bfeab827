#pragma once
#include "common/key.h"
#include "image/policy.h"

/* Certificates instead of keys, containers-policy.json(5) "fulcio" and "pki": whose key it is that signed. */

/* All certificates of a PEM text, or one in DER; at most 32. ERR_PARSE: none, or one that cannot be read. */
enum err certificates_parse(struct bytes text, STACK_OF(X509) * *out, struct errmsg *em) MUST_USE;
void certificates_free(STACK_OF(X509) * list);

struct certificate_question {
	X509 *leaf; /* what came with the signature */
	STACK_OF(X509) * chain; /* too; or NULL */
	STACK_OF(X509) * roots; /* the policy's */
	STACK_OF(X509) * intermediates; /* or NULL */
	int64_t at; /* when it must have been valid, seconds since 1970 */
};
/* ERR_DENIED unless a chain leads from a root to the leaf, valid at that time and for signing code, and the leaf is for
 * whom the rule says. */
enum err certificate_check(const struct certificate_rule *rule, const struct certificate_question *q,
			   struct errmsg *em) MUST_USE;
