#pragma once
#include "common/json.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/pool.h"

/* What an entry may say of how its key is to be used; few do. */
struct entry_more {
	unsigned usages; /* enum usage; 0: all that the key can do */
	const CK_MECHANISM_TYPE *mechanisms; /* CKA_ALLOWED_MECHANISMS */
	size_t mechanism_count; /* 0: all that the key can do */
	char start_date[8], end_date[8]; /* YYYYMMDD; all zero: not said. Information for applications, no more. */
	bool always_authenticate;
	CK_ULONG profile; /* of CKO_PROFILE; no entry of a configuration has it */
};

/* The members, for json_only_members(). */
#define ENTRY_MORE_MEMBERS "usage", "mechanisms", "start-date", "end-date", "always-authenticate"
/* out: NULL where none of them is there. ERR_PARSE names the member; ERR_NOMEM. */
enum err entry_more_read(json_object *obj, struct pool *pool, const struct entry_more **out,
			 struct errmsg *em) MUST_USE;
/* What goes with the class of its entry. ERR_PARSE. */
enum err entry_more_check(const struct entry_more *more, CK_OBJECT_CLASS class, struct errmsg *em) MUST_USE;
bool entry_more_equal(const struct entry_more *a, const struct entry_more *b);
/* A copy in another pool; NULL of NULL. ERR_NOMEM. */
enum err entry_more_copy(const struct entry_more *from, struct pool *pool, const struct entry_more **to,
			 struct errmsg *em) MUST_USE;

/* Whether a key of this class may be used so, as far as that is said; a public key does what its private key's words
 * say of the other half. usage: bits of enum usage. */
bool entry_more_may(const struct entry_more *more, CK_OBJECT_CLASS class, unsigned usage);
