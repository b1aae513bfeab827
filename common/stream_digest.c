#include "common/stream.h"

#include "common/libctx.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

AUTO_OF_DEFINE(EVP_MD, EVP_MD_free)

/* The digests of the OCI image specification ("Registered Algorithms"). */
static const struct algorithm {
	const char *prefix;
	const char *name;
	size_t len;
} algorithms[] = {
	{ "sha256:", "SHA2-256", 32 },
	{ "sha384:", "SHA2-384", 48 },
	{ "sha512:", "SHA2-512", 64 },
};

/* Both filters: what goes by is digested; a verifying one compares at the end, a measuring one tells. */
struct digester {
	struct stream *inner;
	EVP_MD_CTX *md;
	uint64_t size;
	int64_t expected_size; /* -1 = any */
	uint8_t expected[EVP_MAX_MD_SIZE];
	size_t expected_len; /* 0 = measuring */
	char *what;
	struct stream_tally *tally;
	bool told; /* inner knows its digest */
};

static void digester_free(struct digester *d)
{
	if (!d)
		return;
	stream_free(d->inner);
	EVP_MD_CTX_free(d->md);
	free(d->what);
	free(d);
}
AUTO_DEFINE(digester)

static void digester_free_ctx(void *ctx)
{
	digester_free(ctx);
}

/* Takes inner, also on failure. */
static enum err digester_new(struct stream *inner, const char *name, struct digester **out, struct errmsg *em)
{
	AUTO(digester) *d = calloc(1, sizeof(*d));
	if (!d) {
		stream_free(inner);
		return err_nomem(em, "a digest");
	}
	d->inner = inner;
	d->expected_size = -1;
	AUTO_OF(EVP_MD) *md = EVP_MD_fetch(libctx(), name, NULL);
	d->md = EVP_MD_CTX_new();
	if (!md || !d->md || EVP_DigestInit_ex2(d->md, md, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot start %s", name);
	*out = steal(&d);
	return OK;
}

static enum err pass_through(struct digester *d, struct stream_window to, size_t *got, struct errmsg *em)
{
	enum err e = stream_read(d->inner, to, got, em);
	if (e != OK || *got == 0)
		return e;
	d->size += *got;
	if (!d->told && EVP_DigestUpdate(d->md, to.data, *got) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot digest");
	return OK;
}

static enum err verify_end(struct digester *d, struct errmsg *em)
{
	if (d->expected_size >= 0 && d->size != (uint64_t)d->expected_size)
		return err_set(em, ERR_INTEGRITY, "%s: %" PRIu64 " bytes instead of %" PRId64, d->what, d->size,
			       d->expected_size);
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (EVP_DigestFinal_ex(d->md, digest, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot digest %s", d->what);
	if (!bytes_equal((struct bytes){ digest, len }, (struct bytes){ d->expected, d->expected_len }))
		return err_set(em, ERR_INTEGRITY, "%s does not have the digest that it should have", d->what);
	return OK;
}

static enum err verify_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct digester *d = ctx;
	enum err e = pass_through(d, to, got, em);
	if (e != OK)
		return e;
	if (d->expected_size >= 0 && d->size > (uint64_t)d->expected_size)
		return err_set(em, ERR_INTEGRITY, "%s: more than %" PRId64 " bytes", d->what, d->expected_size);
	return *got == 0 ? verify_end(d, em) : OK;
}

static enum err expect_parse(const char *digest, const struct algorithm **algorithm, uint8_t *to, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		size_t prefix = strlen(algorithms[i].prefix);
		if (strncmp(digest, algorithms[i].prefix, prefix) != 0)
			continue;
		*algorithm = &algorithms[i];
		/* OCI image specification, "Registered Algorithms": lower case only. */
		if (strspn(digest + prefix, "0123456789abcdef") != strlen(digest + prefix))
			return err_set(em, ERR_PARSE, "not the lower-case hex of a digest: %.160s", digest);
		enum err e = hex_decode(digest + prefix, to, algorithms[i].len, em);
		return e == OK ? OK : err_wrap(em, e, "%.160s", digest);
	}
	if (!strchr(digest, ':'))
		return err_set(em, ERR_PARSE, "not a digest: %.160s", digest);
	return err_set(em, ERR_UNSUPPORTED, "a digest that is not sha256, sha384 or sha512: %.160s", digest);
}

enum err stream_verify(struct stream *inner, struct stream_expect expect, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { verify_read, digester_free_ctx };
	const struct algorithm *algorithm = NULL;
	uint8_t wanted[EVP_MAX_MD_SIZE];
	enum err e = expect_parse(expect.digest, &algorithm, wanted, em);
	if (e != OK) {
		stream_free(inner);
		return e;
	}
	AUTO(digester) *d = NULL;
	e = digester_new(inner, algorithm->name, &d, em);
	if (e != OK)
		return e;
	memcpy(d->expected, wanted, algorithm->len);
	d->expected_len = algorithm->len;
	d->expected_size = expect.size < 0 ? -1 : expect.size;
	d->what = strdup(expect.what ? expect.what : expect.digest);
	if (!d->what)
		return err_nomem(em, "a digest");
	return stream_new(&ops, steal(&d), out, em);
}

static enum err measure_end(struct digester *d, struct errmsg *em)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (EVP_DigestFinal_ex(d->md, digest, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot digest");
	AUTO_STR
	char *hex = hex_encode((struct bytes){ digest, len });
	if (!hex)
		return err_nomem(em, "a digest");
	snprintf(d->tally->digest, sizeof(d->tally->digest), "sha256:%s", hex);
	return OK;
}

static enum err measure_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct digester *d = ctx;
	enum err e = pass_through(d, to, got, em);
	if (e != OK)
		return e;
	d->tally->size = d->size;
	if (*got > 0)
		return OK;
	const char *known = d->told ? stream_digest(d->inner) : NULL;
	if (!d->told)
		return measure_end(d, em);
	if (!known)
		return err_set(em, ERR_INTERNAL, "a stream does not know its digest after all");
	snprintf(d->tally->digest, sizeof(d->tally->digest), "%s", known);
	return OK;
}

enum err stream_measure(struct stream *inner, struct stream_tally *tally, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { measure_read, digester_free_ctx };
	*tally = (struct stream_tally){ 0 };
	AUTO(digester) *d = NULL;
	enum err e = digester_new(inner, "SHA2-256", &d, em);
	if (e != OK)
		return e;
	d->tally = tally;
	d->told = stream_knows_digest(d->inner);
	return stream_new(&ops, steal(&d), out, em);
}
