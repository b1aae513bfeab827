#include "image/policy_file.h"
#include "image/registries_d.h"
#include "tests/support/vector.h"
#include "tests/unit/image/policy_fixture.h"

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"

/* --- look-up --- */

#define LOOKUP                                                                                                         \
	"{\"default\":" REJECT ",\"transports\":{\"docker\":{"                                                         \
	"\"h.b.c:5000/ns/repo:tag\":" ACCEPT ",\"h.b.c:5000/ns/repo\":" ACCEPT ",\"h.b.c:5000/ns\":" ACCEPT            \
	",\"h.b.c:5000\":" ACCEPT ",\"h.b.c\":" ACCEPT ",\"*.b.c\":" ACCEPT ",\"*.c\":" ACCEPT ",\"x.d\":" ACCEPT      \
	",\"x.d/r@sha256:" HEX64 "\":" ACCEPT ",\"\":" ACCEPT "},\"oci\":{\"/a/b:t\":" ACCEPT ",\"/a/b\":" ACCEPT      \
	",\"/a\":" ACCEPT "},\"dir\":{\"/a\":" ACCEPT ",\"\":" ACCEPT "},\"future\":{\"any:thing\":" ACCEPT "}}}"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void the_most_special_scope_counts_and_no_other(void **state)
{
	static const struct {
		const char *transport, *scope, *found;
	} rows[] = {
		{ "docker", "h.b.c:5000/ns/repo:tag", "h.b.c:5000/ns/repo:tag" },
		{ "docker", "h.b.c:5000/ns/repo:other", "h.b.c:5000/ns/repo" },
		{ "docker", "h.b.c:5000/ns/repo@sha256:" HEX64, "h.b.c:5000/ns/repo" },
		{ "docker", "h.b.c:5000/ns/repository:tag", "h.b.c:5000/ns" },
		{ "docker", "h.b.c:5000/other/repo:tag", "h.b.c:5000" },
		{ "docker", "h.b.c:5001/ns/repo:tag", "*.b.c" }, /* h.b.c is no parent of h.b.c:5001 */
		{ "docker", "h.b.c/ns/repo:tag", "h.b.c" },
		{ "docker", "a.h.b.c/r:t", "*.b.c" },
		{ "docker", "b.c/r:t", "*.c" },
		{ "docker", "c/r:t", "" },
		{ "docker", "x.d/r@sha256:" HEX64, "x.d/r@sha256:" HEX64 },
		{ "docker", "x.d/r:t", "x.d" },
		{ "docker", "x.de/r:t", "" },
		{ "oci", "/a/b:t", "/a/b:t" }, /* a folder of that name: tags are no part of scopes */
		{ "oci", "/a/b:t/c", "/a/b:t" },
		{ "oci", "/a/b:u", "/a" },
		{ "oci", "/a/b", "/a/b" },
		{ "oci", "/a/c:t", "/a" },
		{ "oci", "/ab:t", "default" },
		{ "oci-archive", "/a/b", "default" },
		{ "dir", "/a/b:c", "/a" },
		{ "dir", "/a:b", "" },
		{ "docker-archive", "/a/x.tar", "default" },
	};
	AUTO(policy) *p = NULL;
	(void)state;
	check_ok(policy_parse(bytes_str(LOOKUP), &p, &em));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct policy_scope *s = policy_find(p, rows[i].transport, rows[i].scope);
		assert_string_equal(s->transport[0] ? s->name : "default", rows[i].found);
	}
}

/* --- the file --- */

#define WITH(requirement) "{\"default\":[" requirement "]}"
#define SIGNED(more) WITH("{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\"," more "}")
#define SIGSTORE(more) WITH("{\"type\":\"sigstoreSigned\"," more "}")
#define IDENTITY(more) SIGNED("\"keyPath\":\"/k\",\"signedIdentity\":{" more "}")

static void refuses_a_policy_that_is_not_just_so(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"null",
		"{\"default\":[]}",
		"{\"default\":{}}",
		"{\"default\":null}",
		"{\"default\":" ACCEPT "} x",
		"{\"default\":" ACCEPT ",\"default\":" ACCEPT "}",
		"{\"default\":" ACCEPT ",\"other\":1}",
		"{\"default\":" ACCEPT ",\"transports\":[]}",
		"{\"default\":" ACCEPT ",\"transports\":null}",
		"{\"default\":" ACCEPT ",\"transports\":{\"docker\":[]}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"\":[]}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"docker\":{\"a\":" ACCEPT ",\"a\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"oci\":{\"a\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"dir\":{\"/\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"dir\":{\"/a/../b\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"oci\":{\"/a/\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"oci-archive\":{\"/\":" ACCEPT "}}}",
		"{\"default\":" ACCEPT ",\"transports\":{\"docker-archive\":{\"/a\":" ACCEPT "}}}",
		WITH("1"),
		WITH("{}"),
		WITH("{\"type\":1}"),
		WITH("{\"type\":\"other\"}"),
		WITH("{\"type\":\"Reject\"}"),
		WITH("{\"type\":\"reject\",\"x\":1}"),
		WITH("{\"type\":\"insecureAcceptAnything\",\"keyPath\":\"/k\"}"),
		WITH("{\"type\":\"signedBy\",\"keyPath\":\"/k\"}"),
		WITH("{\"type\":\"signedBy\",\"keyType\":\"X509\",\"keyPath\":\"/k\"}"),
		SIGNED("\"keyPath\":1"),
		SIGNED("\"keyPath\":\"\""),
		SIGNED("\"keyPath\":[\"/k\"]"),
		SIGNED("\"keyPaths\":\"/k\""),
		SIGNED("\"keyPaths\":[]"),
		SIGNED("\"keyPaths\":[1]"),
		SIGNED("\"keyData\":\"!\""),
		SIGNED("\"keyPath\":\"/k\",\"keyData\":\"AAAA\""),
		SIGNED("\"keyPath\":\"/k\",\"keyPaths\":[\"/k\"]"),
		SIGNED("\"keyDatas\":[\"AAAA\"]"),
		SIGNED("\"signedIdentity\":{\"type\":\"matchExact\"}"),
		SIGNED("\"keyPath\":\"/k\",\"signedIdentity\":null"),
		SIGSTORE("\"signedIdentity\":{\"type\":\"matchExact\"}"),
		SIGSTORE("\"keyPath\":\"/k\",\"keyData\":\"AAAA\""),
		SIGSTORE("\"keyPath\":\"/k\",\"keyType\":\"GPGKeys\""),
		SIGSTORE("\"keyPath\":\"/k\",\"rekorPublicKeyPath\":\"/r\",\"rekorPublicKeyDatas\":[\"AAAA\"]"),
		SIGSTORE("\"keyPath\":\"/k\",\"fulcio\":{}"),
		SIGSTORE("\"fulcio\":{\"caPath\":\"/c\",\"oidcIssuer\":\"i\",\"subjectEmail\":\"s\"}"),
		SIGSTORE("\"rekorPublicKeyPath\":\"/r\",\"fulcio\":{\"oidcIssuer\":\"i\",\"subjectEmail\":\"s\"}"),
		SIGSTORE("\"rekorPublicKeyPath\":\"/r\",\"fulcio\":{\"caPath\":\"/c\",\"subjectEmail\":\"s\"}"),
		SIGSTORE("\"rekorPublicKeyPath\":\"/r\",\"pki\":{\"caRootsPath\":\"/c\",\"subjectEmail\":\"s\"}"),
		SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\"}"),
		SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\",\"caRootsData\":\"AAAA\",\"subjectEmail\":\"s\"}"),
		IDENTITY("\"type\":\"other\""),
		IDENTITY("\"type\":\"matchExact\",\"x\":1"),
		IDENTITY("\"type\":\"exactReference\""),
		IDENTITY("\"type\":\"exactReference\",\"dockerReference\":\"busybox\""),
		IDENTITY("\"type\":\"exactReference\",\"dockerReference\":\"UPPER:x\""),
		IDENTITY("\"type\":\"exactRepository\",\"dockerRepository\":\"UPPER\""),
		IDENTITY("\"type\":\"exactRepository\",\"dockerReference\":\"a:b\""),
		IDENTITY("\"type\":\"remapIdentity\",\"prefix\":\"a\""),
		IDENTITY("\"type\":\"remapIdentity\",\"prefix\":\"a/\",\"signedPrefix\":\"b\""),
		IDENTITY("\"type\":\"remapIdentity\",\"prefix\":\"a\",\"signedPrefix\":\"b/C\""),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct policy *p = NULL;
		em.text[0] = '\0';
		if (policy_parse(bytes_str(bad[i]), &p, &em) != ERR_PARSE || !em.text[0])
			fail_msg("taken: %s", bad[i]);
	}
}

static void takes_every_kind_of_requirement(void **state)
{
	static const char *const good[] = {
		"{\"default\":" ACCEPT ",\"transports\":{}}",
		SIGNED("\"keyPath\":\"/k\""),
		SIGNED("\"keyPaths\":[\"/k\",\"/l\"]"),
		SIGNED("\"keyData\":\"AAAA\""),
		SIGSTORE("\"keyPath\":\"/k\",\"rekorPublicKeyPaths\":[\"/r\"]"),
		SIGSTORE("\"keyPaths\":[\"/k\"],\"rekorPublicKeyData\":\"AAAA\""),
		SIGSTORE("\"keyDatas\":[\"AAAA\",\"AAAA\"]"),
		SIGSTORE("\"rekorPublicKeyPath\":\"/r\",\"fulcio\":{\"caPath\":\"/"
			 "c\",\"oidcIssuer\":\"i\",\"subjectEmail\":\"s\"}"),
		SIGSTORE("\"pki\":{\"caRootsPath\":\"/c\",\"caIntermediatesData\":\"AAAA\",\"subjectHostname\":\"s\"}"),
		IDENTITY("\"type\":\"remapIdentity\",\"prefix\":\"a.b:5000/c\",\"signedPrefix\":\"b\""),
		IDENTITY("\"type\":\"exactRepository\",\"dockerRepository\":\"busybox\""),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(policy) *p = NULL;
		check_ok(policy_parse(bytes_str(good[i]), &p, &em));
	}
}

static void takes_the_policy_of_the_fixtures(void **state)
{
	AUTO_BUF
	text = { 0 };
	AUTO(policy) *p = NULL;
	(void)state;
	if (!fixture_read("image-policy/policy.json", &text))
		skip();
	check_ok(policy_parse(buf_bytes(&text), &p, &em));
	assert_string_equal(policy_find(p, "docker", "a.access.redhat.com/r:t")->name, "*.access.redhat.com");
	assert_int_equal(policy_find(p, "docker", "example.com/hardened:x")->count, 2);
	assert_int_equal(policy_find(p, "oci", "/x")->list[0].type, REQUIRE_REJECT);
}

/* --- identities --- */

#define DIGEST "@sha256:" HEX64

static void an_identity_fits_as_its_rule_says(void **state)
{
	static const struct {
		struct identity_rule rule;
		const char *wanted, *signed_as;
		bool fits;
	} rows[] = {
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c:t", true },
		{ { MATCH_EXACT, NULL, NULL }, "docker.io/library/c:t", "c:t", true },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c:u", false },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c:latest", "a.b/c", false },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c" DIGEST, true },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c:t", false },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c:t", "UPPER:t", false },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c:t" DIGEST, false },
		{ { MATCH_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c:t" DIGEST, false },
		{ { MATCH_EXACT_REFERENCE, "a.b/c:t" DIGEST, NULL }, NULL, "a.b/c:t" DIGEST, true },
		{ { MATCH_EXACT_REFERENCE, "a.b/c:t" DIGEST, NULL }, NULL, "a.b/c:t", false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c:t" DIGEST, true },
		{ { MATCH_REPOSITORY, NULL, NULL }, "a.b/c:u", "a.b/c:t" DIGEST, true },
		{ { MATCH_EXACT, NULL, NULL }, NULL, "a.b/c:t", false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c:t", true },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c:u", false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c:latest", "a.b/c", false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c:t", "a.b/c" DIGEST, false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c:t", true },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/c", false },
		{ { MATCH_REPO_DIGEST_OR_EXACT, NULL, NULL }, "a.b/c" DIGEST, "a.b/d:t", false },
		{ { MATCH_REPOSITORY, NULL, NULL }, "a.b/c:t", "a.b/c:u", true },
		{ { MATCH_REPOSITORY, NULL, NULL }, "a.b/c:t", "a.b/c", true },
		{ { MATCH_REPOSITORY, NULL, NULL }, "a.b/c:t", "a.b/d:t", false },
		{ { MATCH_REPOSITORY, NULL, NULL }, NULL, "a.b/d:t", false },
		{ { MATCH_EXACT_REFERENCE, "x.y/z:1", NULL }, "a.b/c:t", "x.y/z:1", true },
		{ { MATCH_EXACT_REFERENCE, "x.y/z:1", NULL }, NULL, "x.y/z:1", true },
		{ { MATCH_EXACT_REFERENCE, "x.y/z:1", NULL }, "x.y/z:2", "x.y/z:2", false },
		{ { MATCH_EXACT_REFERENCE, "z:latest", NULL }, "z:latest", "z", false },
		{ { MATCH_EXACT_REPOSITORY, "x.y/z", NULL }, NULL, "x.y/z:2", true },
		{ { MATCH_EXACT_REPOSITORY, "x.y/z", NULL }, NULL, "x.y/zz:2", false },
		{ { MATCH_REMAPPED, "m.n", "a.b" }, "m.n/c:t", "a.b/c:t", true },
		{ { MATCH_REMAPPED, "m.n/o", "a.b" }, "m.n/o/c:t", "a.b/c:t", true },
		{ { MATCH_REMAPPED, "m.n/o", "a.b/c" }, "m.n/o:t", "a.b/c:t", true },
		{ { MATCH_REMAPPED, "m.n/o", "a.b" }, "m.n/oo/c:t", "a.b/c:t", false },
		{ { MATCH_REMAPPED, "m.n/o", "a.b" }, "m.n/oo/c:t", "m.n/oo/c:t", true },
		{ { MATCH_REMAPPED, "m.n", "a.b" }, "m.n/c:t", "m.n/c:t", false },
		{ { MATCH_REMAPPED, "m.n", "a.b" }, "m.n/c" DIGEST, "a.b/c:t", true },
		{ { MATCH_REMAPPED, "m.n/o", "a.b" }, "m.n/o:t", "a.b/o:t", false }, /* a.b:t is no such name */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		em.text[0] = '\0';
		enum err e = identity_rule_check(&rows[i].rule, rows[i].wanted, rows[i].signed_as, &em);
		if (e != (rows[i].fits ? OK : ERR_DENIED))
			fail_msg("row %zu: %s (%s)", i, err_name(e), em.text);
	}
}

/* --- judging without signatures --- */

static void without_signatures_accept_reject_and_the_rest(void **state)
{
	struct judged j;
	AUTO_OF(json_object) *held = json_object_new_array();
	(void)state;
	judged_open(&j, "docker", "a.b/c:t");
	assert_int_equal(judged_by(&j, docker_policy("{\"type\":\"insecureAcceptAnything\"}"), held), OK);
	assert_int_equal(json_object_array_length(held), 1);
	assert_int_equal(judged_by(&j, docker_policy("{\"type\":\"reject\"}"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "docker \"\", requirement 1 (reject)"));
	assert_int_equal(
		judged_by(&j, docker_policy("{\"type\":\"insecureAcceptAnything\"},{\"type\":\"reject\"}"), NULL),
		ERR_DENIED);
	assert_non_null(strstr(j.why.text, "requirement 2"));
	assert_int_equal(judged_by(&j, "{\"default\":1}", NULL), ERR_CONFIG);
	judged_close(&j);
	judged_open(&j, "oci", "/a");
	assert_int_equal(judged_by(&j, docker_policy("{\"type\":\"insecureAcceptAnything\"}"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "the default"));
	judged_close(&j);
}

static void where_there_is_no_policy_registries_are_refused_and_it_is_said_where_it_was_looked_for(void **state)
{
	static const struct image_access none = { .auth_file = NULL };
	AUTO_POLICY_CHOICE choice = { .name = NULL };
	char folder[64];
	(void)state;
	check_folder_make(folder);
	unsetenv("CONTAINERS_POLICY_JSON");
	setenv("XDG_CONFIG_HOME", text("%s/config", folder), 1);
	check_ok(policy_choose(&none, folder, &choice, &em));
	assert_null(choice.name);
	assert_string_equal(choice.looked, text("%s/config/containers/policy.json, %s/etc/containers/policy.json, "
						"%s/usr/share/containers/policy.json",
						folder, folder, folder));
	/* The last of them, and what comes before it. */
	assert_int_equal(system(text("mkdir -p %s/usr/share/containers %s/etc/containers && touch "
				     "%s/usr/share/containers/policy.json",
				     folder, folder, folder)),
			 0);
	check_ok(policy_choose(&none, folder, &choice, &em));
	assert_string_equal(choice.name, text("%s/usr/share/containers/policy.json", folder));
	policy_choice_clear(&choice);
	put_file(text("%s/etc/containers/policy.json", folder), bytes_str("x"));
	check_ok(policy_choose(&none, folder, &choice, &em));
	assert_string_equal(choice.name, text("%s/etc/containers/policy.json", folder));
	policy_choice_clear(&choice);
	/* What is named and is not there is no reason to look elsewhere. */
	setenv("CONTAINERS_POLICY_JSON", "/nonexistent/policy.json", 1);
	struct judged j;
	judged_open(&j, "oci", "/a");
	check_err(ERR_CONFIG, image_policy_check(&j.base, &j.raw, &none, NULL, &em));
	assert_non_null(strstr(em.text, "/nonexistent/policy.json"));
	judged_close(&j);
	unsetenv("CONTAINERS_POLICY_JSON");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(system(text("rm -r %s", folder)), 0);
}

static void a_policy_whose_text_came_with_it_counts_alone(void **state)
{
	struct judged j;
	struct image_access access = { .policy = "init data", .policy_text = bytes_str("{\"default\":" REJECT "}") };
	(void)state;
	setenv("CONTAINERS_POLICY_JSON", "/nonexistent/policy.json", 1);
	judged_open(&j, "oci", "/a");
	check_err(ERR_DENIED, image_policy_check(&j.base, &j.raw, &access, NULL, &em));
	assert_non_null(strstr(em.text, "policy init data: the default, requirement 1 (reject)"));
	access.policy_text = bytes_str("{\"default\":" ACCEPT "}");
	check_ok(image_policy_check(&j.base, &j.raw, &access, NULL, &em));
	access.policy_text = bytes_str("");
	check_err(ERR_CONFIG, image_policy_check(&j.base, &j.raw, &access, NULL, &em));
	judged_close(&j);
	unsetenv("CONTAINERS_POLICY_JSON");
}

static void a_policy_is_fetched_by_its_uri_or_refused(void **state)
{
	struct judged j;
	const struct image_access access = { .policy = "kbs:///a/b/c" };
	(void)state;
	judged_open(&j, "oci", "/a");
	check_err(ERR_CONFIG, image_policy_check(&j.base, &j.raw, &access, NULL, &em));
	const struct image_access missing = { .policy = "/nonexistent/policy.json" };
	check_err(ERR_CONFIG, image_policy_check(&j.base, &j.raw, &missing, NULL, &em));
	const struct image_access insecure = { .policy = "/nonexistent/policy.json", .insecure_policy = true };
	check_ok(image_policy_check(&j.base, &j.raw, &insecure, NULL, &em));
	judged_close(&j);
}

/* --- registries.d --- */

static void each_key_of_registries_d_falls_through_by_itself(void **state)
{
	AUTO_REGISTRIES_D d = { 0 };
	const char *lookaside = NULL;
	int attachments = 0;
	(void)state;
	check_ok(registries_d_add(&d, bytes_str("# nothing\n"), &em));
	check_ok(registries_d_add(&d,
				  bytes_str("default-docker:\n  sigstore: file:///d\n  use-sigstore-attachments: true\n"
					    "docker:\n  a.b:\n    lookaside: https://l/\n    sigstore: file:///old\n"
					    "  a.b/c:\n    use-sigstore-attachments: false\n  '*.d': {}\n"),
				  &em));
	registries_d_find(&d, "a.b/c:t", &lookaside, &attachments);
	assert_string_equal(lookaside, "https://l/");
	assert_int_equal(attachments, 0);
	registries_d_find(&d, "x.d/c:t", &lookaside, &attachments);
	assert_string_equal(lookaside, "file:///d");
	assert_int_equal(attachments, 1);
}

static void refuses_registries_d_that_says_a_thing_twice_or_no_yaml(void **state)
{
	static const char *const bad[] = {
		"default-docker:\n  sigstore: file:///e\n",
		"docker:\n  a.b:\n    sigstore: file:///e\n",
		"docker:\n  x:\n    sigstore: a\n  x:\n    sigstore: b\n",
		"docker: []\n",
		"docker:\n  y: 5\n",
		"docker:\n  y:\n    lookaside: [a]\n",
		"docker:\n  y:\n    use-sigstore-attachments: perhaps\n",
		"- a\n",
		"\tdocker: {",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_REGISTRIES_D d = { 0 };
		check_ok(registries_d_add(
			&d,
			bytes_str("default-docker:\n  sigstore: file:///d\ndocker:\n  a.b:\n    sigstore: file:///e\n"),
			&em));
		if (registries_d_add(&d, bytes_str(bad[i]), &em) == OK)
			fail_msg("taken: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_special_scope_counts_and_no_other),
		cmocka_unit_test(refuses_a_policy_that_is_not_just_so),
		cmocka_unit_test(takes_every_kind_of_requirement),
		cmocka_unit_test(takes_the_policy_of_the_fixtures),
		cmocka_unit_test(an_identity_fits_as_its_rule_says),
		cmocka_unit_test(without_signatures_accept_reject_and_the_rest),
		cmocka_unit_test(
			where_there_is_no_policy_registries_are_refused_and_it_is_said_where_it_was_looked_for),
		cmocka_unit_test(a_policy_whose_text_came_with_it_counts_alone),
		cmocka_unit_test(a_policy_is_fetched_by_its_uri_or_refused),
		cmocka_unit_test(each_key_of_registries_d_falls_through_by_itself),
		cmocka_unit_test(refuses_registries_d_that_says_a_thing_twice_or_no_yaml),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
