#ifndef OCIKEYWRAP_H
#define OCIKEYWRAP_H
/* libocikeywrap: ocicrypt key wrapping and the layer cipher, byte-compatible with github.com/containers/ocicrypt.
 *
 * A context holds keys; it is not bound to a layer and may be used by several threads at once after the last key
 * was added. The library keeps no global state, prints nothing and never prompts. Private keys may live in any
 * PKCS#11 module. Link with -locikeywrap (pkg-config ocikeywrap). */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OKW_API __attribute__((visibility("default")))

/* Results. Every call that can fail fills the error it is given (which may be NULL). */
enum okw_code {
	OKW_OK = 0,
	OKW_ERR_ARG, /* argument, key specification */
	OKW_ERR_NOMEM,
	OKW_ERR_IO, /* file of a key or configuration */
	OKW_ERR_PARSE, /* malformed key, annotation, packet */
	OKW_ERR_UNSUPPORTED, /* cipher, algorithm, scheme, key too small for the hash */
	OKW_ERR_KEY, /* no key opened any recipient: the text says why for each */
	OKW_ERR_DENIED, /* module path not allowed, PIN refused, token refused */
	OKW_ERR_INTEGRITY, /* HMAC or digest does not hold: throw the output away */
	OKW_ERR_TOKEN, /* PKCS#11 module or token failed (its CKR_ code is in the text) */
	OKW_ERR_INTERNAL
};

struct okw_error {
	enum okw_code code;
	char text[1024];
};

/* Called for progress and for what is worth knowing; never with a secret. May be NULL. */
struct okw_context;

OKW_API enum okw_code okw_context_new(struct okw_context **out, struct okw_error *error);
OKW_API void okw_context_free(struct okw_context *context); /* wipes; NULL is fine */

/* Vouches for a PKCS#11 module, by its file: it may be loaded whatever ocicrypt.conf says, and URIs that name no module
 * are looked up in its tokens first, then in those registered with p11-kit. One for each context; before the keys.
 * Loads nothing yet. OKW_ERR_IO: no such file. */
OKW_API enum okw_code okw_trust_module(struct okw_context *context, const char *path, struct okw_error *error);

/* A recipient in skopeo's grammar: "jwe:pubkey.pem", "pkcs11:pubkey.pem", "pkcs11:keyfile.yaml", or a PKCS#11 URI
 * "pkcs11:token=...;object=...". */
OKW_API enum okw_code okw_add_encryption_key(struct okw_context *context, const char *specification,
					     struct okw_error *error);
/* A private key in skopeo's grammar: "FILE[:pass=PASSPHRASE|:file=FILE|:fd=N]", "keyfile.yaml", or a PKCS#11 URI. */
OKW_API enum okw_code okw_add_decryption_key(struct okw_context *context, const char *specification,
					     struct okw_error *error);

/* One OCI annotation. */
struct okw_annotation {
	char *key;
	char *value;
};
struct okw_annotations {
	struct okw_annotation *items;
	size_t count;
};
OKW_API void okw_annotations_clear(struct okw_annotations *annotations);

/* True if any annotation is one of "org.opencontainers.image.enc.*". */
OKW_API int okw_layer_is_encrypted(const struct okw_annotations *annotations);

/* Where bytes come from: fills at most `capacity`, sets *length (0 only at the end); returns 0, or non-zero to abort.
 */
typedef int (*okw_read_function)(void *user, uint8_t *to, size_t capacity, size_t *length);

struct okw_reader;

/* Encrypts a layer as it is read. Keys are wrapped for all recipients at the end: after okw_reader_read() gave 0 bytes,
 * okw_reader_annotations() has what belongs on the layer's descriptor. */
OKW_API enum okw_code okw_encrypt_layer(struct okw_context *context, okw_read_function read, void *user,
					struct okw_reader **out, struct okw_error *error);

/* Unwraps the layer's key now (may block on a token, which may attest) and decrypts as it is read. UNVERIFIED UNTIL THE
 * END: what okw_reader_read() gives before it has returned the end of the stream must stay in a place that is
 * thrown away if it then returns OKW_ERR_INTEGRITY. */
OKW_API enum okw_code okw_decrypt_layer_unverified(struct okw_context *context,
						   const struct okw_annotations *annotations, okw_read_function read,
						   void *user, struct okw_reader **out, struct okw_error *error);

/* *length = 0 with OKW_OK is the end: HMAC and digest held. */
OKW_API enum okw_code okw_reader_read(struct okw_reader *reader, uint8_t *to, size_t capacity, size_t *length,
				      struct okw_error *error);
/* After OKW_ERR_INTEGRITY: where the HMAC held and only the plaintext's digest is another than the one that was wrapped
 * with the key, that one; else NULL. Peers (skopeo, buildah) that compress a layer on its way wrap the digest of what
 * they started from: whoever checks that the decompressed plaintext has this digest may take it. Lives with the reader.
 */
OKW_API const char *okw_reader_other_digest(const struct okw_reader *reader);
/* After the end of an encrypting reader: the annotations, added to `annotations`. */
OKW_API enum okw_code okw_reader_annotations(struct okw_reader *reader, struct okw_annotations *annotations,
					     struct okw_error *error);
OKW_API void okw_reader_free(struct okw_reader *reader);

/* Adds recipients to an encrypted layer without touching its bytes: unwraps with a decryption key, wraps for every
 * encryption key, appends. */
OKW_API enum okw_code okw_add_recipients(struct okw_context *context, struct okw_annotations *annotations,
					 struct okw_error *error);

/* "application/vnd.oci.image.layer.v1.tar+gzip" <-> "...+encrypted": malloc'd, NULL if the type has no such form. */
OKW_API char *okw_media_type_encrypted(const char *media_type);
OKW_API char *okw_media_type_plain(const char *media_type);

#ifdef __cplusplus
}
#endif
#endif
