#include "image/digest.h"

#include "common/libctx.h"

#include <openssl/evp.h>
#include <stdio.h>

struct algorithm {
	const char *prefix;
	const char *name; /* OpenSSL's */
	size_t hex_len;
};

static const struct algorithm algorithms[] = {
	{ "sha256:", "SHA256", 64 },
	{ "sha384:", "SHA384", 96 },
	{ "sha512:", "SHA512", 128 },
};

static enum err digest_parse(const char *digest, const struct algorithm **out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		size_t prefix_len = strlen(algorithms[i].prefix);
		if (strncmp(digest, algorithms[i].prefix, prefix_len) != 0)
			continue;
		const char *hex = digest + prefix_len;
		/* "encoded" is lower case for these algorithms. */
		if (strlen(hex) != algorithms[i].hex_len || strspn(hex, "0123456789abcdef") != algorithms[i].hex_len)
			return err_set(em, ERR_PARSE, "malformed digest: %s wants %zu lower-case hex digits",
				       algorithms[i].prefix, algorithms[i].hex_len);
		*out = &algorithms[i];
		return OK;
	}
	return err_set(em, ERR_PARSE, "malformed digest: want sha256:, sha384: or sha512: and hex digits");
}

static enum err digest_make(const struct algorithm *algorithm, struct bytes contents, char *out, struct errmsg *em)
{
	uint8_t hash[64];
	size_t len = 0;
	if (EVP_Q_digest(libctx(), algorithm->name, NULL, contents.data, contents.len, hash, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "%s", algorithm->name);
	AUTO_STR
	char *hex = hex_encode((struct bytes){ hash, len });
	if (!hex)
		return err_set(em, ERR_NOMEM, "no memory");
	snprintf(out, IMAGE_DIGEST_SIZE, "%s%s", algorithm->prefix, hex);
	return OK;
}

enum err digest_of(struct bytes contents, char *out, struct errmsg *em)
{
	return digest_make(&algorithms[0], contents, out, em);
}

enum err digest_verify(struct bytes contents, const char *digest, struct errmsg *em)
{
	const struct algorithm *algorithm = NULL;
	char is[IMAGE_DIGEST_SIZE];
	enum err e = digest_parse(digest, &algorithm, em);
	if (e == OK)
		e = digest_make(algorithm, contents, is, em);
	if (e == OK && strcmp(is, digest) != 0)
		e = err_set(em, ERR_INTEGRITY, "its digest is %s, want %s", is, digest);
	return e;
}

enum err digest_check(const char *digest, struct errmsg *em)
{
	const struct algorithm *algorithm = NULL;
	return digest_parse(digest, &algorithm, em);
}

enum err digest_path(const char *digest, char path[DIGEST_PATH_SIZE], struct errmsg *em)
{
	enum err e = digest_check(digest, em);
	if (e != OK)
		return e;
	const char *colon = strchr(digest, ':');
	snprintf(path, DIGEST_PATH_SIZE, "blobs/%.*s/%s", (int)(colon - digest), digest, colon + 1);
	return OK;
}
