#define _GNU_SOURCE 1
#include "tests/unit/keywrap/layers.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keys in a SoftHSM token, in a folder of its own. */

#define PIN "7531 pin"
#define PIN_URI "7531%20pin"

static const char *const module_paths[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
};

static const char *module; /* NULL: there is none here */
static char folder[] = "/tmp/keywrap-token-XXXXXX";

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char *command = NULL;
	va_list args;
	va_start(args, fmt);
	assert_true(vasprintf(&command, fmt, args) > 0);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
	free(command);
}

static char *in_folder(const char *name)
{
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void write_file(const char *name, const char *text)
{
	AUTO_STR
	char *path = in_folder(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* A key pair in files and in the token, label NAME. softhsm2-util's import forbids derivation. */
static void make_key(const char *name, const char *how, const char *id)
{
	run("openssl genpkey %s -out %s/%s.key >/dev/null 2>&1", how, folder, name);
	run("openssl pkey -in %s/%s.key -pubout -out %s/%s.pub", folder, name, folder, name);
	run("openssl pkey -in %s/%s.key -outform DER -out %s/%s.der", folder, name, folder, name);
	run("openssl pkey -in %s/%s.key -pubout -outform DER -out %s/%s.pub.der", folder, name, folder, name);
	for (int i = 0; i < 2; i++)
		run("SOFTHSM2_CONF=%s/softhsm2.conf pkcs11-tool --module %s --login --pin '" PIN
		    "' --write-object %s/%s%s --type %s --label %s --id %s --usage-decrypt --usage-derive >/dev/null "
		    "2>&1",
		    folder, module, folder, name, i ? ".pub.der" : ".der", i ? "pubkey" : "privkey", name, id);
}

static void write_key_file(const char *name, const char *uri_path, const char *pin)
{
	AUTO_STR
	char *text = NULL;
	AUTO_STR
	char *file = NULL;
	assert_true(asprintf(&text,
			     "pkcs11:\n  # pin-value=none\n  uri: \"pkcs11:%s?%s&module-path=%s\"\n"
			     "module:\n  env:\n    SOFTHSM2_CONF: %s/softhsm2.conf\n",
			     uri_path, pin, module, folder) > 0);
	assert_true(asprintf(&file, "%s.yaml", name) > 0);
	write_file(file, text);
}

static int token_make(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(module_paths); i++)
		if (access(module_paths[i], R_OK) == 0)
			module = module_paths[i];
	if (!module || system("command -v softhsm2-util >/dev/null && command -v pkcs11-tool >/dev/null && command -v "
			      "openssl >/dev/null") != 0) {
		module = NULL;
		return 0;
	}
	assert_non_null(mkdtemp(folder));
	AUTO_STR
	char *conf = NULL;
	AUTO_STR
	char *allow = NULL;
	AUTO_STR
	char *allow_path = in_folder("ocicrypt.conf");
	run("mkdir %s/tokens", folder);
	assert_true(asprintf(&conf, "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
			     folder) > 0);
	write_file("softhsm2.conf", conf);
	run("SOFTHSM2_CONF=%s/softhsm2.conf softhsm2-util --init-token --free --label unit --pin '" PIN
	    "' --so-pin 1234 >/dev/null",
	    folder);
	make_key("rsa3072", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072", "01");
	make_key("rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "02");
	make_key("p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "03");
	make_key("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "04");
	assert_true(asprintf(&allow, "pkcs11:\n  module-directories: [%s]\n  allowed-module-paths:\n    - %s\n",
			     "/usr/lib/softhsm/", module) > 0);
	write_file("ocicrypt.conf", allow);
	setenv("OCICRYPT_CONFIG", allow_path, 1);
	write_file("pin", PIN "\n");
	write_key_file("rsa3072", "token=unit;object=rsa3072;id=%01", "pin-value=" PIN_URI);
	write_key_file("rsa2048", "token=unit;object=rsa2048", "pin-value=" PIN_URI);
	write_key_file("p256", "token=unit;object=p256", "pin-value=" PIN_URI);
	write_key_file("p384", "token=unit;id=%04", "pin-value=" PIN_URI);
	write_key_file("wrong", "token=unit;object=rsa3072", "pin-value=notthepin");
	write_key_file("nokey", "token=unit;object=nokey", "pin-value=" PIN_URI);
	write_key_file("several", "token=unit", "pin-value=" PIN_URI);
	write_key_file("notoken", "token=nosuch;object=rsa3072", "pin-value=" PIN_URI);
	write_key_file("nopin", "token=unit;object=rsa3072", "x=y");
	AUTO_STR
	char *source = NULL;
	assert_true(asprintf(&source, "pin-source=file:%s/pin", folder) > 0);
	write_key_file("source", "token=unit;object=rsa3072", source);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int token_remove(void **state)
{
	(void)state;
	return module ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : 0;
}

static void need_token(void)
{
	if (module)
		return;
	print_message("skipped: no SoftHSM, pkcs11-tool or openssl here\n");
	skip();
}

static int no_hash(void **state)
{
	(void)state;
	unsetenv("OCICRYPT_OAEP_HASHALG");
	return 0;
}

static char *spec(const char *scheme, const char *file)
{
	char *text = NULL;
	assert_true(asprintf(&text, "%s%s/%s", scheme, folder, file) > 0);
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
	need_token();
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	files_round_trip("pkcs11:", "rsa3072.pub", "rsa3072.yaml");
	files_round_trip("pkcs11:", "rsa2048.pub", "rsa2048.yaml");
}

/* A failed C_Decrypt leaves the operation active in some modules: the next recipient needs a fresh session. */
static void goes_on_after_a_recipient_that_it_is_not(void **state)
{
	(void)state;
	need_token();
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
	need_token();
	files_round_trip("pkcs11:", "rsa3072.yaml", "rsa3072.key");
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	files_round_trip("pkcs11:", "rsa3072.yaml", "rsa3072.yaml");
}

static void opens_jwe_with_keys_in_a_token(void **state)
{
	(void)state;
	need_token();
	files_round_trip("jwe:", "rsa2048.pub", "rsa2048.yaml");
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	files_round_trip("jwe:", "p384.pub", "p384.yaml");
}

static void reads_the_pin_from_its_source(void **state)
{
	(void)state;
	need_token();
	files_round_trip("jwe:", "rsa3072.pub", "source.yaml");
}

static void takes_uris_in_place_of_files(void **state)
{
	(void)state;
	need_token();
	AUTO_STR
	char *uri = NULL;
	AUTO_STR
	char *name_uri = NULL;
	AUTO_STR
	char *conf = in_folder("softhsm2.conf");
	setenv("SOFTHSM2_CONF", conf, 1);
	assert_true(asprintf(&uri, "pkcs11:token=unit;object=rsa3072?module-path=%s&pin-value=%s", module, PIN_URI) >
		    0);
	assert_true(asprintf(&name_uri, "pkcs11:token=unit;object=rsa3072?module-name=softhsm2&pin-value=%s", PIN_URI) >
		    0);
	setenv("OCICRYPT_OAEP_HASHALG", "sha1", 1);
	round_trip(uri, uri);
	if (strstr(module, "/usr/lib/softhsm/"))
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
	need_token();
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
	need_token();
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
	need_token();
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
	need_token();
	struct okw_error error = { OKW_OK, "" };
	AUTO_STR
	char *allowed = strdup(getenv("OCICRYPT_CONFIG"));
	AUTO_STR
	char *none = in_folder("none.conf");
	write_file("none.conf", "pkcs11:\n  allowed-module-paths:\n    - /usr/lib/nothing/\n");
	setenv("OCICRYPT_CONFIG", none, 1);
	assert_int_equal(refusal("jwe:", "rsa3072.yaml", &error), OKW_ERR_DENIED);
	assert_error_has(&error, "may not be loaded");
	assert_int_equal(chmod(none, 0666), 0);
	assert_int_equal(refusal("jwe:", "rsa3072.yaml", &error), OKW_ERR_PARSE);
	assert_error_has(&error, "none.conf");
	setenv("OCICRYPT_CONFIG", allowed, 1);
}

/* What the caller vouches for needs no leave, and is where a URI leads that names no module. */
static void a_trusted_module_needs_no_leave_and_no_name(void **state)
{
	(void)state;
	need_token();
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *allowed = strdup(getenv("OCICRYPT_CONFIG"));
	AUTO_STR
	char *conf = in_folder("softhsm2.conf");
	AUTO_STR
	char *to = spec("jwe:", "rsa3072.pub");
	AUTO_STR
	char *none = in_folder("none.conf");
	write_file("none.conf", "pkcs11:\n  allowed-module-paths: []\n");
	setenv("OCICRYPT_CONFIG", none, 1);
	setenv("SOFTHSM2_CONF", conf, 1);
	struct okw_context *context = context_with(to, NULL);
	assert_int_equal(okw_trust_module(context, "/nonexistent/module.so", &error), OKW_ERR_IO);
	assert_okw(okw_trust_module(context, module, &error), &error);
	assert_okw(okw_add_decryption_key(context, "pkcs11:token=unit;object=rsa3072?pin-value=" PIN_URI, &error),
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

static void serves_eight_threads_with_one_login(void **state)
{
	(void)state;
	need_token();
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

static void restores_the_environment(void **state)
{
	(void)state;
	need_token();
	setenv("SOFTHSM2_CONF", "/before", 1);
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	assert_string_equal(getenv("SOFTHSM2_CONF"), "/before");
	unsetenv("SOFTHSM2_CONF");
	files_round_trip("jwe:", "p256.pub", "p256.yaml");
	assert_null(getenv("SOFTHSM2_CONF"));
}

#define TOKEN_TEST(f) cmocka_unit_test_setup_teardown(f, no_hash, no_hash)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_TEST(opens_pkcs11_with_an_rsa_key_in_a_token),
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
		TOKEN_TEST(serves_eight_threads_with_one_login),
		TOKEN_TEST(restores_the_environment),
	};
	return cmocka_run_group_tests(tests, token_make, token_remove);
}
