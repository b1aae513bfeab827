#pragma once
#include "pkcs11/handle_list.h"
#include "pkcs11/object.h"

/* The token's objects, indexed by label, identifier and public values. Grows (labels on demand, the KBS's own catalog),
 * never shrinks: a handle is good as long as the catalog. Thread-safe. */
struct catalog;

struct catalog_options {
	struct broker *broker; /* or NULL; a reference is taken */
	struct lease_terms lease; /* complete: of objects that say nothing */
	const char *remote; /* URI of the KBS's list of objects, or NULL */
	bool login; /* its keys are for those who log in */
};
/* Takes the entries' pool over. Costs little for each entry: no object is made, and no index, before somebody searches.
 */
enum err catalog_new(const struct catalog_options *options, struct entry_list *entries, struct catalog **out,
		     struct errmsg *em) MUST_USE;
void catalog_free(struct catalog *c); /* no call may be in flight */
AUTO_DEFINE(catalog)

/* A reference; NULL if there is no such object (any more). */
struct object *catalog_object(struct catalog *c, CK_OBJECT_HANDLE handle);
/* Whether it is a key of a token that wants a login; makes no object. */
bool catalog_is_private(struct catalog *c, CK_OBJECT_HANDLE handle);

/* Appends the handles of what matches. A label that names a resource is found without any entry (class: the
 * template's, a private key where that says none). Touches no network, but for one thing: with a remote catalog, a
 * search by label or id that finds nothing makes it read that, at most once in a lifetime. Local files with public
 * halves are read where the template asks for such values, or for certificates. */
CK_RV catalog_search(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found);

/* Reads the remote catalog if there is one and it was not read in this lifetime (C_Login). May block. */
enum err catalog_refresh(struct catalog *c, struct errmsg *em) MUST_USE;
struct source_set *catalog_sources(struct catalog *c);
/* Reads the contents of those objects that want it now, up to the first failure. May block. */
enum err catalog_prefetch(struct catalog *c, enum prefetch when, struct errmsg *em) MUST_USE;
