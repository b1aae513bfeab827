#pragma once
#include "keywrap/token_ref.h"

#include <p11-kit/pkcs11.h>

/* The tokens of one context: modules stay loaded, sessions open and logged in for the context's life, so that a hundred
 * layers cost one login. Thread-safe: each operation has a session of its own. */
struct token_pool;

enum err token_pool_new(struct token_pool **out, struct errmsg *em) MUST_USE;
/* No session may be taken. Finalises only modules that we initialised. */
void token_pool_free(struct token_pool *pool);

struct token_session {
	struct token *token;
	CK_FUNCTION_LIST *functions;
	CK_SESSION_HANDLE handle;
	bool lost; /* set by token_session_check() */
	bool spoilt; /* an operation failed in it: some modules leave that active */
};

/* okw_trust_module(). `path` is free of symbolic links. Before the first session is taken. */
enum err token_pool_trust(struct token_pool *pool, const char *path, struct errmsg *em) MUST_USE;

/* A session for `ref`, exclusively. With `login` the token is logged into where it needs that. May block. A PIN that
 * the token refused is not tried again: tokens lock after a few. ERR_KEY (no or several tokens), ERR_AUTH, ERR_DENIED,
 * ... */
struct token_want {
	struct token_ref *ref;
	bool login;
};
enum err token_session_take(struct token_pool *pool, struct token_want want, struct token_session *out,
			    struct errmsg *em) MUST_USE;
/* Gives it back; a fresh one in its place if it was spoilt; closes it and all others of its token if it was lost. */
void token_session_give(struct token_pool *pool, struct token_session *session);

/* cryptoki_check() that notes when the session was lost, and asks the module why. */
enum err token_session_check(struct token_session *session, CK_RV rv, const char *function, struct errmsg *em) MUST_USE;
