#pragma once
#include "keywrap/token_pool.h"

#define TOKEN_DATA_MAX ((size_t)1024 * 1024)

/* The value of the one data object with the URI's label, of 1 to TOKEN_DATA_MAX bytes. May block, and may attest.
 * ERR_KEY: none, or more than one; ERR_LIMIT. */
enum err token_data_read(struct token_pool *pool, struct token_ref *ref, struct secret **out,
			 struct errmsg *em) MUST_USE;
