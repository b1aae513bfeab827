#include "tests/support/fuzz.h"

#include "keywrap/scheme.h"

/* An element of any scheme, as they stand after base64. A key that opens everything takes the place of RSA, which would
 * be slow and never succeed. */

static enum err open_all(void *ctx, const char *hash, struct bytes wrapped, struct secret **out, struct errmsg *em)
{
	(void)ctx;
	if (strcmp(hash, "SHA1") != 0 && strcmp(hash, "SHA256") != 0)
		abort();
	return wrapped.len ? secret_copy(wrapped, out, em) : err_set(em, ERR_INTEGRITY, "empty");
}

static enum err make_up(void *ctx, struct bytes wrapped, size_t len, struct secret **out, struct errmsg *em)
{
	(void)ctx;
	(void)wrapped;
	return secret_new(len, out, em);
}

static enum err unwrap_all(void *ctx, const struct jwe_wrapped *wrapped, struct secret **cek, struct errmsg *em)
{
	(void)ctx;
	bool gcm = strcmp(wrapped->alg, "A256GCMKW") == 0;
	if (gcm ? wrapped->iv.len != 12 || wrapped->tag.len != 16 : wrapped->iv.len || wrapped->tag.len)
		abort();
	return secret_new(32, cek, em);
}

/* What is left after a recipient was taken away must be an element with one less. */
static void kind_check(const struct element_kind *kind, struct bytes element)
{
	struct recipient_list before = { .scheme = "x" };
	struct recipient_list after = { .scheme = "x" };
	if (kind->describe(element, &before, NULL) == OK && before.count > 1) {
		AUTO_BUF
		left = { 0 };
		enum err e = kind->without(element, before.count / 2, &left, NULL);
		if (e != OK || kind->describe(buf_bytes(&left), &after, NULL) != OK || after.count != before.count - 1)
			abort();
	}
	free(before.list);
	free(after.list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct wrap_scheme *const schemes[] = { &scheme_pkcs11, &scheme_pkcs7, &scheme_jwe, &scheme_kek };
	struct jwe_key rsa = { .kty = "RSA", .oaep_decrypt = open_all, .pkcs1_decrypt = make_up };
	struct jwe_key aes = { .kty = "oct", .kek_unwrap = unwrap_all };
	for (size_t i = 0; i < wrap_scheme_count; i++)
		kind_check(wrap_schemes[i]->kind, (struct bytes){ data, len });
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct unwrap_key key = { .given = schemes[i] == &scheme_kek ? &aes : &rsa };
		AUTO(secret) *plain = NULL;
		struct errmsg em = { "" };
		enum err e = schemes[i]->unwrap(&key, (struct bytes){ data, len }, &plain, &em);
		if ((e == OK) != (plain != NULL))
			abort();
	}
	return 0;
}
