#include "image/auth_challenge.h"
#include "image/auth_file.h"
#include "image/credential_helper.h"
#include "image/reference.h"
#include "image/registries_conf.h"
#include "image/registry_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What comes from registries and from files about them. */

static void expands_names_as_docker_does(void **state)
{
	(void)state;
	static const char digest[] = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *name, *expanded;
	} rows[] = {
		{ "busybox", "docker.io/library/busybox:latest" },
		{ "busybox:1", "docker.io/library/busybox:1" },
		{ "index.docker.io/busybox", "docker.io/library/busybox:latest" },
		{ "docker.io/a/b", "docker.io/a/b:latest" },
		{ "a/b:x", "docker.io/a/b:x" },
		{ "localhost/a", "localhost/a:latest" },
		{ "localhost:5000/a:b", "localhost:5000/a:b" },
		{ "[::1]:5000/a", "[::1]:5000/a:latest" },
		{ "HOST/a", "HOST/a:latest" },
		{ "quay.io/a__b/c.d-e--f:T_1.2-x", "quay.io/a__b/c.d-e--f:T_1.2-x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_REFERENCE r = { 0 };
		struct errmsg em = { "" };
		assert_int_equal(reference_parse(rows[i].name, &r, &em), OK);
		AUTO_STR
		char *text = reference_text(&r);
		assert_string_equal(text, rows[i].expanded);
	}
	AUTO_REFERENCE r = { 0 };
	char name[128];
	snprintf(name, sizeof(name), "a/b%s", digest);
	assert_int_equal(reference_parse(name, &r, NULL), OK);
	assert_null(r.tag);
	assert_string_equal(r.digest, digest + 1);
	reference_clear(&r);
	snprintf(name, sizeof(name), "a/b:tag%s", digest);
	assert_int_equal(reference_parse(name, &r, NULL), ERR_UNSUPPORTED);
}

static void refuses_names_that_are_none(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		":a",
		"a:",
		"a/",
		"/a",
		"a//b",
		"A",
		"a/B",
		"-a",
		"a-",
		"a..b",
		"a/../b",
		"a___b",
		"a b",
		"a:b c",
		"a?b",
		"host:/a",
		"host:99999/a",
		"host:0/a",
		"-h.b/a",
		"h-.b/a",
		"h..b/a",
		"[::1/a",
		"[]:1/a",
		"a@",
		"a@sha256:",
		"a@sha256:00",
		"a@b",
		"a:.x",
		"a:-x",
		"a%2fb",
		"a\nb",
		"a#b",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_REFERENCE r = { 0 };
		enum err e = reference_parse(bad[i], &r, NULL);
		if (e != ERR_ARG)
			print_error("\"%s\" was taken\n", bad[i]);
		assert_int_equal(e, ERR_ARG);
	}
	char tag[160] = "a:";
	memset(tag + 2, 'x', 129);
	AUTO_REFERENCE r = { 0 };
	assert_int_equal(reference_parse(tag, &r, NULL), ERR_ARG);
	tag[2 + 128] = '\0';
	assert_int_equal(reference_parse(tag, &r, NULL), OK);
}

static void reads_challenges(void **state)
{
	(void)state;
	AUTO_AUTH_CHALLENGE c = { 0 };
	assert_int_equal(
		auth_challenge_parse(
			"Bearer realm=\"https://a/t?x=1\",service=\"s, \\\"t\\\"\" , scope = \"repository:a:pull\"", &c,
			NULL),
		OK);
	assert_true(c.bearer);
	assert_false(c.basic);
	assert_string_equal(c.realm, "https://a/t?x=1");
	assert_string_equal(c.service, "s, \"t\"");
	assert_string_equal(c.scope, "repository:a:pull");
	auth_challenge_clear(&c);
	assert_int_equal(
		auth_challenge_parse("Negotiate, NTLM abc==, basic realm=x, BEARER Realm=y, error=insufficient_scope",
				     &c, NULL),
		OK);
	assert_true(c.bearer && c.basic);
	assert_string_equal(c.realm, "y");
	assert_string_equal(c.error, "insufficient_scope");
	auth_challenge_clear(&c);
	assert_int_equal(auth_challenge_parse("", &c, NULL), OK);
	assert_false(c.bearer || c.basic);
}

static void refuses_challenges_that_are_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = { "Bearer realm=\"x",
					   "Bearer realm=,x=",
					   "Bearer realm=\"a\",realm=\"b\"",
					   "=",
					   "Bearer realm=\"a\" scope=\"b\"",
					   "Bearer realm=\"a\x01\"",
					   "Bearer \"x\"",
					   "Bearer realm=\"a\\",
					   "Bearer@",
					   "Bearer realm=\"\xc3\xa4\"" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_AUTH_CHALLENGE c = { 0 };
		enum err e = auth_challenge_parse(bad[i], &c, NULL);
		if (e != ERR_PARSE)
			print_error("\"%s\" was taken\n", bad[i]);
		assert_int_equal(e, ERR_PARSE);
	}
}

/* "u:p", "v:q", "w:r" */
#define U "\"dTpw\""
#define V "\"djpx\""
#define W "\"dzpy\""

static void finds_the_most_special_credentials(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *host, *path, *found; /* NULL: none */
	} rows[] = {
		{ "{}", "h", "a/b", NULL },
		{ "{\"auths\":{}}", "h", "a/b", NULL },
		{ "{\"auths\":{\"h\":{}}}", "h", "a/b", NULL },
		{ "{\"auths\":{\"h\":{\"auth\":" U "}}}", "h", "a/b", "u:p" },
		{ "{\"auths\":{\"h/a\":{\"auth\":" V "},\"h\":{\"auth\":" U "}}}", "h", "a/b", "v:q" },
		{ "{\"auths\":{\"h\":{\"auth\":" U "},\"h/a/b\":{\"auth\":" W "},\"h/a\":{\"auth\":" V "}}}", "h",
		  "a/b", "w:r" },
		{ "{\"auths\":{\"h/a\":{\"auth\":" V "}}}", "h", "ab", NULL },
		{ "{\"auths\":{\"h\":{\"auth\":" V "}}}", "h:5000", "a", NULL },
		{ "{\"auths\":{\"h:5000\":{\"auth\":" V "}}}", "h", "a", NULL },
		{ "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":" U "}}}", "docker.io", "library/a", "u:p" },
		{ "{\"auths\":{\"index.docker.io\":{\"auth\":" U "}}}", "docker.io", "library/a", "u:p" },
		{ "{\"auths\":{\"https://h/v1/\":{\"auth\":" U "}}}", "h", "a", "u:p" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTpwAAAA\"}}}", "h", "a", "u:p" },
		{ "{\"auths\":{\"h\":{\"identitytoken\":\"tok\",\"auth\":" U "}}}", "h", "a", "tok" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_CREDENTIALS c = { 0 };
		bool found = false;
		const struct auth_text file = { bytes_str(rows[i].text), false };
		const struct auth_scope scope = { rows[i].host, rows[i].path, NULL };
		assert_int_equal(auth_find_in(&file, &scope, &c, &found, NULL), OK);
		assert_int_equal(found, rows[i].found != NULL);
		const struct secret *s = c.user_password ? c.user_password : c.identity_token;
		if (rows[i].found)
			assert_true(bytes_equal(secret_bytes(s), bytes_str(rows[i].found)));
	}
}

static void refuses_files_of_credentials_that_are_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   "[]",
					   "{",
					   "{\"auths\":[]}",
					   "{\"auths\":{\"h\":1}}",
					   "{\"auths\":{\"h\":{\"auth\":1}}}",
					   "{\"auths\":{\"h\":{\"auth\":\"###\"}}}",
					   "{\"auths\":{\"h\":{\"auth\":\"dXA=\"}}}",
					   "{\"credHelpers\":{\"h\":1}}",
					   "{\"auths\":{},\"auths\":{}}" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_CREDENTIALS c = { 0 };
		bool found = false;
		const struct auth_text file = { bytes_str(bad[i]), false };
		enum err e = auth_find_in(&file, &(struct auth_scope){ "h", "a", NULL }, &c, &found, NULL);
		if (e != ERR_PARSE)
			print_error("\"%s\": %s\n", bad[i], err_name(e));
		assert_int_equal(e, ERR_PARSE);
	}
}

static void reads_what_a_helper_prints(void **state)
{
	(void)state;
	AUTO_CREDENTIALS c = { 0 };
	assert_int_equal(credential_helper_parse(
				 bytes_str("{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"a:b\"}"), &c, NULL),
			 OK);
	assert_true(bytes_equal(secret_bytes(c.user_password), bytes_str("u:a:b")));
	credentials_clear(&c);
	assert_int_equal(credential_helper_parse(bytes_str("{\"Username\":\"<token>\",\"Secret\":\"t\"}"), &c, NULL),
			 OK);
	assert_true(bytes_equal(secret_bytes(c.identity_token), bytes_str("t")));
	credentials_clear(&c);
	assert_int_equal(credential_helper_parse(bytes_str("{\"Username\":\"u:v\",\"Secret\":\"t\"}"), &c, NULL),
			 ERR_PARSE);
	assert_int_equal(credential_helper_parse(bytes_str("no credentials"), &c, NULL), ERR_PARSE);
}

static void reads_tokens(void **state)
{
	(void)state;
	AUTO(secret) *token = NULL;
	struct deadline until = deadline_in_ms(0);
	assert_int_equal(registry_token_parse(bytes_str("{\"token\":\"\",\"access_token\":\"t\",\"expires_in\":600}"),
					      &token, &until, NULL),
			 OK);
	assert_true(bytes_equal(secret_bytes(token), bytes_str("Bearer t")));
	assert_in_range(deadline_left_ms(until), 590000, 600000);
	secret_free(steal(&token));
	assert_int_equal(registry_token_parse(bytes_str("{\"token\":\"t\",\"expires_in\":1}"), &token, &until, NULL),
			 OK);
	assert_in_range(deadline_left_ms(until), 50000, 60000);
	secret_free(steal(&token));
	assert_int_equal(registry_token_parse(bytes_str("{}"), &token, &until, NULL), ERR_PROTO);
	assert_int_equal(registry_token_parse(bytes_str("{\"token\":1}"), &token, &until, NULL), ERR_PROTO);
	assert_int_equal(registry_token_parse(bytes_str("x"), &token, &until, NULL), ERR_PROTO);
}

/* "host/path host/path!", in the order in which they are asked; "!" is insecure. */
static void assert_places(const char *conf, const char *name, const char *expected)
{
	AUTO_REFERENCE r = { 0 };
	AUTO_REGISTRIES_CONF c = { 0 };
	AUTO_REGISTRY_PLACES places = { .count = 0 };
	char text[512] = "";
	struct errmsg em = { "" };
	assert_int_equal(reference_parse(name, &r, NULL), OK);
	assert_int_equal(registries_conf_add(&c, bytes_str(conf), &em), OK);
	assert_int_equal(registries_conf_places(&c, &r, &places, &em), OK);
	for (size_t i = 0; i < places.count; i++) {
		size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%s/%s%s", i ? " " : "", places.items[i].host,
			 places.items[i].path, places.items[i].insecure ? "!" : "");
	}
	assert_string_equal(text, expected);
}

#define R "[[registry]]\n"
#define M "[[registry.mirror]]\n"
#define DIGEST "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void finds_where_images_are(void **state)
{
	(void)state;
	static const char mirrors[] =
		R "location='h.x'\n" M "location='m1'\ninsecure=true\n" M
		  "location='m2/d'\npull-from-mirror='digest-only'\n" M "location='m3'\npull-from-mirror='tag-only'";
	assert_places("", "busybox", "docker.io/library/busybox");
	assert_places("unqualified-search-registries=['q.x']", "busybox", "docker.io/library/busybox");
	assert_places(R "prefix='h.x/a'\nlocation='x'", "h.x/a/c", "x/c");
	assert_places(R "prefix='h.x/a'\nlocation='x'", "h.x/ab/c", "h.x/ab/c");
	assert_places(R "prefix='h.x/a'\nlocation='x/y'\n" R "prefix='h.x/a/b'\nlocation='y:1/z'", "h.x/a/b/c",
		      "y:1/z/c");
	assert_places(R "location='h.x'\ninsecure=true", "h.x/a", "h.x/a!");
	assert_places(R "location='h.x'\ninsecure=true", "h.x:1/a", "h.x:1/a!");
	assert_places(R "prefix='h.x/a:t'\nlocation='y/b'", "h.x/a:t", "y/b");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "a.b.x.y/a", "z/a");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "x.y/a", "x.y/a");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "a.xx.y/a", "a.xx.y/a");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "h.z/b.x.y/a", "h.z/b.x.y/a");
	assert_places(R "prefix='*.x.y'\ninsecure=true", "a.x.y:5/a", "a.x.y:5/a!");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "a.x.y.x.y/a", "z/a");
	assert_places(R "prefix='*.x.y'\nlocation='z'", "a.x.y.evil/a", "a.x.y.evil/a");
	assert_places(R "prefix='*.x.y/ns'\nlocation='z/n'", "a.x.y/ns/a", "z/n/a");
	assert_places(R "prefix='*.x.y/ns'\nlocation='z/n'", "a.x.y/nsa/a", "a.x.y/nsa/a");
	assert_places(mirrors, "h.x/a:t", "m1/a! m3/a h.x/a");
	assert_places(mirrors, "h.x/a" DIGEST, "m1/a! m2/d/a h.x/a");
	assert_places(R "location='h.x'\nmirror-by-digest-only=true\n" M "location='m1'", "h.x/a", "h.x/a");
	assert_places(R "location='h.x'\nmirror-by-digest-only=true\n" M "location='m1'", "h.x/a" DIGEST, "m1/a h.x/a");
}

static void refuses_what_registries_conf_cannot_mean(void **state)
{
	(void)state;
	static const struct {
		const char *conf;
		enum err e;
	} rows[] = {
		{ R "location='h.x'\nblocked=true", ERR_DENIED },
		{ R "prefix='*.x'\nblocked=true", ERR_DENIED },
		{ R "location='h.x'\nblockd=true", ERR_PARSE },
		{ R "insecure=true", ERR_PARSE },
		{ R "prefix='h.x'", ERR_PARSE },
		{ R "location='h.x'\n" R "location='h.x'", ERR_PARSE },
		{ R "location='h.x'\nblocked='yes'", ERR_CONFIG },
		{ R "prefix='h.x'\nlocation='https://y'", ERR_CONFIG },
		{ R "prefix='h.x'\nlocation='y/'", ERR_CONFIG },
		{ R "prefix='h.x'\nlocation='y/../z'", ERR_CONFIG },
		{ R "location='h.x'\n" M "location='m'\npull-from-mirror='never'", ERR_CONFIG },
		{ R "location='h.x'\n" M "insecure=true", ERR_CONFIG },
		{ "registry=1", ERR_PARSE },
		{ "[registries.search]\nregistries=['x']", ERR_UNSUPPORTED },
		{ "credential-helpers=[1]", ERR_PARSE },
		{ "unqualified-search-registries=['https://x']", ERR_PARSE },
		{ "unqualified-search-registries=['x']", ERR_PARSE },
		{ "short-name-mode='ask'", ERR_PARSE },
		{ "[aliases]\na='b'", ERR_PARSE },
		{ "[aliases]\na='b.c/d:tag'", ERR_PARSE },
		{ "[aliases]\n'a:b'='b.c/d'", ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_REFERENCE r = { 0 };
		AUTO_REGISTRIES_CONF c = { 0 };
		AUTO_REGISTRY_PLACES places = { .count = 0 };
		assert_int_equal(reference_parse("h.x/a:t", &r, NULL), OK);
		enum err e = registries_conf_add(&c, bytes_str(rows[i].conf), NULL);
		if (e == OK)
			e = registries_conf_places(&c, &r, &places, NULL);
		if (e != rows[i].e)
			print_error("%s: %s\n", rows[i].conf, err_name(e));
		assert_int_equal(e, rows[i].e);
	}
}

/* "name name", in the order in which they are tried; NULL: it is refused. */
static void assert_names(const char *conf, const char *later, const char *name, const char *expected)
{
	AUTO_REFERENCE r = { 0 };
	AUTO_REGISTRIES_CONF c = { 0 };
	AUTO_REGISTRY_NAMES names = { .count = 0 };
	char text[512] = "";
	assert_int_equal(reference_parse(name, &r, NULL), OK);
	assert_int_equal(registries_conf_add(&c, bytes_str(conf), NULL), OK);
	assert_int_equal(registries_conf_add(&c, bytes_str(later), NULL), OK);
	assert_int_equal(registries_conf_names(&c, &r, &names, NULL), expected ? OK : ERR_ARG);
	for (size_t i = 0; i < names.count; i++) {
		AUTO_STR
		char *one = reference_text(&names.items[i]);
		size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", one);
	}
	assert_string_equal(text, expected ? expected : "");
}

static void finds_what_names_without_a_host_may_mean(void **state)
{
	(void)state;
	static const char two[] =
		"unqualified-search-registries=['q.x','docker.io']\n[aliases]\na='b.x/c'\n'n/a'='d.x:1/e'";
	assert_names("", "", "a:t", "docker.io/library/a:t");
	assert_names(two, "", "a:t", "b.x/c:t");
	assert_names(two, "", "a" DIGEST, "b.x/c" DIGEST);
	assert_names(two, "", "n/a", "d.x:1/e:latest");
	assert_names(two, "", "x", "q.x/x:latest docker.io/library/x:latest");
	assert_names(two, "", "library/x", "q.x/library/x:latest docker.io/library/x:latest");
	assert_names(two, "", "h.x/a", "h.x/a:latest");
	assert_names(two, "", "docker.io/a", "docker.io/library/a:latest");
	assert_names(two, "[aliases]\na=''", "a", "q.x/a:latest docker.io/library/a:latest");
	assert_names(two, "unqualified-search-registries=['z.x']", "x", "z.x/x:latest");
	assert_names(two, "short-name-mode='enforcing'", "x", NULL);
	assert_names(two, "short-name-mode='enforcing'", "a", "b.x/c:latest");
	assert_names("short-name-mode='enforcing'", "unqualified-search-registries=['z.x']", "x", "z.x/x:latest");
	assert_names("short-name-mode='enforcing'",
		     "short-name-mode='permissive'\nunqualified-search-registries=['y.x','z:1']", "x",
		     "y.x/x:latest z:1/x:latest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands_names_as_docker_does),
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(reads_challenges),
		cmocka_unit_test(refuses_challenges_that_are_malformed),
		cmocka_unit_test(finds_the_most_special_credentials),
		cmocka_unit_test(refuses_files_of_credentials_that_are_malformed),
		cmocka_unit_test(reads_what_a_helper_prints),
		cmocka_unit_test(reads_tokens),
		cmocka_unit_test(finds_where_images_are),
		cmocka_unit_test(refuses_what_registries_conf_cannot_mean),
		cmocka_unit_test(finds_what_names_without_a_host_may_mean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
