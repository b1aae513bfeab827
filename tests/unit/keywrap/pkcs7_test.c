#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include "common/file.h"
#include "common/key.h"
#include "keywrap/cms.h"
#include "keywrap/scheme.h"

#include <stdio.h>

/* Elements of the pkcs7 scheme. cms-*.der were written by `openssl cms`; what the Go library wrote is among the golden
 * layers. */

static EVP_PKEY *private_key(const char *name)
{
	EVP_PKEY *key = NULL;
	struct errmsg em = { "" };
	AUTO_STR
	char *path = vector_path(name);
	AUTO_BUF
	text = file_read_all(path);
	if (key_private_parse(buf_bytes(&text), NULL, &key, &em) != OK)
		fail_msg("%s", em.text);
	return key;
}

static X509 *certificate(const char *name)
{
	X509 *cert = NULL;
	struct errmsg em = { "" };
	AUTO_STR
	char *path = vector_path(name);
	AUTO_BUF
	text = file_read_all(path);
	if (key_certificate_parse(buf_bytes(&text), &cert, &em) != OK)
		fail_msg("%s", em.text);
	return cert;
}

static struct buf vector(const char *name)
{
	AUTO_STR
	char *path = vector_path(name);
	return file_read_all(path);
}

static enum err element_unwrap(struct bytes element, const char *key, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *local = private_key(key);
	AUTO(secret) *plain = NULL;
	AUTO_BUF
	wanted = vector("cms-privopts.json");
	struct unwrap_key with = { .local = local };
	enum err e = scheme_pkcs7.unwrap(&with, element, &plain, em);
	assert_int_equal(e == OK, plain != NULL);
	if (e == OK)
		assert_true(bytes_equal(secret_bytes(plain), buf_bytes(&wanted)));
	return e;
}

static void opens(const char *name, const char *key)
{
	struct errmsg em = { "" };
	AUTO_BUF
	element = vector(name);
	if (element_unwrap(buf_bytes(&element), key, &em) != OK)
		fail_msg("%s: %s", name, em.text);
}

static void refuses(const char *name, const char *key, enum err wanted, const char *text)
{
	struct errmsg em = { "" };
	AUTO_BUF
	element = vector(name);
	enum err e = element_unwrap(buf_bytes(&element), key, &em);
	if (e != wanted || !strstr(em.text, text))
		fail_msg("%s: %d: %s", name, (int)e, em.text);
}

static void opens_what_openssl_wrote(void **state)
{
	(void)state;
	opens("cms-aes128.der", "rsa2048.key");
	opens("cms-aes256.der", "rsa2048.key");
	opens("cms-aes192-keyid.der", "rsa2048.key");
	opens("cms-oaep-sha1.der", "rsa2048.key");
	opens("cms-oaep-sha256.der", "rsa2048.key");
}

static void opens_ber_of_indefinite_length(void **state)
{
	(void)state;
	opens("cms-stream.der", "rsa2048.key");
}

static void opens_with_any_of_several_recipients(void **state)
{
	(void)state;
	opens("cms-mixed.der", "rsa2048.key");
	opens("cms-mixed.der", "rsa3072.key");
	refuses("cms-mixed.der", "p256.key", ERR_KEY, "an EC key opens no recipient");
}

static void says_what_it_does_not_know(void **state)
{
	(void)state;
	refuses("cms-des3.der", "rsa2048.key", ERR_UNSUPPORTED, "neither AES-CBC nor AES-GCM");
	refuses("cms-gcm.der", "rsa2048.key", ERR_UNSUPPORTED, "AuthEnvelopedData");
	refuses("cms-ec.der", "rsa2048.key", ERR_UNSUPPORTED, "no recipient with an RSA key (1 others)");
	refuses("cms-oaep-mixed.der", "rsa2048.key", ERR_UNSUPPORTED, "OAEP with other parameters");
	refuses("cms-privopts.json", "rsa2048.key", ERR_PARSE, "malformed");
}

/* A wrong key, a spoilt wrapped key and a spoilt content have one answer: nothing tells about the padding. */
static void gives_one_answer_for_whatever_does_not_hold(void **state)
{
	(void)state;
	static const char *const names[] = { "cms-aes128.der", "cms-aes256.der" };
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		AUTO_BUF
		element = vector(names[n]);
		struct cms_envelope envelope;
		assert_int_equal(cms_envelope_read(buf_bytes(&element), &envelope, NULL), OK);
		const uint8_t *parts[] = { envelope.recipients[0].wrapped.data,
					   envelope.recipients[0].wrapped.data + 255, envelope.content.data,
					   envelope.content.data + envelope.content.len - 1 };
		for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
			/* DER comes out of ber_normalize() as it went in. */
			size_t at = (size_t)(parts[i] - envelope.der.data);
			for (uint8_t bit = 1; bit < 16; bit = (uint8_t)(bit << 1)) {
				struct errmsg em = { "" };
				element.data[at] ^= bit;
				assert_int_equal(element_unwrap(buf_bytes(&element), "rsa2048.key", &em),
						 ERR_INTEGRITY);
				if (!strstr(em.text, "wrong key") && !strstr(em.text, "does not open"))
					fail_msg("%s", em.text);
				element.data[at] ^= bit;
			}
		}
		cms_envelope_clear(&envelope);
		refuses(names[n], "rsa3072.key", ERR_INTEGRITY, "");
	}
}

/* The operation itself: what is no message of the wanted length gives random bytes, each time others. */
static void makes_up_a_key_where_there_is_none(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *local = private_key("rsa2048.key");
	struct jwe_key ops;
	struct errmsg em = { "" };
	assert_int_equal(jwe_key_from_pkey(local, &ops, &em), OK);
	AUTO_BUF
	element = vector("cms-aes128.der");
	struct cms_envelope envelope;
	assert_int_equal(cms_envelope_read(buf_bytes(&element), &envelope, &em), OK);
	struct bytes wrapped = envelope.recipients[0].wrapped;
	AUTO(secret) *right = NULL;
	AUTO(secret) *again = NULL;
	AUTO(secret) *longer = NULL;
	AUTO(secret) *longer_again = NULL;
	assert_int_equal(ops.pkcs1_decrypt(ops.ctx, wrapped, 16, &right, &em), OK);
	assert_int_equal(ops.pkcs1_decrypt(ops.ctx, wrapped, 16, &again, &em), OK);
	assert_true(bytes_equal(secret_bytes(right), secret_bytes(again)));
	assert_int_equal(ops.pkcs1_decrypt(ops.ctx, wrapped, 32, &longer, &em), OK);
	assert_int_equal(ops.pkcs1_decrypt(ops.ctx, wrapped, 32, &longer_again, &em), OK);
	assert_false(bytes_equal(secret_bytes(longer), secret_bytes(longer_again)));
	assert_int_equal(secret_len(longer), 32);
	cms_envelope_clear(&envelope);
}

static void survives_every_truncation(void **state)
{
	(void)state;
	struct errmsg em;
	AUTO_BUF
	element = vector("cms-mixed.der");
	for (size_t len = 0; len < element.len; len++) {
		struct cms_envelope envelope;
		AUTO_STR
		char *copy = malloc(len + 1); /* so that a sanitizer sees the end */
		memcpy(copy, element.data, len);
		assert_int_not_equal(cms_envelope_read((struct bytes){ (uint8_t *)copy, len }, &envelope, &em), OK);
		cms_envelope_clear(&envelope);
	}
}

static void refuses_deep_nesting_and_many_recipients(void **state)
{
	(void)state;
	struct cms_envelope envelope;
	struct errmsg em = { "" };
	uint8_t deep[400];
	for (size_t i = 0; i < sizeof(deep); i += 2) {
		deep[i] = 0x30;
		deep[i + 1] = 0x80;
	}
	assert_int_equal(cms_envelope_read(BYTES(deep), &envelope, &em), ERR_LIMIT);
	cms_envelope_clear(&envelope);

	AUTO(secret) *key = NULL;
	AUTO_BUF
	infos = { 0 };
	AUTO_BUF
	element = { 0 };
	struct bytes part = { (const uint8_t *)"\x30\x00\x02\x01\x01", 5 };
	struct cms_identity identity = { { part.data, 2 }, { part.data + 2, 3 } };
	for (int i = 0; i < CMS_RECIPIENTS_MAX + 1; i++)
		assert_int_equal(cms_recipient_write(&identity, part, &infos, &em), OK);
	assert_int_equal(secret_new(CMS_WRITE_KEY_LEN, &key, &em), OK);
	assert_int_equal(cms_envelope_write(buf_bytes(&infos), key, part, &element, &em), OK);
	assert_int_equal(cms_envelope_read(buf_bytes(&element), &envelope, &em), ERR_LIMIT);
	cms_envelope_clear(&envelope);
}

/* The parameters of AES-GCM as peers write them, and nothing that OpenSSL's habits would make of them. */
static void writes_what_peers_read(void **state)
{
	(void)state;
	AUTO_OF(X509) *cert = certificate("rsa2048.crt");
	AUTO_OF(EVP_PKEY) *public_key = X509_get_pubkey(cert);
	struct wrap_key key = { .label = (char *)"rsa2048.crt", .public_key = public_key, .certificate = cert };
	struct wrap_key *keys[] = { &key };
	struct errmsg em = { "" };
	AUTO_BUF
	plain = vector("cms-privopts.json");
	AUTO_BUF
	element = { 0 };
	enum err e = scheme_pkcs7.wrap((struct wrap_recipients){ keys, 1 }, buf_bytes(&plain), &element, &em);
	if (e != OK)
		fail_msg("%s", em.text);
	static const uint8_t start[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03, 0xa0 };
	static const uint8_t rsa[] = { 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
				       0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x04 };
	static const uint8_t gcm[] = { 0x30, 0x20, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
				       0x04, 0x01, 0x06, 0x10, 0x13, 0x30, 0x11, 0x84, 0x0c };
	assert_memory_equal(element.data + 4, start, sizeof(start));
	assert_non_null(memmem(element.data, element.len, rsa, sizeof(rsa)));
	const uint8_t *at = memmem(element.data, element.len, gcm, sizeof(gcm));
	assert_non_null(at);
	assert_memory_equal(at + sizeof(gcm) + 12, "\x02\x01\x10\x80\x81", 5);
	assert_int_equal(element_unwrap(buf_bytes(&element), "rsa2048.key", &em), OK);
	assert_int_equal(element_unwrap(buf_bytes(&element), "rsa3072.key", &em), ERR_INTEGRITY);
	/* A corrected peer would tag the outer SEQUENCE as constructed. */
	element.data[(size_t)(at - element.data) + 13] = 0x30;
	assert_int_equal(element_unwrap(buf_bytes(&element), "rsa2048.key", &em), OK);
}

static char *spec(const char *scheme, const char *file)
{
	char *text = NULL;
	AUTO_STR
	char *path = vector_path(file);
	assert_true(asprintf(&text, "%s%s", scheme, path) > 0);
	return text;
}

static void takes_certificates_and_nothing_else_as_recipients(void **state)
{
	(void)state;
	struct okw_error error;
	struct okw_context *context = context_with(NULL, NULL);
	AUTO_STR
	char *bare = spec("pkcs7:", "rsa2048.pub");
	AUTO_STR
	char *ec = spec("pkcs7:", "p256.crt");
	assert_int_equal(okw_add_encryption_key(context, bare, &error), OKW_ERR_ARG);
	assert_error_has(&error, "takes an X.509 certificate");
	assert_int_equal(okw_add_encryption_key(context, ec, &error), OKW_ERR_UNSUPPORTED);
	assert_error_has(&error, "RSA keys only");
	okw_context_free(context);
}

static void opens_layers_with_a_key_and_a_certificate(void **state)
{
	(void)state;
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *to = spec("pkcs7:", "rsa2048.crt");
	AUTO_STR
	char *other = spec("pkcs7:", "rsa3072.crt");
	AUTO_STR
	char *key = spec("", "rsa3072.key");
	AUTO_STR
	char *cert = spec("", "rsa3072.crt");
	struct okw_context *from = context_with(to, NULL);
	assert_okw(okw_add_encryption_key(from, other, &error), &error);
	AUTO_STR
	char *data = test_data(5000);
	struct bytes plain = { (const uint8_t *)data, 5000 };
	AUTO_BUF
	layer = encrypt_all(from, plain, &annotations);
	AUTO_BUF
	out = { 0 };
	struct okw_context *with = context_with(NULL, cert);
	assert_int_equal(decrypt_all(with, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_KEY);
	assert_error_has(&error, "only certificates");
	assert_okw(okw_add_decryption_key(with, key, &error), &error);
	assert_okw(decrypt_all(with, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), plain));
	okw_annotations_clear(&annotations);
	okw_context_free(from);
	okw_context_free(with);
}

/* A key that counts what it is asked: the certificate finds its recipient at the first. */
static enum err count_and_fail(void *ctx, struct bytes wrapped, size_t len, struct secret **out, struct errmsg *em)
{
	(void)len;
	(void)out;
	size_t *sizes = ctx;
	sizes[sizes[0] ? 2 : 1] = wrapped.len;
	sizes[0]++;
	return err_set(em, ERR_INTEGRITY, "counted");
}

static enum err no_oaep(void *ctx, const char *hash, struct bytes wrapped, struct secret **out, struct errmsg *em)
{
	(void)ctx;
	(void)hash;
	(void)wrapped;
	(void)out;
	return err_set(em, ERR_INTEGRITY, "no OAEP");
}

static void tries_the_recipient_that_a_certificate_names_first(void **state)
{
	(void)state;
	size_t sizes[3] = { 0 };
	struct errmsg em = { "" };
	AUTO(secret) *plain = NULL;
	AUTO_OF(X509) *cert = certificate("rsa2048.crt");
	X509 *list[] = { cert };
	struct certificates certificates = { list, 1 };
	struct jwe_key ops = { .ctx = sizes, .kty = "RSA", .oaep_decrypt = no_oaep, .pkcs1_decrypt = count_and_fail };
	struct unwrap_key key = { .given = &ops, .certificates = &certificates };
	AUTO_BUF
	element = vector("cms-mixed.der"); /* rsa3072, p256, rsa2048 */
	assert_int_equal(scheme_pkcs7.unwrap(&key, buf_bytes(&element), &plain, &em), ERR_INTEGRITY);
	assert_int_equal(sizes[0], 2);
	assert_int_equal(sizes[1], 256);
	assert_int_equal(sizes[2], 384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_openssl_wrote),
		cmocka_unit_test(opens_ber_of_indefinite_length),
		cmocka_unit_test(opens_with_any_of_several_recipients),
		cmocka_unit_test(says_what_it_does_not_know),
		cmocka_unit_test(gives_one_answer_for_whatever_does_not_hold),
		cmocka_unit_test(makes_up_a_key_where_there_is_none),
		cmocka_unit_test(survives_every_truncation),
		cmocka_unit_test(refuses_deep_nesting_and_many_recipients),
		cmocka_unit_test(writes_what_peers_read),
		cmocka_unit_test(takes_certificates_and_nothing_else_as_recipients),
		cmocka_unit_test(opens_layers_with_a_key_and_a_certificate),
		cmocka_unit_test(tries_the_recipient_that_a_certificate_names_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
