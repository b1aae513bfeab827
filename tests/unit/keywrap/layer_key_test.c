#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include "common/base64.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Whole layers with keys in files. */

#define KEYS "org.opencontainers.image.enc.keys."
#define PUBOPTS "org.opencontainers.image.enc.pubopts"

static char *key_spec(const char *scheme, const char *file, const char *rest)
{
	AUTO_STR
	char *path = vector_path(file);
	char *spec = NULL;
	assert_true(asprintf(&spec, "%s%s%s", scheme, path, rest) > 0);
	return spec;
}

static void vector_opens(const char *name, const char *key, const char *passphrase)
{
	struct okw_error error = { OKW_OK, "" };
	AUTO_BUF
	out = { 0 };
	char file[64];
	AUTO_STR
	char *plain_path = vector_path("plain.bin");
	AUTO_BUF
	plain = file_read_all(plain_path);
	snprintf(file, sizeof(file), "%s.layer", name);
	AUTO_STR
	char *layer_path = vector_path(file);
	AUTO_BUF
	layer = file_read_all(layer_path);
	snprintf(file, sizeof(file), "%s.json", name);
	AUTO_STR
	char *json_path = vector_path(file);
	struct okw_annotations annotations = annotations_from_file(json_path);
	AUTO_STR
	char *spec = key_spec("", key, passphrase);
	struct okw_context *context = context_with(NULL, spec);
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&plain)));
	okw_annotations_clear(&annotations);
	okw_context_free(context);
}

static void opens_layers_of_the_go_library_with_every_recipient(void **state)
{
	(void)state;
	vector_opens("go-jwe-three", "rsa2048.key", "");
	vector_opens("go-jwe-three", "p256.key", "");
	vector_opens("go-jwe-three", "p521.key", "");
	vector_opens("go-jwe-three", "p521.der", "");
	vector_opens("go-pkcs11-sha256", "rsa3072.key", "");
	vector_opens("go-pkcs11-sha1-two", "rsa3072.key", "");
	vector_opens("go-pkcs11-sha1-two", "rsa2048.key", "");
	vector_opens("go-mixed", "p256.key", "");
	vector_opens("go-mixed", "rsa3072.key", "");
}

static void opens_what_was_written_before(void **state)
{
	(void)state;
	vector_opens("own-mixed", "p256.key", "");
	vector_opens("own-mixed", "rsa2048.key", "");
	vector_opens("own-mixed", "rsa3072.key", "");
}

static void takes_a_passphrase_in_each_of_its_forms(void **state)
{
	(void)state;
	vector_opens("go-jwe-three", "rsa2048-legacy.pem", ":pass=secret");
	vector_opens("go-jwe-three", "rsa2048-legacy.pem", ":secret");
	vector_opens("go-jwe-three", "p256-pkcs8.pem", ":pass=secret");
	char name[] = "/tmp/keywrap-pass-XXXXXX";
	AUTO_FD
	int fd = mkstemp(name);
	assert_int_equal(write(fd, "secret\n", 7), 7);
	AUTO_STR
	char *from_file = NULL;
	AUTO_STR
	char *from_fd = NULL;
	assert_true(asprintf(&from_file, ":file=%s", name) > 0);
	vector_opens("go-jwe-three", "p256-pkcs8.pem", from_file);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_true(asprintf(&from_fd, ":fd=%d", fd) > 0);
	vector_opens("go-jwe-three", "p256-pkcs8.pem", from_fd);
	unlink(name);
}

static void refuses_keys_that_it_cannot_use(void **state)
{
	(void)state;
	AUTO_STR
	char *rsa2048 = key_spec("pkcs11:", "rsa2048.pub", "");
	AUTO_STR
	char *p256 = key_spec("pkcs11:", "p256.pub", "");
	AUTO_STR
	char *ed25519 = key_spec("jwe:", "ed25519.pub", "");
	AUTO_STR
	char *no_key = key_spec("jwe:", "plain.bin", "");
	unsetenv("OCICRYPT_OAEP_HASHALG");
	encryption_refused("", OKW_ERR_ARG, "jwe:FILE");
	encryption_refused("jwe:", OKW_ERR_ARG, "jwe:FILE");
	encryption_refused("unknown:file", OKW_ERR_ARG, "unknown:file");
	encryption_refused("provider:x", OKW_ERR_UNSUPPORTED, "provider");
	encryption_refused("jwe:/nonexistent", OKW_ERR_NOT_FOUND, "/nonexistent");
	encryption_refused(rsa2048, OKW_ERR_UNSUPPORTED, "OCICRYPT_OAEP_HASHALG=sha1 or an RSA-3072 key");
	encryption_refused(p256, OKW_ERR_UNSUPPORTED, "jwe:FILE");
	encryption_refused(ed25519, OKW_ERR_UNSUPPORTED, "RSA or an EC key");
	encryption_refused(no_key, OKW_ERR_PARSE, "plain.bin");
	setenv("OCICRYPT_OAEP_HASHALG", "md5", 1);
	encryption_refused(rsa2048, OKW_ERR_CONFIG, "OCICRYPT_OAEP_HASHALG");
	unsetenv("OCICRYPT_OAEP_HASHALG");
}

static void refuses_private_keys_that_it_cannot_use(void **state)
{
	(void)state;
	AUTO_STR
	char *locked = key_spec("", "p256-pkcs8.pem", "");
	AUTO_STR
	char *wrong = key_spec("", "p256-pkcs8.pem", ":pass=wrong");
	AUTO_STR
	char *ed25519 = key_spec("", "ed25519.key", "");
	AUTO_STR
	char *public = key_spec("", "p256.pub", "");
	decryption_refused("", OKW_ERR_ARG, "name");
	decryption_refused("/nonexistent", OKW_ERR_NOT_FOUND, "/nonexistent");
	decryption_refused("provider:x", OKW_ERR_UNSUPPORTED, "provider");
	decryption_refused(locked, OKW_ERR_KEY, "passphrase");
	decryption_refused(wrong, OKW_ERR_DENIED, "p256-pkcs8.pem");
	decryption_refused(ed25519, OKW_ERR_UNSUPPORTED, "neither an RSA nor an EC");
	decryption_refused(public, OKW_ERR_PARSE, "p256.pub");
	decryption_refused("pkcs11:token=x;type=data", OKW_ERR_UNSUPPORTED, "type=private");
	decryption_refused("pkcs11:token=%zz", OKW_ERR_PARSE, "pkcs11:token");
	decryption_refused("pkcs11:token=x?pin-value=12%2", OKW_ERR_PARSE, "percent");
	decryption_refused("pkcs11:token=x?pin-source=|/bin/true", OKW_ERR_UNSUPPORTED, "absolute path");
	decryption_refused("pkcs11:token=x?pin-value=1&pin-source=/x", OKW_ERR_PARSE, "exclude");
}

/* A layer for p256, its annotations, and a context with rsa2048, p521 and p256 to open it. */
struct bench {
	struct okw_context *context;
	struct okw_annotations annotations;
	struct buf layer;
};

static int bench_make(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	AUTO_STR
	char *to = key_spec("jwe:", "p256.pub", "");
	assert_non_null(b);
	b->context = context_with(to, NULL);
	b->layer = encrypt_all(b->context, bytes_str("the layer"), &b->annotations);
	*state = b;
	return 0;
}

static int bench_free(void **state)
{
	struct bench *b = *state;
	okw_context_free(b->context);
	okw_annotations_clear(&b->annotations);
	buf_clear(&b->layer);
	free(b);
	return 0;
}

static void bench_key(struct bench *b, const char *file)
{
	struct okw_error error = { OKW_OK, "" };
	AUTO_STR
	char *spec = key_spec("", file, "");
	assert_okw(okw_add_decryption_key(b->context, spec, &error), &error);
}

static struct okw_annotation *bench_annotation(struct bench *b, const char *key)
{
	for (size_t i = 0; i < b->annotations.count; i++)
		if (strcmp(b->annotations.items[i].key, key) == 0)
			return &b->annotations.items[i];
	fail_msg("no %s", key);
	return NULL;
}

static void bench_change(struct bench *b, const char *key, const char *before, const char *after)
{
	struct okw_annotation *a = bench_annotation(b, key);
	char *changed = NULL;
	assert_true(asprintf(&changed, "%s%s%s", before, a->value, after) > 0);
	free(a->value);
	a->value = changed;
}

static enum okw_code bench_open(struct bench *b, struct okw_error *error)
{
	AUTO_BUF
	out = { 0 };
	enum okw_code code = decrypt_all(b->context, &b->annotations, buf_bytes(&b->layer), &out, error);
	if (code == OKW_OK)
		assert_true(bytes_equal(buf_bytes(&out), bytes_str("the layer")));
	return code;
}

static void tells_the_reason_for_every_key(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	assert_int_equal(bench_open(b, &error), OKW_ERR_KEY);
	assert_error_has(&error, "no decryption key");
	bench_key(b, "rsa2048.key");
	bench_key(b, "p521.key");
	assert_int_equal(bench_open(b, &error), OKW_ERR_KEY);
	assert_error_has(&error, "rsa2048.key: ");
	assert_error_has(&error, "p521.key: ");
	bench_key(b, "p256.key");
	assert_okw(bench_open(b, &error), &error);
}

static void skips_what_does_not_unwrap(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	bench_change(b, KEYS "jwe", "Z2FyYmFnZQ==,e30=,", ",Z2FyYmFnZQ==");
	assert_okw(bench_open(b, &error), &error);
	/* The good one comes first: what follows is not looked at. */
	bench_change(b, KEYS "jwe", "", ",not base64!");
	assert_okw(bench_open(b, &error), &error);
}

static void fails_the_scheme_at_an_element_that_is_not_base64(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	bench_change(b, KEYS "jwe", "not base64!,", "");
	assert_int_equal(bench_open(b, &error), OKW_ERR_PARSE);
	assert_error_has(&error, "jwe: element 1");
}

static void refuses_missing_or_foreign_pubopts(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	struct okw_annotation *pub = bench_annotation(b, PUBOPTS);
	char *kept = pub->value;
	pub->value = NULL;
	assert_int_equal(bench_open(b, &error), OKW_ERR_PARSE);
	assert_error_has(&error, "pubopts");
	pub->value = strdup("eyJjaXBoZXIiOiJYIn0=");
	assert_int_equal(bench_open(b, &error), OKW_ERR_UNSUPPORTED);
	assert_error_has(&error, "unknown cipher \"X\"");
	free(pub->value);
	pub->value = kept;
	assert_okw(bench_open(b, &error), &error);
}

static void names_schemes_that_it_does_not_know(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	struct okw_annotation *keys = bench_annotation(b, KEYS "jwe");
	free(keys->key);
	keys->key = strdup(KEYS "provider.example");
	assert_int_equal(bench_open(b, &error), OKW_ERR_UNSUPPORTED);
	assert_error_has(&error, "provider.example");
}

static void bounds_what_it_tries(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	struct okw_annotation *keys = bench_annotation(b, KEYS "jwe");
	free(keys->value);
	keys->value = calloc(1, 5 * 2000 + 1);
	for (int i = 0; i < 2000; i++)
		memcpy(keys->value + 5 * i, "e30=,", 5);
	keys->value[5 * 2000 - 1] = '\0';
	assert_int_not_equal(bench_open(b, &error), OKW_OK);
	assert_error_has(&error, "more than");
}

static void keeps_its_error_in_bounds_with_many_keys(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	for (int i = 0; i < 40; i++)
		bench_key(b, "rsa2048.key");
	assert_int_equal(bench_open(b, &error), OKW_ERR_KEY);
	size_t named = 0;
	for (const char *at = error.text; (at = strstr(at, "rsa2048.key")) != NULL; at++)
		named++;
	assert_int_equal(named, 40);
	for (int i = 0; i < 400; i++)
		bench_key(b, "rsa2048.key");
	assert_int_equal(bench_open(b, &error), OKW_ERR_KEY);
	assert_error_has(&error, "JWE: no recipient with a key of this kind (RSA): rsa2048.key, ");
	assert_error_has(&error, " more");
}

static void adds_recipients_and_leaves_the_layer_alone(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *rsa = key_spec("jwe:", "rsa2048.pub", "");
	AUTO_STR
	char *pkcs11 = key_spec("pkcs11:", "rsa3072.pub", "");
	AUTO_STR
	char *open = key_spec("", "p256.key", "");
	struct okw_context *adds = context_with(rsa, NULL);
	assert_okw(okw_add_encryption_key(adds, pkcs11, &error), &error);
	AUTO_STR
	char *before = strdup(bench_annotation(b, KEYS "jwe")->value);
	AUTO_STR
	char *pub = strdup(bench_annotation(b, PUBOPTS)->value);
	assert_int_equal(okw_add_recipients(adds, &b->annotations, &error), OKW_ERR_KEY);
	assert_int_equal(b->annotations.count, 2);
	assert_okw(okw_add_decryption_key(adds, open, &error), &error);
	assert_okw(okw_add_recipients(adds, &b->annotations, &error), &error);
	assert_int_equal(b->annotations.count, 3);
	assert_string_equal(bench_annotation(b, PUBOPTS)->value, pub);
	const char *after = bench_annotation(b, KEYS "jwe")->value;
	assert_int_equal(strncmp(after, before, strlen(before)), 0);
	assert_int_equal(after[strlen(before)], ',');
	okw_context_free(adds);
	bench_key(b, "rsa3072.key");
	assert_okw(bench_open(b, &error), &error);
	AUTO_STR
	char *rsa_key = key_spec("", "rsa2048.key", "");
	struct okw_context *other = context_with(NULL, rsa_key);
	assert_okw(decrypt_all(other, &b->annotations, buf_bytes(&b->layer), &out, &error), &error);
	okw_context_free(other);
	struct okw_annotations none = { 0 };
	assert_int_equal(okw_add_recipients(b->context, &none, &error), OKW_ERR_ARG);
}

static void lists_what_can_be_told_without_a_key(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	struct okw_recipient *list = NULL;
	size_t count = 0;
	bench_change(b, KEYS "jwe", "", ",Z2FyYmFnZQ==,,not base64");
	assert_okw(okw_list_recipients(&b->annotations, &list, &count, &error), &error);
	assert_int_equal(count, 3);
	assert_string_equal(list[0].scheme, "jwe");
	assert_string_equal(list[0].text, "ECDH-ES+A256KW, P-256");
	assert_non_null(strstr(list[1].text, "nobody can open it: "));
	assert_non_null(strstr(list[2].text, "nobody can open it: "));
	free(list);
}

static void removes_recipients_and_garbage_but_not_the_last(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_key(b, "p256.key");
	AUTO_STR
	char *good = strdup(bench_annotation(b, KEYS "jwe")->value);
	bench_change(b, KEYS "jwe", "e30=,", ",e30=,not base64");
	assert_int_equal(okw_remove_recipient(&b->annotations, 4, &error), OKW_ERR_ARG);
	assert_error_has(&error, "there are 4");
	assert_okw(okw_remove_recipient(&b->annotations, 3, &error), &error);
	assert_okw(okw_remove_recipient(&b->annotations, 0, &error), &error);
	assert_okw(okw_remove_recipient(&b->annotations, 1, &error), &error);
	assert_string_equal(bench_annotation(b, KEYS "jwe")->value, good);
	assert_int_equal(okw_remove_recipient(&b->annotations, 0, &error), OKW_ERR_ARG);
	assert_error_has(&error, "last recipient");
	assert_okw(bench_open(b, &error), &error);
}

static void tells_which_recipient_a_key_opens(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	int opens = 1;
	assert_int_equal(okw_recipient_opens(b->context, &b->annotations, 0, &opens, &error), OKW_ERR_ARG);
	bench_key(b, "p256.key");
	bench_change(b, KEYS "jwe", "not base64,e30=,", "");
	for (size_t i = 0; i < 3; i++) {
		assert_okw(okw_recipient_opens(b->context, &b->annotations, i, &opens, &error), &error);
		assert_int_equal(opens, i == 2);
	}
	assert_int_equal(okw_recipient_opens(b->context, &b->annotations, 3, &opens, &error), OKW_ERR_ARG);
}

static void drops_what_stood_for_an_older_key(void **state)
{
	struct bench *b = *state;
	struct okw_error error = { OKW_OK, "" };
	bench_change(b, KEYS "jwe", "b2xk,", "");
	AUTO_BUF
	again = encrypt_all(b->context, bytes_str("the layer"), &b->annotations);
	assert_int_equal(again.len, b->layer.len);
	assert_int_equal(b->annotations.count, 2);
	assert_null(strchr(bench_annotation(b, KEYS "jwe")->value, ','));
	bench_key(b, "p256.key");
	assert_int_equal(bench_open(b, &error), OKW_ERR_INTEGRITY); /* the first layer, with the second's keys */
}

static void maps_media_types_both_ways(void **state)
{
	(void)state;
	AUTO_STR
	char *encrypted = okw_media_type_encrypted("application/vnd.oci.image.layer.v1.tar+gzip");
	AUTO_STR
	char *plain = okw_media_type_plain("application/vnd.oci.image.layer.v1.tar+encrypted");
	assert_string_equal(encrypted, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
	assert_string_equal(plain, "application/vnd.oci.image.layer.v1.tar");
	assert_null(okw_media_type_encrypted(encrypted));
	assert_null(okw_media_type_plain(plain));
	assert_null(okw_media_type_plain("+encrypted"));
	assert_null(okw_media_type_encrypted("application/json"));
	assert_null(okw_media_type_encrypted(NULL));
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, bench_make, bench_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_layers_of_the_go_library_with_every_recipient),
		cmocka_unit_test(opens_what_was_written_before),
		cmocka_unit_test(takes_a_passphrase_in_each_of_its_forms),
		cmocka_unit_test(refuses_keys_that_it_cannot_use),
		cmocka_unit_test(refuses_private_keys_that_it_cannot_use),
		BENCH_TEST(tells_the_reason_for_every_key),
		BENCH_TEST(skips_what_does_not_unwrap),
		BENCH_TEST(fails_the_scheme_at_an_element_that_is_not_base64),
		BENCH_TEST(refuses_missing_or_foreign_pubopts),
		BENCH_TEST(names_schemes_that_it_does_not_know),
		BENCH_TEST(bounds_what_it_tries),
		BENCH_TEST(keeps_its_error_in_bounds_with_many_keys),
		BENCH_TEST(adds_recipients_and_leaves_the_layer_alone),
		BENCH_TEST(lists_what_can_be_told_without_a_key),
		BENCH_TEST(removes_recipients_and_garbage_but_not_the_last),
		BENCH_TEST(tells_which_recipient_a_key_opens),
		BENCH_TEST(drops_what_stood_for_an_older_key),
		cmocka_unit_test(maps_media_types_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
