#include "tests/support/fuzz.h"

#include "keywrap/scheme.h"

/* An element of the schemes pkcs11, pkcs7 and jwe, as they stand after base64. A key that opens everything takes the
 * place of RSA, which would be slow and never succeed. */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct wrap_scheme *const schemes[] = { &scheme_pkcs11, &scheme_pkcs7, &scheme_jwe };
	struct jwe_key ops = { .kty = "RSA", .oaep_decrypt = open_all, .pkcs1_decrypt = make_up };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct unwrap_key key = { .given = &ops };
		AUTO(secret) *plain = NULL;
		struct errmsg em = { "" };
		enum err e = schemes[i]->unwrap(&key, (struct bytes){ data, len }, &plain, &em);
		if ((e == OK) != (plain != NULL))
			abort();
	}
	return 0;
}
