#pragma once
#include "common/jwe.h"
#include "keywrap/token_kek.h"

/* A private key in a token: RSA by C_Decrypt with OAEP or PKCS#1 v1.5, EC by C_DeriveKey with ECDH1. */
struct token_key;

/* Takes ownership of ref, also on failure; touches no token. Borrows the pool. */
enum err token_key_new(struct token_pool *pool, struct token_ref *ref, struct token_key **out,
		       struct errmsg *em) MUST_USE;
void token_key_free(struct token_key *key);

/* Its operations, after it was found once. `ops` borrows the key. May block. */
enum err token_key_open(struct token_key *key, struct jwe_key *ops, struct errmsg *em) MUST_USE;

/* The public half of an RSA key, from its public or else its private object. May block. */
enum err token_public_key(struct token_pool *pool, struct token_ref *ref, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* False where the URI says that it is of another class; private and public are one here. */
bool token_key_may_be(const struct token_key *key, CK_OBJECT_CLASS class);
/* The AES key of that URI at work. May block. token_kek_do() has the errors. */
enum err token_key_kek(struct token_key *key, const struct kek_work *work, struct secret **out,
		       struct errmsg *em) MUST_USE;
