#pragma once
#include "pkcs11/broker.h"
#include "pkcs11/lease.h"
#include "pkcs11/material.h"
#include "pkcs11/spki_pin.h"

#include <pthread.h>

/* Where contents come from, and when: a source is a KBS resource or a local file that is read at first use, once for
 * all who wait. It is renewed in the background when it is used after about half of its lifetime, and never used beyond
 * its lease (lease.h). */
struct source;

/* The sources of one token, each URI and path once. */
struct source_set;

/* terms: complete; of sources whose objects say nothing. */
enum err source_set_new(struct broker *broker, const struct lease_terms *terms, struct source_set **out,
			struct errmsg *em) MUST_USE;
void source_set_free(struct source_set *set); /* no call may be in flight */
AUTO_DEFINE(source_set)

/* Finds or makes the source of a name: a resource ("kbs:///...", checked to be one) or a path. Borrowed from the set.
 * Touches neither network nor file. ERR_PARSE, ERR_NOMEM. */
enum err source_of_uri(struct source_set *set, const char *uri, struct source **out, struct errmsg *em) MUST_USE;
enum err source_of_file(struct source_set *set, const char *path, struct source **out, struct errmsg *em) MUST_USE;

/* An object has its contents from there, on these terms; what they do not say is the set's. Of several the stricter
 * count. */
void source_lease(struct source *s, const struct lease_terms *terms);
/* The two hold parts of one key pair (the key, its certificate, its public key): where one has become another key's
 * they are renewed together. ERR_NOMEM. */
enum err source_pair(struct source *a, struct source *b, struct errmsg *em) MUST_USE;
/* A renewal does not take over a key that these pins refuse while the one before, which they do not, may be used. (Who
 * uses the source checks for himself.) pins may be NULL. ERR_NOMEM. */
enum err source_pin(struct source *s, struct spki_pins *pins, struct errmsg *em) MUST_USE;

/* The contents: held ones, else read now. Concurrent callers wait for one read. No lock is held meanwhile. A failure
 * is remembered only for a short time, growing from 0.2 to 10 seconds, in which it is answered at once; nobody is
 * refused for good. Blocks at most for the KBS client's timeout, and not at all while what is held is good. out: a
 * reference. The errors of kbc_get(),
 * file_read_secret() and material_parse(); ERR_CONFIG where no KBS is known. */
enum err source_get(struct source *s, struct material **out, struct errmsg *em) MUST_USE;
/* What is held now, expired or not; NULL if nothing is. A reference. */
struct material *source_peek(struct source *s);
/* How long that may be used still. */
struct source_expiry {
	bool held;
	bool stale; /* beyond its lifetime, and used only because the KBS cannot be heard */
	int64_t left_ms;
	enum err failed; /* OK: the last try was good, or there was none */
};
struct source_expiry source_expiry(struct source *s);
const char *source_name(const struct source *s);
/* One line in the log: the stage that failed, what was wanted, the code, and the text with the KBS's own answer. */
struct source_fault {
	enum err err;
	const char *stage; /* as kbc_stage(); "local" where it was no KBS */
};
void source_log_failure(const struct source *s, struct source_fault fault, const struct errmsg *em);
bool source_is_local(const struct source *s);
/* Marks the resource as a key's, so that it is never handed out as a data object. */
void source_mark_key(struct source *s);
bool source_is_key(const struct source *s);

/* C_Login asks for a fresh look: forgets the back-offs; what is older than some seconds is asked for again at its next
 * use, and used as it is only where that fails in passing. */
void source_set_refresh(struct source_set *set);
/* Reads what is to be read early, up to the first failure. May block. */
enum err source_set_prefetch(struct source_set *set, enum prefetch when, struct errmsg *em) MUST_USE;
/* Frees contents whose lease has ended. */
void source_set_sweep(struct source_set *set);
/* Begins no further renewal and waits for one that is under way, but not for long: the process may be about to exit. */
void source_set_settle(struct source_set *set, struct deadline deadline);
/* Counts what is held, for tests. */
size_t source_set_held(struct source_set *set);
