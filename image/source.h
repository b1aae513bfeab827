#pragma once
#include "common/stream.h"
#include "image/manifest.h"

/* Where images come from, and where they go: kinds are rows of the table in transport.c. */

/* The part of a name after "TRANSPORT:". */
struct image_source;
struct image_destination;

/* A signature in the form in which containers' tools store it: OpenPGP (simple signing), or a zero byte,
 * "sigstore-json\n" and JSON with payload and annotations. Not verified. */
struct image_signatures {
	struct buf *items;
	size_t count;
	bool alone; /* the place of the image keeps signatures itself: no lookaside counts beside it */
};
void image_signatures_clear(struct image_signatures *s);
/* Of one image: "more" is the bound's error. */
#define IMAGE_SIGNATURES_MAX 128
#define IMAGE_SIGNATURE_SIZE_MAX ((size_t)4 << 20)
#define IMAGE_SIGNATURES_SIZE_MAX ((size_t)16 << 20) /* of all of them together */
/* Takes what `signature` holds. ERR_LIMIT. */
enum err image_signatures_add(struct image_signatures *s, struct buf *signature, struct errmsg *em) MUST_USE;

struct image_source_ops {
	/* The named manifest or index; with `which` that one. Its digest and size were checked. */
	enum err (*manifest)(struct image_source *s, const struct descriptor *which, struct raw_manifest *out,
			     struct errmsg *em);
	/* A blob's bytes, not verified. ERR_NOT_FOUND. Any number of threads may ask at once, and read each its own;
	 * the other functions are for one thread, and not meanwhile. */
	enum err (*blob)(struct image_source *s, const struct descriptor *d, struct stream **out, struct errmsg *em);
	void (*free)(struct image_source *s);
	/* All signatures of the manifest with this digest that the place of the image keeps (not those of a lookaside).
	 * NULL: this kind keeps none. */
	enum err (*signatures)(struct image_source *s, const char *digest, struct image_signatures *out,
			       struct errmsg *em);
	/* Another manifest of the same repository, by tag (cosign's "sha256-<hex>.sig"). *out: the caller's.
	 * ERR_NOT_FOUND. NULL: this kind has none. */
	enum err (*sibling)(struct image_source *s, const char *tag, struct image_source **out, struct errmsg *em);
	/* The index of what refers to the manifest with this digest. ERR_NOT_FOUND, and whatever a place says that has
	 * no such list. NULL: this kind has none; what a tag has counts then. */
	enum err (*referrers)(struct image_source *s, const char *digest, struct raw_manifest *out, struct errmsg *em);
	/* Where the layers are held otherwise than the manifest says, decrypted: lets its layers be those that are
	 * held, borrowed from the source. To be asked once the policy held. NULL: they are as the manifest says. */
	enum err (*held)(struct image_source *s, struct manifest *manifest, struct errmsg *em);
};

/* Under what name a policy looks at the image: policy.json(5), "transports". */
struct image_identity {
	const char *transport; /* "docker", "oci", "dir", "docker-archive", "oci-archive" */
	char *scope; /* docker: the expanded name as it was asked for, "docker.io/library/busybox:latest"; else a path
		      */
	char *physical; /* docker: "host/path" where it was found, which a mirror may be; NULL: as in scope. malloc'd */
};

struct image_source {
	const struct image_source_ops *ops; /* first member of each kind's struct */
	struct image_identity identity; /* scope: malloc'd, freed by image_source_free() */
};

void image_source_free(struct image_source *s);
AUTO_DEFINE(image_source)

struct blob_id {
	char digest[IMAGE_DIGEST_SIZE]; /* "" where it is not known beforehand */
	int64_t size;
};

/* Nothing is seen under the name before commit(); what is freed without it leaves nothing behind. has_blob(),
 * put_blob(), read_back() and what that reads: any number of threads at once; the others alone. The same blob may be
 * put by several: it is kept once. */
struct image_destination_ops {
	/* True if the destination has the blob, and its contents were checked. */
	enum err (*has_blob)(struct image_destination *d, const struct blob_id *id, bool *has, struct errmsg *em);
	/* Reads `from` to its end. id->digest: what `from` is known to verify; "": measured and filled in, as is the
	 * size. */
	enum err (*put_blob)(struct image_destination *d, struct stream *from, struct blob_id *id, struct errmsg *em);
	/* What put_blob() took, once more from its beginning. */
	enum err (*read_back)(struct image_destination *d, const struct blob_id *id, struct stream **out,
			      struct errmsg *em);
	enum err (*commit)(struct image_destination *d, const struct raw_manifest *manifest, struct errmsg *em);
	void (*free)(struct image_destination *d);
	bool oci_only; /* Docker's manifests become OCI's here: peers read no others */
};

struct image_destination {
	const struct image_destination_ops *ops;
	const struct image_copy_options *options; /* of the copy that it is for; NULL: none yet */
	const struct image_identity *from; /* of its source, where blobs may be that need not be carried; or NULL */
};

void image_destination_free(struct image_destination *d);
AUTO_DEFINE(image_destination)

struct transport {
	const char *name;
	enum err (*open_source)(const char *rest, const struct image_access *access, struct image_source **out,
				struct errmsg *em);
	enum err (*open_destination)(const char *rest, const struct image_access *access,
				     struct image_destination **out, struct errmsg *em);
};

/* By an image's whole name, "oci:DIR:TAG". access: or NULL. ERR_ARG, ERR_UNSUPPORTED, and what the kind says. */
enum err image_source_open(const char *name, const struct image_access *access, struct image_source **out,
			   struct errmsg *em) MUST_USE;
enum err image_destination_open(const char *name, const struct image_access *access, struct image_destination **out,
				struct errmsg *em) MUST_USE;

/* The image's manifest, through indexes, for a platform. */
enum err image_source_manifest(struct image_source *s, const struct image_platform *platform, struct raw_manifest *out,
			       struct errmsg *em) MUST_USE;
/* A small blob, whole, appended to `out`: digest and size held. ERR_LIMIT: it is larger than `max`. */
struct blob_wanted {
	const struct descriptor *what;
	const char *name; /* for errors */
	size_t max;
};
enum err image_source_read(struct image_source *s, struct blob_wanted wanted, struct buf *out,
			   struct errmsg *em) MUST_USE;
/* A blob that fails at its end unless digest and size hold. `what` must live as long as the stream. */
enum err image_source_blob(struct image_source *s, const struct descriptor *d, const char *what, struct stream **out,
			   struct errmsg *em) MUST_USE;
