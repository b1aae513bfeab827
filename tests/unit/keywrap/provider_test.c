#define _GNU_SOURCE 1
#include "keywrap/provider.h"

#include "keywrap/provider_cmd.h"
#include "keywrap/provider_config.h"
#include "tests/unit/keywrap/layers.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Key providers, as their caller. The providers are shell scripts of a folder of its own. */

static char folder[] = "/tmp/provider-XXXXXX";

static char *path_of(const char *name)
{
	char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	AUTO_STR
	char *path = path_of(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Its own annotation is the layer's options themselves: whoever asks must say the right thing. */
#define TRANSPARENT                                                                                                    \
	"#!/bin/sh\nread -r line || :\ncase $line in\n"                                                                \
	"*'\"op\":\"keywrap\"'*) name=annotation results=keywrapresults from=optsdata ;;\n"                            \
	"*) name=optsdata results=keyunwrapresults from=annotation ;;\nesac\n"                                         \
	"printf '%s\\n' \"$line\" >>\"$(dirname \"$0\")/seen\"\n"                                                      \
	"value=$(printf %s \"$line\" | sed 's/.*\"'$from'\":\"\\([^\"]*\\)\".*/\\1/')\n"                               \
	"printf '{\"%s\":{\"%s\":\"%s\"}}' $results $name \"$value\"\n"

static void config_write(const char *more)
{
	AUTO_STR
	char *text = NULL;
	AUTO_STR
	char *path = path_of("providers.json");
	assert_true(asprintf(&text,
			     "{\"key-providers\":{\"clear\":{\"cmd\":{\"path\":\"%s/clear\",\"args\":[\"one\"]}},"
			     "\"dies\":{\"cmd\":{\"path\":\"/bin/sh\",\"args\":[\"-c\",\"echo no such kek >&2; exit "
			     "7\"]}},\"absent\":{\"cmd\":{\"path\":\"%s/nothing\"}},"
			     "\"hangs\":{\"cmd\":{\"path\":\"/bin/sleep\",\"args\":[\"600\"]},\"timeout\":1}%s}}",
			     folder, folder, more) > 0);
	write_file("providers.json", text, 0600);
	setenv("OCICRYPT_KEYPROVIDER_CONFIG", path, 1);
}

static int folder_make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file("clear", TRANSPARENT, 0700);
	config_write("");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int folder_remove(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Messages */

static void message_is(enum provider_op op, const char *arg, const char *expected)
{
	struct errmsg em = { "" };
	AUTO(secret) *text = NULL;
	AUTO(secret) *given = NULL;
	struct provider_call call = { .name = "kbs" };
	if (arg) {
		assert_int_equal(secret_copy(bytes_str(arg), &given, &em), OK);
		call.args[call.arg_count++] = given;
	}
	assert_int_equal(provider_request_write(op, &call, bytes_str("hello"), &text, &em), OK);
	assert_true(bytes_equal(secret_bytes(text), bytes_str(expected)));
}

static void says_what_the_go_library_says(void **state)
{
	(void)state;
	message_is(PROVIDER_WRAP, "a:b",
		   "{\"op\":\"keywrap\",\"keywrapparams\":{\"ec\":{\"Parameters\":{\"kbs\":[\"YTpi\"]},"
		   "\"DecryptConfig\":{\"Parameters\":{}}},\"optsdata\":\"aGVsbG8=\"},"
		   "\"keyunwrapparams\":{\"dc\":null,\"annotation\":null}}");
	message_is(PROVIDER_UNWRAP, NULL,
		   "{\"op\":\"keyunwrap\",\"keywrapparams\":{\"ec\":null,\"optsdata\":null},"
		   "\"keyunwrapparams\":{\"dc\":{\"Parameters\":{}},\"annotation\":\"aGVsbG8=\"}}");
}

static void answer_is(const char *text, const char *expected)
{
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	enum err e = provider_answer_read(PROVIDER_UNWRAP, bytes_str(text), &out, &em);
	assert_int_equal(e, expected ? OK : ERR_PARSE);
	if (expected)
		assert_true(bytes_equal(secret_bytes(out), bytes_str(expected)));
	else
		assert_true(em.text[0] && !out);
}

static void takes_octets_as_base64_and_as_numbers(void **state)
{
	(void)state;
	answer_is("{\"keyunwrapresults\":{\"optsdata\":\"aGVsbG8=\"}}", "hello");
	answer_is("{\"keyunwrapresults\":{\"optsdata\":[104, 101,108 ,108,\n111]}}", "hello");
	answer_is("{\"keywrapresults\":{\"annotation\":null},\"KeyUnwrapResults\":{\"OptsData\":[104]}}", "h");
}

static void refuses_answers_that_are_none(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"keywrapresults\":{\"annotation\":\"aGVsbG8=\"}}",
		"{\"keyunwrapresults\":null}",
		"{\"keyunwrapresults\":{\"optsdata\":null}}",
		"{\"keyunwrapresults\":{\"optsdata\":\"\"}}",
		"{\"keyunwrapresults\":{\"optsdata\":\"aGVsbG8\"}}",
		"{\"keyunwrapresults\":{\"optsdata\":[]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[256]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[1e1]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[-1]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[1.0]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[[1]]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[\"1\"]}}",
		"{\"keyunwrapresults\":{\"optsdata\":[1]},\"keyunwrapresults\":{\"optsdata\":[1]}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		answer_is(bad[i], NULL);
}

static void reads_the_requests_that_it_writes(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO(secret) *arg = NULL;
	AUTO(secret) *text = NULL;
	AUTO_PROVIDER_REQUEST request = { .op = PROVIDER_UNWRAP };
	assert_int_equal(secret_copy(bytes_str("kbs:///a/b/c"), &arg, &em), OK);
	struct provider_call call = { .name = "kbs", .args = { arg }, .arg_count = 1 };
	assert_int_equal(provider_request_write(PROVIDER_WRAP, &call, bytes_str("opts"), &text, &em), OK);
	assert_int_equal(provider_request_read(secret_bytes(text), NULL, &request, &em), OK);
	assert_int_equal(request.op, PROVIDER_WRAP);
	assert_true(bytes_equal(secret_bytes(request.what), bytes_str("opts")));
	assert_true(bytes_equal(secret_bytes(request.args), bytes_str("kbs:///a/b/c")));
	provider_request_clear(&request);
	assert_int_equal(provider_request_read(secret_bytes(text), "other", &request, &em), ERR_PARSE);
}

/* Programs */

static enum err run(const char *script, int64_t ms, struct bytes input, struct secret **out, struct errmsg *em)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *argv[] = { shell, option, (char *)script, NULL };
	return provider_cmd_run(argv, input, deadline_in_ms(ms), out, em);
}

static void run_fails(const char *script, enum err expected, const char *text)
{
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	assert_int_equal(run(script, 10000, bytes_str("input"), &out, &em), expected);
	assert_null(out);
	if (!strstr(em.text, text))
		fail_msg("\"%s\" lacks \"%s\"", em.text, text);
}

static void hands_over_input_and_output_of_any_size(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	AUTO_STR
	char *data = test_data(200000);
	struct bytes input = { (const uint8_t *)data, 200000 };
	assert_int_equal(run("cat", 20000, input, &out, &em), OK);
	assert_true(bytes_equal(secret_bytes(out), input));
}

static void tells_how_a_provider_failed(void **state)
{
	(void)state;
	run_fails("exit 3", ERR_PROTO, "exit status 3");
	run_fails("cat >/dev/null; echo 'no such key' >&2; echo more >&2; exit 6", ERR_NOT_FOUND,
		  "status 6: no such key");
	run_fails("exit 4", ERR_NET, "exit status 4");
	run_fails("exit 5", ERR_DENIED, "exit status 5");
	run_fails("exit 7", ERR_INTEGRITY, "exit status 7");
	run_fails("exit 9", ERR_KEY, "exit status 9");
	run_fails("exit 127", ERR_PROTO, "exit status 127");
	run_fails("kill -9 $$", ERR_PROTO, "signal 9");
	run_fails("cat /dev/zero", ERR_LIMIT, "printed more than");
}

static void ends_a_provider_that_hangs_with_all_its_children(void **state)
{
	(void)state;
	static const char *const scripts[] = { "sleep 600 & sleep 600", "exec sleep 600 >&- 2>&-",
					       "trap '' TERM; sleep 600" };
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct errmsg em = { "" };
		AUTO(secret) *out = NULL;
		int64_t before = monotonic_ms();
		assert_int_equal(run(scripts[i], 300, bytes_str(""), &out, &em), ERR_TIMEOUT);
		assert_in_range(monotonic_ms() - before, 290, 20000);
	}
}

static void a_provider_that_does_not_read_does_no_harm(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	AUTO_STR
	char *data = test_data(300000);
	sigset_t pending;
	/* SIGPIPE would end this test. */
	assert_int_equal(run("exec <&-; echo done", 20000, (struct bytes){ (const uint8_t *)data, 300000 }, &out, &em),
			 OK);
	assert_true(bytes_equal(secret_bytes(out), bytes_str("done\n")));
	sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

static void a_provider_gets_no_descriptor_but_the_standard_ones(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO(secret) *out = NULL;
	AUTO_FD
	int leaked = open("/dev/null", O_RDONLY); /* without close-on-exec */
	assert_true(leaked > 2);
	AUTO_STR
	char *script = NULL;
	assert_true(asprintf(&script, "if [ -e /proc/self/fd/%d ]; then echo open; else echo closed; fi", leaked) > 0);
	assert_int_equal(run(script, 20000, bytes_str(""), &out, &em), OK);
	assert_true(bytes_equal(secret_bytes(out), bytes_str("closed\n")));
}

/* Configuration */

static void config_fails(const char *text, const char *name, enum err expected)
{
	struct errmsg em = { "" };
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	assert_int_equal(provider_config_parse(bytes_str(text), name, &config, &em), expected);
	assert_true(em.text[0]);
}

static void refuses_bad_configurations(void **state)
{
	(void)state;
	config_fails("", "a", ERR_CONFIG);
	config_fails("{}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{}}", "a", ERR_UNSUPPORTED);
	config_fails("{\"key-providers\":{\"a\":1}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"cmd\":{}}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"cmd\":{\"path\":\"\"}}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"cmd\":{\"path\":\"x\",\"args\":[1]}}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"ttrpc\":\"localhost:1\"}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"grpc\":\"localhost\"}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"grpc\":\"kbs.example:1\"}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"grpc\":\"kbs.example:1\",\"grpc-plain\":1}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"grpc\":\"kbs.example:1\",\"grpc-tls\":true}}}", "a", ERR_CONFIG);
	config_fails("{\"key-providers\":{\"a\":{\"grpc\":\"x:1\",\"grpc-tls\":{\"insecure-skip-verify\":true}}}}", "a",
		     ERR_UNSUPPORTED);
	config_fails("{\"key-providers\":{\"a\":{\"cmd\":{\"path\":\"x\"},\"timeout\":0}}}", "a", ERR_CONFIG);
}

static void takes_what_the_go_library_has_for_grpc(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO_PROVIDER_CONFIG plain = { .timeout_ms = 0 };
	AUTO_PROVIDER_CONFIG tls = { .timeout_ms = 0 };
	const char *text = "{\"key-providers\":{\"a\":{\"grpc\":\"127.0.0.1:50000\"},"
			   "\"b\":{\"grpc\":\"kbs.example:1\",\"ttrpc\":\"\",\"grpc-tls\":{\"root-ca-file\":\"ca\","
			   "\"cert-file\":\"cert\",\"key-file\":\"\",\"server-name\":\"name\",\"other\":1}},"
			   "\"c\":{\"grpc\":\"kbs.example:1\",\"grpc-plain\":true}}}";
	assert_int_equal(provider_config_parse(bytes_str(text), "a", &plain, &em), OK);
	assert_string_equal(plain.grpc, "127.0.0.1:50000");
	assert_false(plain.grpc_tls);
	assert_int_equal(provider_config_parse(bytes_str(text), "b", &tls, &em), OK);
	assert_true(tls.grpc_tls && !tls.key_file);
	assert_string_equal(tls.root_ca_file, "ca");
	assert_string_equal(tls.cert_file, "cert");
	assert_string_equal(tls.server_name, "name");
	provider_config_clear(&plain);
	assert_int_equal(provider_config_parse(bytes_str(text), "c", &plain, &em), OK);
}

static void runs_nothing_that_others_may_have_written(void **state)
{
	(void)state;
	struct errmsg em = { "" };
	AUTO_PROVIDER_CONFIG config = { .timeout_ms = 0 };
	AUTO_STR
	char *path = path_of("providers.json");
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(provider_config_load("clear", &config, &em), ERR_CONFIG);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(provider_config_load("clear", &config, &em), OK);
}

/* Layers */

static void layer_opens(const char *to, const char *with)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotations annotations = { 0 };
	AUTO_BUF
	out = { 0 };
	AUTO_STR
	char *data = test_data(70000);
	struct bytes plain = { (const uint8_t *)data, 70000 };
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

static void opens_a_layer_through_a_provider(void **state)
{
	(void)state;
	AUTO_STR
	char *seen = path_of("seen");
	unlink(seen);
	layer_opens("provider:clear:a:b", "provider:clear");
	AUTO_BUF
	text = file_read_all(seen);
	const char *log = buf_cstr(&text);
	assert_non_null(strstr(log, "{\"clear\":[\"YTpi\"]}"));
	assert_non_null(strstr(log, "\"dc\":{\"Parameters\":{\"clear\":[\"RW5hYmxlZA==\"]}}"));
}

static void asks_a_provider_even_when_only_other_keys_are_given(void **state)
{
	(void)state;
	AUTO_STR
	char *key = vector_path("p256.key");
	layer_opens("provider:clear", key);
}

static void refuses_a_layer(const char *name, const char *value, enum okw_code code, const char *text)
{
	struct okw_error error = { OKW_OK, "" };
	struct okw_annotation items[] = { { (char *)name, (char *)value } };
	struct okw_annotations annotations = { items, 1 };
	AUTO_BUF
	out = { 0 };
	struct okw_context *context = context_with(NULL, "provider:clear");
	assert_int_equal(decrypt_all(context, &annotations, bytes_str("data"), &out, &error), code);
	assert_error_has(&error, text);
	okw_context_free(context);
}

#define KEYS "org.opencontainers.image.enc.keys."

static void names_the_provider_and_what_failed(void **state)
{
	(void)state;
	refuses_a_layer(KEYS "provider.dies", "aGVsbG8=", OKW_ERR_KEY,
			"provider.dies: the key provider dies: /bin/sh: it ended with exit status 7: no such kek");
	refuses_a_layer(KEYS "provider.hangs", "aGVsbG8=,aGVsbG8=", OKW_ERR_UNREACHABLE, "did not answer in time");
	refuses_a_layer(KEYS "provider.absent", "aGVsbG8=", OKW_ERR_NOT_FOUND, "it cannot be run");
	refuses_a_layer(KEYS "provider.other", "aGVsbG8=", OKW_ERR_UNSUPPORTED, "no key provider \"other\"");
	refuses_a_layer(KEYS "provider.clear", "aGVsbG8=", OKW_ERR_PARSE, "the layer's private options");
	refuses_a_layer(KEYS "provider.clear", "***", OKW_ERR_PARSE, "provider.clear: element 1");
	refuses_a_layer(KEYS "provider.a/b", "aGVsbG8=", OKW_ERR_PARSE, "no name of a key provider");
	refuses_a_layer(KEYS "jwe", "aGVsbG8=", OKW_ERR_KEY, "none of those given is for its schemes");
}

static void refuses_unknown_recipients_at_once(void **state)
{
	(void)state;
	static const char *const bad[] = { "provider:", "provider::x", "provider:nosuch", "provider:a/b",
					   "provider:a b" };
	struct okw_error error = { OKW_OK, "" };
	struct okw_context *context = context_with(NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_not_equal(okw_add_encryption_key(context, bad[i], &error), OKW_OK);
		assert_true(error.text[0]);
	}
	okw_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_the_go_library_says),
		cmocka_unit_test(takes_octets_as_base64_and_as_numbers),
		cmocka_unit_test(refuses_answers_that_are_none),
		cmocka_unit_test(reads_the_requests_that_it_writes),
		cmocka_unit_test(hands_over_input_and_output_of_any_size),
		cmocka_unit_test(tells_how_a_provider_failed),
		cmocka_unit_test(ends_a_provider_that_hangs_with_all_its_children),
		cmocka_unit_test(a_provider_that_does_not_read_does_no_harm),
		cmocka_unit_test(a_provider_gets_no_descriptor_but_the_standard_ones),
		cmocka_unit_test(refuses_bad_configurations),
		cmocka_unit_test(takes_what_the_go_library_has_for_grpc),
		cmocka_unit_test(runs_nothing_that_others_may_have_written),
		cmocka_unit_test(opens_a_layer_through_a_provider),
		cmocka_unit_test(asks_a_provider_even_when_only_other_keys_are_given),
		cmocka_unit_test(names_the_provider_and_what_failed),
		cmocka_unit_test(refuses_unknown_recipients_at_once),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
