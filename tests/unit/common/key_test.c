#include "common/key.h"

#include "common/jwk.h"
#include "common/key_build.h"
#include "common/libctx.h"
#include "tests/support/vector.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct secret *passphrase(const char *text)
{
	struct secret *s = NULL;
	check_ok(secret_copy(bytes_str(text), &s, &em));
	return s;
}

static enum err parse_private(const char *file, const char *pass, EVP_PKEY **out)
{
	char name[128];
	AUTO_BUF
	text = { 0 };
	AUTO(secret) *secret = pass ? passphrase(pass) : NULL;
	snprintf(name, sizeof name, "keys/%s", file);
	vector_read(name, &text);
	enum err e = key_private_parse(buf_bytes(&text), secret, out, &em);
	assert_int_equal(ERR_peek_error(), 0);
	return e;
}

static enum err parse_public(const char *file, EVP_PKEY **out)
{
	char name[128];
	AUTO_BUF
	text = { 0 };
	snprintf(name, sizeof name, "keys/%s", file);
	vector_read(name, &text);
	enum err e = key_public_parse(buf_bytes(&text), out, &em);
	assert_int_equal(ERR_peek_error(), 0);
	return e;
}

/* What OpenSSL's own reader makes of the PKCS#8 form. */
static EVP_PKEY *reference(const char *file)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/tests/vectors/keys/%s", getenv("TOP_SRCDIR"), file);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	EVP_PKEY *key = PEM_read_PrivateKey_ex(f, NULL, NULL, NULL, libctx(), NULL);
	fclose(f);
	assert_non_null(key);
	return key;
}

/* Both halves, number by number. */
static void assert_same_pair(EVP_PKEY *a, EVP_PKEY *b)
{
	unsigned char *first = NULL;
	unsigned char *second = NULL;
	assert_int_equal(EVP_PKEY_eq(a, b), 1);
	int len = i2d_PrivateKey(a, &first);
	assert_true(len > 0);
	assert_int_equal(i2d_PrivateKey(b, &second), len);
	assert_memory_equal(first, second, len);
	OPENSSL_clear_free(first, (size_t)len);
	OPENSSL_clear_free(second, (size_t)len);
}

static void reads_private_keys_in_every_form(void **state)
{
	(void)state;
	static const char *const forms[][2] = {
		{ "rsa.pkcs8.pem", "rsa.pkcs8.pem" },
		{ "rsa.pkcs8.der", "rsa.pkcs8.pem" },
		{ "rsa.pkcs1.pem", "rsa.pkcs8.pem" },
		{ "rsa.pkcs1.der", "rsa.pkcs8.pem" },
		{ "rsa.jwk", "rsa.pkcs8.pem" },
		{ "ec256.pkcs8.pem", "ec256.pkcs8.pem" },
		{ "ec256.sec1.pem", "ec256.pkcs8.pem" },
		{ "ec256.sec1.der", "ec256.pkcs8.pem" },
		{ "ec256.params.pem", "ec256.pkcs8.pem" },
		{ "ec256.nopublic.der", "ec256.pkcs8.pem" },
		{ "ec256.jwk", "ec256.pkcs8.pem" },
		{ "ec384.pkcs8.pem", "ec384.pkcs8.pem" },
		{ "ec384.sec1.pem", "ec384.pkcs8.pem" },
		{ "ec384.jwk", "ec384.pkcs8.pem" },
		{ "ec521.pkcs8.pem", "ec521.pkcs8.pem" },
		{ "ec521.sec1.der", "ec521.pkcs8.pem" },
		{ "ec521.jwk", "ec521.pkcs8.pem" },
		{ "ed25519.pem", "ed25519.pem" },
		{ "ed25519.jwk", "ed25519.pem" },
		{ "x25519.pem", "x25519.pem" },
		{ "x25519.jwk", "x25519.pem" },
		{ "ed448.pem", "ed448.pem" },
		{ "ed448.jwk", "ed448.pem" },
		{ "x448.pem", "x448.pem" },
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		AUTO_OF(EVP_PKEY) *key = NULL;
		AUTO_OF(EVP_PKEY) *wanted = reference(forms[i][1]);
		if (parse_private(forms[i][0], NULL, &key) != OK)
			fail_msg("%s: %s", forms[i][0], em.text);
		assert_same_pair(key, wanted);
	}
}

static void reads_an_rsa_jwk_without_primes(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(EVP_PKEY) *wanted = reference("rsa.pkcs8.pem");
	check_ok(parse_private("rsa.noprimes.jwk", NULL, &key));
	assert_int_equal(EVP_PKEY_eq(key, wanted), 1);
}

static const char *const encrypted_rsa[] = { "rsa.legacy-aes256.pem", "rsa.legacy-des3.pem",  "rsa.pkcs8-pbkdf2.pem",
					     "rsa.pkcs8-pbkdf2.der",  "rsa.pkcs8-scrypt.pem", "rsa.pkcs8-pbe3des.pem" };

static void opens_encrypted_keys_with_their_passphrase(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *wanted = reference("rsa.pkcs8.pem");
	for (size_t i = 0; i < ARRAY_LEN(encrypted_rsa); i++) {
		AUTO_OF(EVP_PKEY) *key = NULL;
		if (parse_private(encrypted_rsa[i], "secret", &key) != OK)
			fail_msg("%s: %s", encrypted_rsa[i], em.text);
		assert_same_pair(key, wanted);
	}
	AUTO_OF(EVP_PKEY) *ec = NULL;
	AUTO_OF(EVP_PKEY) *wanted_ec = reference("ec256.pkcs8.pem");
	check_ok(parse_private("ec256.legacy-aes128.pem", "secret", &ec));
	assert_same_pair(ec, wanted_ec);
}

static void tells_a_missing_passphrase_from_a_wrong_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(encrypted_rsa); i++) {
		EVP_PKEY *key = NULL;
		check_err(ERR_KEY, parse_private(encrypted_rsa[i], NULL, &key));
		assert_non_null(strstr(em.text, "is encrypted: a passphrase is needed"));
		check_err(ERR_AUTH, parse_private(encrypted_rsa[i], "Secret", &key));
		check_err(ERR_AUTH, parse_private(encrypted_rsa[i], "", &key));
		assert_null(key);
	}
}

/* One wrong passphrase in 256 leaves padding that looks right. */
static void no_wrong_passphrase_is_taken_for_something_else(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		char pass[32];
		EVP_PKEY *key = NULL;
		snprintf(pass, sizeof pass, "wrong-%d", i);
		check_err(ERR_AUTH, parse_private("rsa.legacy-aes256.pem", pass, &key));
	}
}

static void refuses_what_is_outside_its_kinds(void **state)
{
	(void)state;
	EVP_PKEY *key = NULL;
	check_err(ERR_UNSUPPORTED, parse_private("other.secp256k1.pem", NULL, &key));
	check_err(ERR_UNSUPPORTED, parse_private("ec256.explicit.pem", NULL, &key));
	check_err(ERR_UNSUPPORTED, parse_private("rsa.pkcs8-rc4.pem", "secret", &key));
	check_err(ERR_UNSUPPORTED, parse_public("other.secp256k1.pub.pem", &key));
	check_err(ERR_KEY, parse_private("small.rsa512.pem", NULL, &key));
	check_err(ERR_PARSE, parse_private("rsa.pub.pem", NULL, &key));
	check_err(ERR_PARSE, parse_private("rsa.pub.der", NULL, &key));
	check_err(ERR_PARSE, parse_private("rsa.rsapub.der", NULL, &key));
	check_err(ERR_PARSE, parse_private("rsa.cert.pem", NULL, &key));
	check_err(ERR_PARSE, parse_private("README", NULL, &key));
	check_err(ERR_PARSE, parse_private("rsa.pub.jwk", NULL, &key));
	assert_null(key);
}

static void reads_public_keys_in_every_form(void **state)
{
	(void)state;
	static const char *const forms[][2] = {
		{ "rsa.pub.pem", "rsa.pkcs8.pem" },
		{ "rsa.pub.der", "rsa.pkcs8.pem" },
		{ "rsa.rsapub.pem", "rsa.pkcs8.pem" },
		{ "rsa.rsapub.der", "rsa.pkcs8.pem" },
		{ "rsa.cert.pem", "rsa.pkcs8.pem" },
		{ "rsa.cert.der", "rsa.pkcs8.pem" },
		{ "rsa.pub.jwk", "rsa.pkcs8.pem" },
		{ "ec256.pub.pem", "ec256.pkcs8.pem" },
		{ "ec256.compressed.pub.pem", "ec256.pkcs8.pem" },
		{ "ec256.pub.jwk", "ec256.pkcs8.pem" },
		{ "ec384.pub.pem", "ec384.pkcs8.pem" },
		{ "ec384.pub.jwk", "ec384.pkcs8.pem" },
		{ "ec521.pub.pem", "ec521.pkcs8.pem" },
		{ "ec521.pub.jwk", "ec521.pkcs8.pem" },
		{ "ed25519.pub.pem", "ed25519.pem" },
		{ "ed25519.pub.jwk", "ed25519.pem" },
		{ "x25519.pub.pem", "x25519.pem" },
		{ "x25519.pub.jwk", "x25519.pem" },
		{ "ed448.pub.jwk", "ed448.pem" },
		{ "x448.pub.pem", "x448.pem" },
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		AUTO_OF(EVP_PKEY) *key = NULL;
		AUTO_OF(EVP_PKEY) *wanted = reference(forms[i][1]);
		if (parse_public(forms[i][0], &key) != OK)
			fail_msg("%s: %s", forms[i][0], em.text);
		assert_int_equal(EVP_PKEY_eq(key, wanted), 1);
	}
}

static void takes_no_private_key_for_a_public_one(void **state)
{
	(void)state;
	static const char *const files[] = {
		"rsa.pkcs8.pem", "rsa.pkcs8.der", "rsa.pkcs1.der", "ec256.sec1.der",
		"ec256.jwk",     "rsa.jwk",       "ed25519.jwk",   "rsa.pkcs8-pbkdf2.pem"
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		EVP_PKEY *key = NULL;
		check_err(ERR_KEY, parse_public(files[i], &key));
		assert_non_null(strstr(em.text, "private"));
	}
}

static void reads_a_certificate(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	static const char *const files[] = { "keys/rsa.cert.pem", "keys/rsa.cert.der" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_OF(X509) *cert = NULL;
		vector_read(files[i], &text);
		check_ok(key_certificate_parse(buf_bytes(&text), &cert, &em));
		char name[64];
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
		assert_string_equal(name, "test");
	}
	X509 *none = NULL;
	vector_read("keys/rsa.pub.pem", &text);
	check_err(ERR_PARSE, key_certificate_parse(buf_bytes(&text), &none, &em));
	vector_read("keys/rsa.cert.der", &text);
	check_err(ERR_PARSE, key_certificate_parse((struct bytes){ text.data, text.len - 1 }, &none, &em));
}

/* Any byte changed or cut: its numbers no longer belong together. */
static void a_damaged_key_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	der = { 0 };
	vector_read("keys/rsa.pkcs1.der", &der);
	for (size_t i = 0; i < der.len; i += 3) {
		EVP_PKEY *key = NULL;
		der.data[i] ^= 0x10;
		if (key_private_parse(buf_bytes(&der), NULL, &key, NULL) == OK)
			fail_msg("byte %zu changed, and still a key", i);
		der.data[i] ^= 0x10;
		if (key_private_parse((struct bytes){ der.data, i }, NULL, &key, NULL) == OK)
			fail_msg("cut to %zu bytes, and still a key", i);
	}
}

static void halves_that_do_not_belong_together_are_refused(void **state)
{
	(void)state;
	EVP_PKEY *key = NULL;
	AUTO_BUF
	der = { 0 };
	vector_read("keys/ec256.sec1.der", &der);
	der.data[10] ^= 1; /* in the private number */
	check_err(ERR_KEY, key_private_parse(buf_bytes(&der), NULL, &key, &em));
	static const char zero[] =
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
	check_err(ERR_KEY, key_private_parse(bytes_str(zero), NULL, &key, &em));
	static const char okp[] =
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
		"\"x\":\"21qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	check_err(ERR_KEY, key_private_parse(bytes_str(okp), NULL, &key, &em));
}

static void an_endless_iteration_count_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	der = { 0 };
	vector_read("keys/rsa.pkcs8-pbkdf2.der", &der);
	/* INTEGER 2048, the iterations, made a four-byte number by taking the salt's tag for it would not parse: so the
	 * two bytes are raised in place as far as they go, and then the count's length in a copy with one byte more. */
	uint8_t *count = memmem(der.data, der.len, "\x02\x02\x08\x00", 4);
	assert_non_null(count);
	size_t before = (size_t)(count - der.data);
	AUTO_BUF
	longer = { 0 };
	check_ok(buf_append(&longer, (struct bytes){ der.data, before }, 0, &em));
	check_ok(buf_append(&longer, (struct bytes){ (const uint8_t *)"\x02\x04\x7f\xff\xff\xff", 6 }, 0, &em));
	check_ok(buf_append(&longer, (struct bytes){ count + 4, der.len - before - 4 }, 0, &em));
	/* The SEQUENCEs around it, from the outside in: each is two bytes longer now. */
	longer.data[3] += 2; /* EncryptedPrivateKeyInfo, long form */
	for (size_t i = 4; i < before; i++)
		if (longer.data[i] == 0x30 && i + 2 + longer.data[i + 1] >= before + 4)
			longer.data[i + 1] += 2;
	EVP_PKEY *key = NULL;
	AUTO(secret) *pass = passphrase("secret");
	check_err(ERR_UNSUPPORTED, key_private_parse(buf_bytes(&longer), pass, &key, &em));
	assert_non_null(strstr(em.text, "iterations"));
}

static void finds_the_key_among_other_blocks(void **state)
{
	(void)state;
	AUTO_BUF
	all = { 0 };
	AUTO_BUF
	part = { 0 };
	static const char *const files[] = { "keys/README", "keys/rsa.cert.pem", "keys/ec256.pkcs8.pem" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		vector_read(files[i], &part);
		check_ok(buf_append(&all, buf_bytes(&part), 0, &em));
	}
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(EVP_PKEY) *wanted = reference("ec256.pkcs8.pem");
	check_ok(key_private_parse(buf_bytes(&all), NULL, &key, &em));
	assert_same_pair(key, wanted);
}

static void line_ends_of_both_worlds_are_read(void **state)
{
	(void)state;
	static const char *const files[] = { "keys/rsa.pkcs8.pem", "keys/rsa.legacy-aes256.pem" };
	AUTO(secret) *pass = passphrase("secret");
	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		AUTO_BUF
		text = { 0 };
		AUTO_BUF
		dos = { 0 };
		vector_read(files[f], &text);
		for (size_t i = 0; i < text.len; i++) {
			if (text.data[i] == '\n')
				check_ok(buf_append(&dos, bytes_str("\r"), 0, &em));
			check_ok(buf_append(&dos, (struct bytes){ text.data + i, 1 }, 0, &em));
		}
		AUTO_OF(EVP_PKEY) *key = NULL;
		check_ok(key_private_parse(buf_bytes(&dos), pass, &key, &em));
	}
}

static void names_a_pair_by_its_public_half(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *private_half = NULL;
	AUTO_OF(EVP_PKEY) *public_half = NULL;
	uint8_t first[32], second[32], wanted[32];
	size_t len = 0;
	AUTO_BUF
	der = { 0 };
	check_ok(parse_private("rsa.jwk", NULL, &private_half));
	check_ok(parse_public("rsa.rsapub.pem", &public_half));
	check_ok(key_spki_sha256(private_half, first, &em));
	check_ok(key_spki_sha256(public_half, second, &em));
	assert_memory_equal(first, second, sizeof first);
	vector_read("keys/rsa.pub.der", &der);
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, der.data, der.len, wanted, &len), 1);
	assert_memory_equal(first, wanted, sizeof wanted);
}

static void opens_the_golden_keys(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		const char *pass;
	} keys[] = { { "rsa.key", NULL },         { "rsa.jwk", NULL },     { "rsaenc.pem", "secret" },
		     { "rsaenc8.pem", "secret" }, { "ecP-384.key", NULL }, { "ecsec1.der", NULL } };
	AUTO_BUF
	text = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char name[128];
		snprintf(name, sizeof name, "ocicrypt/golden/keys/%s", keys[i].file);
		if (!fixture_read(name, &text))
			skip();
		AUTO(secret) *pass = keys[i].pass ? passphrase(keys[i].pass) : NULL;
		AUTO_OF(EVP_PKEY) *key = NULL;
		if (key_private_parse(buf_bytes(&text), pass, &key, &em) != OK)
			fail_msg("%s: %s", keys[i].file, em.text);
	}
}

/* SEC1 2.3.3: one key's point in each form. */
struct point_form {
	uint8_t data[EC_POINT_MAX];
	size_t len;
};

static struct ec_numbers forms_read(const char *file, struct point_form forms[3], uint8_t d[66])
{
	AUTO_OF(EVP_PKEY) *pair = reference(file);
	const struct ec_curve *curve = ec_curve_of(pair);
	struct point_form *whole = &forms[0];
	BIGNUM *number = NULL;
	assert_non_null(curve);
	assert_int_equal(EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, whole->data,
							 sizeof(whole->data), &whole->len),
			 1);
	assert_int_equal(whole->len, 1 + 2 * curve->size);
	assert_int_equal(EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
	assert_int_equal(BN_bn2binpad(number, d, (int)curve->size), (int)curve->size);
	BN_clear_free(number);
	uint8_t odd = whole->data[whole->len - 1] & 1;
	forms[1] = forms[2] = *whole;
	forms[1].data[0] = 2 | odd; /* compressed */
	forms[1].len = 1 + curve->size;
	forms[2].data[0] = 6 | odd; /* hybrid */
	return (struct ec_numbers){ .curve = curve };
}

static void every_form_of_a_point_makes_one_key(void **state)
{
	(void)state;
	static const char *const files[] = { "ec256.pkcs8.pem", "ec384.pkcs8.pem", "ec521.pkcs8.pem" };
	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		struct point_form forms[3];
		uint8_t d[66];
		struct ec_numbers n = forms_read(files[f], forms, d);
		AUTO_OF(EVP_PKEY) *wanted = reference(files[f]);
		for (size_t i = 0; i < ARRAY_LEN(forms); i++)
			for (int pair = 0; pair < 2; pair++) {
				AUTO_OF(EVP_PKEY) *key = NULL;
				unsigned char *point = NULL;
				n.point = (struct bytes){ forms[i].data, forms[i].len };
				n.d = (struct bytes){ d, pair ? n.curve->size : 0 };
				check_ok(ec_key_build(&n, &key, &em));
				assert_int_equal(EVP_PKEY_eq(key, wanted), 1);
				assert_int_equal(EVP_PKEY_get1_encoded_public_key(key, &point), forms[0].len);
				assert_memory_equal(point, forms[0].data, forms[0].len);
				OPENSSL_free(point);
			}
	}
}

static void what_is_no_point_makes_no_key(void **state)
{
	(void)state;
	struct point_form forms[3];
	uint8_t d[66];
	struct ec_numbers n = forms_read("ec256.pkcs8.pem", forms, d);
	for (int pair = 0; pair < 2; pair++)
		for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
			const struct point_form *form = &forms[i];
			struct point_form bad[5] = {
				*form, *form, *form, *form, { { 0 }, 1 }
			}; /* the last: infinity */
			bad[0].len--;
			bad[1].len = form->len + 1;
			bad[2].data[form->len - 1] ^= i == 1 ? 0 : 1; /* y; off the curve, or of another parity */
			bad[2].data[0] = i == 1 ? 5 : bad[2].data[0];
			bad[3].data[0] = 1;
			for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
				EVP_PKEY *key = NULL;
				n.point = (struct bytes){ bad[b].data, bad[b].len };
				n.d = (struct bytes){ d, pair ? n.curve->size : 0 };
				check_err(ERR_KEY, ec_key_build(&n, &key, &em));
				assert_null(key);
				assert_int_equal(ERR_peek_error(), 0);
			}
		}
	/* The other half of another pair. */
	d[31] ^= 1;
	EVP_PKEY *key = NULL;
	n.point = (struct bytes){ forms[1].data, forms[1].len };
	n.d = (struct bytes){ d, 32 };
	check_err(ERR_KEY, ec_key_build(&n, &key, &em));
}

/* What is kept of a curve belongs to its process's libctx(). */
static void a_forked_child_makes_its_own_keys(void **state)
{
	(void)state;
	struct point_form forms[3];
	uint8_t d[66];
	struct ec_numbers n = forms_read("ec256.pkcs8.pem", forms, d);
	n.point = (struct bytes){ forms[0].data, forms[0].len };
	AUTO_OF(EVP_PKEY) *key = NULL;
	check_ok(ec_key_build(&n, &key, &em));
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		EVP_PKEY *again = NULL;
		bool good = ec_key_build(&n, &again, &em) == OK && EVP_PKEY_get0_provider(again) &&
			    EVP_PKEY_get0_provider(again) != EVP_PKEY_get0_provider(key);
		/* What a child leaves alone on purpose valgrind would take for lost, at an end that it sees. */
		if (good)
			raise(SIGKILL);
		_exit(1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_private_keys_in_every_form),
		cmocka_unit_test(reads_an_rsa_jwk_without_primes),
		cmocka_unit_test(opens_encrypted_keys_with_their_passphrase),
		cmocka_unit_test(tells_a_missing_passphrase_from_a_wrong_one),
		cmocka_unit_test(no_wrong_passphrase_is_taken_for_something_else),
		cmocka_unit_test(refuses_what_is_outside_its_kinds),
		cmocka_unit_test(reads_public_keys_in_every_form),
		cmocka_unit_test(takes_no_private_key_for_a_public_one),
		cmocka_unit_test(reads_a_certificate),
		cmocka_unit_test(a_damaged_key_is_refused),
		cmocka_unit_test(halves_that_do_not_belong_together_are_refused),
		cmocka_unit_test(an_endless_iteration_count_is_refused),
		cmocka_unit_test(finds_the_key_among_other_blocks),
		cmocka_unit_test(line_ends_of_both_worlds_are_read),
		cmocka_unit_test(names_a_pair_by_its_public_half),
		cmocka_unit_test(every_form_of_a_point_makes_one_key),
		cmocka_unit_test(what_is_no_point_makes_no_key),
		cmocka_unit_test(a_forked_child_makes_its_own_keys),
		cmocka_unit_test(opens_the_golden_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
