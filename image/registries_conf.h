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

/* One or more files; of what stands in several the last one's counts, a whole [[registry]] of one prefix, an alias, the
 * whole of a list. Zero-initialised = empty. */
struct registries_conf {
	json_object *by_prefix; /* [[registry]] */
	json_object *aliases; /* of short names: "HOST/PATH", or "" */
	json_object *search; /* hosts; or NULL */
	json_object *helpers; /* for credentials, in the order in which they are asked; or NULL */
	bool enforcing;
};
void registries_conf_clear(struct registries_conf *c);
#define AUTO_REGISTRIES_CONF __attribute__((cleanup(registries_conf_clear))) struct registries_conf

/* access->registries_conf alone, else the user's file, else the system's, with what is dropped in beside them.
 * ERR_CONFIG: a file is malformed. */
enum err registries_conf_load(const struct image_access *access, struct registries_conf *out,
			      struct errmsg *em) MUST_USE;
/* One more file's text. ERR_PARSE, ERR_UNSUPPORTED, ... */
enum err registries_conf_add(struct registries_conf *c, struct bytes text, struct errmsg *em) MUST_USE;

/* ERR_DENIED: the name is blocked. ERR_CONFIG: what is said of it makes no sense. */
enum err registries_conf_places(const struct registries_conf *c, const struct reference *name,
				struct registry_places *out, struct errmsg *em) MUST_USE;

#define REGISTRY_NAMES_MAX 16

/* What a name may mean, in the order in which it is to be looked for. */
struct registry_names {
	struct reference items[REGISTRY_NAMES_MAX];
	size_t count;
};
void registry_names_clear(struct registry_names *n);
#define AUTO_REGISTRY_NAMES __attribute__((cleanup(registry_names_clear))) struct registry_names

/* A name with a host means itself; one without is an alias, or is at the registries that are searched, or, where there
 * are none, at docker.io. ERR_ARG: it may mean several, and short-name-mode is "enforcing". */
enum err registries_conf_names(const struct registries_conf *c, const struct reference *asked,
			       struct registry_names *out, struct errmsg *em) MUST_USE;
