#include "tests/support/check.h"

#include "kbs/policy.h"

static bool allows(const char *text, const char *path, const char *tee)
{
	AUTO(policy) *policy = NULL;
	check_ok(policy_parse(bytes_str(text), &policy, &em));
	struct policy_question question = { path, tee, NULL };
	return policy_allows(policy, &question, &em);
}

static void refuse(enum err wanted, const char *text)
{
	AUTO(policy) *policy = NULL;
	check_err(wanted, policy_parse(bytes_str(text), &policy, &em));
	assert_null(policy);
}

static void falls_back_on_the_default(void **state)
{
	(void)state;
	assert_false(allows("{\"default\":\"deny\"}", "a/b/c", "tdx"));
	assert_true(allows("{\"default\":\"allow\",\"rules\":[]}", "a/b/c", "tdx"));
}

static void lets_the_first_rule_that_fits_decide(void **state)
{
	(void)state;
	const char *text = "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"allow\":false},"
			   "{\"path\":\"a/*/*\",\"allow\":true}]}";
	assert_false(allows(text, "a/b/c", "tdx"));
	assert_true(allows(text, "a/b/d", "tdx"));
	assert_false(allows(text, "b/b/d", "tdx"));
}

static void asks_for_the_tee_where_a_rule_names_some(void **state)
{
	(void)state;
	const char *text = "{\"default\":\"deny\",\"rules\":["
			   "{\"path\":\"default/image/*\",\"tee\":[\"tdx\",\"snp\"],\"allow\":true}]}";
	assert_true(allows(text, "default/image/key", "tdx"));
	assert_true(allows(text, "default/image/key", "snp"));
	assert_false(allows(text, "default/image/key", "sample"));
}

/* "yes", or why not. */
static const char *claimed(const char *claims, const char *said)
{
	char text[1000];
	AUTO(policy) *policy = NULL;
	AUTO_OF(json_object) *object = NULL;
	snprintf(text, sizeof(text),
		 "{\"default\":\"deny\",\"rules\":[{\"path\":\"z/*/*\",\"allow\":false},"
		 "{\"path\":\"*/*/*\",\"claims\":%s,\"allow\":true}]}",
		 claims);
	check_ok(policy_parse(bytes_str(text), &policy, &em));
	assert_true(policy_wants_claims(policy));
	check_ok(json_parse(bytes_str(said), 1000, JSON_STRICT, &object, &em));
	struct policy_question question = { "a/b/c", "tdx", object };
	em.text[0] = '\0';
	return policy_allows(policy, &question, &em) ? "yes" : em.text;
}

static void asks_for_claims_where_a_rule_names_some(void **state)
{
	(void)state;
	const char *said =
		"{\"tdx\":{\"quote\":{\"body\":{\"mr_td\":\"aa\"}},\"debug\":false,\"n\":7},\"init_data\":\"bb\","
		"\"init_data_claims\":{\"a/b\":\"x\"}}";
	assert_string_equal(claimed("{\"/tdx/quote/body/mr_td\":[\"00\",\"aa\"],\"/init_data\":[\"bb\"]}", said),
			    "yes");
	assert_string_equal(claimed("{\"/tdx/debug\":[false],\"/tdx/n\":[7],\"/init_data_claims/a~1b\":[\"x\"]}", said),
			    "yes");
	assert_string_equal(claimed("{\"/tdx/quote/body/mr_td\":[\"aa\"],\"/init_data\":[\"bc\"]}", said),
			    "rule 2 does not allow /init_data to be \"bb\"");
	assert_string_equal(claimed("{\"/tdx/n\":[\"7\"]}", said), "rule 2 does not allow /tdx/n to be 7");
	assert_non_null(strstr(claimed("{\"/snp/measurement\":[\"aa\"]}", said), "/snp/measurement"));
	assert_non_null(strstr(claimed("{\"/tdx/quote\":[\"aa\"]}", said), "/tdx/quote"));
	assert_non_null(strstr(claimed("{\"/init_data\":[\"bb\"]}", "null"), "/init_data"));
}

static void refuses_claims_that_could_not_be_held_against_anything(void **state)
{
	(void)state;
	static const char *const claims[] = { "{}",
					      "[]",
					      "{\"a\":[\"b\"]}",
					      "{\"/a\":[]}",
					      "{\"/a\":\"b\"}",
					      "{\"/a\":[{}]}",
					      "{\"/a\":[null]}",
					      "{\"/a\":[1.5]}",
					      "{\"\":[1]}" };
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		char text[400];
		snprintf(text, sizeof(text),
			 "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"claims\":%s,\"allow\":true}]}",
			 claims[i]);
		refuse(ERR_PARSE, text);
	}
}

static bool fits(const char *pattern, const char *path)
{
	char text[400];
	snprintf(text, sizeof(text), "{\"default\":\"deny\",\"rules\":[{\"path\":\"%s\",\"allow\":true}]}", pattern);
	return allows(text, path, "tdx");
}

static void keeps_a_star_within_its_segment(void **state)
{
	(void)state;
	assert_true(fits("*/*/*", "a/b/c"));
	assert_true(fits("a*/b/*c", "a/b/c"));
	assert_true(fits("a*/b/*c", "axx/b/xxc"));
	assert_true(fits("*a*b*/x/y", "zzazzbzz/x/y"));
	assert_true(fits("**/b/c", "a/b/c"));
	assert_false(fits("a*/b/c", "x/b/c"));
	assert_false(fits("a/*/c", "a/b/d"));
	assert_false(fits("*b/c/d", "a/b/c"));
	assert_false(fits("a/b*/c", "a/x/b/c"));
	assert_false(fits("a/b/c", "a/b/cc"));
	assert_false(fits("a/b/cc", "a/b/c"));
	assert_false(fits("A/b/c", "a/b/c"));
	assert_false(fits("a.c/b/c", "abc/b/c"));
}

static void takes_no_long_time_over_many_stars(void **state)
{
	(void)state;
	char pattern[160] = "";
	for (int i = 0; i < 30; i++)
		strcat(pattern, "*a");
	strcat(pattern, "b/x/y");
	assert_false(fits(pattern, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x/y"));
}

static void allows_comments(void **state)
{
	(void)state;
	assert_true(allows("// all\n{\"default\":\"allow\" /* yes */}", "a/b/c", "tdx"));
}

static void refuses_what_it_does_not_understand(void **state)
{
	(void)state;
	refuse(ERR_PARSE, "");
	refuse(ERR_PARSE, "[]");
	refuse(ERR_PARSE, "{}");
	refuse(ERR_PARSE, "{\"default\":\"maybe\"}");
	refuse(ERR_PARSE, "{\"default\":true}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":{}}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[1]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rule\":[]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\"}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b\",\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c/d\",\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a//c\",\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/?\",\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"allow\":\"yes\"}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"allow\":null}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"tee\":[],\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"tee\":[\"xyz\"],\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"tee\":\"tdx\",\"allow\":true}]}");
	refuse(ERR_PARSE, "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"allow\":true,\"if\":1}]}");
}

static void says_that_rego_is_not_read(void **state)
{
	(void)state;
	refuse(ERR_UNSUPPORTED, "# comment\npackage policy\ndefault allow = true\n");
	assert_non_null(strstr(em.text, "Rego"));
}

static void bounds_the_number_of_rules(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	check_ok(buf_append(&text, bytes_str("{\"default\":\"deny\",\"rules\":["), 0, &em));
	for (int i = 0; i < 1001; i++)
		check_ok(buf_append(&text, bytes_str("{\"path\":\"a/b/c\",\"allow\":true},"), 0, &em));
	check_ok(buf_append(&text, bytes_str("{\"path\":\"a/b/c\",\"allow\":true}]}"), 0, &em));
	refuse(ERR_LIMIT, buf_cstr(&text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(falls_back_on_the_default),
		cmocka_unit_test(lets_the_first_rule_that_fits_decide),
		cmocka_unit_test(asks_for_the_tee_where_a_rule_names_some),
		cmocka_unit_test(asks_for_claims_where_a_rule_names_some),
		cmocka_unit_test(refuses_claims_that_could_not_be_held_against_anything),
		cmocka_unit_test(keeps_a_star_within_its_segment),
		cmocka_unit_test(takes_no_long_time_over_many_stars),
		cmocka_unit_test(allows_comments),
		cmocka_unit_test(refuses_what_it_does_not_understand),
		cmocka_unit_test(says_that_rego_is_not_read),
		cmocka_unit_test(bounds_the_number_of_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
