#pragma once
#include "keywrap/scheme.h"

/* What a context holds. Read-only after the last key was added, but for the tokens, which lock for themselves. */
struct okw_context {
	struct wrap_key **wrap;
	size_t wrap_count;
	struct unwrap_key **unwrap;
	size_t unwrap_count;
	struct certificates certificates; /* given among the decryption keys */
	struct token_pool *tokens;
};

/* Key specifications (key_spec.c). out: the caller's. */
enum err wrap_key_from_spec(struct token_pool *tokens, const char *spec, struct wrap_key **out,
			    struct errmsg *em) MUST_USE;
enum err unwrap_key_from_spec(struct token_pool *tokens, const char *spec, struct unwrap_key **out,
			      struct errmsg *em) MUST_USE;

/* The layer's key (layer_key.c). Unwraps privopts: ERR_KEY and the reason for every key that was tried. */
enum err layer_key_unwrap(const struct okw_context *context, const struct okw_annotations *annotations,
			  struct secret **priv, struct errmsg *em) MUST_USE;
/* Wraps privopts for every recipient of the context and appends to the annotations, all or none. */
enum err layer_key_wrap(const struct okw_context *context, const struct secret *priv,
			struct okw_annotations *annotations, struct errmsg *em) MUST_USE;

/* Fills the caller's error. */
enum okw_code okw_result(enum err e, const struct errmsg *em, struct okw_error *error);
