#define _GNU_SOURCE 1
#include "keywrap/coco_packet.h"

#include "keywrap/layer_options.h"
#include "keywrap/provider_message.h"
#include "keywrap/provider_server.h"
#include "tests/unit/keywrap/softhsm.h"

#include <stdio.h>
#include <unistd.h>

/* Annotation packets, and the key provider that makes and opens them. */

/* What the sample KBC of Confidential Containers has for everybody. */
#define KNOWN_KEY "d99b7705b0ba7a168295b3a3367270b0dd9b371bf514ca8b9ba7f0a33711daea"

#define OPTIONS                                                                                                        \
	"{\"symkey\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"digest\":\"sha256:"                            \
	"0000000000000000000000000000000000000000000000000000000000000000\",\"cipheroptions\":{\"nonce\":"             \
	"\"AAECAwQFBgcICQoLDA0ODw==\"}}"

static struct buf fixture(const char *name)
{
	AUTO_STR
	char *path = NULL;
	const char *top = getenv("TOP_SRCDIR");
	assert_true(asprintf(&path, "%s/../shared/fixtures/ocicrypt/%s", top ? top : ".", name) > 0);
	if (access(path, R_OK) != 0) {
		print_message("no %s here\n", path);
		free(steal(&path)); /* skip() does not come back */
		skip();
	}
	return file_read_all(path);
}

static void opens_the_packet_of_the_sample_kbc(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	uint8_t key[KEK_LEN];
	AUTO_BUF
	text = fixture("sample_kbc_annotation.json");
	AUTO_COCO_PACKET packet = { .cipher = KEK_CTR };
	AUTO(secret) *plain = NULL;
	assert_int_equal(hex_decode(KNOWN_KEY, key, sizeof(key), &em), OK);
	assert_int_equal(coco_packet_parse(buf_bytes(&text), &packet, &em), OK);
	assert_string_equal(packet.kid, "kbs:///default/key/1");
	assert_int_equal(packet.cipher, KEK_GCM);
	const struct kek_work work = { false, packet.cipher, packet.iv, buf_bytes(&packet.wrapped) };
	assert_int_equal(kek_do(BYTES(key), &work, &plain, &em), OK);
	assert_int_equal(privopts_check(plain, &em), OK);
	key[0] ^= 1;
	AUTO(secret) *wrong = NULL;
	assert_int_equal(kek_do(BYTES(key), &work, &wrong, &em), ERR_INTEGRITY);
	assert_null(wrong);
}

static void reads_the_packet_of_a_peer(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO_BUF
	text = fixture("annotation-packet-v1.json");
	AUTO_COCO_PACKET packet = { .cipher = KEK_CTR };
	assert_int_equal(coco_packet_parse(buf_bytes(&text), &packet, &em), OK);
	assert_string_equal(packet.kid, "kbs:///default/key/1");
	assert_int_equal(packet.cipher, KEK_GCM);
	assert_true(packet.wrapped.len > KEK_TAG_LEN);
}

static void packet_is(const char *text, enum err expected)
{
	struct errmsg em = { "" };
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	enum err e = coco_packet_parse(bytes_str(text), &packet, &em);
	if (e != expected)
		fail_msg("%s: %s %s", text, err_name(e), em.text);
	assert_true(e == OK || em.text[0]);
}

#define GCM "\"wrapped_data\":\"AAAAAAAAAAAAAAAAAAAAAAA=\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A256GCM\""
#define KID "\"kid\":\"kbs:///a/b/c\","

static void takes_both_versions_and_refuses_others(void **state)
{
	(void)state;
	packet_is("{" KID GCM "}", OK);
	packet_is("{" KID GCM
		  ",\"version\":\"0.1.0\",\"provider\":\"kbs\",\"provider_settings\":{},\"annotations\":{}}",
		  OK);
	packet_is("{" KID GCM ",\"version\":\"0.1.0\"}", OK);
	packet_is("{\"kid\":\"kbs://host:80/a/b/c\"," GCM "}", OK);
	packet_is("{\"kid\":\"kbs:///kbs:///a/b/c\"," GCM "}", OK);
	packet_is("{" KID GCM ",\"version\":\"0.2.0\"}", ERR_UNSUPPORTED);
	packet_is("{" KID GCM ",\"version\":\"0.1.0\",\"provider\":\"ali\"}", ERR_UNSUPPORTED);
	packet_is("{" KID GCM ",\"version\":1}", ERR_PARSE);
}

static void refuses_packets_that_are_none(void **state)
{
	(void)state;
	packet_is("", ERR_PARSE);
	packet_is("[]", ERR_PARSE);
	packet_is("null", ERR_PARSE);
	packet_is("{" GCM "}", ERR_PARSE);
	packet_is("{\"kid\":\"\"," GCM "}", ERR_PARSE);
	packet_is("{\"kid\":\"kbs:///a/b\"," GCM "}", ERR_PARSE);
	packet_is("{\"kid\":\"kbs:///a/b/../c\"," GCM "}", ERR_PARSE);
	packet_is("{\"kid\":\"kbs+other:///a/b/c\"," GCM "}", ERR_PARSE);
	packet_is("{\"kid\":\"pkcs11:object=x\"," GCM "}", ERR_PARSE);
	packet_is("{" KID "\"wrapped_data\":\"AAAA\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A256GCM\"}",
		  ERR_PARSE);
	packet_is("{" KID "\"wrapped_data\":\"\",\"iv\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"wrap_type\":\"A256CTR\"}",
		  ERR_PARSE);
	packet_is("{" KID "\"wrapped_data\":\"AAAA\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A256CTR\"}",
		  ERR_PARSE);
	packet_is("{" KID "\"wrapped_data\":\"AAAA\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A128GCM\"}",
		  ERR_UNSUPPORTED);
	packet_is("{" KID "\"wrapped_data\":\"AAA\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A256GCM\"}", ERR_PARSE);
}

/* NIST SP 800-38D's test case 13 of the GCM paper, and CTR: the same block at counter 0. */
static void wraps_as_the_standards_say(void **state)
{
	(void)state;
	static const uint8_t zeros[32] = { 0 };
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	AUTO(secret) *stream = NULL;
	const struct kek_work gcm = { true, KEK_GCM, zeros, { zeros, 16 } };
	const struct kek_work ctr = { true, KEK_CTR, zeros, { zeros, 16 } };
	assert_int_equal(kek_do(BYTES(zeros), &gcm, &out, &em), OK);
	AUTO_STR
	char *hex = hex_encode(secret_bytes(out));
	assert_string_equal(hex, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	assert_int_equal(kek_do(BYTES(zeros), &ctr, &stream, &em), OK);
	AUTO_STR
	char *block = hex_encode(secret_bytes(stream));
	assert_string_equal(block, "dc95c078a2408989ad48a21492842087");
}

/* Keys of a SoftHSM token: "kbs:///keys/aes/1" is an AES key there, "kbs:///keys/data/1" the same as data. */

static void token_run(const char *fmt, const char *file, const char *label)
{
	AUTO_STR
	char *path = softhsm_path(file);
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	char *command = NULL;
	assert_true(asprintf(&command,
			     "SOFTHSM2_CONF=%s pkcs11-tool --module %s --token-label unit --login --pin '" SOFTHSM_PIN
			     "' --private --label %s --write-object %s %s >/dev/null 2>&1",
			     conf, softhsm_module, label, path, fmt) > 0);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
	free(command);
}

static int keys_make(void **state)
{
	int result = softhsm_make(state);
	if (result != 0 || !softhsm_module)
		return result;
	AUTO_STR
	char *conf = softhsm_path("softhsm2.conf");
	setenv("SOFTHSM2_CONF", conf, 1);
	softhsm_write("kek", "0123456789abcdef0123456789ABCDEF");
	softhsm_write("short", "0123456789abcdef");
	softhsm_write("long", "0123456789abcdef0123456789ABCDEF and more");
	token_run("--type secrkey --key-type AES:32 --usage-decrypt", "kek", "kbs:///keys/aes/1");
	token_run("--type data", "kek", "kbs:///keys/data/1");
	token_run("--type data", "short", "kbs:///keys/data/short");
	token_run("--type data", "long", "kbs:///keys/data/long");
	return 0;
}

static struct provider_server *server_new(const char *token, int version)
{
	struct errmsg em = { "" };
	struct provider_server *server = NULL;
	struct provider_server_options o = { .token = token, .module = softhsm_module, .packet_version = version };
	if (provider_server_new(&o, &server, &em) != OK)
		fail_msg("%s", em.text);
	return server;
}

static char *token_uri(void)
{
	AUTO_STR
	char *pin = softhsm_path("pin");
	char *uri = NULL;
	assert_true(asprintf(&uri, "pkcs11:token=unit?pin-source=file:%s", pin) > 0);
	return uri;
}

static enum err ask(struct provider_server *server, enum provider_op op, const char *arg, struct bytes what,
		    struct secret **out, struct errmsg *em)
{
	AUTO(secret) *request = NULL;
	AUTO(secret) *answer = NULL;
	AUTO(secret) *given = NULL;
	assert_int_equal(secret_copy(bytes_str(arg), &given, em), OK);
	struct provider_call call = { .name = "kbs", .args = { given }, .arg_count = 1 };
	assert_int_equal(provider_request_write(op, &call, what, &request, em), OK);
	enum err e = provider_server_answer(server, secret_bytes(request), &answer, em);
	return e == OK ? provider_answer_read(op, secret_bytes(answer), out, em) : e;
}

static void round_trip(const char *wrap_arg, int version, const char *has)
{
	softhsm_need();
	struct errmsg em = { "" };
	AUTO(secret) *packet = NULL;
	AUTO(secret) *plain = NULL;
	AUTO_STR
	char *uri = token_uri();
	AUTO(provider_server) *server = server_new(uri, version);
	if (ask(server, PROVIDER_WRAP, wrap_arg, bytes_str(OPTIONS), &packet, &em) != OK)
		fail_msg("%s", em.text);
	assert_non_null(memmem(secret_data(packet), secret_len(packet), has, strlen(has)));
	if (ask(server, PROVIDER_UNWRAP, "Enabled", secret_bytes(packet), &plain, &em) != OK)
		fail_msg("%s", em.text);
	assert_true(bytes_equal(secret_bytes(plain), bytes_str(OPTIONS)));
}

static void wraps_and_unwraps_with_keys_of_the_token(void **state)
{
	(void)state;
	round_trip("kbs:///keys/aes/1", 1, "{\"kid\":\"kbs:///keys/aes/1\",\"wrapped_data\":");
	round_trip("kbs:///keys/data/1", 1, "\"wrap_type\":\"A256GCM\"}");
	round_trip("keyid=kbs:///keys/aes/1::algorithm=A256CTR", 2, "\"wrap_type\":\"A256CTR\"");
	round_trip("algorithm=A256CTR::keyid=kbs:///keys/data/1", 1, "\"wrap_type\":\"A256CTR\"");
	round_trip("keyid=kbs:///keys/data/1", 2, "\"version\":\"0.1.0\",\"provider\":\"kbs\"");
}

static void the_token_and_openssl_open_each_other_s(void **state)
{
	(void)state;
	softhsm_need();
	struct errmsg em = { "" };
	AUTO_STR
	char *uri = token_uri();
	AUTO(provider_server) *server = server_new(uri, 1);
	static const char *const names[][2] = { { "kbs:///keys/aes/1", "kbs:///keys/data/1" },
						{ "kbs:///keys/data/1", "kbs:///keys/aes/1" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(secret) *packet = NULL;
		AUTO(secret) *plain = NULL;
		AUTO_COCO_PACKET p = { .cipher = KEK_GCM };
		AUTO_BUF
		text = { 0 };
		assert_int_equal(ask(server, PROVIDER_WRAP, names[i][0], bytes_str(OPTIONS), &packet, &em), OK);
		assert_int_equal(coco_packet_parse(secret_bytes(packet), &p, &em), OK);
		snprintf(p.kid, sizeof(p.kid), "%s", names[i][1]);
		assert_int_equal(coco_packet_write(&p, 1, &text, &em), OK);
		assert_int_equal(ask(server, PROVIDER_UNWRAP, "x", buf_bytes(&text), &plain, &em), OK);
		p.wrapped.data[3] ^= 1;
		text.len = 0;
		assert_int_equal(coco_packet_write(&p, 1, &text, &em), OK);
		AUTO(secret) *spoilt = NULL;
		assert_int_equal(ask(server, PROVIDER_UNWRAP, "x", buf_bytes(&text), &spoilt, &em), ERR_INTEGRITY);
		assert_null(spoilt);
	}
}

static void refused(const char *uri, const char *arg, const char *what, enum err expected, const char *text)
{
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	AUTO(provider_server) *server = server_new(uri, 1);
	enum err e = ask(server, arg ? PROVIDER_WRAP : PROVIDER_UNWRAP, arg ? arg : "x", bytes_str(what), &out, &em);
	if (e != expected || !strstr(em.text, text))
		fail_msg("%s: \"%s\" lacks \"%s\"", err_name(e), em.text, text);
	assert_null(out);
}

static void says_what_is_wrong_with_a_key(void **state)
{
	(void)state;
	softhsm_need();
	AUTO_STR
	char *uri = token_uri();
	refused(uri, "kbs:///keys/no/such", OPTIONS, ERR_KEY, "kbs:///keys/no/such: the token has no such");
	refused(uri, "kbs:///keys/data/short", OPTIONS, ERR_KEY, "16 bytes instead of 32");
	refused(uri, "kbs:///keys/data/long", OPTIONS, ERR_KEY, "more than 32 bytes");
	refused(uri, "Enabled", OPTIONS, ERR_ARG, "no key is named");
	refused(uri, "keyid=kbs:///a/b/c::algorithm=A128GCM", OPTIONS, ERR_UNSUPPORTED, "neither A256GCM nor A256CTR");
	refused(uri, "keyid=kbs:///a/b/c::keypath=/etc/key", OPTIONS, ERR_UNSUPPORTED, "keypath=");
	refused(uri, "algorithm=A256GCM", OPTIONS, ERR_ARG, "keyid= is missing");
	refused(uri, "keyid=../x", OPTIONS, ERR_PARSE, "the key's name");
	refused(uri, NULL, "no json", ERR_PARSE, "the annotation packet");
	refused("pkcs11:token=nosuch", "kbs:///keys/aes/1", OPTIONS, ERR_KEY, "no token");
	refused("pkcs11:token=unit", "kbs:///keys/aes/1", OPTIONS, ERR_AUTH, "wants a PIN");
}

/* CTR would let whoever writes annotations decrypt with the token's keys. */
static void gives_out_nothing_but_a_layers_options(void **state)
{
	(void)state;
	softhsm_need();
	AUTO_STR
	char *uri = token_uri();
	refused(uri, NULL,
		"{\"kid\":\"kbs:///keys/aes/1\",\"wrapped_data\":\"AAAAAAAAAAAAAAAAAAAAAAA=\",\"iv\":"
		"\"AAAAAAAAAAAAAAAAAAAAAA==\",\"wrap_type\":\"A256CTR\"}",
		ERR_KEY, "is no layer's options: wrong key?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_the_packet_of_the_sample_kbc),
		cmocka_unit_test(reads_the_packet_of_a_peer),
		cmocka_unit_test(takes_both_versions_and_refuses_others),
		cmocka_unit_test(refuses_packets_that_are_none),
		cmocka_unit_test(wraps_as_the_standards_say),
		cmocka_unit_test(wraps_and_unwraps_with_keys_of_the_token),
		cmocka_unit_test(the_token_and_openssl_open_each_other_s),
		cmocka_unit_test(says_what_is_wrong_with_a_key),
		cmocka_unit_test(gives_out_nothing_but_a_layers_options),
	};
	return cmocka_run_group_tests(tests, keys_make, softhsm_remove);
}
