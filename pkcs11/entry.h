#pragma once
#include "common/json.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/lease.h"
#include "pkcs11/spki_pin.h"

#define ENTRY_ID_MAX 50 /* bytes: libp11 0.4.12 fails on a CKA_ID of more than 100 characters */
#define ENTRY_LABEL_MAX 255

/* One object as the configuration, or the KBS's catalog, describes it. */
struct entry {
	char *label;
	CK_OBJECT_CLASS class;
	char *uri; /* of the KBS resource; NULL where a file says it all */
	char *public_file;
	char *certificate; /* a URI, or a file's path */
	uint8_t id[ENTRY_ID_MAX];
	size_t id_len;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: not said */
	bool extractable;
	struct lease_terms lease; /* what is not said is the token's */
	struct spki_pins *pins; /* a reference; NULL: any key will do */
};

struct entry_list {
	struct entry *items;
	size_t count;
};

/* Where the list was written: what comes from the KBS may name no local file. */
enum entry_origin { ENTRY_CONFIGURED, ENTRY_FROM_KBS };

/* Reads an array of entries. ERR_CONFIG (configured) or ERR_PARSE (from the KBS) name entry and member. */
enum err entry_list_read(json_object *array, enum entry_origin origin, struct entry_list *out,
			 struct errmsg *em) MUST_USE;
void entry_list_clear(struct entry_list *list);

/* The CKA_ID of an object that was given none: 16 bytes made from its name, the same in every process. */
void entry_default_id(const char *name, struct entry *to);
/* "private-key" and so on. */
const char *entry_class_name(CK_OBJECT_CLASS class);
