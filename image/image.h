#pragma once
#include "common/err.h"
#include "common/json.h"
#include "common/secret.h"
#include "keywrap/ocikeywrap.h"

#include <stdbool.h>
#include <stdint.h>

/* OCI images. Knows no KBS: keys come through PKCS#11 by way of the key-wrapping context.
 *
 * Images are named as skopeo names them, TRANSPORT:REST; rows of a const table. "oci:DIR[:TAG]" and "docker://NAME"; as
 * a source also "oci:DIR:@N", the N-th entry of DIR's index, "dir:PATH", "oci-archive:PATH[:TAG]" and
 * "docker-archive:PATH[:NAME|:@N]". Without a tag a source's index must hold exactly one image. */

#define IMAGE_DIGEST_SIZE 136 /* "sha512:", 128 digits, NUL */

/* Which of an index's images is meant, in the names of Go's GOOS and GOARCH. NULL: this machine's. */
struct image_platform {
	const char *os;
	const char *architecture;
	const char *variant;
};

/* How images are reached, and with whose leave. Members that are NULL: as containers' tools have it by default.
 * Everything is borrowed and outlives the call. */
struct image_access {
	const char *auth_file; /* containers-auth.json(5); alone then */
	const char *credentials; /* "USER:PASSWORD" for this image; or NULL */
	const char *registries_conf; /* containers-registries.conf(5) */
	const char *registries_d; /* folder, containers-registries.d(5) */
	const char *cert_dir; /* *.crt, X.cert and X.key; as certs.d/HOST */
	bool insecure; /* the user said so: plain HTTP and certificates that do not verify are taken */
	const char *policy; /* containers-policy.json(5) */
	struct bytes policy_text; /* the policy itself, where somebody vouches for these very bytes: nothing is read
				   * then, and `policy` is how errors call it. No data: none */
	bool nameless; /* the user said so: sigstore bundles, which name no repository, count by their signer alone */
	bool insecure_policy; /* the user said so: no policy is looked at */
	const char *store; /* folder, of "store:NAME" */
	/* What a kbs:// URI stands for: policy, credentials, keys for signatures. NULL: such URIs are refused. */
	enum err (*resource)(void *user, const char *uri, struct secret **out, struct errmsg *em);
	void *resource_user;
	/* Asked while a registry is waited for; true ends that with ERR_IO. NULL: never. */
	bool (*interrupted)(void *user);
	void *interrupted_user;
};

struct image_reading {
	struct image_platform platform;
	const struct image_access *access; /* or NULL */
};

struct image_progress {
	unsigned layer; /* 0-based, of `layers` */
	unsigned layers;
	uint64_t done;
	uint64_t total;
	const char *digest; /* the source's */
	const char *action; /* "copy", "encrypt", "decrypt", "add recipients", "unpack", "pull" */
	bool kept; /* the destination had it: nothing was read */
	bool finished;
};

struct image_copy_options {
	struct okw_context *keys; /* NULL: neither encrypts nor decrypts */
	/* Encrypts layers for the context's recipients. Layers that are encrypted stay as they are; with `decrypt` too,
	 * the recipients are added to them and their bytes stay. */
	bool encrypt;
	bool decrypt; /* decrypt encrypted layers; without it they are copied as they are */
	const int *encrypt_layers; /* skopeo's --encrypt-layer: indices, negative from the end; NULL = all.
				    * Out of range is refused (ERR_ARG) */
	size_t encrypt_layer_count;
	struct image_platform platform;
	const struct image_access *source_access, *destination_access; /* or NULL */
	/* The callbacks may be called from any thread: `progress` by one at a time, `interrupted` by several. */
	void (*progress)(void *user, const struct image_progress *p);
	void *progress_user;
	/* Asked between reads; true ends the copy with ERR_IO as any other error would. NULL: never. */
	bool (*interrupted)(void *user);
	void *interrupted_user;
};

/* Copies SRC to DST, as many layers at once as there are processors, up to eight. Every digest and size is checked;
 * buffers are bounded, however large the image is; the destination's index changes only
 * after everything held: on an error nothing new is visible under the tag, and blobs that
 * this call wrote are removed. A manifest that needs no change keeps its bytes and digest; in a layout Docker's becomes
 * OCI's. Blocks on disk, on tokens, and for at most a minute on other writers of the same layout (then ERR_BUSY).
 * digest_out: the new manifest's digest, IMAGE_DIGEST_SIZE bytes; may be NULL.
 * ERR_ARG, ERR_NOT_FOUND, ERR_PARSE, ERR_UNSUPPORTED, ERR_INTEGRITY, ERR_KEY, ERR_DENIED, ERR_IO, ... */
enum err image_copy(const char *src, const char *dst, const struct image_copy_options *options, char *digest_out,
		    struct errmsg *em) MUST_USE;

/* Unpacks SRC into the folder `rootfs`, which must not exist, or be empty. All layers are verified (digest, HMAC where
 * they are encrypted, diff id) while they are unpacked beside it; only when all held the folder gets its name, so that
 * on an error, or a kill, nothing of it is seen. Keys are unwrapped from the manifest on. As many layers as there are
 * processors are unpacked at once, and moved over each other in their order; each step of each layer runs in a thread
 * of its own; buffers are bounded, however large the image is. The callbacks may be called from any of these threads:
 * `progress` by one at a time, `interrupted` by several. */
struct image_unpack_options {
	struct okw_context *keys; /* NULL: encrypted layers are refused */
	struct image_platform platform;
	const struct image_access *access; /* or NULL */
	bool unprivileged; /* all files become the caller's; devices and privileged attributes are left out */
	bool layers; /* each layer in a folder of its own, for overlayfs: see image_mount() */
	uint64_t max_size; /* bytes of all files; 0: no bound but the disk's */
	void (*progress)(void *user, const struct image_progress *p);
	void *progress_user;
	bool (*interrupted)(void *user); /* as for image_copy() */
	void *interrupted_user;
};
struct image_unpacked {
	char digest[IMAGE_DIGEST_SIZE]; /* of the manifest */
	size_t left_out; /* devices and attributes, for want of privileges */
	json_object *config; /* the image's configuration: the caller's */
};
/* ERR_EXISTS: the folder holds something. Else as image_copy(). */
enum err image_unpack(const char *src, const char *rootfs, const struct image_unpack_options *options,
		      struct image_unpacked *out, struct errmsg *em) MUST_USE;

/* Makes the folder `bundle` as image_unpack() makes its own: "rootfs" in it, and "config.json", with which runc and
 * crun start what the image says: OCI runtime-spec 1.0, image-spec "Conversion to OCI Runtime Configuration". With
 * `unprivileged`: for a user namespace of the caller's. ERR_PARSE: the image's user, command or folder make no sense;
 * ERR_UNSUPPORTED: it is not for Linux, or its user cannot be mapped. */
enum err image_bundle(const char *src, const char *bundle, const struct image_unpack_options *options,
		      struct image_unpacked *out, struct errmsg *em) MUST_USE;

/* Pulls SRC into a store (NULL: the usual one, /var/lib/kbs-image or, for others than root, kbs-image in
 * $XDG_DATA_HOME or ~/.local/share). Several layers at once, each is verified (digest, HMAC, diff id) and kept
 * decrypted, and as it was compressed, under digests, so that images share layers; what is there and good is not read
 * again. The name, that of the source, comes to mean the image last of all. Afterwards "store:NAME" is a source: each
 * time the policy of then judges it, by the name that it was pulled by and the signatures that were kept with it; and
 * layers that were encrypted are unpacked, and never copied. options->unprivileged is not looked at; max_size bounds
 * each layer, unpacked. ERR_ARG: SRC is of a store. Else as image_copy(). */
enum err image_pull(const char *src, const char *store, const struct image_unpack_options *options,
		    struct image_unpacked *out, struct errmsg *em) MUST_USE;
/* out: the caller's, [{"name","digest","size","layers","pulled"}] by name; size: of all that it needs; pulled: seconds
 * since 1970. ERR_NOT_FOUND: no store. */
enum err image_store_list(const char *store, json_object **out, struct errmsg *em) MUST_USE;
/* Takes a name, or "sha256:..." that only one name means, off its image. ERR_NOT_FOUND. */
enum err image_store_remove(const char *store, const char *name, struct errmsg *em) MUST_USE;
/* Removes what no image needs. Waits for those who use the store, at most a minute (ERR_BUSY). */
struct image_store_freed {
	uint64_t files, bytes;
};
enum err image_store_gc(const char *store, struct image_store_freed *out, struct errmsg *em) MUST_USE;

/* Mounts what image_unpack() or image_bundle() made with `layers`, DIR: "layers/0", the lowest, "layers/1", ... with
 * overlayfs's whiteouts; "layers.json", {"layers":[{"folder","digest","diffID"}], the lowest first, "userxattr"}; to be
 * changed in "upper" and "work"; onto "rootfs". Changes the process's working folder meanwhile. ERR_DENIED: the caller
 * may not mount. */
enum err image_mount(const char *dir, struct errmsg *em) MUST_USE;

/* What an image is made of, without reading its layers. out: the caller's,
 * {"name","digest","mediaType","size","config":{"digest","size","mediaType"},"os","architecture","layers":[{"digest",
 * "size","mediaType","encrypted",["recipients":[{"scheme","count"}]]}]}. Strings are printable. */
enum err image_inspect(const char *src, const struct image_reading *how, json_object **out, struct errmsg *em) MUST_USE;

/* Asks the policy alone, as copy and unpack do before they parse anything. out: the caller's, {"digest",
 * "held":[TEXT...]}, a text for each requirement that held. ERR_DENIED names what did not. */
enum err image_verify(const char *src, const struct image_reading *how, json_object **out, struct errmsg *em) MUST_USE;

/* The manifest's own bytes (of the platform's image, where the name means an index). */
enum err image_manifest(const char *src, const struct image_reading *how, struct buf *out, struct errmsg *em) MUST_USE;

/* The recipients of an image's encrypted layers, in a layout: "oci:DIR[:TAG]" or "oci:DIR:@N". A change writes a new
 * manifest, and new indexes above it; the layers' bytes, and all other images of the layout, stay as they are, and so
 * does the old manifest, which other names may mean. The name means the new one last of all. */
struct image_recipients_options {
	struct okw_context *keys; /* list, remove: NULL = no keys */
	const int *layers; /* these alone: indices, negative from the end; NULL = all that are encrypted */
	size_t layer_count;
	/* Whom to remove, "LAYER.NUMBER" or "*.NUMBER" for every layer, from 0 as in the list. */
	const char *const *ids;
	size_t id_count;
	struct image_platform platform;
};

/* Adds the context's encryption keys as recipients; its decryption keys must open the layers. May block on a token.
 * digest_out: of the new manifest, or index where the name means one; IMAGE_DIGEST_SIZE bytes. ERR_ARG: a layer that is
 * not there or not encrypted; ERR_BUSY: somebody else changed the image meanwhile; ERR_KEY, ... */
enum err image_recipients_add(const char *name, const struct image_recipients_options *options, char *digest_out,
			      struct errmsg *em) MUST_USE;
/* Removes the recipients that `ids` name, and those that the context's decryption keys open. ERR_ARG: no such
 * recipient, or it is a layer's last; ERR_KEY: the keys open none. */
enum err image_recipients_remove(const char *name, const struct image_recipients_options *options, char *digest_out,
				 struct errmsg *em) MUST_USE;
/* out: the caller's, {"digest","layers":[{"layer","digest","recipients":[{"id","scheme","text"[,"opens"]}]}]}, the
 * encrypted layers only; "opens" where there are decryption keys. */
enum err image_recipients_list(const char *name, const struct image_recipients_options *options, json_object **out,
			       struct errmsg *em) MUST_USE;

/* What the key-wrapping library said, in our words: OKW_ERR_TOKEN, a token that failed, is ERR_PROTO. */
enum err image_err_from_okw(enum okw_code code, const struct okw_error *error, struct errmsg *em);
