#include "image/signature_payload.h"
#include "image/signature_simple.h"
#include "tests/support/vector.h"
#include "tests/unit/image/policy_fixture.h"

#define NAME "a.b/c:t"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* --- OpenPGP: keys and signatures by gpg, in a home of the test's own --- */

static char home[64];

static bool run(const char *command)
{
	return system(command) == 0;
}
#define GPG "gpg --homedir %s/g --batch -q --pinentry-mode loopback --passphrase '' --yes "

static int gpg_setup(void **state)
{
	(void)state;
	snprintf(home, sizeof(home), "/tmp/signature_test.XXXXXX");
	if (!mkdtemp(home) || !run("command -v gpg >/dev/null"))
		return 0;
	bool good = run(text("mkdir -m 700 %s/g", home)) &&
		    run(text(GPG "--quick-gen-key alice ed25519 sign never 2>/dev/null", home)) &&
		    run(text(GPG "--quick-gen-key bob ed25519 sign never 2>/dev/null", home)) &&
		    run(text(GPG "--faked-system-time 20200101T000000 --quick-gen-key old ed25519 sign 1d 2>/dev/null",
			     home)) &&
		    run(text(GPG "--quick-gen-key gone ed25519 cert never 2>/dev/null", home)) &&
		    run(text(GPG "--quick-add-key $(" GPG
				 "--with-colons -k gone | awk -F: '/^fpr/{print $10; exit}') ed25519 sign 2>/dev/null",
			     home, home));
	for (const char *const *who = (const char *const[]){ "alice", "bob", "old", "gone", NULL }; good && *who; who++)
		good = run(text(GPG "--export %s >%s/%s.pub", home, *who, home, *who));
	return good ? 0 : -1;
}

static int gpg_teardown(void **state)
{
	(void)state;
	return run(text("gpgconf --homedir %s/g --kill all 2>/dev/null; rm -rf %s", home, home)) ? 0 : -1;
}

static bool has_gpg(void)
{
	if (exists(text("%s/alice.pub", home)))
		return true;
	print_message("skipped: no gpg\n");
	return false;
}

/* Adds a signature of `statement` that gpg makes with these arguments. */
static void gpg_sign(struct judged *j, const char *arguments, const char *statement)
{
	put_file(text("%s/statement", home), bytes_str(statement));
	assert_true(run(text(GPG "%s -o %s/signature %s/statement 2>/dev/null", home, arguments, home, home)));
	struct buf signature = get_file(text("%s/signature", home));
	judged_keep(j, buf_bytes(&signature));
	buf_clear(&signature);
}

static const char *signed_by(const char *who)
{
	return docker_policy(
		text("{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"%s/%s.pub\"}", home, who));
}

static void takes_what_one_of_the_keys_signed(void **state)
{
	struct judged j;
	AUTO_OF(json_object) *held = json_object_new_array();
	(void)state;
	if (!has_gpg())
		skip();
	judged_open(&j, "docker", NAME);
	assert_int_equal(judged_by(&j, signed_by("alice"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "no OpenPGP signature"));
	gpg_sign(&j, "-u bob --sign", payload_text(&j, PAYLOAD_SIMPLE, NAME));
	assert_int_equal(judged_by(&j, signed_by("alice"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "not among the keys"));
	assert_non_null(strstr(j.why.text, "alice.pub"));
	gpg_sign(&j, "-u alice --sign --compress-algo none", payload_text(&j, PAYLOAD_SIMPLE, NAME));
	check_result(OK, judged_by(&j, signed_by("alice"), held), j.why.text, __FILE__, __LINE__);
	assert_non_null(strstr(json_object_get_string(json_object_array_get_idx(held, 0)), "signedBy: OpenPGP key "));
	const char *both = docker_policy(text("{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[\"%s/"
					      "bob.pub\",\"%s/alice.pub\"]}",
					      home, home));
	assert_int_equal(judged_by(&j, both, NULL), OK);
	judged_close(&j);
}

static void a_subkey_counts_through_its_primary_key(void **state)
{
	struct judged j;
	(void)state;
	if (!has_gpg())
		skip();
	judged_open(&j, "docker", NAME);
	gpg_sign(&j, "-u gone --sign", payload_text(&j, PAYLOAD_SIMPLE, NAME));
	check_result(OK, judged_by(&j, signed_by("gone"), NULL), j.why.text, __FILE__, __LINE__);
	judged_close(&j);
	/* And a primary key that is revoked takes it along. */
	assert_true(run(text("sed 's/^:-----/-----/' %s/g/openpgp-revocs.d/$(" GPG
			     "--with-colons -k gone | awk -F: '/^fpr/{print $10; exit}').rev | " GPG
			     "--import 2>/dev/null; " GPG "--export gone >%s/gone.pub",
			     home, home, home, home, home)));
	judged_open(&j, "docker", NAME);
	struct buf signature = get_file(text("%s/signature", home));
	const char *statement = payload_text(&j, PAYLOAD_SIMPLE, NAME);
	(void)statement;
	judged_keep(&j, buf_bytes(&signature));
	buf_clear(&signature);
	assert_int_equal(judged_by(&j, signed_by("gone"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "revoked"));
	judged_close(&j);
}

static void refuses_signatures_that_are_not_as_they_should_be(void **state)
{
	static const struct {
		const char *arguments, *key, *why;
	} rows[] = {
		{ "-u alice --clear-sign", "alice", "no binary OpenPGP message" },
		{ "-u alice --armor --sign", "alice", "no binary OpenPGP message" },
		{ "-u alice --detach-sign", "alice", "" },
		{ "-u alice -u bob --sign", "alice", "exactly one signature" },
		{ "-u old --faked-system-time 20200101T000100 --sign", "old", "expired" },
		{ "-u alice --digest-algo MD5 --sign", "alice", "" },
		{ "--store", "alice", "" },
	};
	(void)state;
	if (!has_gpg())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct judged j;
		judged_open(&j, "docker", NAME);
		gpg_sign(&j, rows[i].arguments, payload_text(&j, PAYLOAD_SIMPLE, NAME));
		if (judged_by(&j, signed_by(rows[i].key), NULL) != ERR_DENIED || !strstr(j.why.text, rows[i].why))
			fail_msg("row %zu: %s", i, j.why.text);
		judged_close(&j);
	}
}

static void a_good_signature_is_for_this_image_and_this_name(void **state)
{
	struct judged j;
	struct judged other;
	(void)state;
	if (!has_gpg())
		skip();
	judged_open(&j, "docker", NAME);
	gpg_sign(&j, "-u alice --sign", payload_text(&j, PAYLOAD_SIMPLE, "a.b/c:other"));
	assert_int_equal(judged_by(&j, signed_by("alice"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "a.b/c:other"));
	assert_non_null(strstr(j.why.text, NAME));
	judged_close(&j);
	judged_open(&other, "docker", NAME);
	other.raw.digest[10] = other.raw.digest[10] == 'a' ? 'b' : 'a';
	judged_open(&j, "docker", NAME);
	gpg_sign(&j, "-u alice --sign", payload_text(&other, PAYLOAD_SIMPLE, NAME));
	assert_int_equal(judged_by(&j, signed_by("alice"), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "another manifest"));
	judged_close(&j);
	judged_close(&other);
}

static void keys_that_are_none_refuse_and_say_which(void **state)
{
	struct judged j;
	(void)state;
	if (!has_gpg())
		skip();
	judged_open(&j, "docker", NAME);
	gpg_sign(&j, "-u alice --sign", payload_text(&j, PAYLOAD_SIMPLE, NAME));
	const char *nonsense =
		docker_policy("{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyData\":\"bm9uc2Vuc2U=\"}");
	assert_int_equal(judged_by(&j, nonsense, NULL), ERR_KEY);
	assert_non_null(strstr(j.why.text, "keyData"));
	assert_int_equal(judged_by(&j, signed_by("nobody"), NULL), ERR_NOT_FOUND);
	assert_non_null(strstr(j.why.text, "nobody.pub"));
	judged_close(&j);
}

static void signatures_are_found_in_a_lookaside(void **state)
{
	struct judged j;
	(void)state;
	if (!has_gpg())
		skip();
	judged_open(&j, "docker", "a.b:5000/ns/c:t");
	gpg_sign(&j, "-u alice --sign", payload_text(&j, PAYLOAD_SIMPLE, "a.b:5000/ns/c:t"));
	image_signatures_clear(&j.kept);
	assert_true(
		run(text("mkdir -p %s/r '%s/l/ns/c@sha256=%s' && cp %s/bob.pub '%s/l/ns/c@sha256=%s/signature-1' && cp "
			 "%s/signature '%s/l/ns/c@sha256=%s/signature-2'",
			 home, home, j.raw.digest + 7, home, home, j.raw.digest + 7, home, home, j.raw.digest + 7)));
	put_file(text("%s/r/x.yaml", home),
		 bytes_str(text("docker:\n  a.b:5000/ns:\n    lookaside: file://%s/l/\n", home)));
	check_result(OK, judged_with(&j, signed_by("alice"), text("%s/r", home)), j.why.text, __FILE__, __LINE__);
	assert_int_equal(judged_with(&j, signed_by("bob"), text("%s/r", home)), ERR_DENIED);
	/* Not beside a registry that keeps signatures itself. */
	j.kept.alone = true;
	assert_int_equal(judged_with(&j, signed_by("alice"), text("%s/r", home)), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "no OpenPGP signature"));
	j.kept.alone = false;
	/* From a mirror: the place by the mirror's name, the identity by the name that was asked for. */
	j.base.identity.physical = strdup("mirror/ns/c");
	assert_int_equal(judged_with(&j, signed_by("alice"), text("%s/r", home)), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "no OpenPGP signature"));
	put_file(text("%s/r/y.yaml", home), bytes_str(text("docker:\n  mirror:\n    lookaside: file://%s/l\n", home)));
	check_result(OK, judged_with(&j, signed_by("alice"), text("%s/r", home)), j.why.text, __FILE__, __LINE__);
	judged_close(&j);
}

static void the_signatures_of_the_fixtures_hold(void **state)
{
	AUTO_BUF
	keys = { 0 };
	AUTO_BUF
	signature = { 0 };
	AUTO(simple_keys) *open = NULL;
	struct simple_result result = { 0 };
	AUTO_PAYLOAD payload = { 0 };
	(void)state;
	if (!has_gpg() || !fixture_read("image-policy/pubring.gpg", &keys))
		skip();
	const struct simple_ring ring = { buf_bytes(&keys), "pubring.gpg" };
	check_ok(simple_keys_new(&ring, 1, &open, &em));
	assert_true(fixture_read("image-policy/signatures/signature-1", &signature));
	check_ok(simple_keys_verify(open, buf_bytes(&signature), &result, &em));
	check_ok(signature_payload_parse(buf_bytes(&result.payload), PAYLOAD_SIMPLE, &payload, &em));
	signature.data[signature.len / 2] ^= 1;
	check_err(ERR_DENIED, simple_keys_verify(open, buf_bytes(&signature), &result, &em));
	assert_int_equal(result.payload.len, 0);
	buf_clear(&result.payload);
}

/* --- the signed statement --- */

#define STATEMENT(type, image, identity, more)                                                                         \
	"{\"critical\":{\"type\":" type ",\"image\":" image ",\"identity\":" identity more "},\"optional\":{}}"
#define T "\"" PAYLOAD_SIMPLE "\""
#define I "{\"docker-manifest-digest\":\"sha256:" HEX64 "\"}"
#define R "{\"docker-reference\":\"a/b:c\"}"

static void refuses_statements_that_are_not_just_so(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		STATEMENT("\"" PAYLOAD_COSIGN "\"", I, R, ""),
		STATEMENT("1", I, R, ""),
		STATEMENT(T, "{}", R, ""),
		STATEMENT(T, "{\"docker-manifest-digest\":1}", R, ""),
		STATEMENT(T, I, "{}", ""),
		STATEMENT(T, I, "{\"docker-reference\":\"a\",\"x\":1}", ""),
		STATEMENT(T, I, R, ",\"x\":1"),
		STATEMENT(T, I, R, ",\"type\":" T),
		STATEMENT(T, I, R, "") "x",
		"{\"critical\":{\"type\":" T ",\"image\":" I ",\"identity\":" R "}}",
		"{\"critical\":{\"type\":" T ",\"image\":" I ",\"identity\":" R "},\"optional\":null}",
		"{\"critical\":{\"type\":" T ",\"image\":" I ",\"identity\":" R "},\"optional\":{\"creator\":1}}",
		"{\"critical\":{\"type\":" T ",\"image\":" I ",\"identity\":" R "},\"optional\":{},\"x\":1}",
	};
	struct signature_payload p = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_err(ERR_PARSE, signature_payload_parse(bytes_str(bad[i]), PAYLOAD_SIMPLE, &p, &em));
	check_ok(signature_payload_parse(bytes_str(STATEMENT(T, I, R, "")), PAYLOAD_SIMPLE, &p, &em));
	assert_string_equal(p.reference, "a/b:c");
	signature_payload_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_one_of_the_keys_signed),
		cmocka_unit_test(a_subkey_counts_through_its_primary_key),
		cmocka_unit_test(refuses_signatures_that_are_not_as_they_should_be),
		cmocka_unit_test(a_good_signature_is_for_this_image_and_this_name),
		cmocka_unit_test(keys_that_are_none_refuse_and_say_which),
		cmocka_unit_test(signatures_are_found_in_a_lookaside),
		cmocka_unit_test(the_signatures_of_the_fixtures_hold),
		cmocka_unit_test(refuses_statements_that_are_not_just_so),
	};
	return cmocka_run_group_tests(tests, gpg_setup, gpg_teardown);
}
