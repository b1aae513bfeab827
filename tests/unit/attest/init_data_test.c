#include "attest/init_data_delivery.h"
#include "tests/support/check.h"

#define HEAD "version = '0.1.0'\nalgorithm = 'sha256'\n"

static struct init_data *parse(const char *text)
{
	struct init_data *d = NULL;
	check_ok(init_data_parse(bytes_str(text), &d, &em));
	return d;
}

static void a_digest_is_over_the_bytes_whatever_they_say(void **state)
{
	(void)state;
	struct attest_digest a, b;
	AUTO(init_data) *one = parse(HEAD);
	AUTO(init_data) *two = parse(HEAD "\n");
	check_ok(init_data_digest(one, &a, &em));
	check_ok(init_data_digest(two, &b, &em));
	assert_int_equal(a.len, 32);
	assert_memory_not_equal(a.data, b.data, 32);
	assert_string_equal(init_data_format(one), "toml");
	assert_string_equal(init_data_algorithm(one), "sha256");
	assert_null(init_data_files(one));
}

static void a_field_is_cut_or_padded_for_each_tee(void **state)
{
	(void)state;
	static const struct {
		const char *tee;
		size_t len;
	} tees[] = { { "snp", 32 }, { "tdx", 48 }, { "sgx", 64 }, { "cca", 64 }, { "tpm", 0 }, { "sample", 0 } };
	struct attest_digest digest = { .len = 48 };
	uint8_t field[64];
	memset(digest.data, 5, 48);
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		assert_int_equal(init_data_field_len(tees[i].tee), tees[i].len);
	init_data_field(&digest, 64, field);
	assert_memory_equal(field, digest.data, 48);
	assert_int_equal(field[48] | field[63], 0);
	memset(field, 9, sizeof field);
	init_data_field(&digest, 32, field);
	assert_memory_equal(field, digest.data, 32);
	assert_int_equal(field[32], 9);
}

static enum err kbs_of(const char *text, struct init_data_kbs *out)
{
	AUTO(init_data) *d = parse(text);
	em.text[0] = '\0';
	return init_data_kbs_read(d, out, &em);
}

#define AA(url, cert) "'aa.toml' = '''\n[token_configs.kbs]\nurl = \"" url "\"\n" cert "'''\n"
#define CDH2 "'cdh.toml' = \"credentials = []\\n[kbc]\\nname = 'cc_kbc'\\nurl = 'https://b'\"\n"

static void names_the_kbs_and_its_certificate(void **state)
{
	(void)state;
	static const struct {
		const char *text, *url, *ca;
	} rows[] = {
		{ HEAD "[data]\n" AA("https://a", ""), "https://a", NULL },
		{ HEAD "[data]\n" AA("https://a", "cert = \"PEM\"\n"), "https://a", "PEM" },
		{ HEAD "[data]\n'cdh.toml' = \"[kbc]\\nurl = 'https://c'\\nkbs_cert = '''P'''\"", "https://c", "P" },
		{ HEAD "[data]\n" AA("https://a/", "") "'cdh.toml' = \"[kbc]\\nurl = 'https://a'\\nkbs_cert = 'P'\"",
		  "https://a/", "P" },
		{ HEAD "[data]\n'aa.toml' = '{\"token_configs\":{\"kbs\":{\"url\":\"https://j\"}}}'", "https://j",
		  NULL },
		{ "{\"version\":\"0.1.0\",\"algorithm\":\"sha384\",\"data\":{\"aa.toml\":"
		  "\"[token_configs.kbs]\\nurl = 'https://x'\"}}",
		  "https://x", NULL },
		{ HEAD "[data]\n'policy.rego' = 'package x'", NULL, NULL },
		{ HEAD, NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct init_data_kbs kbs;
		assert_int_equal(kbs_of(rows[i].text, &kbs), OK);
		assert_true(rows[i].url ? kbs.url && strcmp(kbs.url, rows[i].url) == 0 : !kbs.url);
		assert_true(rows[i].ca ? kbs.ca && strcmp(kbs.ca, rows[i].ca) == 0 : !kbs.ca);
		init_data_kbs_clear(&kbs);
	}
}

static void refuses_two_kbss_and_what_is_no_configuration(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err e;
	} rows[] = {
		{ HEAD "[data]\n" AA("https://a", "") CDH2, ERR_UNSUPPORTED },
		{ HEAD "[data]\n" AA("https://a", "cert = \"P\"\n") "'cdh.toml' = \"kbc = {kbs_cert = 'Q'}\"",
		  ERR_UNSUPPORTED },
		{ HEAD "[data]\n'aa.toml' = 'x'", ERR_PARSE },
		{ HEAD "[data]\n'aa.toml' = 'token_configs = 1'", ERR_PARSE },
		{ HEAD "[data]\n'aa.toml' = 'token_configs.kbs.url = 1'", ERR_PARSE },
		{ HEAD "[data]\n'aa.toml' = '{'", ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct init_data_kbs kbs;
		assert_int_equal(kbs_of(rows[i].text, &kbs), rows[i].e);
		assert_null(kbs.url);
	}
}

static void names_the_image_policy(void **state)
{
	(void)state;
	struct init_data_policy p;
	AUTO(init_data) *text = parse(HEAD "[data]\n'cdh.toml' = \"image.image_security_policy = '{}'\"");
	AUTO(init_data) *uri =
		parse(HEAD "[data]\n'cdh.toml' = \"[image]\\nimage_security_policy_uri = 'kbs:///a/b/c'\"");
	AUTO(init_data) *both =
		parse(HEAD "[data]\n'cdh.toml' = \"[image]\\nimage_security_policy_uri = 'kbs:///a/b/c'\\n"
			   "image_security_policy = '{}'\"");
	check_ok(init_data_policy_read(text, &p, &em));
	assert_string_equal(p.text, "{}");
	init_data_policy_clear(&p);
	check_ok(init_data_policy_read(uri, &p, &em));
	assert_string_equal(p.uri, "kbs:///a/b/c");
	init_data_policy_clear(&p);
	check_err(ERR_UNSUPPORTED, init_data_policy_read(both, &p, &em));
	assert_true(!p.text && !p.uri);
}

static void survives_every_delivery(void **state)
{
	(void)state;
	static const enum init_data_form forms[] = { INIT_DATA_TEXT, INIT_DATA_ANNOTATION, INIT_DATA_DISK };
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		AUTO_BUF
		packed = { 0 };
		AUTO_BUF
		again = { 0 };
		AUTO_BUF
		back = { 0 };
		check_ok(init_data_pack(bytes_str(HEAD), forms[i], &packed, &em));
		check_ok(init_data_pack(bytes_str(HEAD), forms[i], &again, &em));
		check_bytes(buf_bytes(&packed), buf_bytes(&again));
		check_ok(init_data_unpack(buf_bytes(&packed), &back, &em));
		check_bytes(bytes_str(HEAD), buf_bytes(&back));
		if (forms[i] == INIT_DATA_TEXT)
			continue;
		struct init_data *none = NULL;
		check_err(ERR_UNSUPPORTED, init_data_parse(buf_bytes(&packed), &none, &em));
		size_t whole = forms[i] == INIT_DATA_DISK ? 16U + packed.data[8] : packed.len;
		for (size_t cut = 8; cut < whole; cut++)
			assert_int_not_equal(init_data_unpack((struct bytes){ packed.data, cut }, &back, &em), OK);
	}
}

static void refuses_what_hides_behind_the_gzip(void **state)
{
	(void)state;
	AUTO_BUF
	disk = { 0 };
	AUTO_BUF
	twice = { 0 };
	AUTO_BUF
	back = { 0 };
	check_ok(init_data_pack(bytes_str(HEAD), INIT_DATA_DISK, &disk, &em));
	struct bytes gzip = { disk.data + 16, disk.data[8] };
	check_ok(init_data_unpack(gzip, &back, &em));
	check_ok(buf_append(&twice, gzip, 0, &em));
	check_ok(buf_append(&twice, gzip, 0, &em));
	check_err(ERR_PARSE, init_data_unpack(buf_bytes(&twice), &back, &em));
	twice.data[gzip.len - 6] ^= 1; /* its checksum */
	check_err(ERR_INTEGRITY, init_data_unpack((struct bytes){ twice.data, gzip.len }, &back, &em));
	disk.data[disk.len - 1] = 1;
	check_err(ERR_PARSE, init_data_unpack(buf_bytes(&disk), &back, &em));
	memset(disk.data + 8, 0xff, 8);
	check_err(ERR_PARSE, init_data_unpack(buf_bytes(&disk), &back, &em));
	check_err(ERR_PARSE, init_data_unpack((struct bytes){ disk.data, 12 }, &back, &em));
	check_err(ERR_PARSE, init_data_unpack(bytes_str("H4sI!"), &back, &em));
}

static void a_bomb_is_stopped(void **state)
{
	(void)state;
	AUTO_BUF
	zeros = { 0 };
	AUTO_BUF
	packed = { 0 };
	AUTO_BUF
	back = { 0 };
	check_ok(buf_reserve(&zeros, INIT_DATA_MAX, &em));
	memset(zeros.data, ' ', INIT_DATA_MAX);
	zeros.len = INIT_DATA_MAX;
	check_ok(init_data_pack(buf_bytes(&zeros), INIT_DATA_ANNOTATION, &packed, &em));
	assert_true(packed.len < 10000);
	check_ok(init_data_unpack(buf_bytes(&packed), &back, &em));
	check_err(ERR_LIMIT,
		  init_data_pack((struct bytes){ zeros.data, INIT_DATA_MAX + 1 }, INIT_DATA_DISK, &packed, &em));
	zeros.len = INIT_DATA_MAX - 1;
	check_err(ERR_LIMIT,
		  init_data_parse((struct bytes){ zeros.data, INIT_DATA_MAX + 1 }, &(struct init_data *){ NULL }, &em));
}

static void what_is_composed_reads_back(void **state)
{
	(void)state;
	static const struct init_data_source files[] = {
		{ "aa.toml", { (const uint8_t *)"a = '''x'''\n", 12 } },
		{ "empty", { NULL, 0 } },
		{ "quote", { (const uint8_t *)"ends with '", 11 } },
		{ "n\"a\\me", { (const uint8_t *)"\n\n\tx\r\n\x01\x7f\xc3\xa9", 10 } },
	};
	for (int json = 0; json < 2; json++) {
		AUTO_BUF
		made = { 0 };
		AUTO(init_data) *d = NULL;
		struct init_data_plan plan = { "sha512", json, files, ARRAY_LEN(files) };
		check_ok(init_data_compose(&plan, &made, &em));
		check_ok(init_data_parse(buf_bytes(&made), &d, &em));
		assert_string_equal(init_data_format(d), json ? "json" : "toml");
		assert_int_equal(json_object_object_length(init_data_files(d)), ARRAY_LEN(files));
	}
}

static void refuses_to_compose_what_would_not_read_back(void **state)
{
	(void)state;
	static const struct {
		struct init_data_source files[2];
		const char *algorithm;
		enum err e;
	} rows[] = {
		{ { { "a", { (const uint8_t *)"\xff", 1 } } }, "sha256", ERR_ARG },
		{ { { "a", { (const uint8_t *)"a\0b", 3 } } }, "sha256", ERR_ARG },
		{ { { "a/b", { NULL, 0 } } }, "sha256", ERR_PARSE },
		{ { { "a", { NULL, 0 } }, { "a", { NULL, 0 } } }, "sha256", ERR_ARG },
		{ { { "a", { NULL, 0 } } }, "md5", ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_BUF
		made = { 0 };
		struct init_data_plan plan = { rows[i].algorithm, false, rows[i].files, rows[i].files[1].name ? 2 : 1 };
		check_err(rows[i].e, init_data_compose(&plan, &made, &em));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_is_over_the_bytes_whatever_they_say),
		cmocka_unit_test(a_field_is_cut_or_padded_for_each_tee),
		cmocka_unit_test(names_the_kbs_and_its_certificate),
		cmocka_unit_test(refuses_two_kbss_and_what_is_no_configuration),
		cmocka_unit_test(names_the_image_policy),
		cmocka_unit_test(survives_every_delivery),
		cmocka_unit_test(refuses_what_hides_behind_the_gzip),
		cmocka_unit_test(a_bomb_is_stopped),
		cmocka_unit_test(what_is_composed_reads_back),
		cmocka_unit_test(refuses_to_compose_what_would_not_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
