#pragma once
#include "keywrap/provider_message.h"

/* Key providers as their caller: somebody else wraps and unwraps the layer's options. One annotation each,
 * "org.opencontainers.image.enc.keys.provider.NAME". */

#define ANNOTATION_PROVIDER "provider."

/* A key by specification: "provider:NAME[:ARGS]". */
struct provider_key {
	char *name;
	struct secret *args;
};
enum err provider_key_parse(const char *spec, struct provider_key **out, struct errmsg *em) MUST_USE;
bool provider_key_is(const char *spec);
void provider_key_free(struct provider_key *key);
AUTO_DEFINE(provider_key)

/* Asks the provider. May block for as long as its configuration says. Errors name it. */
enum err provider_ask(enum provider_op op, const struct provider_call *call, struct bytes what, struct secret **out,
		      struct errmsg *em) MUST_USE;
