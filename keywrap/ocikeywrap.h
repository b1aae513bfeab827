#ifndef OCIKEYWRAP_H
#define OCIKEYWRAP_H
/* libocikeywrap: ocicrypt key wrapping and the layer cipher, byte-compatible with github.com/containers/ocicrypt.
 * Schemes: jwe, pkcs7, pkcs11, pgp, kek and key providers (programs, ttrpc). Manual: ocikeywrap(3).
 *
 * A context holds keys; it is not bound to a layer and may be used by several threads at once after the last key was
 * added. A reader belongs to one thread at a time and must be freed before its context. The library prints nothing,
 * never prompts, and keeps no state outside contexts but its OpenSSL library context and its memory for secrets.
 * Private keys may live in any PKCS#11 module; modules stay loaded, sessions open and logged in as long as the context
 * lives. A forked child makes a context of its own. Link with -locikeywrap (pkg-config ocikeywrap). */

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
	OKW_ERR_NOT_FOUND, /* a file, or what stands behind a token's object */
	OKW_ERR_CONFIG, /* ocicrypt.conf, or the configuration of a token */
	OKW_ERR_PARSE, /* malformed key, annotation, packet */
	OKW_ERR_UNSUPPORTED, /* cipher, algorithm, scheme, key too small for the hash */
	OKW_ERR_KEY, /* no key opened any recipient: the text says why for each */
	OKW_ERR_DENIED, /* module path not allowed, PIN refused, token refused */
	OKW_ERR_INTEGRITY, /* HMAC or digest does not hold: throw the output away */
	OKW_ERR_UNREACHABLE, /* the service behind a token did not answer: try again later */
	OKW_ERR_TOKEN, /* PKCS#11 module or token failed, or the service behind it (the CKR_ code is in the text) */
	OKW_ERR_INTERNAL
};

struct okw_error {
	enum okw_code code;
	char text[1024];
};

struct okw_context;

OKW_API enum okw_code okw_context_new(struct okw_context **out, struct okw_error *error);
OKW_API void okw_context_free(struct okw_context *context); /* wipes; NULL is fine */

/* Vouches for a PKCS#11 module, by its file: it may be loaded whatever ocicrypt.conf says, and URIs that name no module
 * are looked up in its tokens first, then in those registered with p11-kit. One for each context; before the keys.
 * Loads nothing yet. OKW_ERR_NOT_FOUND: no such file. */
OKW_API enum okw_code okw_trust_module(struct okw_context *context, const char *path, struct okw_error *error);

/* A recipient in skopeo's grammar:
 *   jwe:FILE      a public key (PEM, DER, JWK) or certificate: RSA, P-256, P-384, P-521
 *   pkcs7:FILE    an X.509 certificate (PEM, DER) with an RSA key
 *   pkcs11:FILE   a public RSA key, or a PKCS#11 key file (YAML)
 *   pkcs11:...    a PKCS#11 URI (RFC 7512) of an RSA key: "pkcs11:token=...;object=..."
 *   pgp:NAME      a key of GnuPG's key ring by its exact user id, address or fingerprint. Runs gpg, now and for each
 *                 layer; libgpgme is loaded
 *   kek:pkcs11:..., kek:FILE   an AES-256 key in a token, by URI or key file; it is tried now. An extension: peers pass
 *                 over it. Manual: ocikeywrap(3), "AES keys in a token"
 *   provider:NAME[:ARGUMENTS]   a key provider of the file that OCICRYPT_KEYPROVIDER_CONFIG names. Its program is run,
 *                 without a shell, for each layer; it inherits the environment
 * What comes after "pkcs11:" is a URI where it begins with an attribute and '='. A key in a token is looked up now: may
 * block, and may attest. RSA-OAEP with SHA-256, the default of the scheme pkcs11, needs RSA-3072; the environment's
 * OCICRYPT_OAEP_HASHALG=sha1 makes RSA-2048 do (OKW_ERR_UNSUPPORTED says so). */
OKW_API enum okw_code okw_add_encryption_key(struct okw_context *context, const char *specification,
					     struct okw_error *error);

/* A private key:
 *   FILE[:PASSPHRASE]   PKCS#8, PKCS#1, SEC1 (PEM, DER) or JWK; PASSPHRASE is pass=TEXT, file=FILE, fd=N or the text
 *   FILE                a PKCS#11 key file (YAML)
 *   FILE                an X.509 certificate: no key, but of several pkcs7 recipients its own is tried first
 *   pkcs11:...          a PKCS#11 URI of an RSA, EC or (of the scheme kek) AES key; type=private or type=secret-key
 *                 says which
 *   kek:...             the same as for encryption: for that scheme alone
 *   FILE[:PASSPHRASE]   an exported OpenPGP secret key, binary or armoured. It is unpacked at the first layer, in a
 *                 private home of GnuPG in memory ($XDG_RUNTIME_DIR or /dev/shm, if that is a tmpfs), which goes away,
 *                 agent and all, with the context or with a process that is killed
 *   pgp:NAME            a secret key of GnuPG's key ring. Its agent may ask its user for a passphrase
 *   pgp:pkcs11:...      a PKCS#11 URI of a data object that holds an exported OpenPGP secret key, of at most 1 MiB; as
 *                 such a file it is unpacked at the first layer
 *   provider:NAME[:ARGUMENTS]   as above. A provider that a layer names and that is configured is always asked, after
 *                 all keys, whether a specification names it or not
 * The first ':' ends FILE. One newline at the end of a file with a passphrase or PIN does not count. Files are read
 * now, tokens are not touched before the first layer. Every key is tried with every scheme.
 *
 * Which module a URI means: module-path, or module-name in a module-directory, if ocicrypt.conf allows the file; the
 * first of $OCICRYPT_CONFIG, $XDG_CONFIG_HOME/ocicrypt.conf, ~/.config/ocicrypt.conf and /etc/ocicrypt.conf counts
 * alone, and must not be writable for others. Without any, only this project's own installed module is allowed. A URI
 * without both means the module of okw_trust_module(), then those that are registered with p11-kit. A key file's
 * module.env is set in the process while its module is loaded and initialised, and restored afterwards: no other thread
 * may use the environment meanwhile.
 *
 * The caller's copy of a specification with a secret in it is the caller's to wipe. */
OKW_API enum okw_code okw_add_decryption_key(struct okw_context *context, const char *specification,
					     struct okw_error *error);

/* One OCI annotation. Both strings and the array below are malloc'd: the library adds, replaces and removes. */
struct okw_annotation {
	char *key;
	char *value;
};
struct okw_annotations {
	struct okw_annotation *items;
	size_t count;
};
/* Frees what is in it, not `annotations` itself. */
OKW_API void okw_annotations_clear(struct okw_annotations *annotations);

/* True if any annotation is one of "org.opencontainers.image.enc.*". */
OKW_API int okw_layer_is_encrypted(const struct okw_annotations *annotations);

/* Where bytes come from: fills at most `capacity`, sets *length (0 only at the end); returns 0, or non-zero to abort.
 * It is called from okw_reader_read(), on the thread that calls that. */
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

/* At most `capacity` bytes (at least 1). *length = 0 with OKW_OK is the end: HMAC and digest held, or when encrypting
 * the key is wrapped. A digest that the options lack is not checked; the HMAC always is. An error is final. A layer of
 * more than 128 KiB is hashed by a second thread where there is a second processor; it ends with the reader. */
OKW_API enum okw_code okw_reader_read(struct okw_reader *reader, uint8_t *to, size_t capacity, size_t *length,
				      struct okw_error *error);
/* After OKW_ERR_INTEGRITY: where the HMAC held and only the plaintext's digest is another than the one that was wrapped
 * with the key, that one; else NULL. Peers (skopeo, buildah) that compress a layer on its way wrap the digest of what
 * they started from: whoever checks that the decompressed plaintext has this digest may take it. Lives with the reader.
 */
OKW_API const char *okw_reader_other_digest(const struct okw_reader *reader);
/* "sha256:" and the digest of all that a decrypting reader gave, after its end (or after OKW_ERR_INTEGRITY where
 * okw_reader_other_digest() is not NULL); "" before. NULL where it takes none, or another one: the digest that was
 * wrapped decides. Whoever needs it for what he wrote need not take it again. Lives with the reader. */
OKW_API const char *okw_reader_digest(const struct okw_reader *reader);
/* After the end of an encrypting reader: what belongs on the layer's descriptor, in place of all
 * org.opencontainers.image.enc.* that `annotations` held before. */
OKW_API enum okw_code okw_reader_annotations(struct okw_reader *reader, struct okw_annotations *annotations,
					     struct okw_error *error);
OKW_API void okw_reader_free(struct okw_reader *reader); /* at any time; NULL is fine */

/* Adds recipients to an encrypted layer without touching its bytes: unwraps with a decryption key, wraps for every
 * encryption key, appends. On an error nothing was added. */
OKW_API enum okw_code okw_add_recipients(struct okw_context *context, struct okw_annotations *annotations,
					 struct okw_error *error);

/* A recipient of an encrypted layer, as far as can be told without any key. Printable. */
struct okw_recipient {
	char scheme[64]; /* "jwe", "pkcs7", "pkcs11", "pgp", "kek", "provider.NAME" */
	char text[256]; /* "RSA-OAEP, RSA-3072", "RSA-2048, serial 01 of CN=...", "RSA, key id ...": may be cut */
};
/* All of them, malloc'd as one array: free() it. What cannot be read counts as one recipient, and its text says why. */
OKW_API enum okw_code okw_list_recipients(const struct okw_annotations *annotations, struct okw_recipient **out,
					  size_t *count, struct okw_error *error);
/* *opens: whether one of the context's decryption keys opens this one, the number-th of the list from 0. May block on a
 * token, which may attest. An error only where a key could not be used at all. */
OKW_API enum okw_code okw_recipient_opens(struct okw_context *context, const struct okw_annotations *annotations,
					  size_t number, int *opens, struct okw_error *error);
/* Takes the number-th recipient away, without any key; those behind it move up. Whoever has the layer's key, or older
 * annotations, opens the layer all the same. OKW_ERR_ARG: no such number, or it is the last one. On an error nothing
 * was changed. */
OKW_API enum okw_code okw_remove_recipient(struct okw_annotations *annotations, size_t number, struct okw_error *error);

/* "application/vnd.oci.image.layer.v1.tar+gzip" <-> "...+encrypted": malloc'd, NULL if the type has no such form. */
OKW_API char *okw_media_type_encrypted(const char *media_type);
OKW_API char *okw_media_type_plain(const char *media_type);

#ifdef __cplusplus
}
#endif
#endif
