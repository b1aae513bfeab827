#pragma once
#include "image/layout.h"
#include "image/staged.h"

/* A folder of images that were pulled: verified, and their layers decrypted. All names in it are digests':
 *   kbs-image-store      {"version":1}
 *   blobs/ALG/HEX        manifests, configurations, signatures, and layers as they were packed, but in the clear
 *   layers/ALG/HEX       of a layer's digest in manifests: which blob holds it, and its diff id
 *   images/HEX           of an image's name: see store_record.h
 * Files appear whole, under their last names, once all of them held; what refers to others appears after them. Whoever
 * uses the store shares a lock on it, against who clears it up. */

struct store {
	int dir;
	char *path;
};
enum store_use {
	STORE_LOOK,
	STORE_FILL, /* made where it is missing */
	STORE_CLEAR, /* alone: waits for others, at most a minute (ERR_BUSY) */
};
/* path: NULL: the usual one. Removes what killed writers left behind. ERR_NOT_FOUND; ERR_EXISTS: the folder is that of
 * something else; ERR_CONFIG: others may write it. */
enum err store_open(const char *path, enum store_use use, struct store *out, struct errmsg *em) MUST_USE;
void store_close(struct store *s);
/* Once more the same, with its lock. */
enum err store_share(const struct store *s, struct store *out, struct errmsg *em) MUST_USE;
#define AUTO_STORE __attribute__((cleanup(store_close))) struct store

/* A whole blob (staged->id) gets its name; one that is there already and good stays. */
enum err store_blob_put(const struct store *s, struct staged *blob, struct errmsg *em) MUST_USE;
/* The same of what stands in memory. out: its descriptor, the caller's; or NULL. */
struct store_text {
	const char *media_type;
	const char *digest; /* that it is known to have; NULL: SHA-256's */
	struct bytes text;
};
enum err store_text_put(const struct store *s, const struct store_text *what, json_object **out,
			struct errmsg *em) MUST_USE;
/* {"mediaType","digest","size"}; NULL without memory. */
json_object *store_descriptor(const char *media_type, const struct blob_id *id);
/* A small file that leads to others: after them on the disk, and in one step in place of an old one. */
enum err store_file_put(const struct store *s, const char *path, json_object *contents, struct errmsg *em) MUST_USE;
enum err store_file_read(const struct store *s, const char *path, struct buf *out, struct errmsg *em) MUST_USE;
#define STORE_FILE_MAX ((size_t)1 << 20)

/* The names in a folder of the store, to the first error; none where it is missing. ".": the store itself, hidden names
 * too, for it may be that of something else. */
enum err store_each(const struct store *s, const char *folder,
		    enum err (*take)(void *ctx, const char *name, struct errmsg *em), void *ctx,
		    struct errmsg *em) MUST_USE;

/* What holds a layer of manifests: {"diffId": DIGEST, "blob": {"mediaType","digest","size"}}. */
struct held_layer {
	json_object *root; /* the others are borrowed from it */
	const char *diff_id;
	struct descriptor blob;
};
enum err held_layer_parse(struct bytes text, struct held_layer *out, struct errmsg *em) MUST_USE;
void held_layer_clear(struct held_layer *h);
/* digest: the manifest's. ERR_NOT_FOUND. */
enum err held_layer_read(const struct store *s, const char *digest, struct held_layer *out, struct errmsg *em) MUST_USE;
/* Takes `blob`, a descriptor, also on failure. */
enum err held_layer_write(const struct store *s, const char *digest, const char *diff_id, json_object *blob,
			  struct errmsg *em) MUST_USE;
#define STORE_PATH_SIZE (DIGEST_PATH_SIZE + 8)
enum err held_layer_path(const char *digest, char path[STORE_PATH_SIZE], struct errmsg *em) MUST_USE;
