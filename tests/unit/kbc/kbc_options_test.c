#include "kbc/kbc_options.h"

#include "attest/attest.h"
#include "kbc/kbc_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static json_object *parse(const char *text)
{
	json_object *value = NULL;
	assert_int_equal(json_parse(bytes_str(text), 65536, JSON_STRICT, &value, NULL), OK);
	return value;
}

static enum err read_text(const char *text, struct kbc_options *o, struct errmsg *em)
{
	AUTO_OF(json_object) *kbs = parse(text);
	return kbc_options_read(kbs, o, em);
}

static int without_environment(void **state)
{
	(void)state;
	return unsetenv("AA_KBC_PARAMS");
}

static void every_member_is_read(void **state)
{
	(void)state;
	struct kbc_options o;
	assert_int_equal(read_text("{\"kbc\":\"cc_kbc\",\"url\":[\"https://a.example:8080/\",\"https://[::2]/p/\"],"
				   "\"ca\":\"/x.pem\",\"attester\":\"sample\",\"timeout\":7,\"allow-http\":false,"
				   "\"tee-key\":\"RSA\"}",
				   &o, NULL),
			 OK);
	assert_string_equal(o.kind, "cc_kbc");
	assert_int_equal(o.url_count, 2);
	assert_string_equal(o.urls[0], "https://a.example:8080");
	assert_string_equal(o.urls[1], "https://[::2]/p");
	assert_string_equal(o.ca_file, "/x.pem");
	assert_string_equal(o.attester, "sample");
	assert_string_equal(o.key_type, "RSA");
	assert_int_equal(o.timeout_ms, 7000);
	assert_false(o.allow_plain);
	kbc_options_clear(&o);
}

static void what_is_not_said_has_a_default(void **state)
{
	(void)state;
	struct kbc_options o;
	assert_int_equal(read_text("{\"url\":\"https://kbs.example\"}", &o, NULL), OK);
	assert_string_equal(o.kind, "cc_kbc");
	assert_null(o.ca_file);
	assert_string_equal(o.attester, "auto");
	assert_string_equal(o.key_type, "P-256");
	assert_int_equal(o.timeout_ms, 30000);
	assert_int_equal(o.lifetime_ms, 3600000);
	assert_int_equal(o.max_resource, 4194304);
	kbc_options_clear(&o);
}

static void faults_name_the_member(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{ "{\"url\":7}", "\"url\"" },
		{ "{\"url\":[]}", "\"url\"" },
		{ "{\"url\":[\"https://a\",1]}", "element 1" },
		{ "{\"url\":\"ftp://a\"}", "https://" },
		{ "{\"url\":\"https://\"}", "no host" },
		{ "{\"url\":\"https://user:secret@a\"}", "\"url\"" },
		{ "{\"url\":\"https://user@a\"}", "user" },
		{ "{\"url\":\"https://a:0\"}", "port" },
		{ "{\"url\":\"https://a:65536\"}", "port" },
		{ "{\"url\":\"https://a/?x\"}", "query" },
		{ "{\"url\":\"https://a b\"}", "\"url\"" },
		{ "{\"url\":\"https://a/\\u000d\\u000aX: y\"}", "\"url\"" },
		{ "{\"url\":\"http://kbs.example\"}", "allow-http" },
		{ "{\"url\":\"http://126.0.0.1\"}", "allow-http" },
		{ "{\"url\":\"http://[::2]\"}", "allow-http" },
		{ "{\"url\":\"http://127.evil.example\"}", "allow-http" },
		{ "{\"url\":\"http://localhost.evil.example\"}", "allow-http" },
		{ "{\"url\":\"https://a\",\"timeout\":0}", "\"timeout\"" },
		{ "{\"url\":\"https://a\",\"timeout\":\"1\"}", "\"timeout\"" },
		{ "{\"url\":\"https://a\",\"tee-key\":\"P-384\"}", "\"tee-key\"" },
		{ "{\"url\":\"https://a\",\"kbc\":\"CC/KBC\"}", "\"kbc\"" },
		{ "{\"url\":\"https://a\",\"ca\":\"\"}", "\"ca\"" },
		{ "{\"url\":\"https://a\",\"attester\":\"\"}", "\"attester\"" },
		{ "{\"url\":\"https://a\",\"allow-http\":1}", "\"allow-http\"" },
		{ "{\"url\":\"https://a\",\"atester\":\"tdx\"}", "atester" },
		{ "{\"url\":\"https://a\",\"tee-root\":\"host\"}", "\"tee-root\"" },
		{ "{\"url\":\"https://a\",\"tpm\":\"\"}", "\"tpm\"" },
		{ "{\"url\":\"https://a\",\"devices\":[\"nvidia\"]}", "nvidia" },
		{ "{\"url\":\"https://a\",\"devices\":[\"sampledevice\",\"sampledevice\"]}", "twice" },
		{ "{\"url\":\"https://a\",\"devices\":[1]}", "\"devices\"" },
		{ "{\"url\":\"https://a\",\"init-data\":\"/nonexistent/init.toml\"}", "/nonexistent/init.toml" },
		{ "{\"url\":[\"https://a\",\"https://a\",\"https://a\",\"https://a\",\"https://a\",\"https://a\","
		  "\"https://a\",\"https://a\",\"https://a\"]}",
		  "more than 8" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kbc_options o;
		struct errmsg em = { "" };
		enum err e = read_text(cases[i].text, &o, &em);
		if (e != ERR_CONFIG || !strstr(em.text, cases[i].words))
			fail_msg("%s: %s \"%s\"", cases[i].text, err_name(e), em.text);
		assert_int_equal(o.url_count, 0);
	}
}

static void plain_http_is_for_loopback_or_by_leave(void **state)
{
	(void)state;
	static const char *const good[] = {
		"{\"url\":\"http://127.0.0.1:1\"}",
		"{\"url\":\"http://127.1.2.3\"}",
		"{\"url\":\"http://LOCALHOST:80\"}",
		"{\"url\":\"http://[::1]:80/x\"}",
		"{\"allow-http\":true,\"url\":\"http://kbs.example\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct kbc_options o;
		assert_int_equal(read_text(good[i], &o, NULL), OK);
		kbc_options_clear(&o);
	}
}

static void the_environment_says_it_where_no_url_does(void **state)
{
	(void)state;
	struct kbc_options o;
	setenv("AA_KBC_PARAMS", "cc_kbc::https://kbs.example:8080/", 1);
	assert_int_equal(kbc_options_read(NULL, &o, NULL), OK);
	assert_string_equal(o.urls[0], "https://kbs.example:8080");
	kbc_options_clear(&o);
	assert_int_equal(read_text("{\"attester\":\"sample\"}", &o, NULL), OK);
	assert_string_equal(o.urls[0], "https://kbs.example:8080");
	assert_string_equal(o.attester, "sample");
	kbc_options_clear(&o);
	assert_int_equal(read_text("{\"url\":\"https://other\"}", &o, NULL), OK);
	assert_int_equal(o.url_count, 1);
	assert_string_equal(o.urls[0], "https://other");
	kbc_options_clear(&o);
	setenv("AA_KBC_PARAMS", "https://kbs.example", 1);
	struct errmsg em = { "" };
	assert_int_equal(kbc_options_read(NULL, &o, &em), ERR_CONFIG);
	assert_non_null(strstr(em.text, "AA_KBC_PARAMS"));
}

static void nothing_that_says_where_is_told_apart(void **state)
{
	(void)state;
	struct kbc_options o;
	struct errmsg em = { "" };
	enum err e = kbc_options_read(NULL, &o, &em);
	if (e == OK) {
		kbc_options_clear(&o);
		skip(); /* this machine's kernel command line says where */
	}
	assert_int_equal(e, ERR_NOT_FOUND);
	assert_non_null(strstr(em.text, "no KBS is configured"));
}

static void the_kernel_command_line_is_searched(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		const char *expected;
	} cases[] = {
		{ "", NULL },
		{ "quiet ro root=/dev/vda1\n", NULL },
		{ "agent.aa_kbc_params=", NULL },
		{ "xagent.aa_kbc_params=cc_kbc::https://a", NULL },
		{ "agent.aa_kbc_params=cc_kbc::https://a", "cc_kbc::https://a" },
		{ "quiet agent.aa_kbc_params=cc_kbc::https://a:8 ro\n", "cc_kbc::https://a:8" },
		{ "agent.aa_kbc_params=\"cc_kbc::https://a\" x", "cc_kbc::https://a" },
		{ "\"agent.aa_kbc_params=cc_kbc::https://a\" x", "cc_kbc::https://a" },
		{ "agent.aa_kbc_params=x::y agent.aa_kbc_params=cc_kbc::https://b", "cc_kbc::https://b" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR
		char *found = NULL;
		assert_int_equal(kbc_options_find_params(bytes_str(cases[i].line), &found, NULL), OK);
		if (cases[i].expected)
			assert_string_equal(found, cases[i].expected);
		else
			assert_null(found);
	}
}

static void options_are_equal_only_in_every_member(void **state)
{
	(void)state;
	static const char *const others[] = {
		"{\"url\":\"https://b\"}",
		"{\"url\":[\"https://a\",\"https://b\"]}",
		"{\"url\":\"https://a\",\"ca\":\"/x\"}",
		"{\"url\":\"https://a\",\"attester\":\"tdx\"}",
		"{\"url\":\"https://a\",\"timeout\":1}",
		"{\"url\":\"https://a\",\"allow-http\":true}",
		"{\"url\":\"https://a\",\"tee-key\":\"RSA\"}",
		"{\"url\":\"https://a\",\"kbc\":\"other_kbc\"}",
	};
	struct kbc_options a, b;
	assert_int_equal(read_text("{\"url\":\"https://a\"}", &a, NULL), OK);
	assert_int_equal(read_text("{\"url\":\"https://a/\"}", &b, NULL), OK);
	assert_true(kbc_options_equal(&a, &b));
	kbc_options_clear(&b);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_int_equal(read_text(others[i], &b, NULL), OK);
		assert_false(kbc_options_equal(&a, &b));
		kbc_options_clear(&b);
	}
	kbc_options_clear(&a);
}

/* A file of init data, and the configuration that names it, with more members. */
static enum err read_with(const char *init_data, const char *more, struct kbc_options *o, struct errmsg *em)
{
	char path[] = "/tmp/kbs-init-data-XXXXXX";
	char text[400];
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, init_data, strlen(init_data)) == (ssize_t)strlen(init_data));
	close(fd);
	snprintf(text, sizeof(text), "{\"init-data\":\"%s\"%s}", path, more);
	enum err e = read_text(text, o, em);
	unlink(path);
	return e;
}

#define INIT "version = '0.1.0'\nalgorithm = 'sha384'\n[data]\n"
#define NAMES_KBS INIT "'aa.toml' = \"token_configs.kbs = {url = 'https://kbs.example/', cert = 'PEM'}\""

static void init_data_name_the_kbs(void **state)
{
	(void)state;
	struct kbc_options o, other;
	assert_int_equal(setenv("AA_KBC_PARAMS", "cc_kbc::https://elsewhere", 1), 0);
	assert_int_equal(read_with(NAMES_KBS, ",\"devices\":[\"sampledevice\"]", &o, NULL), OK);
	assert_int_equal(o.url_count, 1);
	assert_string_equal(o.urls[0], "https://kbs.example");
	assert_string_equal(o.ca_pem, "PEM");
	assert_non_null(o.init_data);
	assert_int_equal(o.device_count, 1);
	assert_int_equal(read_with(NAMES_KBS, ",\"url\":\"https://kbs.example\"", &other, NULL), OK);
	assert_false(kbc_options_equal(&o, &other)); /* no devices */
	kbc_options_clear(&other);
	assert_int_equal(read_with(NAMES_KBS, ",\"devices\":[\"sampledevice\"]", &other, NULL), OK);
	assert_true(kbc_options_equal(&o, &other));
	kbc_options_clear(&other);
	assert_int_equal(read_with(NAMES_KBS " # x", ",\"devices\":[\"sampledevice\"]", &other, NULL), OK);
	assert_false(kbc_options_equal(&o, &other)); /* other bytes */
	kbc_options_clear(&other);
	kbc_options_clear(&o);
}

static void init_data_that_do_not_name_it_leave_it_to_the_configuration(void **state)
{
	(void)state;
	struct kbc_options o;
	assert_int_equal(read_with(INIT, ",\"url\":\"https://a\",\"ca\":\"/x\"", &o, NULL), OK);
	assert_string_equal(o.urls[0], "https://a");
	assert_string_equal(o.ca_file, "/x");
	kbc_options_clear(&o);
}

static void init_data_and_configuration_may_not_differ(void **state)
{
	(void)state;
	static const struct {
		const char *init_data, *more, *words;
	} rows[] = {
		{ NAMES_KBS, ",\"url\":\"https://other\"", "name another KBS" },
		{ NAMES_KBS, ",\"url\":[\"https://kbs.example\",\"https://b\"]", "name another KBS" },
		{ NAMES_KBS, ",\"ca\":\"/x.pem\"", "certificates" },
		{ "x", ",\"url\":\"https://a\"", "init-data" },
		{ INIT "'aa.toml' = \"token_configs.kbs.url = 'http://kbs.example'\"", "", "allow-http" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kbc_options o;
		struct errmsg em = { "" };
		enum err e = read_with(rows[i].init_data, rows[i].more, &o, &em);
		if (e != ERR_CONFIG || !strstr(em.text, rows[i].words))
			fail_msg("%zu: %s \"%s\"", i, err_name(e), em.text);
		assert_null(o.init_data);
	}
}

static void a_host_is_matched_with_its_port(void **state)
{
	(void)state;
	AUTO_STR
	char *authority = NULL;
	assert_int_equal(kbc_url_authority("https://KBS.example/x", &authority, NULL), OK);
	assert_string_equal(authority, "kbs.example:443");
	assert_true(kbc_url_names_host(authority, "kbs.example"));
	assert_true(kbc_url_names_host(authority, "Kbs.Example:443"));
	assert_false(kbc_url_names_host(authority, "kbs.example:8080"));
	assert_false(kbc_url_names_host(authority, "kbs.exampl"));
	assert_false(kbc_url_names_host(authority, "kbs.example:44"));
	assert_false(kbc_url_names_host(authority, "xkbs.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_member_is_read, without_environment),
		cmocka_unit_test_setup(what_is_not_said_has_a_default, without_environment),
		cmocka_unit_test_setup(faults_name_the_member, without_environment),
		cmocka_unit_test_setup(plain_http_is_for_loopback_or_by_leave, without_environment),
		cmocka_unit_test_setup(the_environment_says_it_where_no_url_does, without_environment),
		cmocka_unit_test_setup(nothing_that_says_where_is_told_apart, without_environment),
		cmocka_unit_test_setup(the_kernel_command_line_is_searched, without_environment),
		cmocka_unit_test_setup(options_are_equal_only_in_every_member, without_environment),
		cmocka_unit_test_setup(init_data_name_the_kbs, without_environment),
		cmocka_unit_test_setup(init_data_that_do_not_name_it_leave_it_to_the_configuration,
				       without_environment),
		cmocka_unit_test_setup(init_data_and_configuration_may_not_differ, without_environment),
		cmocka_unit_test_setup(a_host_is_matched_with_its_port, without_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
