#pragma once
#include "common/json.h"
#include "common/key.h"

/* The administrator's token: a JWT signed with the operator's key, with "role": "admin" and "exp". */

#define ADMIN_KEYS_MAX 8

struct admin_keys {
	EVP_PKEY *key[ADMIN_KEYS_MAX]; /* public; Ed25519, EC or RSA */
	size_t count;
};
void admin_keys_clear(struct admin_keys *keys);

/* ERR_PARSE, ERR_INTEGRITY (signed by none of them), ERR_EXPIRED, ERR_AUTH (role). *claims: the caller's, may be NULL.
 */
enum err admin_token_check(const struct admin_keys *keys, struct bytes jwt, int64_t now, json_object **claims,
			   struct errmsg *em) MUST_USE;

/* Signs one that lives 60 seconds. reply_key: the public key that answers are to be sealed for, or NULL.
 * *jwt: malloc'd. */
enum err admin_token_make(EVP_PKEY *key, EVP_PKEY *reply_key, int64_t now, char **jwt, struct errmsg *em) MUST_USE;
