#pragma once
#include "common/json.h"
#include "image/digest.h"

/* What a signature of either kind says: containers-signature(5), "JSON data format". Parsed only after it holds. */
struct signature_payload {
	json_object *root;
	const char *digest; /* borrowed from root */
	const char *reference;
};
void signature_payload_clear(struct signature_payload *p);
#define AUTO_PAYLOAD __attribute__((cleanup(signature_payload_clear))) struct signature_payload

#define PAYLOAD_SIMPLE "atomic container signature"
#define PAYLOAD_COSIGN "cosign container image signature"

/* type: one of the two. ERR_PARSE. */
enum err signature_payload_parse(struct bytes text, const char *type, struct signature_payload *out,
				 struct errmsg *em) MUST_USE;

/* What a sigstore bundle says of an image: an in-toto statement with cosign's predicate. Parsed only after it holds. */
struct signature_statement {
	json_object *root;
	char digest[IMAGE_DIGEST_SIZE];
	const char *name; /* of a repository, borrowed; NULL: as cosign writes it, it names none */
};
void signature_statement_clear(struct signature_statement *s);
#define AUTO_STATEMENT __attribute__((cleanup(signature_statement_clear))) struct signature_statement

/* ERR_PARSE; ERR_UNSUPPORTED: it says something else than that the image is signed. */
enum err signature_statement_parse(struct bytes text, struct signature_statement *out, struct errmsg *em) MUST_USE;
