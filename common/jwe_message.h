#pragma once
#include "common/jwe.h"

/* A JWE taken apart: whichever of the three serialisations it was (RFC 7516 section 7). Nothing in it is secret. */

#define JWE_RECIPIENTS_MAX 128 /* each costs an operation with the private key */

struct jwe_message {
	json_object *root; /* NULL: compact */
	json_object *protected_header; /* {} where there is none */
	json_object *unprotected; /* borrowed from root, or NULL */
	json_object *recipients; /* borrowed array, or NULL: one recipient */
	json_object *only_header; /* borrowed: the flattened one's "header", or NULL */
	struct bytes only_key; /* borrowed: the one recipient's encrypted key in base64url */
	struct buf iv, ciphertext, tag;
	struct buf aad; /* RFC 7516 5.1 step 14 */
};
enum err jwe_message_parse(struct bytes text, size_t max, struct jwe_message **out, struct errmsg *em) MUST_USE;
void jwe_message_free(struct jwe_message *m);
AUTO_DEFINE(jwe_message)

size_t jwe_message_recipients(const struct jwe_message *m);

/* One recipient's view: its JOSE header is the union of three, whose members are disjoint (7.2.1). */
struct jwe_view {
	json_object *headers[3]; /* borrowed, some NULL */
	struct bytes encrypted_key; /* borrowed base64url */
};
/* ERR_PARSE: members repeated; ERR_UNSUPPORTED: "crit" or "zip". */
enum err jwe_message_view(const struct jwe_message *m, size_t index, struct jwe_view *out, struct errmsg *em) MUST_USE;
/* NULL: no such member. Borrowed. */
json_object *jwe_view_member(const struct jwe_view *v, const char *name);
/* A string member; ERR_PARSE if it is missing or no string. */
enum err jwe_view_string(const struct jwe_view *v, const char *name, const char **out, struct errmsg *em) MUST_USE;
