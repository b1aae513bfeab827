#pragma once
#include "common/json.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/entry_more.h"
#include "pkcs11/lease.h"
#include "pkcs11/pool.h"
#include "pkcs11/spki_pin.h"

#define ENTRY_ID_MAX 50 /* bytes: libp11 0.4.12 fails on a CKA_ID of more than 100 characters */
#define ENTRY_LABEL_MAX 255

/* One object as the configuration, or the KBS's catalog, describes it. Everything lies in the pool of its list. */
struct entry {
	const char *label;
	const char *uri; /* of the KBS resource; NULL where a file says it all */
	const char *public_part; /* a file's path, or a URI; or NULL */
	const char *certificate; /* the same */
	const uint8_t *id; /* NULL: none is given, see entry_id() */
	const struct entry_more *more; /* NULL: nothing of that is said */
	struct spki_pins *pins; /* a reference; NULL: any key will do */
	struct lease_terms lease; /* what is not said is the token's */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: not said */
	uint8_t label_len, id_len;
	bool extractable;
};

struct entry_list {
	struct entry *items;
	size_t count, cap;
	bool wrong; /* items[count] is what could not be read */
	struct pool pool;
};

/* Where the list was written: what comes from the KBS may name no local file. */
enum entry_origin { ENTRY_CONFIGURED, ENTRY_FROM_KBS };

/* Reads an array of entries: what json-c has made of it, or its text, which is much faster where entries are simple.
 * ERR_CONFIG (configured) or ERR_PARSE (from the KBS) name entry and member. */
enum err entry_list_read(json_object *array, enum entry_origin origin, struct entry_list *out,
			 struct errmsg *em) MUST_USE;
enum err entry_list_scan(struct bytes array, enum entry_origin origin, struct entry_list *out,
			 struct errmsg *em) MUST_USE;
/* The same for an array that something follows: *at is where it begins, then behind it. */
enum err entry_list_scan_at(struct bytes text, size_t *at, enum entry_origin origin, struct entry_list *out,
			    struct errmsg *em) MUST_USE;
void entry_list_clear(struct entry_list *list);

/* A copy that lies in another pool, with a reference to the pins. ERR_NOMEM. */
enum err entry_copy(const struct entry *from, struct pool *pool, struct entry *to, struct errmsg *em) MUST_USE;
/* The same object in every respect. */
bool entry_equal(const struct entry *a, const struct entry *b);

/* Its CKA_ID. One that was given none has 16 bytes made from its URI or label, the same in every process; `room` is
 * then what comes back. */
#define ENTRY_ID_MADE 16
struct bytes entry_id(const struct entry *entry, uint8_t room[ENTRY_ID_MADE]);
/* Whether "certificate" or "public" is a URI, not a path. */
bool entry_is_uri(const char *text);
/* "private-key" and so on. */
const char *entry_class_name(CK_OBJECT_CLASS class);
