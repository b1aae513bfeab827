#pragma once
#include "common/secret.h"

/* OpenPGP, RFC 4880, through GnuPG. Every function may block on it, until its time is up (ERR_TIMEOUT; pgp_loop.h). */

/* A recipient: one public key of the user's key ring. */
struct pgp_recipient {
	char *fingerprint;
	struct buf key; /* exported */
};
void pgp_recipient_free(struct pgp_recipient *recipient);
AUTO_DEFINE(pgp_recipient)
/* The key that can encrypt and has exactly this user id, this address in one, or this fingerprint. ERR_KEY: none, or
 * several. */
enum err pgp_recipient_find(const char *name, struct pgp_recipient **out, struct errmsg *em) MUST_USE;

struct pgp_recipients {
	struct pgp_recipient *const *list;
	size_t count;
};
/* PKESK of version 3 for each, SEIPD of version 1 with AES-256, not compressed: what peers read. */
enum err pgp_encrypt(struct pgp_recipients to, struct bytes plain, struct buf *out, struct errmsg *em) MUST_USE;

/* Secret keys: those of a file, unpacked in a private home in memory at their first use, or those of the user's own key
 * ring, with its agent. */
struct pgp_key;
/* Takes over both; the passphrase may be NULL. */
enum err pgp_key_from_text(struct secret *text, struct secret *passphrase, struct pgp_key **out,
			   struct errmsg *em) MUST_USE;
/* The value of a data object, fetched at its first use. Takes ownership of ref, also on failure; borrows the pool. */
struct token_pool;
struct token_ref;
enum err pgp_key_from_token(struct token_pool *pool, struct token_ref *ref, struct pgp_key **out,
			    struct errmsg *em) MUST_USE;
/* `name` as for a recipient. */
enum err pgp_key_from_ring(const char *name, struct pgp_key **out, struct errmsg *em) MUST_USE;
void pgp_key_free(struct pgp_key *key);

/* Binary or armoured. Thread-safe. ERR_KEY: for somebody else; ERR_AUTH: the passphrase; ERR_INTEGRITY: no MDC, or one
 * that does not hold. */
enum err pgp_key_decrypt(struct pgp_key *key, struct bytes message, struct secret **plain, struct errmsg *em) MUST_USE;
