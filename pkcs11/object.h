#pragma once
#include "pkcs11/entry.h"
#include "pkcs11/source.h"

/* One Cryptoki object: of the token (its contents come from sources) or of a session (it has its own). Const after
 * it was published in a catalog or a shelf; counted. */
struct object {
	atomic_uint refs;
	CK_OBJECT_HANDLE handle;
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE hint; /* what the entry says; CK_UNAVAILABLE_INFORMATION: look inside */
	bool session_object;
	bool sensitive;
	bool private; /* CKA_PRIVATE, of a token object */
	bool extractable;
	bool always_authenticate; /* of a private key: each operation needs a login of its own (session.h) */
	atomic_bool derived; /* comes along with a private key: shown once there is something to show */
	unsigned chain; /* of a certificate: which one behind the first of its resource; 0: the first */
	char *label;
	size_t label_len;
	uint8_t id[ENTRY_ID_MAX];
	size_t id_len;
	const struct entry_more
		*more; /* borrowed from the token's catalog; NULL where its entry says nothing of that */
	/* Borrowed from the token's sources; NULL where there is none. */
	struct source *uri; /* what the entry names */
	struct source *content; /* the same, or what stands for it */
	struct source *public_part;
	struct source *certificate;
	atomic_uint_least64_t pinned; /* serial of the material that was found to fit the public part */
	struct spki_pins *pins; /* a reference; or NULL */
	struct material *own; /* a session object's */
	CK_SESSION_HANDLE owner; /* the session that made it */
	struct session_part *session; /* what only a session object has (session_object.h); NULL for the token's */
	struct object *next; /* of its entry, or in its place on the shelf */
};

/* From an entry, as one class of object (an entry for a private key also gives a public key and a certificate). */
enum err object_new(struct source_set *sources, const struct entry *entry, CK_OBJECT_CLASS class, struct object **out,
		    struct errmsg *em) MUST_USE;
struct object *object_ref(struct object *o);
void object_free(struct object *o); /* drops one reference */
AUTO_DEFINE(object)

/* Makes it the one that follows as number `position` in the certificate's chain; with a label of its own and the CKA_ID
 * of all of them. Before it is published. */
enum err object_set_chain(struct object *o, unsigned position, struct errmsg *em) MUST_USE;
/* How many bytes of such a label are the entry's; 0: it is no such label. */
size_t object_chain_stem(struct bytes label);
/* How many certificates follow the first, as far as it is known without the network. */
size_t object_chain_length(struct object *o);

/* CKA_PRIVATE. */
bool object_is_private(const struct object *o);

/* True if a search may show it now. Touches no network. */
bool object_visible(struct object *o);

/* The contents, for use or for CKA_VALUE: may block on the network (source_get()). A key of a pair that has its public
 * part in a local file is refused (ERR_INTEGRITY) unless it belongs to that. ERR_KEY: the resource is something else
 * than the object says. out: a reference. */
enum err object_content(struct object *o, struct material **out, struct errmsg *em) MUST_USE;
/* The public half, from where it costs least: file, certificate, the key itself. */
enum err object_public(struct object *o, struct material **out, struct errmsg *em) MUST_USE;
/* The same as far as it is known without the network; NULL if it is not. */
struct material *object_public_known(struct object *o);
