#pragma once
#include "image/image.h"
#include "image/reference.h"

/* Where the images of a name are: containers-registries.conf(5), version 2. */

#define REGISTRY_PLACES_MAX 17 /* sixteen mirrors, and the registry itself */

struct registry_place {
	char *host;
	char *path; /* the repository there */
	bool insecure;
	bool mirror;
};

/* In the order in which they are to be asked; the last one is the registry itself, the others are its mirrors. */
struct registry_places {
	struct registry_place items[REGISTRY_PLACES_MAX];
	size_t count;
};
void registry_places_clear(struct registry_places *p);
#define AUTO_REGISTRY_PLACES __attribute__((cleanup(registry_places_clear))) struct registry_places

/* By access->registries_conf alone, else by the user's file, else the system's, with what is dropped in beside them.
 * ERR_DENIED: the name is blocked. ERR_CONFIG: a file is malformed. */
enum err registries_conf_places(const struct image_access *access, const struct reference *name,
				struct registry_places *out, struct errmsg *em) MUST_USE;

/* By one file's text. */
enum err registries_conf_apply(struct bytes text, const struct reference *name, struct registry_places *out,
			       struct errmsg *em) MUST_USE;
