#pragma once
#include "common/json.h"

/* "manifest.json" of what docker save writes: [{"Config": NAME, "RepoTags": [...], "Layers": [NAME...]}...]. */

/* The "PATH[:NAME[:TAG]]" or "PATH:@N" after "docker-archive:". */
struct docker_archive_name {
	char *path;
	char *tag; /* expanded, "docker.io/library/busybox:latest"; NULL: none */
	long place; /* N, or -1 */
};
enum err docker_archive_name_parse(const char *rest, struct docker_archive_name *out, struct errmsg *em) MUST_USE;
void docker_archive_name_clear(struct docker_archive_name *name);

/* One image of the list; borrowed from it. */
struct saved_image {
	const char *config; /* a file of the archive, as are ... */
	json_object *layers; /* ... these, texts */
};
/* list: the caller's. The image that is meant; without tag and place the only one. ERR_NOT_FOUND; ERR_ARG: there are
 * several. ERR_PARSE: the list makes no sense, or different images bear the name. */
enum err docker_archive_choose(struct bytes text, const struct docker_archive_name *name, json_object **list,
			       struct saved_image *out, struct errmsg *em) MUST_USE;
