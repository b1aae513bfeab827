#pragma once
#include "image/evidence.h"
#include "image/store.h"

/* What a policy may ask for, kept with an image: signatures in the form in which containers' tools store them, and what
 * lies under tags beside the image, as it is. */
struct store_evidence {
	json_object *signatures; /* [{descriptor}...] */
	json_object *beside; /* [{"tag": TAG, "manifest": {descriptor}}...] */
};
void store_evidence_clear(struct store_evidence *kept);

/* All that there is, whether a policy asked for it or not. Blocks on disk and network. */
enum err store_evidence_keep(const struct store *s, const struct evidence *of, struct store_evidence *out,
			     struct errmsg *em) MUST_USE;
/* Each signature as it was kept: digest and size hold. out->items: the caller's. */
enum err store_signatures_read(const struct store *s, json_object *list, struct image_signatures *out,
			       struct errmsg *em) MUST_USE;
