#include "common/libctx.h"
#include "image/signature_cosign.h"
#include "image/signature_payload.h"
#include "tests/unit/image/sigstore_fixture.h"

#include <time.h>

#define NAME "a.b/c:t"
#define LOGGED 1700000000 /* when the log had it */

/* Keeps the stored form. `more`: further annotations, each with a comma before it; or "". */
static void sigstore_keep(struct judged *j, const char *statement, const char *signature, const char *more)
{
	const char *json =
		text("%csigstore-json\n{\"mimeType\":\"" MEDIA_SIMPLESIGNING
		     "\",\"payload\":\"%s\",\"annotations\":{\"dev.cosignproject.cosign/signature\":\"%s\"%s}}",
		     1, base64_of(statement), signature, more);
	struct buf copy = { 0 };
	assert_int_equal(buf_append(&copy, bytes_str(json), 0, NULL), OK);
	copy.data[0] = 0;
	judged_keep(j, buf_bytes(&copy));
	buf_clear(&copy);
}

static const char *annotation(const char *name, const char *value)
{
	return text(",\"dev.sigstore.cosign/%s\":\"%s\"", name, json_escaped(value));
}

static const char *sigstore(EVP_PKEY *key, const char *more)
{
	return docker_policy(text("{\"type\":\"sigstoreSigned\",\"keyData\":\"%s\"%s}", key_data(key), more));
}

static void takes_each_kind_of_key_and_refuses_another(void **state)
{
	static const char *const kinds[] = { "P-256", "P-384", "RSA", "ED25519" };
	AUTO_OF(EVP_PKEY) *other = key_make("P-256");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_OF(EVP_PKEY) *key = key_make(kinds[i]);
		struct judged j;
		judged_open(&j, "docker", NAME);
		const char *statement = payload_text(&j, PAYLOAD_COSIGN, NAME);
		assert_int_equal(judged_by(&j, sigstore(key, ""), NULL), ERR_DENIED);
		assert_non_null(strstr(j.why.text, "no sigstore signature"));
		sigstore_keep(&j, text("%s ", statement), key_sign(key, statement), "");
		assert_int_equal(judged_by(&j, sigstore(key, ""), NULL), ERR_DENIED);
		sigstore_keep(&j, statement, key_sign(key, statement), "");
		check_result(OK, judged_by(&j, sigstore(key, ""), NULL), j.why.text, __FILE__, __LINE__);
		assert_int_equal(judged_by(&j, sigstore(other, ""), NULL), ERR_DENIED);
		assert_non_null(strstr(j.why.text, "no key of the policy"));
		judged_close(&j);
	}
}

static void refuses_sigstore_statements_for_others(void **state)
{
	AUTO_OF(EVP_PKEY) *key = key_make("P-256");
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	const char *by_name = payload_text(&j, PAYLOAD_COSIGN, "a.b/c");
	sigstore_keep(&j, by_name, key_sign(key, by_name), "");
	assert_int_equal(judged_by(&j, sigstore(key, ""), NULL), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "no tag, no digest"));
	assert_int_equal(judged_by(&j, sigstore(key, ",\"signedIdentity\":{\"type\":\"matchRepository\"}"), NULL), OK);
	image_signatures_clear(&j.kept);
	const char *simple = payload_text(&j, PAYLOAD_SIMPLE, NAME);
	sigstore_keep(&j, simple, key_sign(key, simple), "");
	assert_int_equal(judged_by(&j, sigstore(key, ""), NULL), ERR_DENIED);
	judged_close(&j);
}

/* A log's promise as an annotation. signer: the base64 of a PEM, of a key or a certificate. */
static const char *log_make(EVP_PKEY *log, const char *signer, const char *statement, const char *signature)
{
	char digest[IMAGE_DIGEST_SIZE];
	assert_int_equal(digest_of(bytes_str(statement), digest, NULL), OK);
	const char *body = text("{\"apiVersion\":\"0.0.1\",\"kind\":\"hashedrekord\",\"spec\":{\"data\":{\"hash\":{"
				"\"algorithm\":\"sha256\",\"value\":\"%s\"}},\"signature\":{\"content\":\"%s\","
				"\"publicKey\":{\"content\":\"%s\"}}}}",
				digest + 7, signature, signer);
	const char *canonical = text("{\"body\":\"%s\",\"integratedTime\":%d,\"logID\":\"ab\",\"logIndex\":5}",
				     base64_of(body), LOGGED);
	return annotation("bundle",
			  text("{\"SignedEntryTimestamp\":\"%s\",\"Payload\":{\"logIndex\":5,\"logID\":\"ab\","
			       "\"integratedTime\":%d,\"body\":\"%s\"}}",
			       key_sign(log, canonical), LOGGED, base64_of(body)));
}

static void a_transparency_log_must_hold_this_very_signature(void **state)
{
	AUTO_OF(EVP_PKEY) *key = key_make("P-256");
	AUTO_OF(EVP_PKEY) *log = key_make("P-256");
	AUTO_OF(EVP_PKEY) *other = key_make("P-256");
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	const char *statement = payload_text(&j, PAYLOAD_COSIGN, NAME);
	const char *signature = key_sign(key, statement);
	const char *policy = sigstore(key, text(",\"rekorPublicKeyDatas\":[\"%s\"]", key_data(log)));
	AUTO_OF(X509) *certificate = certificate_make(&(struct plan){ .key = key, .from = 1, .to = LOGGED * 2LL });
	const char *const bad[] = {
		"",
		annotation("bundle", "{}"),
		log_make(other, key_data(key), statement, signature), /* another log */
		log_make(log, key_data(other), statement, signature), /* another signer */
		log_make(log, base64_of(certificate_pem(certificate)), statement, signature), /* a certificate */
		log_make(log, key_data(key), "x", signature), /* another statement */
		log_make(log, key_data(key), statement, key_sign(key, "x")), /* another signature */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sigstore_keep(&j, statement, signature, bad[i]);
		if (judged_by(&j, policy, NULL) != ERR_DENIED)
			fail_msg("taken: bundle %zu", i);
		image_signatures_clear(&j.kept);
	}
	sigstore_keep(&j, statement, signature, log_make(log, key_data(key), statement, signature));
	check_result(OK, judged_by(&j, policy, NULL), j.why.text, __FILE__, __LINE__);
	judged_close(&j);
}

/* --- certificates --- */

#define DAY 86400
#define ISSUER "https://issuer.example"
#define EMAIL "alice@example.org"

/* root -> middle -> leaf, and a log. */
struct authority {
	EVP_PKEY *root_key, *middle_key, *leaf_key, *log;
	X509 *root, *middle;
};

static void authority_open(struct authority *a)
{
	*a = (struct authority){ .root_key = key_make("P-384"),
				 .middle_key = key_make("P-256"),
				 .leaf_key = key_make("P-256"),
				 .log = key_make("P-256") };
	a->root = certificate_make(&(struct plan){ .key = a->root_key,
						   .constraints = "critical,CA:TRUE",
						   .usage = "critical,keyCertSign",
						   .from = LOGGED - 100 * DAY,
						   .to = (int64_t)time(NULL) + DAY });
	a->middle = certificate_make(&(struct plan){ .key = a->middle_key,
						     .issuer = a->root,
						     .issuer_key = a->root_key,
						     .constraints = "critical,CA:TRUE,pathlen:0",
						     .usage = "critical,keyCertSign",
						     .extended = "codeSigning",
						     .from = LOGGED - 100 * DAY,
						     .to = (int64_t)time(NULL) + DAY });
}

static void authority_close(struct authority *a)
{
	EVP_PKEY_free(a->root_key);
	EVP_PKEY_free(a->middle_key);
	EVP_PKEY_free(a->leaf_key);
	EVP_PKEY_free(a->log);
	X509_free(a->root);
	X509_free(a->middle);
}

/* As Fulcio makes them: good for ten minutes around the log's entry. */
static struct plan leaf_plan(const struct authority *a)
{
	return (struct plan){ .key = a->leaf_key,
			      .issuer = a->middle,
			      .issuer_key = a->middle_key,
			      .names = "critical,email:" EMAIL,
			      .extended = "codeSigning",
			      .usage = "critical,digitalSignature",
			      .oidc = ISSUER,
			      .from = LOGGED - 300,
			      .to = LOGGED + 300 };
}

static const char *fulcio(const struct authority *a, X509 *root)
{
	return docker_policy(text("{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caData\":\"%s\",\"oidcIssuer\":\"" ISSUER
				  "\",\"subjectEmail\":\"" EMAIL "\"},\"rekorPublicKeyData\":\"%s\"}",
				  base64_of(certificate_pem(root)), key_data(a->log)));
}

/* Signs, with this leaf, and judges. */
static enum err judged_with_leaf(struct judged *j, const struct authority *a, const struct plan *plan,
				 const char *policy)
{
	AUTO_OF(X509) *leaf = certificate_make(plan);
	const char *statement = payload_text(j, PAYLOAD_COSIGN, NAME);
	const char *signature = key_sign(a->leaf_key, statement);
	const char *pem = certificate_pem(leaf);
	image_signatures_clear(&j->kept);
	sigstore_keep(j, statement, signature,
		      text("%s%s%s", log_make(a->log, base64_of(pem), statement, signature),
			   annotation("certificate", pem),
			   annotation("chain", text("%s%s", certificate_pem(a->middle), certificate_pem(a->root)))));
	return judged_by(j, policy, NULL);
}

static void a_certificate_of_fulcio_counts_as_of_when_the_log_has_it(void **state)
{
	static const uint8_t newer[] = "\x0c\x16" ISSUER;
	static const uint8_t other[] = "\x0c\x05other";
	static const uint8_t cut[] = "\x0c\x17" ISSUER;
	const struct bytes good_der = { newer, sizeof(newer) - 1 };
	struct authority a;
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	authority_open(&a);
	struct plan good = leaf_plan(&a);
	struct plan both = good, new_only = good;
	both.oidc_der = new_only.oidc_der = good_der;
	new_only.oidc = NULL;
	const struct plan *const taken[] = { &good, &both, &new_only };
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		check_result(OK, judged_with_leaf(&j, &a, taken[i], fulcio(&a, a.root)), j.why.text, __FILE__, (int)i);
	/* The middle one named as an authority is one. */
	check_result(OK, judged_with_leaf(&j, &a, &good, fulcio(&a, a.middle)), j.why.text, __FILE__, __LINE__);
	struct plan early = good, late = good, server = good, key = good, name = good, issuer = good, nobody = good;
	struct plan differ = good, half = good, uri = good, twice = good;
	early.to = LOGGED - 1;
	late.from = LOGGED + 1;
	server.extended = "serverAuth";
	key.usage = "keyEncipherment";
	name.names = "email:mallory@example.org";
	issuer.oidc = "https://other.example";
	nobody.oidc = NULL;
	differ.oidc_der = (struct bytes){ other, sizeof(other) - 1 };
	half.oidc_der = (struct bytes){ cut, sizeof(cut) - 1 };
	uri.names = "URI:" EMAIL;
	twice.key = a.middle_key; /* the signature is by another key than the certificate's */
	const struct {
		const struct plan *plan;
		const char *why;
	} refused[] = {
		{ &early, "expired" },
		{ &late, "not yet valid" },
		{ &server, "not for signing code" },
		{ &key, "not for signatures" },
		{ &name, "not for " EMAIL },
		{ &issuer, "OIDC issuer is not" },
		{ &nobody, "names no OIDC issuer" },
		{ &differ, "OIDC issuer is not" },
		{ &half, "not as a text" },
		{ &uri, "not for " EMAIL },
		{ &twice, "no key of the policy" },
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(judged_with_leaf(&j, &a, refused[i].plan, fulcio(&a, a.root)), ERR_DENIED);
		if (!strstr(j.why.text, refused[i].why))
			fail_msg("%s: %s", refused[i].why, j.why.text);
	}
	AUTO_OF(EVP_PKEY) *root_key = key_make("P-256");
	AUTO_OF(X509) *root = certificate_make(&(struct plan){ .key = root_key,
							       .constraints = "critical,CA:TRUE",
							       .usage = "keyCertSign",
							       .from = 1,
							       .to = LOGGED + DAY });
	assert_int_equal(judged_with_leaf(&j, &a, &good, fulcio(&a, root)), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "its certificate: "));
	authority_close(&a);
	judged_close(&j);
}

static void fulcio_wants_a_log_with_just_this_certificate(void **state)
{
	struct authority a;
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	authority_open(&a);
	struct plan plan = leaf_plan(&a);
	AUTO_OF(X509) *leaf = certificate_make(&plan);
	AUTO_OF(X509) *again = certificate_make(&plan);
	const char *statement = payload_text(&j, PAYLOAD_COSIGN, NAME);
	const char *signature = key_sign(a.leaf_key, statement);
	const char *chain = annotation("chain", certificate_pem(a.middle));
	const char *pem = certificate_pem(leaf);
	const char *certificate = annotation("certificate", pem);
	const char *log = log_make(a.log, base64_of(pem), statement, signature);
	const char *const bad[] = {
		"",
		text("%s%s", certificate, chain), /* no log */
		text("%s%s", log, chain), /* no certificate */
		text("%s%s", log, certificate), /* no chain */
		text("%s%s%s", log_make(a.log, base64_of(certificate_pem(again)), statement, signature), certificate,
		     chain),
		text("%s%s%s", log_make(a.log, key_data(a.leaf_key), statement, signature), certificate, chain),
		text("%s%s%s", log, annotation("certificate", text("%s%s", pem, pem)), chain),
		text("%s%s%s", log, annotation("certificate", "x"), chain),
		text("%s%s%s", log, certificate,
		     annotation("chain", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		image_signatures_clear(&j.kept);
		sigstore_keep(&j, statement, signature, bad[i]);
		if (judged_by(&j, fulcio(&a, a.root), NULL) != ERR_DENIED)
			fail_msg("taken: %zu", i);
	}
	sigstore_keep(&j, statement, signature, text("%s%s%s", log, certificate, chain));
	check_result(OK, judged_by(&j, fulcio(&a, a.root), NULL), j.why.text, __FILE__, __LINE__);
	authority_close(&a);
	judged_close(&j);
}

static const char *pki(const struct authority *a, const char *more)
{
	return docker_policy(text("{\"type\":\"sigstoreSigned\",\"pki\":{\"caRootsData\":\"%s\"%s}}",
				  base64_of(certificate_pem(a->root)), more));
}

static void a_certificate_of_a_pki_counts_as_of_now(void **state)
{
	static const struct {
		const char *names, *more;
		bool fits;
	} rows[] = {
		{ "email:" EMAIL, ",\"subjectEmail\":\"" EMAIL "\"", true },
		{ "email:" EMAIL ",DNS:a.b", ",\"subjectEmail\":\"" EMAIL "\",\"subjectHostname\":\"a.b\"", true },
		{ "DNS:a.b", ",\"subjectEmail\":\"" EMAIL "\",\"subjectHostname\":\"a.b\"", false },
		{ "email:" EMAIL, ",\"subjectEmail\":\"Alice@example.org\"", false },
		{ "email:x" EMAIL, ",\"subjectEmail\":\"" EMAIL "\"", false },
		{ NULL, ",\"subjectEmail\":\"" EMAIL "\"", false },
		{ "DNS:*.b.c", ",\"subjectHostname\":\"a.b.c\"", true },
		{ "DNS:*.b.c", ",\"subjectHostname\":\"a.a.b.c\"", false },
		{ "DNS:*.b.c", ",\"subjectHostname\":\"b.c\"", false },
		{ "IP:127.0.0.1", ",\"subjectHostname\":\"127.0.0.1\"", true },
		{ "DNS:127.0.0.1", ",\"subjectHostname\":\"127.0.0.1\"", false },
		{ NULL, ",\"subjectHostname\":\"certificate\"", false },
	};
	struct authority a;
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	authority_open(&a);
	struct plan plan = leaf_plan(&a);
	plan.oidc = NULL;
	plan.to = (int64_t)time(NULL) + DAY;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		plan.names = rows[i].names;
		if (judged_with_leaf(&j, &a, &plan, pki(&a, rows[i].more)) != (rows[i].fits ? OK : ERR_DENIED))
			fail_msg("row %zu: %s", i, j.why.text);
	}
	plan.names = "email:" EMAIL;
	plan.to = (int64_t)time(NULL) - 10;
	assert_int_equal(judged_with_leaf(&j, &a, &plan, pki(&a, rows[0].more)), ERR_DENIED);
	assert_non_null(strstr(j.why.text, "expired"));
	/* No authority, though it signed. */
	plan.to = (int64_t)time(NULL) + DAY;
	X509_free(a.middle);
	a.middle = certificate_make(&(struct plan){ .key = a.middle_key,
						    .issuer = a.root,
						    .issuer_key = a.root_key,
						    .from = LOGGED,
						    .to = (int64_t)time(NULL) + DAY });
	plan.issuer = a.middle;
	assert_int_equal(judged_with_leaf(&j, &a, &plan, pki(&a, rows[0].more)), ERR_DENIED);
	authority_close(&a);
	judged_close(&j);
}

static void the_policy_s_own_intermediates_need_no_chain(void **state)
{
	struct authority a;
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	authority_open(&a);
	struct plan plan = leaf_plan(&a);
	plan.to = (int64_t)time(NULL) + DAY;
	AUTO_OF(X509) *leaf = certificate_make(&plan);
	const char *statement = payload_text(&j, PAYLOAD_COSIGN, NAME);
	sigstore_keep(&j, statement, key_sign(a.leaf_key, statement), annotation("certificate", certificate_pem(leaf)));
	assert_int_equal(judged_by(&j, pki(&a, ",\"subjectEmail\":\"" EMAIL "\""), NULL), ERR_DENIED);
	const char *policy = pki(&a, text(",\"subjectEmail\":\"" EMAIL "\",\"caIntermediatesData\":\"%s\"",
					  base64_of(certificate_pem(a.middle))));
	check_result(OK, judged_by(&j, policy, NULL), j.why.text, __FILE__, __LINE__);
	assert_int_equal(
		judged_by(&j, pki(&a, ",\"subjectEmail\":\"" EMAIL "\",\"caIntermediatesData\":\"AAAA\""), NULL),
		ERR_PARSE);
	authority_close(&a);
	judged_close(&j);
}

static void cosign_finds_its_tag_in_a_layout(void **state)
{
	const struct fixture *f = *state;
	AUTO_OF(EVP_PKEY) *key = key_make("P-256");
	AUTO_OF(json_object) *answer = NULL;
	const struct image_access access = { .policy = text("%s/policy.json", f->root) };
	const struct image_reading how = { .access = &access };
	put_usual(f);
	const char *image = put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 1));
	const char *digest = strstr(image, "sha256:");
	const char *statement = text("{\"critical\":{\"identity\":{\"docker-reference\":\"a.b/c\"},\"image\":{\"docker-"
				     "manifest-digest\":\"%.71s\"},\"type\":\"" PAYLOAD_COSIGN "\"},\"optional\":null}",
				     digest);
	const char *layer = put_blob(f->dir, MEDIA_SIMPLESIGNING, bytes_str(statement));
	const char *annotated = text("%.*s,\"annotations\":{\"dev.cosignproject.cosign/signature\":\"%s\"}}",
				     (int)strlen(layer) - 1, layer, key_sign(key, statement));
	const char *tag = text("sha256-%.64s.sig", digest + 7);
	put_file(access.policy,
		 bytes_str(text(
			 "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"%s\",\"signedIdentity\":{\"type\":"
			 "\"exactRepository\",\"dockerRepository\":\"a.b/c\"}}]}",
			 key_data(key))));
	put_index(f->dir, tagged(image, "app"));
	check_err(ERR_DENIED, image_verify(f->src, &how, &answer, &em));
	put_index(f->dir, text("%s,%s", tagged(image, "app"), tagged(put_image(f->dir, annotated), tag)));
	check_ok(image_verify(f->src, &how, &answer, &em));
	const struct image_copy_options copy = { .source_access = &access };
	copy_expect(f->src, f->dst, &copy, OK);
	put_index(f->dir, text("%s,%s", tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 2)), "app"),
			       tagged(put_image(f->dir, annotated), tag)));
	copy_expect(f->src, f->dst, &copy, ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_each_kind_of_key_and_refuses_another),
		cmocka_unit_test(refuses_sigstore_statements_for_others),
		cmocka_unit_test(a_transparency_log_must_hold_this_very_signature),
		cmocka_unit_test(a_certificate_of_fulcio_counts_as_of_when_the_log_has_it),
		cmocka_unit_test(fulcio_wants_a_log_with_just_this_certificate),
		cmocka_unit_test(a_certificate_of_a_pki_counts_as_of_now),
		cmocka_unit_test(the_policy_s_own_intermediates_need_no_chain),
		cmocka_unit_test_setup_teardown(cosign_finds_its_tag_in_a_layout, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
