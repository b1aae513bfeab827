#pragma once
#include "image/store.h"

/* An image of a store:
 *   {"name","transport","scope"[,"physical"],"manifest":{descriptor},"config":{descriptor},"layers":[DIGEST...],
 *    "signatures":[{descriptor}...],"beside":[{"tag","manifest":{descriptor}}...],"pulled":SECONDS}
 * Name: for docker:// the expanded reference, else TRANSPORT:SCOPE. What a policy looks at is as it was when the image
 * was pulled; the signatures, and what lay under tags beside the image, are all that were there, whether a policy
 * wanted them or not. */
struct store_record {
	json_object *root; /* all the others are borrowed from it */
	const char *name;
	const char *transport, *scope, *physical;
	struct descriptor manifest, config;
	json_object *layers; /* the manifest's digests: texts, checked */
	json_object *signatures, *beside;
	int64_t pulled; /* since 1970 */
};
enum err store_record_parse(struct bytes text, struct store_record *out, struct errmsg *em) MUST_USE;
void store_record_clear(struct store_record *r);
#define AUTO_STORE_RECORD __attribute__((cleanup(store_record_clear))) struct store_record

/* An image's name in the store, from that of where it comes from: paths in full, registries' names as they are.
 * malloc'd; NULL without memory. */
char *store_record_name(const char *src);
/* "images/<hex>" */
enum err store_record_path(const char *name, char path[STORE_PATH_SIZE], struct errmsg *em) MUST_USE;
/* An entry of "beside"; borrowed. */
enum err store_record_beside(json_object *entry, const char **tag, struct descriptor *manifest,
			     struct errmsg *em) MUST_USE;
/* By the name of its file in "images". */
enum err store_record_read(const struct store *s, const char *file, struct store_record *out,
			   struct errmsg *em) MUST_USE;
/* By its name, by what is short for it (of a docker:// name, of a path), or by its manifest's digest. ERR_NOT_FOUND;
 * ERR_ARG: the digest is that of several names, which a policy may judge differently. */
enum err store_record_find(const struct store *s, const char *name, struct store_record *out,
			   struct errmsg *em) MUST_USE;
