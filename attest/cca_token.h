#pragma once
#include "common/bytes.h"

/* What a realm says of itself in a CCA attestation token: CBOR tag 399 {44234: platform token, 44241: realm token}, the
 * realm token a COSE_Sign1. "Realm Management Monitor specification", "CCA attestation token format". Nothing is
 * verified here: a guest looks at its own token. */
struct cca_realm {
	struct bytes challenge; /* claim 10, 64 bytes */
	struct bytes personalization; /* claim 44235, 64 bytes: what the host gave it when it was made */
};

/* Borrowed from `token`. ERR_PARSE. */
enum err cca_realm_read(struct bytes token, struct cca_realm *out, struct errmsg *em) MUST_USE;
