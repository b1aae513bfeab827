#pragma once
#include "common/bytes.h"
#include "keywrap/ocikeywrap.h"

/* What an element of an annotation says of its recipients to those who cannot open it. */

struct recipient_list {
	struct okw_recipient *list; /* malloc'd */
	size_t count;
	const char *scheme; /* of those that are added */
};

/* Many more than any scheme's element may have: what a list costs is bounded. */
#define RECIPIENTS_LISTED_MAX 4096

/* Adds a recipient; what is not printable becomes '?', what is too long is cut. */
enum err recipient_list_add(struct recipient_list *list, struct errmsg *em, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Schemes whose elements may be for several recipients. Elements are as they stand after base64, and hostile. */
struct element_kind {
	/* Adds each recipient in the element's order, at least one. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED. */
	enum err (*describe)(struct bytes element, struct recipient_list *to, struct errmsg *em);
	/* The element without its n-th recipient; there are others. */
	enum err (*without)(struct bytes element, size_t n, struct buf *out, struct errmsg *em);
};

extern const struct element_kind element_jwe;
extern const struct element_kind element_pkcs11;
extern const struct element_kind element_pkcs7;
extern const struct element_kind element_pgp;
