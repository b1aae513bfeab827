#pragma once
#include "common/secret.h"
#include "keywrap/pin_mask.h"

#include <p11-kit/uri.h>

/* Where a key in a token is: a PKCS#11 URI (RFC 7512), and from a key file the environment of its module. */

struct token;

struct token_env {
	char *name;
	char *value;
};

struct token_ref {
	P11KitUri *uri; /* never holds the PIN */
	char *label; /* "pkcs11:token=...;object=...": printable */
	struct secret *pin; /* or NULL */
	struct token_env *env;
	size_t env_count;
	/* Guarded by the pool that it is used with: */
	struct token *token; /* once found */
	bool pin_refused;
};
void token_ref_free(struct token_ref *ref);
AUTO_DEFINE(token_ref)

/* True if `text` is a PKCS#11 URI and no file name after "pkcs11:". Decided by its form alone. */
bool token_ref_is_uri(const char *text);

/* Parses a URI as the user typed it; reads the file of pin-source. ERR_PARSE, ERR_UNSUPPORTED, ERR_IO. */
enum err token_ref_parse(const char *uri, struct token_ref **out, struct errmsg *em) MUST_USE;

/* ERR_UNSUPPORTED where it names a data object. */
enum err token_ref_check_key(const struct token_ref *ref, struct errmsg *em) MUST_USE;

/* The same from text whose PINs were masked. */
struct token_ref_masked {
	const char *uri;
	const struct pin_mask *mask;
};
enum err token_ref_from_masked(struct token_ref_masked from, struct token_ref **out, struct errmsg *em) MUST_USE;

/* Reads a passphrase or PIN from a file: one newline at its end does not count. */
enum err pin_file_read(const char *path, struct secret **out, struct errmsg *em) MUST_USE;
