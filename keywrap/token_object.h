#pragma once
#include "keywrap/token_pool.h"

/* Objects in a token. */

/* The one object of `class` with the URI's label and id. ERR_KEY: none, or more than one. */
struct token_object_want {
	const struct token_ref *ref;
	CK_OBJECT_CLASS class;
};
enum err token_object_find(struct token_session *s, struct token_object_want want, CK_OBJECT_HANDLE *out,
			   struct errmsg *em) MUST_USE;

/* An attribute of at most TOKEN_ATTRIBUTE_MAX bytes that is no secret. */
#define TOKEN_ATTRIBUTE_MAX 2048
struct token_attribute {
	uint8_t data[TOKEN_ATTRIBUTE_MAX];
	size_t len;
};
enum err token_object_attribute(struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
				struct token_attribute *out, struct errmsg *em) MUST_USE;
