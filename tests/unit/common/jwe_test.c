#include "common/jwe.h"

#include "common/base64.h"
#include "common/concat_kdf.h"
#include "common/jwk.h"
#include "common/libctx.h"
#include "tests/support/vector.h"

#define MAX (16 * 1024 * 1024)
#define PLAIN "The true sign of intelligence is not knowledge but imagination."

static EVP_PKEY *private_key(const char *name)
{
	AUTO_BUF
	text = { 0 };
	EVP_PKEY *key = NULL;
	vector_read(name, &text);
	check_ok(key_private_parse(buf_bytes(&text), NULL, &key, &em));
	return key;
}

static enum err open_text(const char *text, EVP_PKEY *key, struct secret **out)
{
	struct jwe_key jwe_key;
	check_ok(jwe_key_from_pkey(key, &jwe_key, &em));
	return jwe_decrypt(bytes_str(text), MAX, &jwe_key, out, &em);
}

static void assert_opens(const char *text, EVP_PKEY *key, const char *wanted)
{
	AUTO(secret) *plain = NULL;
	check_ok(open_text(text, key, &plain));
	check_bytes(bytes_str(wanted), secret_bytes(plain));
}

static void assert_refused(enum err wanted, const char *text, EVP_PKEY *key)
{
	struct secret *plain = NULL;
	enum err e = open_text(text, key, &plain);
	if (e != wanted || plain)
		fail_msg("%.200s: %s (%s)", text, err_name(e), em.text);
}

static char *seal(EVP_PKEY *key, const char *alg, const char *kid)
{
	char *text = NULL;
	struct jwe_recipient to = { .key = key, .alg = alg, .kid = kid };
	check_ok(jwe_encrypt(&to, 1, bytes_str(PLAIN), &text, &em));
	return text;
}

static json_object *parse(const char *text)
{
	json_object *out = NULL;
	check_ok(json_parse(bytes_str(text), MAX, JSON_STRICT, &out, &em));
	return out;
}

static void set(json_object *object, const char *name, const char *json)
{
	json_object_object_add(object, name, json ? json_tokener_parse(json) : NULL);
}

static void opens_the_published_example(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("jose/rfc7516-a1.jwk");
	AUTO_BUF
	text = { 0 };
	AUTO_BUF
	plain = { 0 };
	vector_read("jose/rfc7516-a1.jwe", &text);
	vector_read("jose/rfc7516-a1.txt", &plain);
	assert_opens(buf_cstr(&text), key, buf_cstr(&plain));
}

static void derives_the_published_keys(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *alice = private_key("jose/rfc7518-c.alice.jwk");
	AUTO_OF(EVP_PKEY) *bob = private_key("jose/rfc7518-c.bob.jwk");
	struct jwe_key key;
	AUTO(secret) *z = NULL;
	AUTO(secret) *derived = NULL;
	check_ok(jwe_key_from_pkey(bob, &key, &em));
	check_ok(key.ecdh(key.ctx, alice, &z, &em));
	struct concat_kdf kdf = { "A128GCM", bytes_str("Alice"), bytes_str("Bob"), 16 };
	check_ok(concat_kdf_derive(&kdf, z, &derived, &em));
	AUTO_STR
	char *text = base64_encode(BASE64_URL, secret_bytes(derived));
	assert_string_equal(text, "VqqN6vgjbSBcIijNcacQGg"); /* RFC 7518 appendix C */

	/* The KBS protocol's: Z = 00..1f, no party info. */
	AUTO(secret) *counted = NULL;
	AUTO(secret) *kek = NULL;
	check_ok(secret_new(32, &counted, &em));
	for (uint8_t i = 0; i < 32; i++)
		secret_data(counted)[i] = i;
	struct concat_kdf kbs = { .algorithm = "ECDH-ES+A256KW", .len = 32 };
	check_ok(concat_kdf_derive(&kbs, counted, &kek, &em));
	AUTO_STR
	char *hex = hex_encode(secret_bytes(kek));
	assert_string_equal(hex, "ead36a3ab953bb6e5a6709471c0fd35fcc62cf920994cede2f3aa2544e9f47ac");
}

static void opens_what_it_sealed_for_every_key_and_algorithm(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "keys/rsa.jwk", NULL },
		{ "keys/rsa.jwk", "RSA-OAEP" },
		{ "keys/rsa.jwk", "RSA-OAEP-256" },
		{ "keys/ec256.jwk", NULL },
		{ "keys/ec256.jwk", "ECDH-ES" },
		{ "keys/ec256.jwk", "ECDH-ES+A128KW" },
		{ "keys/ec256.jwk", "ECDH-ES+A192KW" },
		{ "keys/ec256.jwk", "ECDH-ES+A256KW" },
		{ "keys/ec384.jwk", NULL },
		{ "keys/ec384.jwk", "ECDH-ES" },
		{ "keys/ec521.jwk", NULL },
		{ "keys/ec521.jwk", "ECDH-ES+A128KW" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO_OF(EVP_PKEY) *key = private_key(pairs[i][0]);
		AUTO_STR
		char *text = seal(key, pairs[i][1], "a \"kid\"");
		assert_opens(text, key, PLAIN);
	}
}

/* The members of the header and their order: clients recompute it. */
static void writes_the_header_as_its_peers_expect_it(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *ec = private_key("keys/ec521.jwk");
	AUTO_OF(EVP_PKEY) *rsa = private_key("keys/rsa.jwk");
	static const char *const wanted[] = {
		"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"",
		"{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"kid\":\"k/1\"}",
	};
	for (size_t i = 0; i < 2; i++) {
		AUTO_STR
		char *text = seal(i ? rsa : ec, NULL, i ? "k/1" : NULL);
		AUTO_OF(json_object) *jwe = parse(text);
		AUTO_BUF
		header = { 0 };
		const char *protected_text = NULL;
		check_ok(json_get_string(jwe, "protected", &protected_text, &em));
		check_ok(base64_decode(BASE64_URL, bytes_str(protected_text), &header, &em));
		assert_memory_equal(buf_cstr(&header), wanted[i], strlen(wanted[i]));
		static const char *const names[] = { "protected", "encrypted_key", "iv", "ciphertext", "tag", NULL };
		check_ok(json_only_members(jwe, names, &em));
		assert_int_equal(json_object_object_length(jwe), 5);
		if (i == 0) {
			/* 66 bytes are 88 characters, whatever the coordinate. */
			AUTO_OF(json_object) *h = parse(buf_cstr(&header));
			const char *x =
				json_object_get_string(json_object_object_get(json_object_object_get(h, "epk"), "x"));
			assert_int_equal(strlen(x), 88);
		}
	}
}

static void seals_for_several_and_opens_for_each(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *ec = private_key("keys/ec256.jwk");
	AUTO_OF(EVP_PKEY) *ec384 = private_key("keys/ec384.jwk");
	AUTO_OF(EVP_PKEY) *rsa = private_key("keys/rsa.jwk");
	AUTO_OF(EVP_PKEY) *stranger = private_key("jose/rfc7516-a1.jwk");
	AUTO_OF(EVP_PKEY) *stranger_ec = private_key("jose/rfc7518-c.bob.jwk");
	AUTO_OF(EVP_PKEY) *ec521 = private_key("keys/ec521.jwk");
	struct jwe_recipient to[] = { { .key = ec, .alg = NULL, .kid = NULL },
				      { .key = rsa, .alg = NULL, .kid = "r" },
				      { .key = ec384, .alg = NULL, .kid = NULL } };
	AUTO_STR
	char *text = NULL;
	check_ok(jwe_encrypt(to, 3, bytes_str(PLAIN), &text, &em));
	assert_opens(text, ec, PLAIN);
	assert_opens(text, rsa, PLAIN);
	assert_opens(text, ec384, PLAIN);
	assert_refused(ERR_INTEGRITY, text, stranger);
	assert_refused(ERR_INTEGRITY, text, stranger_ec);
	assert_refused(ERR_KEY, text, ec521);

	AUTO_OF(json_object) *jwe = parse(text);
	json_object *first = json_object_array_get_idx(json_object_object_get(jwe, "recipients"), 0);
	assert_string_equal(json_object_get_string(json_object_object_get(jwe, "encrypted_key")),
			    json_object_get_string(json_object_object_get(first, "encrypted_key")));
	assert_string_equal(json_object_get_string(json_object_object_get(jwe, "protected")),
			    "eyJlbmMiOiJBMjU2R0NNIn0"); /* {"enc":"A256GCM"} */
	json_object_object_del(jwe, "encrypted_key");
	AUTO_STR
	char *without = json_text(jwe);
	assert_opens(without, ec384, PLAIN);

	struct jwe_recipient direct[] = { { .key = ec, .alg = "ECDH-ES", .kid = NULL },
					  { .key = rsa, .alg = NULL, .kid = NULL } };
	char *none = NULL;
	check_err(ERR_ARG, jwe_encrypt(direct, 2, bytes_str(PLAIN), &none, &em));
	check_err(ERR_ARG, jwe_encrypt(direct, 0, bytes_str(PLAIN), &none, &em));
	check_err(ERR_KEY, jwe_encrypt(&(struct jwe_recipient){ .key = rsa, .alg = "ECDH-ES", .kid = NULL }, 1,
				       bytes_str(""), &none, &em));
	check_err(ERR_UNSUPPORTED, jwe_encrypt(&(struct jwe_recipient){ .key = rsa, .alg = "RSA1_5", .kid = NULL }, 1,
					       bytes_str(""), &none, &em));
}

static char *to_compact(const char *json)
{
	static const char *const parts[] = { "protected", "encrypted_key", "iv", "ciphertext", "tag" };
	AUTO_OF(json_object) *jwe = parse(json);
	AUTO_BUF
	text = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *part = "";
		check_ok(json_get_string_opt(jwe, parts[i], &part, &em));
		check_ok(buf_append(&text, bytes_str(part), 0, &em));
		check_ok(buf_append(&text, bytes_str(i < 4 ? "." : ""), 0, &em));
	}
	char *result = buf_cstr(&text);
	text = (struct buf){ 0 };
	return result;
}

static void opens_all_three_serialisations(void **state)
{
	(void)state;
	static const char *const keys[] = { "keys/ec256.jwk", "keys/rsa.jwk" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_OF(EVP_PKEY) *key = private_key(keys[i]);
		AUTO_STR
		char *flattened = seal(key, NULL, NULL);
		AUTO_STR
		char *compact = to_compact(flattened);
		assert_opens(compact, key, PLAIN);
		/* General with one recipient, its header protected. */
		AUTO_OF(json_object) *jwe = parse(flattened);
		json_object *recipient = json_object_new_object();
		json_object_object_add(recipient, "encrypted_key",
				       json_object_get(json_object_object_get(jwe, "encrypted_key")));
		json_object *list = json_object_new_array();
		json_object_array_add(list, recipient);
		json_object_object_add(jwe, "recipients", list);
		AUTO_STR
		char *general = json_text(jwe);
		assert_opens(general, key, PLAIN);
	}
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	AUTO_STR
	char *direct = seal(key, "ECDH-ES", NULL);
	AUTO_STR
	char *compact = to_compact(direct);
	assert_non_null(strstr(compact, ".."));
	assert_opens(compact, key, PLAIN);
}

static void notices_every_changed_character(void **state)
{
	(void)state;
	static const char *const keys[] = { "keys/ec256.jwk", "keys/rsa.jwk" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_OF(EVP_PKEY) *key = private_key(keys[i]);
		AUTO_STR
		char *flattened = seal(key, NULL, NULL);
		AUTO_STR
		char *text = to_compact(flattened);
		for (size_t at = 0; at < strlen(text); at += i ? 7 : 3) {
			char before = text[at];
			text[at] = before == 'A' ? 'B' : 'A';
			struct secret *plain = NULL;
			if (open_text(text, key, &plain) == OK || plain)
				fail_msg("character %zu changed, and still good", at);
			text[at] = before;
		}
		for (size_t cut = 1; cut < 60; cut += 3) {
			AUTO_STR
			char *shorter = strndup(text, strlen(text) - cut);
			struct secret *plain = NULL;
			assert_int_not_equal(open_text(shorter, key, &plain), OK);
		}
	}
}

/* One error, one text, whichever step failed. */
static void says_the_same_of_a_bad_key_and_of_bad_content(void **state)
{
	(void)state;
	static const char *const keys[] = { "keys/ec256.jwk", "keys/rsa.jwk" };
	static const char *const members[] = { "encrypted_key", "tag", "ciphertext", "iv" };
	char first[sizeof em.text] = "";
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_OF(EVP_PKEY) *key = private_key(keys[i]);
		AUTO_STR
		char *text = seal(key, NULL, NULL);
		for (size_t m = 0; m < ARRAY_LEN(members); m++) {
			AUTO_OF(json_object) *jwe = parse(text);
			AUTO_STR
			char *value = strdup(json_object_get_string(json_object_object_get(jwe, members[m])));
			value[2] = value[2] == 'A' ? 'B' : 'A';
			json_object_object_add(jwe, members[m], json_object_new_string(value));
			AUTO_STR
			char *changed = json_text(jwe);
			assert_refused(ERR_INTEGRITY, changed, key);
			if (!first[0])
				memcpy(first, em.text, sizeof first);
			assert_string_equal(em.text, first);
		}
	}
}

/* A JWE for `key` whose protected header can be changed: the header then no longer authenticates, but what is wrong
 * with it must be found before. */
static char *with_header_member(EVP_PKEY *key, const char *name, const char *json)
{
	AUTO_STR
	char *text = seal(key, NULL, NULL);
	AUTO_OF(json_object) *jwe = parse(text);
	AUTO_BUF
	header = { 0 };
	const char *protected_text = NULL;
	check_ok(json_get_string(jwe, "protected", &protected_text, &em));
	check_ok(base64_decode(BASE64_URL, bytes_str(protected_text), &header, &em));
	AUTO_OF(json_object) *h = parse(buf_cstr(&header));
	set(h, name, json);
	AUTO_STR
	char *changed = json_text(h);
	AUTO_STR
	char *encoded = base64_encode(BASE64_URL, bytes_str(changed));
	json_object_object_add(jwe, "protected", json_object_new_string(encoded));
	return json_text(jwe);
}

static char *with_member(EVP_PKEY *key, const char *name, const char *json)
{
	AUTO_STR
	char *text = seal(key, NULL, NULL);
	AUTO_OF(json_object) *jwe = parse(text);
	set(jwe, name, json);
	return json_text(jwe);
}

static void refuses_headers_that_it_does_not_understand(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	static const struct {
		const char *name;
		const char *json;
		enum err wanted;
	} changes[] = {
		{ "crit", "[\"x\"]", ERR_UNSUPPORTED },
		{ "zip", "\"DEF\"", ERR_UNSUPPORTED },
		{ "alg", "\"RSA1_5\"", ERR_UNSUPPORTED },
		{ "alg", "\"dir\"", ERR_UNSUPPORTED },
		{ "alg", "1", ERR_PARSE },
		{ "alg", "\"RSA-OAEP\"", ERR_KEY },
		{ "enc", "\"A128CBC-HS256\"", ERR_UNSUPPORTED },
		{ "enc", "null", ERR_PARSE },
		{ "epk", "\"key\"", ERR_PARSE },
		{ "epk", "{}", ERR_PARSE },
		{ "epk", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"Ag\"}", ERR_PARSE },
		/* right lengths, off the curve */
		{ "epk",
		  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","
		  "\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFppw\"}",
		  ERR_PARSE },
		/* another curve than the key's */
		{ "epk",
		  "{\"kty\":\"EC\",\"crv\":\"P-521\","
		  "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\","
		  "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
		  ERR_KEY },
		{ "epk", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		  ERR_KEY },
		{ "apu", "7", ERR_PARSE },
		{ "apv", "\"not base64\"", ERR_PARSE },
		{ "apu", "\"QWxpY2U\"", ERR_INTEGRITY },
	};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO_STR
		char *text = with_header_member(key, changes[i].name, changes[i].json);
		assert_refused(changes[i].wanted, text, key);
	}
}

static void refuses_malformed_envelopes(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	static const struct {
		const char *name;
		const char *json;
		enum err wanted;
	} changes[] = {
		{ "iv", "\"AAAA\"", ERR_PARSE },
		{ "iv", "null", ERR_PARSE },
		{ "tag", "\"AAAA\"", ERR_PARSE },
		{ "tag", "\"\"", ERR_PARSE },
		{ "ciphertext", "1", ERR_PARSE },
		{ "ciphertext", "\"a b\"", ERR_PARSE },
		{ "protected", "\"e30=\"", ERR_PARSE },
		{ "protected", "\"W10\"", ERR_PARSE },
		{ "protected", "\"\"", ERR_PARSE },
		{ "header", "[]", ERR_PARSE },
		{ "header", "{\"alg\":\"RSA-OAEP\"}", ERR_PARSE },
		{ "unprotected", "{\"enc\":\"A256GCM\"}", ERR_PARSE },
		{ "header", "{\"crit\":[\"a\"]}", ERR_UNSUPPORTED },
		{ "recipients", "{}", ERR_PARSE },
		{ "recipients", "[]", ERR_LIMIT },
		{ "recipients", "[1]", ERR_PARSE },
		{ "encrypted_key", "\"\"", ERR_INTEGRITY },
		{ "encrypted_key", "{}", ERR_PARSE },
		{ "aad", "\"AAAA\"", ERR_INTEGRITY },
	};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO_STR
		char *text = with_member(key, changes[i].name, changes[i].json);
		assert_refused(changes[i].wanted, text, key);
	}
	static const char *const texts[] = {
		"", "{", "{}", "[]", "a.b.c.d", "a.b.c.d.e.f", "....", "null", "not a jwe"
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_refused(ERR_PARSE, texts[i], key);
}

static void refuses_more_recipients_than_it_would_try(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	AUTO_STR
	char *text = seal(key, NULL, NULL);
	AUTO_OF(json_object) *jwe = parse(text);
	json_object *list = json_object_new_array();
	for (int i = 0; i < 129; i++)
		json_object_array_add(list, json_object_new_object());
	json_object_object_add(jwe, "recipients", list);
	AUTO_STR
	char *many = json_text(jwe);
	assert_refused(ERR_LIMIT, many, key);
}

static void refuses_text_beyond_its_bound(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	AUTO_STR
	char *text = seal(key, NULL, NULL);
	AUTO(secret) *plain = NULL;
	struct jwe_key jwe_key;
	check_ok(jwe_key_from_pkey(key, &jwe_key, &em));
	check_err(ERR_LIMIT, jwe_decrypt(bytes_str(text), strlen(text) - 1, &jwe_key, &plain, &em));
	check_ok(jwe_decrypt(bytes_str(text), strlen(text), &jwe_key, &plain, &em));
}

static void seals_and_opens_nothing_and_much(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	static uint8_t much[8 * 1024 * 1024];
	memset(much, 0xa5, sizeof much);
	const struct bytes plains[] = { { NULL, 0 }, { much, sizeof much } };
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		AUTO_STR
		char *text = NULL;
		AUTO(secret) *opened = NULL;
		struct jwe_recipient to = { .key = key, .alg = NULL, .kid = NULL };
		check_ok(jwe_encrypt(&to, 1, plains[i], &text, &em));
		check_ok(open_text(text, key, &opened));
		assert_true(bytes_equal(plains[i], secret_bytes(opened)));
	}
}

static enum err out_of_reach(void *ctx, EVP_PKEY *peer, struct secret **z, struct errmsg *errmsg)
{
	(void)ctx;
	(void)peer;
	(void)z;
	return err_set(errmsg, ERR_NET, "the token is out of reach");
}

static void passes_on_why_a_key_elsewhere_cannot_be_used(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ec256.jwk");
	AUTO_STR
	char *text = seal(key, NULL, NULL);
	struct jwe_key elsewhere = { .kty = "EC", .ecdh = out_of_reach };
	struct secret *plain = NULL;
	check_err(ERR_NET, jwe_decrypt(bytes_str(text), MAX, &elsewhere, &plain, &em));
	assert_non_null(strstr(em.text, "out of reach"));
}

static void opens_the_golden_annotations(void **state)
{
	(void)state;
	static const char *const layers[][2] = { { "jwe-1.0.3", "rsa.key" },
						 { "jweec-1.1.9", "ecP-384.key" },
						 { "jwesec1-head", "ecsec1.der" } };
	AUTO_BUF
	text = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		char name[128];
		AUTO_OF(EVP_PKEY) *key = NULL;
		AUTO_BUF
		jwe = { 0 };
		AUTO(secret) *plain = NULL;
		const char *annotation = NULL;
		snprintf(name, sizeof name, "ocicrypt/golden/keys/%s", layers[i][1]);
		if (!fixture_read(name, &text))
			skip();
		check_ok(key_private_parse(buf_bytes(&text), NULL, &key, &em));
		snprintf(name, sizeof name, "ocicrypt/golden/%s/annotations.json", layers[i][0]);
		assert_true(fixture_read(name, &text));
		AUTO_OF(json_object) *all = parse(buf_cstr(&text));
		check_ok(json_get_string(all, "org.opencontainers.image.enc.keys.jwe", &annotation, &em));
		check_ok(base64_decode(BASE64_STD, bytes_str(annotation), &jwe, &em));
		check_ok(open_text(buf_cstr(&jwe), key, &plain));
		assert_memory_equal(secret_data(plain), "{\"symkey\":\"", 11);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_the_published_example),
		cmocka_unit_test(derives_the_published_keys),
		cmocka_unit_test(opens_what_it_sealed_for_every_key_and_algorithm),
		cmocka_unit_test(writes_the_header_as_its_peers_expect_it),
		cmocka_unit_test(seals_for_several_and_opens_for_each),
		cmocka_unit_test(opens_all_three_serialisations),
		cmocka_unit_test(notices_every_changed_character),
		cmocka_unit_test(says_the_same_of_a_bad_key_and_of_bad_content),
		cmocka_unit_test(refuses_headers_that_it_does_not_understand),
		cmocka_unit_test(refuses_malformed_envelopes),
		cmocka_unit_test(refuses_more_recipients_than_it_would_try),
		cmocka_unit_test(refuses_text_beyond_its_bound),
		cmocka_unit_test(seals_and_opens_nothing_and_much),
		cmocka_unit_test(passes_on_why_a_key_elsewhere_cannot_be_used),
		cmocka_unit_test(opens_the_golden_annotations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
