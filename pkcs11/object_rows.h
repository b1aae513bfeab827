#pragma once
#include "pkcs11/attribute_list.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"

/* The table of attributes: which objects have them, what has to be known for them, and how they are read. */

enum object_need {
	NEED_NOTHING, /* the catalog knows */
	NEED_TYPE, /* the type of the key: the catalog may know */
	NEED_PUBLIC, /* the public half */
	NEED_CONTENT, /* the resource itself */
};

/* A value on its way out. `bytes` points to the object's own memory, or to what is below it. */
struct object_value {
	struct bytes bytes;
	CK_ULONG number;
	CK_BBOOL flag;
	CK_MECHANISM_TYPE mechanisms[MECHANISM_MAX];
	char text[48];
	uint8_t digest[32];
	struct secret *secret; /* the caller frees it */
};

struct object_view {
	const struct object *object;
	const struct material *material; /* NULL where nothing was needed */
	CK_KEY_TYPE key_type;
};

struct object_row;

struct object_row {
	CK_ATTRIBUTE_TYPE type;
	unsigned classes;
	enum object_need need;
	CK_KEY_TYPE key_type; /* has it only for keys of that type; CK_UNAVAILABLE_INFORMATION: of any */
	bool (*get)(const struct object_view *view, const struct object_row *row, struct object_value *to);
	size_t arg;
	const char *param; /* OpenSSL's name of a private part */
};

/* NULL: objects of that class have no such attribute. */
const struct object_row *object_row_find(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type);
/* A private number; the resource as it is. */
bool object_row_is_private_part(const struct object_row *row);
bool object_row_is_raw(const struct object_row *row);
/* What is there of an array attribute, maybe nothing; NULL: the attribute is no array. */
const struct attribute_list *object_row_list(const struct object_row *row, const struct object *o);
