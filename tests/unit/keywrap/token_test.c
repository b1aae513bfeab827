#define _GNU_SOURCE 1
#include "tests/unit/keywrap/softhsm.h"

#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Keys in a SoftHSM token. */

static int no_hash(void **state)
{
	(void)state;
	unsetenv("OCICRYPT_OAEP_HASHALG");
	return 0;
}

static char *spec(const char *scheme, const char *file)
{
	char *text = NULL;
	AUTO_STR
	char *path = softhsm_path(file);
	assert_true(asprintf(&text, "%s%s", scheme, path) > 0);
	return text;
}

/* Encrypted for one key specification, opened by another. */
static void round_trip(const char *to, const char *with)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *data = test_data(300000);
	struct bytes plain = { (const uint8_t *)data, 300000 };
	struct okw_context *from = context_with(to, NULL);
	AUTO_BUF
	layer = encrypt_all(from, plain, &annotations);
	okw_context_free(from);
	struct okw_context *opens = context_with(NULL, with);
	assert_okw(decrypt_all(opens, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), plain));
	okw_context_free(opens);
	okw_annotations_clear(&annotations);
}

static void files_round_trip(const char *scheme, const char *to, const char *with)
{
	AUTO_STR
	char *to_spec = spec(scheme, to);
	AUTO_STR
	char *with_spec = spec("", with);
	round_trip(to_spec, with_spec);
}

static void opens_pkcs11_with_an_rsa_key_in_a_token(void **state)
{
	(void)state;
	softhsm_need();
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	files_round_trip("pkcs11:", "rsa3072.pub", "rsa3072.yaml");
	files_round_trip("pkcs11:", "rsa2048.pub", "rsa2048.yaml");
}

static void opens_pkcs7_with_an_rsa_key_in_a_token(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *mine = softhsm_certificate("rsa3072");
	AUTO_STR
	char *other = softhsm_certificate("rsa2048");
	AUTO_STR
	char *key = spec("", "rsa3072.yaml");
	AUTO_STR
	char *wrong = spec("", "p256.yaml");
	struct okw_context *from = context_with(other, NULL);
	assert_okw(okw_add_encryption_key(from, mine, &error), &error);
	AUTO_STR
	char *data = test_data(3000);
	struct bytes plain = { (const uint8_t *)data, 3000 };
	AUTO_BUF
	layer = encrypt_all(from, plain, &annotations);
	AUTO_BUF
	out = { 0 };
	struct okw_context *with = context_with(NULL, wrong);
	assert_int_equal(decrypt_all(with, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_KEY);
	assert_error_has(&error, "an EC key opens no recipient of the pkcs7 scheme");
	assert_okw(okw_add_decryption_key(with, key, &error), &error);
	assert_okw(decrypt_all(with, &annotations, buf_bytes(&layer), &out, &error), &error);
	assert_true(bytes_equal(buf_bytes(&out), plain));
	okw_annotations_clear(&annotations);
	okw_context_free(from);
	okw_context_free(with);
}

/* A failed C_Decrypt leaves the operation active in some modules: the next recipient needs a fresh session. */
static void goes_on_after_a_recipient_that_it_is_not(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	AUTO_STR
	char *other = spec("pkcs11:", "rsa2048.pub");
	AUTO_STR
	char *mine = spec("pkcs11:", "rsa3072.pub");
	AUTO_STR
	char *with = spec("", "rsa3072.yaml");
	struct okw_context *context = context_with(other, with);
	assert_okw(okw_add_encryption_key(context, mine, &error), &error);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("some layer"), &annotations);
	for (int i = 0; i < 2; i++) {
		AUTO_BUF
		out = { 0 };
		assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
		assert_true(bytes_equal(buf_bytes(&out), bytes_str("some layer")));
	}
	okw_context_free(context);
	okw_annotations_clear(&annotations);
}

static void wraps_with_the_public_key_in_a_token(void **state)
{
	(void)state;
	softhsm_need();
	files_round_trip("pkcs11:", "rsa3072.yaml", "rsa3072.key");
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	files_round_trip("pkcs11:", "rsa3072.yaml", "rsa3072.yaml");
}

static void opens_jwe_with_keys_in_a_token(void **state)
{
	(void)state;
	softhsm_need();
	files_round_trip("jwe:", "rsa2048.pub", "rsa2048.yaml");
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	files_round_trip("jwe:", "p384.pub", "p384.yaml");
}

static void reads_the_pin_from_its_source(void **state)
{
	(void)state;
	softhsm_need();
	files_round_trip("jwe:", "rsa3072.pub", "source.yaml");
}

static void takes_uris_in_place_of_files(void **state)
{
	(void)state;
	softhsm_need();
	AUTO_STR
	char *uri = NULL;
	AUTO_STR
	char *name_uri = NULL;
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	setenv("SOFTHSM2_CONF", conf, 1);
	assert_true(asprintf(&uri, "pkcs11:token=unit;object=rsa3072?module-path=%s&pin-value=%s", softhsm_module,
			     SOFTHSM_PIN_URI) > 0);
	assert_true(asprintf(&name_uri, "pkcs11:token=unit;object=rsa3072?module-name=softhsm2&pin-value=%s",
			     SOFTHSM_PIN_URI) > 0);
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	round_trip(uri, uri);
	if (strstr(softhsm_module, "/usr/lib/softhsm/"))
		round_trip(name_uri, name_uri);
	unsetenv("SOFTHSM2_CONF");
}

/* A layer for rsa3072, opened with KEY: gives the error's code. */
static enum okw_code refusal(const char *scheme, const char *key, struct okw_error *error)
{
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *to = spec(scheme, "rsa3072.pub");
	AUTO_STR
	char *with = spec("", key);
	struct okw_context *context = context_with(to, with);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("some layer"), &annotations);
	enum okw_code code = decrypt_all(context, &annotations, buf_bytes(&layer), &out, error);
	assert_int_equal(out.len, 0);
	okw_context_free(context);
	okw_annotations_clear(&annotations);
	return code;
}

static void says_that_the_token_has_no_oaep_with_sha256(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	if (refusal("pkcs11:", "rsa3072.yaml", &error) == OKW_OK)
		return; /* a SoftHSM that has learnt it */
	assert_int_equal(error.code, OKW_ERR_UNSUPPORTED);
	assert_error_has(&error, "SHA-256");
	assert_error_has(&error, "pkcs11:token=unit;object=rsa3072");
}

static void refuses_a_wrong_pin_without_showing_it_and_asks_once(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *to = spec("jwe:", "rsa3072.pub");
	AUTO_STR
	char *with = spec("", "wrong.yaml");
	struct okw_context *context = context_with(to, with);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("some layer"), &annotations);
	assert_int_equal(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_DENIED);
	assert_error_has(&error, "CKR_PIN_INCORRECT");
	assert_null(strstr(error.text, "notthepin"));
	assert_int_equal(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), OKW_ERR_DENIED);
	assert_error_has(&error, "not tried again");
	okw_context_free(context);
	okw_annotations_clear(&annotations);
}

static void names_what_is_missing_or_ambiguous(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	assert_int_equal(refusal("jwe:", "nokey.yaml", &error), OKW_ERR_KEY);
	assert_error_has(&error, "no such private key");
	assert_int_equal(refusal("jwe:", "several.yaml", &error), OKW_ERR_KEY);
	assert_error_has(&error, "several private keys");
	assert_int_equal(refusal("jwe:", "notoken.yaml", &error), OKW_ERR_KEY);
	assert_error_has(&error, "no token");
	assert_int_equal(refusal("jwe:", "nopin.yaml", &error), OKW_ERR_DENIED);
	assert_error_has(&error, "wants a PIN");
	assert_int_equal(refusal("jwe:", "p256.yaml", &error), OKW_ERR_KEY);
}

static void loads_no_module_that_is_not_allowed(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	AUTO_STR
	char *allowed = strdup(getenv("OCICRYPT_CONFIG"));
	AUTO_STR
	char *none = softhsm_path("none.conf");
	softhsm_write("none.conf", "pkcs11:\n  allowed-module-paths:\n    - /usr/lib/nothing/\n");
	setenv("OCICRYPT_CONFIG", none, 1);
	assert_int_equal(refusal("jwe:", "rsa3072.yaml", &error), OKW_ERR_DENIED);
	assert_error_has(&error, "may not be loaded");
	assert_int_equal(chmod(none, 0666), 0);
	assert_int_equal(refusal("jwe:", "rsa3072.yaml", &error), OKW_ERR_CONFIG);
	assert_error_has(&error, "none.conf");
	setenv("OCICRYPT_CONFIG", allowed, 1);
}

/* What the caller vouches for needs no leave, and is where a URI leads that names no module. */
static void a_trusted_module_needs_no_leave_and_no_name(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *allowed = strdup(getenv("OCICRYPT_CONFIG"));
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	AUTO_STR
	char *to = spec("jwe:", "rsa3072.pub");
	AUTO_STR
	char *none = softhsm_path("none.conf");
	softhsm_write("none.conf", "pkcs11:\n  allowed-module-paths: []\n");
	setenv("OCICRYPT_CONFIG", none, 1);
	setenv("SOFTHSM2_CONF", conf, 1);
	struct okw_context *context = context_with(to, NULL);
	assert_int_equal(okw_trust_module(context, "/nonexistent/module.so", &error), OKW_ERR_NOT_FOUND);
	assert_okw(okw_trust_module(context, softhsm_module, &error), &error);
	assert_okw(
		okw_add_decryption_key(context, "pkcs11:token=unit;object=rsa3072?pin-value=" SOFTHSM_PIN_URI, &error),
		&error);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("some layer"), &annotations);
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
	okw_context_free(context);
	okw_annotations_clear(&annotations);
	unsetenv("SOFTHSM2_CONF");
	setenv("OCICRYPT_CONFIG", allowed, 1);
}

/* Eight threads, one context, keys of two kinds. */
struct crowd {
	struct okw_context *context;
	const struct okw_annotations *annotations;
	struct bytes layer;
	int good;
};

static void *crowd_member(void *arg)
{
	struct crowd *c = arg;
	for (int i = 0; i < 20; i++) {
		AUTO_BUF
		out = { 0 };
		struct okw_error error = { OKW_OK, "" };
		if (decrypt_all(c->context, c->annotations, c->layer, &out, &error) == OKW_OK &&
		    out.len == c->layer.len)
			__atomic_add_fetch(&c->good, 1, __ATOMIC_RELAXED);
		else
			print_message("%s\n", error.text);
	}
	return NULL;
}

static void serves_eight_threads(void **state)
{
	(void)state;
	softhsm_need();
	pthread_t threads[8];
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *to = spec("jwe:", "rsa2048.pub");
	AUTO_STR
	char *other = spec("", "p256.yaml");
	AUTO_STR
	char *with = spec("", "rsa2048.yaml");
	struct okw_context *context = context_with(to, other);
	assert_okw(okw_add_decryption_key(context, with, &error), &error);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("a small layer"), &annotations);
	struct crowd crowd = { context, &annotations, buf_bytes(&layer), 0 };
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &crowd), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.good, 8 * 20);
	okw_context_free(context);
	okw_annotations_clear(&annotations);
}

/* How often a line of the spy's log names `function`. */
static size_t spy_count(const char *function)
{
	AUTO_STR
	char *path = softhsm_path("spy.log");
	AUTO_BUF
	log = file_read_all(path);
	const char *text = buf_cstr(&log);
	size_t count = 0;
	assert_non_null(text);
	for (const char *at = text; (at = strstr(at, function)); at += strlen(function))
		count += at[strlen(function)] == '\n' || at[strlen(function)] == '\r';
	return count;
}

static void logs_in_once_for_a_hundred_layers(void **state)
{
	(void)state;
	softhsm_need();
	if (SANITIZED) {
		print_message("skipped: pkcs11-spy leaks\n");
		skip();
	}
	glob_t spies = { 0 };
	if (glob("/usr/lib*/{pkcs11,*/pkcs11}/pkcs11-spy.so", GLOB_BRACE, NULL, &spies) != 0) {
		print_message("skipped: no pkcs11-spy here\n");
		globfree(&spies);
		skip();
	}
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	AUTO_STR
	char *log = softhsm_path("spy.log");
	AUTO_STR
	char *to = spec("jwe:", "p256.pub");
	setenv("SOFTHSM2_CONF", conf, 1);
	setenv("PKCS11SPY", softhsm_module, 1);
	setenv("PKCS11SPY_OUTPUT", log, 1);
	struct okw_context *context = context_with(to, NULL);
	assert_okw(okw_trust_module(context, spies.gl_pathv[0], &error), &error);
	assert_okw(okw_add_decryption_key(context, "pkcs11:token=unit;object=p256?pin-value=" SOFTHSM_PIN_URI, &error),
		   &error);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("a small layer"), &annotations);
	for (int i = 0; i < 100; i++) {
		AUTO_BUF
		out = { 0 };
		assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &out, &error), &error);
	}
	okw_context_free(context);
	okw_annotations_clear(&annotations);
	globfree(&spies);
	assert_int_equal(spy_count("C_DeriveKey"), 100);
	assert_int_equal(spy_count("C_Login"), 1);
	assert_int_equal(spy_count("C_OpenSession"), 1);
	assert_int_equal(spy_count("C_Initialize"), 1);
	assert_int_equal(spy_count("C_Finalize"), 1);
	unsetenv("SOFTHSM2_CONF");
	unsetenv("PKCS11SPY");
	unsetenv("PKCS11SPY_OUTPUT");
}

static void restores_the_environment(void **state)
{
	(void)state;
	softhsm_need();
	setenv("SOFTHSM2_CONF", "/before", 1);
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	assert_string_equal(getenv("SOFTHSM2_CONF"), "/before");
	unsetenv("SOFTHSM2_CONF");
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	assert_null(getenv("SOFTHSM2_CONF"));
}

static void decrypts_in_a_forked_child(void **state)
{
	(void)state;
	softhsm_need();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_STR
	char *to = spec("jwe:", "p256.pub");
	AUTO_STR
	char *with = spec("", "p256.yaml");
	struct okw_context *context = context_with(to, with);
	AUTO_BUF
	layer = encrypt_all(context, bytes_str("a small layer"), &annotations);
	AUTO_BUF
	before = { 0 };
	AUTO_BUF
	after = { 0 };
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &before, &error), &error);
	pid_t child = fork();
	if (child == 0) {
		AUTO_BUF
		out = { 0 };
		struct okw_context *own = NULL;
		alarm(20);
		bool good = okw_context_new(&own, &error) == OKW_OK &&
			    okw_add_decryption_key(own, with, &error) == OKW_OK &&
			    decrypt_all(own, &annotations, buf_bytes(&layer), &out, &error) == OKW_OK;
		okw_context_free(own);
		_exit(good ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_okw(decrypt_all(context, &annotations, buf_bytes(&layer), &after, &error), &error);
	okw_context_free(context);
	okw_annotations_clear(&annotations);
}

#define TOKEN_TEST(f) cmocka_unit_test_setup_teardown(f, no_hash, no_hash)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_TEST(opens_pkcs11_with_an_rsa_key_in_a_token),
		TOKEN_TEST(opens_pkcs7_with_an_rsa_key_in_a_token),
		TOKEN_TEST(goes_on_after_a_recipient_that_it_is_not),
		TOKEN_TEST(wraps_with_the_public_key_in_a_token),
		TOKEN_TEST(opens_jwe_with_keys_in_a_token),
		TOKEN_TEST(reads_the_pin_from_its_source),
		TOKEN_TEST(takes_uris_in_place_of_files),
		TOKEN_TEST(says_that_the_token_has_no_oaep_with_sha256),
		TOKEN_TEST(refuses_a_wrong_pin_without_showing_it_and_asks_once),
		TOKEN_TEST(names_what_is_missing_or_ambiguous),
		TOKEN_TEST(loads_no_module_that_is_not_allowed),
		TOKEN_TEST(a_trusted_module_needs_no_leave_and_no_name),
		TOKEN_TEST(serves_eight_threads),
		TOKEN_TEST(logs_in_once_for_a_hundred_layers),
		TOKEN_TEST(decrypts_in_a_forked_child),
		TOKEN_TEST(restores_the_environment),
	};
	return cmocka_run_group_tests(tests, softhsm_make, softhsm_remove);
}
