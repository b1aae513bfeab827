#pragma once
#include "image/manifest.h"

/* Image indexes: image-spec "Image Index", Docker manifest lists, and a layout's index.json. */

#define INDEX_SIZE_MAX MANIFEST_SIZE_MAX
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"

struct index {
	json_object *root;
	json_object *array; /* borrowed */
	struct descriptor *manifests;
	size_t count;
};

/* media_type as for manifest_parse(). A document that is also a manifest is refused. out: the caller's. */
enum err index_parse(struct bytes raw, const char *media_type, struct index **out, struct errmsg *em) MUST_USE;
void index_free(struct index *index);
AUTO_DEFINE(index)

/* The entry with this name. ERR_NOT_FOUND; ERR_PARSE where different manifests bear it. Borrowed. */
enum err index_find_tag(const struct index *index, const char *tag, const struct descriptor **out,
			struct errmsg *em) MUST_USE;
/* The only entry: ERR_NOT_FOUND where there is none, ERR_ARG where there are several. Borrowed. */
enum err index_only(const struct index *index, const struct descriptor **out, struct errmsg *em) MUST_USE;
/* The image for a platform; image-spec "platform". ERR_NOT_FOUND names what was wanted and what there is. Borrowed. */
enum err index_choose(const struct index *index, const struct image_platform *want, const struct descriptor **out,
		      struct errmsg *em) MUST_USE;

/* Lets an entry lead to another manifest; what else stands in it, its name or platform, stays. */
struct index_swap {
	const char *from; /* digest */
	const struct raw_manifest *to;
};
enum err index_swap(struct index *index, size_t place, const struct index_swap *swap, struct errmsg *em) MUST_USE;
/* The index as it is now; the descriptors of `index` may be of no use any more. */
enum err index_text(const struct index *index, struct buf *out, struct errmsg *em) MUST_USE;

/* Makes `tag` (NULL: none) the name of a manifest: takes the name's old entry away, leaves all others as they are.
 * Without a tag nothing is added where the manifest is listed already. out: the new index's text. */
struct index_entry {
	const char *media_type;
	const char *digest;
	size_t size;
	const char *tag;
};
enum err index_put(struct index *index, const struct index_entry *entry, struct buf *out, struct errmsg *em) MUST_USE;
