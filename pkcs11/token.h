#pragma once
#include "pkcs11/catalog.h"
#include "pkcs11/shelf.h"
#include "pkcs11/token_config.h"

/* What sits in a slot: a label, a KBS, a catalog. It outlives C_Finalize together with its attestation and its
 * fetched keys (within their lifetime), since some load and finalize a module for every single key; counted. */
struct token {
	atomic_uint refs;
	bool kbs_from_environment;
	bool have_kbs;
	char label[TOKEN_LABEL_MAX + 1];
	char serial[17];
	struct broker *broker; /* or NULL */
	struct catalog *catalog;
	struct shelf *shelf;
	struct pin_policy *pin;
	atomic_bool prefetched; /* what is read before the first session */
	atomic_bool logged_in; /* changed under the process's lock */
	/* Guarded by the process's lock: */
	CK_ULONG sessions, rw_sessions;
};

struct token *token_ref(struct token *t);
void token_free(struct token *t); /* drops one reference */
AUTO_DEFINE(token)

/* The tokens of a configuration: the place is the slot's number. Const once it is made; counted. */
struct token_set {
	atomic_uint refs;
	struct token_config_stamp stamp;
	/* NULL: this one's configuration is wrong; its slot is empty, so that the others keep theirs. */
	struct token **items;
	char **wrong; /* what is wrong with it */
	size_t count;
};

/* Loads the configuration and makes the tokens of it; takes `before` as it is if nothing has changed, else its
 * attestations where they are for the same KBS. before may be NULL. Local files only. out: a reference. ERR_CONFIG, ...
 */
enum err token_set_open(struct token_set *before, struct token_set **out, struct errmsg *em) MUST_USE;
struct token_set *token_set_ref(struct token_set *set);
void token_set_free(struct token_set *set); /* drops one reference */
AUTO_DEFINE(token_set)
/* Frees fetched contents whose lifetime has passed. */
void token_set_sweep(struct token_set *set);
/* Waits, not for long, for what renews in the background: who finalizes may be about to exit. */
void token_set_settle(struct token_set *set);

/* A session or token object by its handle: a reference, or NULL; NULL as well where it is private and nobody is logged
 * in. */
struct object *token_object(struct token *t, CK_OBJECT_HANDLE handle);
/* Appends the handles of what matches, of both kinds. As catalog_search(). */
CK_RV token_search(struct token *t, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found);
/* Whether private objects can be seen and made now. */
bool token_shows_private(const struct token *t);

/* PKCS #11 2.40 3.2: strings are padded with blanks and not terminated. */
void token_pad(CK_UTF8CHAR *to, size_t width, const char *text);
void token_info(const struct token *t, CK_TOKEN_INFO *info);
void token_slot_info(const struct token *t, CK_SLOT_INFO *info); /* NULL: an empty slot */
