#define _GNU_SOURCE 1
#include "common/base64.h"
#include "common/jwe_message.h"
#include "tests/unit/keywrap/softhsm.h"

#include <stdio.h>

/* The scheme kek: layers whose key an AES key in a SoftHSM token wraps. */

#define ANNOTATION "org.opencontainers.image.enc.keys.kek"

static int make(void **state)
{
	if (softhsm_make(state) != 0 || !softhsm_module)
		return softhsm_module ? -1 : 0;
	softhsm_aes("both", 32, SOFTHSM_CRYPTS | SOFTHSM_WRAPS);
	softhsm_aes("wraps", 32, SOFTHSM_WRAPS);
	softhsm_aes("decrypts", 32, SOFTHSM_CRYPTS);
	softhsm_aes("short", 16, SOFTHSM_CRYPTS | SOFTHSM_WRAPS);
	softhsm_aes("neither", 32, 0);
	softhsm_data("data", "0123456789abcdef0123456789abcdef");
	softhsm_data("small", "0123456789abcdef");
	return 0;
}

static char *uri(const char *prefix, const char *label, const char *rest)
{
	char *text = NULL;
	AUTO_STR
	char *path = softhsm_path("softhsm2.conf");
	setenv("SOFTHSM2_CONF", path, 1);
	assert_true(asprintf(&text, "%spkcs11:token=unit;object=%s%s?pin-value=%s&module-path=%s", prefix, label, rest,
			     SOFTHSM_PIN_URI, softhsm_module) > 0);
	return text;
}

static struct okw_annotation *annotation(struct okw_annotations *from, const char *key)
{
	for (size_t i = 0; i < from->count; i++)
		if (strcmp(from->items[i].key, key) == 0)
			return &from->items[i];
	return NULL;
}

/* The JWE of a kek annotation, whose only recipient says `alg`. */
static void assert_alg(const char *value, const char *alg, const char *kid)
{
	struct errmsg em = { "" };
	struct jwe_view view;
	const char *text = "";
	AUTO(jwe_message) *m = NULL;
	AUTO_BUF
	element = { 0 };
	assert_int_equal(base64_decode(BASE64_STD, bytes_str(value), &element, &em), OK);
	assert_int_equal(jwe_message_parse(buf_bytes(&element), element.len, &m, &em), OK);
	assert_int_equal(jwe_message_recipients(m), 1);
	assert_int_equal(jwe_message_view(m, 0, &view, &em), OK);
	assert_int_equal(jwe_view_string(&view, "alg", &text, &em), OK);
	assert_string_equal(text, alg);
	assert_int_equal(jwe_view_string(&view, "kid", &text, &em), OK);
	assert_string_equal(text, kid);
}

static void round_trip(const char *label, const char *rest, const char *alg)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *to = uri("kek:", label, "");
	AUTO_STR
	char *with = uri("", label, rest);
	AUTO_BUF
	out = { 0 };
	struct okw_context *from = context_with(to, NULL);
	AUTO_BUF
	layer = encrypt_all(from, bytes_str("the layer"), &annotations);
	okw_context_free(from);
	assert_alg(annotation(&annotations, ANNOTATION)->value, alg, label);
	struct okw_context *opens = context_with(NULL, with);
	assert_okw(decrypt_all(opens, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), bytes_str("the layer")));
	okw_context_free(opens);
	okw_annotations_clear(&annotations);
}

static void wraps_with_what_the_key_may_do(void **state)
{
	(void)state;
	softhsm_need();
	round_trip("both", "", "A256KW");
	round_trip("both", ";type=secret-key", "A256KW");
	round_trip("wraps", "", "A256KW");
	round_trip("decrypts", "", "A256GCMKW");
	round_trip("data", "", "A256KW");
}

static void takes_a_key_file_and_the_name_of_the_scheme(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *file = softhsm_path("both.yaml");
	AUTO_STR
	char *spec = NULL;
	AUTO_BUF
	out = { 0 };
	assert_true(asprintf(&spec, "kek:%s", file) > 0);
	struct okw_context *context = context_with(spec, spec);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("the layer"), &annotations);
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
	okw_context_free(context);
	okw_annotations_clear(&annotations);
}

static void refuses_keys_that_cannot_wrap(void **state)
{
	(void)state;
	softhsm_need();
	static const struct {
		const char *label;
		enum okw_code code;
		const char *text;
	} keys[] = {
		{ "short", OKW_ERR_KEY, "the key has 16 bytes instead of 32" },
		{ "small", OKW_ERR_KEY, "the key has 16 bytes instead of 32" },
		{ "neither", OKW_ERR_UNSUPPORTED, "CKR_KEY_FUNCTION_NOT_PERMITTED" },
		{ "nobody", OKW_ERR_KEY, "no such" },
		{ "rsa3072", OKW_ERR_KEY, "no such" },
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_STR
		char *spec = uri("kek:", keys[i].label, "");
		encryption_refused(spec, keys[i].code, keys[i].text);
	}
	AUTO_STR
	char *pem = softhsm_path("rsa3072.pub");
	AUTO_STR
	char *spec = NULL;
	assert_true(asprintf(&spec, "kek:%s", pem) > 0);
	encryption_refused(spec, OKW_ERR_ARG, "an AES key is in a token");
}

/* For an RSA key and two AES keys: each opens it, and a peer that knows no AES keys finds what it knows. */
static void goes_with_other_schemes_and_several_keys(void **state)
{
	(void)state;
	softhsm_need();
	static const char *const labels[] = { "both", "decrypts" };
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	struct okw_recipient *list = NULL;
	size_t count = 0;
	AUTO_STR
	char *pub = softhsm_path("p256.pub");
	AUTO_STR
	char *jwe = NULL;
	assert_true(asprintf(&jwe, "jwe:%s", pub) > 0);
	struct okw_context *from = context_with(jwe, NULL);
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		AUTO_STR
		char *to = uri("kek:", labels[i], "");
		assert_okw(okw_add_encryption_key(from, to, &error), &error);
	}
	AUTO_BUF
	layer = encrypt_all(from, bytes_str("the layer"), &annotations);
	okw_context_free(from);
	assert_non_null(annotation(&annotations, "org.opencontainers.image.enc.keys.jwe"));
	assert_okw(okw_list_recipients(&annotations, &list, &count, &error), &error);
	assert_int_equal(count, 3);
	assert_string_equal(list[2].scheme, "kek");
	assert_string_equal(list[2].text, "A256GCMKW, kid \"decrypts\"");
	free(list);
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		AUTO_STR
		char *with = uri("", labels[i], "");
		AUTO_BUF
		out = { 0 };
		struct okw_context *opens = context_with(NULL, with);
		assert_okw(decrypt_all(opens, &annotations, buf_bytes(&layer), &out, &error), &error);
		okw_context_free(opens);
	}
	okw_annotations_clear(&annotations);
}

static void tells_why_no_key_opens(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *to = uri("kek:", "wraps", "");
	AUTO_STR
	char *wrong = uri("", "both", "");
	AUTO_STR
	char *gone = uri("", "nobody", ";type=secret-key");
	AUTO_BUF
	out = { 0 };
	struct okw_context *from = context_with(to, NULL);
	AUTO_BUF
	layer = encrypt_all(from, bytes_str("the layer"), &annotations);
	okw_context_free(from);
	struct okw_context *opens = context_with(NULL, wrong);
	assert_okw(okw_add_decryption_key(opens, gone, &error), &error);
	assert_int_equal(decrypt_all(opens, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_KEY);
	assert_error_has(&error, "kek: pkcs11:token=unit;object=both: JWE: not encrypted for this key, or altered");
	assert_error_has(&error, "object=nobody;type=secret-key: the token has no such");
	okw_context_free(opens);
	/* A key of another class is not tried at all. */
	AUTO_STR
	char *private = uri("", "both", ";type=private");
	opens = context_with(NULL, private);
	assert_int_equal(decrypt_all(opens, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_KEY);
	assert_error_has(&error, "none of those given is for its schemes");
	okw_context_free(opens);
	okw_annotations_clear(&annotations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_with_what_the_key_may_do),
		cmocka_unit_test(takes_a_key_file_and_the_name_of_the_scheme),
		cmocka_unit_test(refuses_keys_that_cannot_wrap),
		cmocka_unit_test(goes_with_other_schemes_and_several_keys),
		cmocka_unit_test(tells_why_no_key_opens),
	};
	return cmocka_run_group_tests(tests, make, softhsm_remove);
}
