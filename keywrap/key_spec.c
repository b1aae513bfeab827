#define _GNU_SOURCE 1
#include "common/file.h"
#include "common/json_scan.h"
#include "keywrap/context.h"
#include "keywrap/key_file.h"
#include "keywrap/pgp_key.h"
#include "keywrap/provider.h"
#include "keywrap/provider_config.h"
#include "keywrap/token_key.h"

#include <ctype.h>
#include <errno.h>
#include <unistd.h>

/* Key specifications: skopeo's grammar, and PKCS#11 URIs. A file's content says what it is. */

#define PGP "pgp:"
#define KEK "kek:"
#define KEY_FILE_MAX ((size_t)1024 * 1024)
#define PASSPHRASE_MAX 4096

static char *label_of(const char *text)
{
	char *label = strndup(text, 200);
	for (char *c = label; c && *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return label;
}

static bool begins_with(struct bytes text, const char *prefix)
{
	size_t len = strlen(prefix);
	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

enum content { CONTENT_KEY, CONTENT_KEY_FILE, CONTENT_PGP };

static enum content content_of(struct bytes text)
{
	struct errmsg ignored = { "" };
	struct bytes kty;
	if (text.len && text.data[0] == 0x30) /* DER: a SEQUENCE. '0' begins no mapping of YAML */
		return CONTENT_KEY;
	while (text.len && isspace(text.data[0])) {
		text.data++;
		text.len--;
	}
	/* OpenPGP packets have the high bit set (RFC 4880 4.2). */
	if (begins_with(text, "-----BEGIN PGP") || (text.len && (text.data[0] & 0x80)))
		return CONTENT_PGP;
	if (begins_with(text, "-----BEGIN"))
		return CONTENT_KEY;
	struct json_scan_path path = { .path = "kty", .any_case = false };
	if (begins_with(text, "{") && json_scan_member(text, path, &kty, &ignored) == OK)
		return CONTENT_KEY;
	/* PEM files may begin with a text. */
	return memmem(text.data, text.len, "\n-----BEGIN ", 12) ? CONTENT_KEY : CONTENT_KEY_FILE;
}

/* Encryption: the public key of a recipient. */

static enum err public_from_ref(struct token_pool *tokens, struct token_ref *ref, EVP_PKEY **out, struct errmsg *em)
{
	enum err e = token_public_key(tokens, ref, out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", ref->label);
}

static enum err public_from_uri(struct token_pool *tokens, const char *uri, struct wrap_key *key, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	enum err e = token_ref_parse(uri, &ref, em);
	if (e == OK)
		e = token_ref_check_key(ref, em);
	if (e != OK)
		return e;
	free(key->label);
	key->label = label_of(ref->label);
	return public_from_ref(tokens, ref, &key->public_key, em);
}

static enum err public_from_text(struct bytes text, struct wrap_key *key, struct errmsg *em)
{
	if (key->scheme->takes_certificates && key_certificate_parse(text, &key->certificate, em) != OK)
		return err_set(em, ERR_ARG, "the scheme %s takes an X.509 certificate, and this is none",
			       key->scheme->name);
	return key_public_parse(text, &key->public_key, em);
}

static enum err public_from_file(struct token_pool *tokens, const char *path, struct wrap_key *key, struct errmsg *em)
{
	AUTO(secret) *text = NULL; /* a key file may hold a PIN */
	AUTO(token_ref) *ref = NULL;
	enum err e = file_read_secret(path, KEY_FILE_MAX, &text, em);
	if (e != OK)
		return e;
	switch (content_of(secret_bytes(text))) {
	case CONTENT_PGP:
		return err_set(em, ERR_ARG, "%s is an OpenPGP key: pgp:NAME takes one of GnuPG's key ring", path);
	case CONTENT_KEY:
		e = public_from_text(secret_bytes(text), key, em);
		return e == OK ? OK : err_wrap(em, e, "%s", path);
	default:
		break;
	}
	e = key_file_parse(secret_bytes(text), &ref, em);
	if (e == OK && key->scheme != &scheme_pkcs11)
		return err_set(em, ERR_ARG, "%s is a PKCS#11 key file: %s takes a file with a public key", path,
			       key->scheme->name);
	if (e == OK)
		e = public_from_ref(tokens, ref, &key->public_key, em);
	return e == OK ? OK : err_wrap(em, e, "%s is neither a public key nor a usable PKCS#11 key file", path);
}

/* An AES key in a token: a PKCS#11 URI, or a key file. */
static enum err kek_ref_read(const char *rest, struct token_ref **ref, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	if (token_ref_is_uri(rest))
		return token_ref_parse(rest, ref, em);
	enum err e = file_read_secret(rest, KEY_FILE_MAX, &text, em);
	if (e == OK && content_of(secret_bytes(text)) != CONTENT_KEY_FILE)
		e = err_set(em, ERR_ARG, "an AES key is in a token: kek: takes a PKCS#11 URI or key file");
	else if (e == OK)
		e = key_file_parse(secret_bytes(text), ref, em);
	return e == OK ? OK : err_wrap(em, e, "%s", rest);
}

static enum err kek_from_spec(struct token_pool *tokens, const char *rest, struct wrap_key *key, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	enum err e = kek_ref_read(rest, &ref, em);
	if (e != OK)
		return e;
	free(key->label);
	key->label = label_of(ref->label);
	if (!key->label)
		return err_nomem(em, "a key");
	e = token_ref_check_key(ref, em);
	if (e != OK)
		return e;
	e = kek_recipient_new(tokens, steal(&ref), &key->kek, em);
	return e == OK ? OK : err_wrap(em, e, "%s", key->label);
}

/* "provider.NAME": its arguments are nobody's business. */
static char *provider_label(const struct provider_key *provider)
{
	char *label = NULL;
	return asprintf(&label, ANNOTATION_PROVIDER "%s", provider->name) < 0 ? NULL : label;
}

/* Whoever misspells the name, or has no configuration, learns it now. */
static enum err provider_from_spec(const char *spec, struct provider_key **provider, char **label, struct errmsg *em)
{
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	enum err e = provider_key_parse(spec, provider, em);
	if (e == OK)
		e = provider_config_load((*provider)->name, &config, em);
	if (e != OK)
		return e;
	*label = provider_label(*provider);
	return *label ? OK : err_nomem(em, "a key");
}

enum err wrap_key_from_spec(struct token_pool *tokens, const char *spec, struct wrap_key **out, struct errmsg *em)
{
	AUTO(wrap_key) *key = calloc(1, sizeof(*key));
	const char *colon = strchr(spec, ':');
	enum err e = OK;
	if (!key)
		return err_nomem(em, "a key");
	if (provider_key_is(spec)) {
		e = provider_from_spec(spec, &key->provider, &key->label, em);
		if (e == OK)
			*out = steal(&key);
		return e;
	}
	key->scheme = colon ? wrap_scheme_find(spec, (size_t)(colon - spec)) : NULL;
	if (!key->scheme || !colon[1])
		return err_set(em, ERR_ARG,
			       "an encryption key is jwe:FILE, pkcs7:FILE, pkcs11:FILE, a PKCS#11 URI, pgp:NAME, "
			       "kek:URI or provider:NAME, not "
			       "\"%.100s\"",
			       strcasestr(spec, "pin-value") ? "..." : spec);
	key->label = label_of(colon + 1);
	if (key->scheme == &scheme_pgp) {
		e = pgp_recipient_find(colon + 1, &key->pgp, em);
		if (e == OK && key->label)
			*out = steal(&key);
		return e == OK ? OK : err_wrap(em, e, "%s", spec);
	}
	if (key->scheme == &scheme_kek) {
		e = kek_from_spec(tokens, colon + 1, key, em);
		if (e == OK)
			*out = steal(&key);
		return e;
	}
	if (token_ref_is_uri(spec))
		e = public_from_uri(tokens, spec, key, em);
	else
		e = public_from_file(tokens, colon + 1, key, em);
	if (e == OK && !key->label)
		e = err_nomem(em, "a key");
	if (e != OK)
		return e;
	e = key->scheme->fits(key->public_key, em);
	if (e != OK)
		return err_wrap(em, e, "%s", key->label);
	*out = steal(&key);
	return OK;
}

/* Decryption: a private key. */

static enum err token_key_from_ref(struct token_pool *tokens, struct token_ref **ref, struct unwrap_key *key,
				   struct errmsg *em)
{
	free(key->label);
	key->label = label_of((*ref)->label);
	if (!key->label)
		return err_nomem(em, "a key");
	enum err e = token_ref_check_key(*ref, em);
	return e == OK ? token_key_new(tokens, steal(ref), &key->token, em) : e;
}

/* To the end of the descriptor, which stays open: it is the caller's. */
static enum err descriptor_read(const char *number, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	char *end = NULL;
	errno = 0;
	long fd = strtol(number, &end, 10);
	if (!isdigit((unsigned char)number[0]) || *end || errno || fd > INT32_MAX)
		return err_set(em, ERR_ARG, "fd= takes the number of a descriptor");
	enum err e = secret_new(PASSPHRASE_MAX + 1, &text, em);
	if (e != OK)
		return e;
	size_t len = 0;
	for (ssize_t n = 1; n != 0 && len <= PASSPHRASE_MAX;) {
		n = read((int)fd, secret_data(text) + len, PASSPHRASE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(em, ERR_IO, "cannot read the passphrase from descriptor %ld", fd);
		len += (size_t)n;
	}
	if (len > PASSPHRASE_MAX)
		return err_set(em, ERR_LIMIT, "a passphrase of more than %d bytes", PASSPHRASE_MAX);
	if (len > 0 && secret_data(text)[len - 1] == '\n')
		len--;
	secret_truncate(text, len);
	*out = steal(&text);
	return OK;
}

static enum err passphrase_read(const char *text, struct secret **out, struct errmsg *em)
{
	if (strncmp(text, "file=", 5) == 0) {
		enum err e = pin_file_read(text + 5, out, em);
		return e == OK ? OK : err_wrap(em, e, "the passphrase");
	}
	if (strncmp(text, "fd=", 3) == 0)
		return descriptor_read(text + 3, out, em);
	return secret_copy(bytes_str(strncmp(text, "pass=", 5) == 0 ? text + 5 : text), out, em);
}

/* As skopeo has it, certificates may be among the keys. A file with both is a key's. */
static bool is_certificate(struct bytes text, struct unwrap_key *key)
{
	return !memmem(text.data, text.len, "PRIVATE KEY-----", 16) &&
	       key_certificate_parse(text, &key->certificate, NULL) == OK;
}

static enum err pgp_from_text(const struct secret *text, const struct secret *passphrase, struct unwrap_key *key,
			      struct errmsg *em)
{
	AUTO(secret) *copy = NULL;
	AUTO(secret) *passphrase_copy = NULL;
	enum err e = secret_copy(secret_bytes(text), &copy, em);
	if (e == OK && passphrase)
		e = secret_copy(secret_bytes(passphrase), &passphrase_copy, em);
	return e == OK ? pgp_key_from_text(steal(&copy), steal(&passphrase_copy), &key->pgp, em) : e;
}

static enum err private_from_text(struct token_pool *tokens, const struct secret *text, const struct secret *passphrase,
				  struct unwrap_key *key, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	struct bytes content = secret_bytes(text);
	switch (content_of(content)) {
	case CONTENT_PGP:
		return pgp_from_text(text, passphrase, key, em);
	case CONTENT_KEY:
		if (is_certificate(content, key))
			return OK;
		return key_private_parse(content, passphrase, &key->local, em);
	default:
		break;
	}
	enum err e = key_file_parse(content, &ref, em);
	if (e != OK)
		return err_wrap(em, e, "neither a private key nor a usable PKCS#11 key file");
	if (passphrase)
		return err_set(em, ERR_ARG,
			       "a PKCS#11 key file takes no passphrase: its URI has pin-value or pin-source");
	return token_key_from_ref(tokens, &ref, key, em);
}

static enum err private_from_file(struct token_pool *tokens, const char *spec, struct unwrap_key *key,
				  struct errmsg *em)
{
	AUTO(secret) *passphrase = NULL;
	AUTO(secret) *text = NULL;
	size_t path_len = strcspn(spec, ":");
	AUTO_STR
	char *path = strndup(spec, path_len);
	if (!path || !(key->label = label_of(path)))
		return err_nomem(em, "a key");
	if (!path[0])
		return err_set(em, ERR_ARG, "a decryption key without a file's name");
	enum err e = file_read_secret(path, KEY_FILE_MAX, &text, em);
	if (e == OK && spec[path_len])
		e = passphrase_read(spec + path_len + 1, &passphrase, em);
	if (e != OK)
		return e;
	e = private_from_text(tokens, text, passphrase, key, em);
	if (e != OK)
		return err_wrap(em, e, "%s", path);
	EVP_PKEY *local = key->local;
	if (local && !EVP_PKEY_is_a(local, "RSA") && !EVP_PKEY_is_a(local, "EC"))
		return err_set(em, ERR_UNSUPPORTED, "%s: neither an RSA nor an EC key", path);
	return OK;
}

/* "pgp:pkcs11:...": an exported secret key in a data object. */
static enum err pgp_key_from_token_spec(struct token_pool *tokens, const char *uri, struct unwrap_key *key,
					struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	enum err e = token_ref_parse(uri, &ref, em);
	if (e != OK)
		return e;
	key->label = label_of(ref->label);
	if (!key->label)
		return err_nomem(em, "a key");
	return pgp_key_from_token(tokens, steal(&ref), &key->pgp, em);
}

/* "kek:...", as it was given to encrypt: for that scheme alone. */
static enum err kek_key_from_spec(struct token_pool *tokens, const char *rest, struct unwrap_key *key,
				  struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE attribute = { CKA_CLASS, &class, sizeof(class) };
	enum err e = kek_ref_read(rest, &ref, em);
	if (e == OK && p11_kit_uri_set_attribute(ref->uri, &attribute) != P11_KIT_URI_OK)
		e = err_nomem(em, "a key");
	return e == OK ? token_key_from_ref(tokens, &ref, key, em) : e;
}

enum err unwrap_key_from_spec(struct token_pool *tokens, const char *spec, struct unwrap_key **out, struct errmsg *em)
{
	AUTO(unwrap_key) *key = calloc(1, sizeof(*key));
	enum err e = OK;
	if (!key)
		return err_nomem(em, "a key");
	if (provider_key_is(spec)) {
		e = provider_from_spec(spec, &key->provider, &key->label, em);
	} else if (strncmp(spec, PGP, strlen(PGP)) == 0 && token_ref_is_uri(spec + strlen(PGP))) {
		e = pgp_key_from_token_spec(tokens, spec + strlen(PGP), key, em);
	} else if (strncmp(spec, PGP, strlen(PGP)) == 0) {
		key->label = label_of(spec);
		e = key->label ? pgp_key_from_ring(spec + strlen(PGP), &key->pgp, em) : err_nomem(em, "a key");
	} else if (strncmp(spec, KEK, strlen(KEK)) == 0) {
		e = kek_key_from_spec(tokens, spec + strlen(KEK), key, em);
	} else if (token_ref_is_uri(spec)) {
		AUTO(token_ref) *ref = NULL;
		e = token_ref_parse(spec, &ref, em);
		if (e == OK)
			e = token_key_from_ref(tokens, &ref, key, em);
	} else {
		/* "pkcs11:key.yaml" is what skopeo's users write for encryption. */
		e = private_from_file(tokens, strncmp(spec, "pkcs11:", 7) == 0 ? spec + 7 : spec, key, em);
	}
	if (e != OK)
		return e;
	*out = steal(&key);
	return OK;
}
