#pragma once
#include "common/jwe.h"
#include "keywrap/annotations.h"
#include "keywrap/element.h"

/* The wrap schemes: ways to wrap a layer's privopts for recipients, one annotation each. A scheme is a row of
 * wrap_schemes[]. */

struct token_key;
struct provider_key;
struct pgp_key;
struct pgp_recipient;
struct provider_call;
struct token_pool;
struct token_ref;

/* A recipient of the scheme kek: an AES key in a token. Takes ownership of ref, also on failure. Tries the key: may
 * block, and may attest. ERR_KEY: no such key, or none that wraps. */
struct kek_recipient;
enum err kek_recipient_new(struct token_pool *pool, struct token_ref *ref, struct kek_recipient **out,
			   struct errmsg *em) MUST_USE;
void kek_recipient_free(struct kek_recipient *recipient);
AUTO_DEFINE(kek_recipient)

/* A recipient. */
struct wrap_key {
	const struct wrap_scheme *scheme;
	char *label; /* printable */
	EVP_PKEY *public_key;
	struct provider_key *provider; /* then no scheme of the table, and no public key */
	struct pgp_recipient *pgp; /* of the scheme pgp: then no public key */
	struct kek_recipient *kek; /* of the scheme kek: then no public key */
	X509 *certificate; /* of a scheme that takes certificates; else NULL */
};
void wrap_key_free(struct wrap_key *key);
AUTO_DEFINE(wrap_key)

/* Certificates among the decryption keys: they say which recipient a key is. */
struct certificates {
	X509 **list;
	size_t count;
};

/* A private key, whatever the scheme: here, in a token, or wherever its operations are. */
struct unwrap_key {
	char *label; /* printable */
	EVP_PKEY *local; /* one of the three */
	struct token_key *token;
	const struct jwe_key *given; /* borrowed */
	struct provider_key *provider; /* then none of them: for that provider alone */
	const struct provider_call *call; /* borrowed: what a provider is asked with */
	const struct certificates *certificates; /* borrowed; NULL: none */
	struct pgp_key *pgp; /* then none of them: for the scheme pgp alone */
	X509 *certificate; /* in place of a key, where the specification was of one */
};
void unwrap_key_free(struct unwrap_key *key);
AUTO_DEFINE(unwrap_key)
/* Its operations. A key in a token is looked up at its first use: may block. */
enum err unwrap_key_ops(struct unwrap_key *key, struct jwe_key *ops, struct errmsg *em) MUST_USE;

struct wrap_recipients {
	struct wrap_key *const *keys;
	size_t count; /* at least 1 */
};

#define WRAP_ELEMENT_MAX ((size_t)1024 * 1024)

struct wrap_scheme {
	const char *name;
	const char *annotation;
	bool takes_certificates; /* a recipient is an X.509 certificate */
	/* OK if this public key can be a recipient; the error says what to do instead. */
	enum err (*fits)(EVP_PKEY *public_key, struct errmsg *em);
	/* Wraps `plain` for all recipients: one element of the annotation, before base64. */
	enum err (*wrap)(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em);
	/* Unwraps one element with one key. ERR_KEY: this key is none of the recipients. May block on a token. */
	enum err (*unwrap)(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em);
	const struct element_kind *kind;
};

extern const struct wrap_scheme *const wrap_schemes[];
extern const size_t wrap_scheme_count;
extern const struct wrap_scheme scheme_jwe;
extern const struct wrap_scheme scheme_pkcs7;
extern const struct wrap_scheme scheme_pgp;
extern const struct wrap_scheme scheme_pkcs11;
extern const struct wrap_scheme scheme_kek;

/* Whether a key is tried with a scheme at all. */
bool wrap_scheme_takes(const struct wrap_scheme *scheme, const struct unwrap_key *key);

/* The row of a name of `len` bytes; NULL if there is none. */
const struct wrap_scheme *wrap_scheme_find(const char *name, size_t len);
