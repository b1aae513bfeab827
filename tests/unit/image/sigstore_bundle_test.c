#include "image/signature_cosign.h"
#include "image/signature_payload.h"
#include "tests/support/vector.h"
#include "tests/unit/image/log_tree.h"

#include <stdio.h>
#include <time.h>

#define NAME "a.b/c:t"
#define LOGGED 1700000000
#define IN_TOTO "application/vnd.in-toto+json"

static EVP_PKEY *key, *log_key, *other;

static int keys_setup(void **state)
{
	(void)state;
	key = key_make("P-256");
	log_key = key_make("P-256");
	other = key_make("P-256");
	return key && log_key && other ? 0 : -1;
}

static int keys_teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(log_key);
	EVP_PKEY_free(other);
	return 0;
}

/* What cosign says; more: further members of the subject. */
static const char *statement_of(const struct judged *j, const char *more)
{
	return text("{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}%s}],"
		    "\"predicateType\":\"https://sigstore.dev/cosign/sign/v1\",\"predicate\":{}}",
		    j->raw.digest + 7, more);
}

static const char *pae(const char *statement)
{
	return text("DSSEv1 %zu " IN_TOTO " %zu %s", strlen(IN_TOTO), strlen(statement), statement);
}

static const char *bundle(const char *material, const char *content)
{
	return text("{\"mediaType\":\"" MEDIA_SIGSTORE_BUNDLE "\",\"verificationMaterial\":{%s},%s}", material,
		    content);
}

static const char *envelope(const char *statement, const char *signature)
{
	return text("\"dsseEnvelope\":{\"payload\":\"%s\",\"payloadType\":\"" IN_TOTO
		    "\",\"signatures\":[{\"sig\":\"%s\"}]}",
		    base64_of(statement), signature);
}

#define HINT "\"publicKey\":{\"hint\":\"x\"}"

static const char *signed_bundle(const char *statement)
{
	return bundle(HINT, envelope(statement, key_sign(key, pae(statement))));
}

static const char *policy_with(const char *more)
{
	return docker_policy(text("{\"type\":\"sigstoreSigned\",\"keyData\":\"%s\"%s}", key_data(key), more));
}

static void refuse(struct judged *j, const char *policy, const char *why)
{
	enum err e = judged_by(j, policy, NULL);
	if (e != ERR_DENIED || !strstr(j->why.text, why))
		fail_msg("want \"%s\": %s (%s)", why, err_name(e), j->why.text);
}

static void a_bundle_without_a_name_counts_only_where_the_user_said_so(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	refuse(&j, policy_with(""), "no sigstore signature");
	j.bundle = signed_bundle(statement_of(&j, ""));
	refuse(&j, policy_with(""), "--nameless-signatures");
	refuse(&j, policy_with(",\"signedIdentity\":{\"type\":\"matchRepository\"}"), "--nameless-signatures");
	j.nameless = true;
	check_result(OK, judged_by(&j, policy_with(""), NULL), j.why.text, __FILE__, __LINE__);
	/* What refers to another image is not looked at. */
	j.subject = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	refuse(&j, policy_with(""), "no sigstore signature");
	judged_close(&j);
}

static void a_bundle_with_a_name_is_held_against_the_rule(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	j.bundle = signed_bundle(statement_of(&j, ",\"name\":\"" NAME "\""));
	check_result(OK, judged_by(&j, policy_with(""), NULL), j.why.text, __FILE__, __LINE__);
	j.bundle = signed_bundle(statement_of(&j, ",\"name\":\"a.b/d:t\""));
	j.nameless = true;
	refuse(&j, policy_with(""), "it is signed for \"a.b/d:t\"");
	judged_close(&j);
}

static void refuses_bundles_that_are_not_just_so(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	j.nameless = true;
	const char *good = statement_of(&j, "");
	const char *signature = key_sign(key, pae(good));
	const char *manifest = "any bytes at all";
	struct {
		const char *bundle, *why;
	} rows[] = {
		{ bundle(HINT, envelope(good, key_sign(other, pae(good)))), "no key of the policy" },
		{ bundle(HINT, envelope(good, key_sign(key, good))), "no key of the policy" }, /* not in its envelope */
		{ bundle(HINT, envelope(good, "")), "no signature" },
		{ bundle(HINT, envelope(good, "!")), "its signature" },
		{ bundle(HINT, "\"dsseEnvelope\":null"), "not just one" },
		{ bundle(HINT, text("%s,\"messageSignature\":{\"signature\":\"AAAA\"}", envelope(good, signature))),
		  "not just one" },
		{ bundle(HINT, text("%s,\"x\":1", envelope(good, signature))), "\"x\"" },
		{ bundle(HINT ",\"x\":1", envelope(good, signature)), "\"x\"" },
		{ bundle(HINT ",\"tlogEntries\":[{},{}]", envelope(good, signature)), "2 entries" },
		{ bundle(HINT ",\"tlogEntries\":[1]", envelope(good, signature)), "no object" },
		{ text("{\"mediaType\":\"application/"
		       "vnd.dev.sigstore.bundle+json;version=0.1\",\"verificationMaterial\":{},%s}",
		       envelope(good, signature)),
		  "version=0.1" },
		{ text("{\"mediaType\":\"" MEDIA_SIGSTORE_BUNDLE "\",%s}", envelope(good, signature)),
		  "verificationMaterial" },
		{ bundle(HINT, text("\"dsseEnvelope\":{\"payload\":\"%s\",\"payloadType\":\"text/"
				    "plain\",\"signatures\":[{\"sig\":\"%s\"}]}",
				    base64_of(good), signature)),
		  "payloadType" },
		{ bundle(HINT, text("\"dsseEnvelope\":{\"payload\":\"%s\",\"payloadType\":\"" IN_TOTO
				    "\",\"signatures\":[{\"sig\":\"%s\"},{\"sig\":\"AAAA\"}]}",
				    base64_of(good), signature)),
		  "exactly one signature" },
		/* Nothing said, and that signed. */
		{ signed_bundle(""), "the signed statement" },
		{ signed_bundle("{}"), "the signed statement" },
		{ signed_bundle(text("%s ", good)), NULL },
		{ signed_bundle(text("%s x", good)), "the signed statement" },
		{ signed_bundle(payload_text(&j, PAYLOAD_COSIGN, NAME)), "the signed statement" },
		{ signed_bundle("1"), "the signed statement" },
		{ signed_bundle(statement_of(&j, ",\"name\":1")), "the signed statement" },
		{ signed_bundle(statement_of(&j, ",\"uri\":\"x\"")), "the signed statement" },
		{ signed_bundle("{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[],\"predicateType\":"
				"\"https://sigstore.dev/cosign/sign/v1\",\"predicate\":{}}"),
		  "exactly one subject" },
		{ signed_bundle(text("{\"_type\":\"https://in-toto.io/Statement/"
				     "v1\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}}],"
				     "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{}}",
				     j.raw.digest + 7)),
		  "attestation of https://slsa.dev/provenance/v1" },
		{ signed_bundle("{\"_type\":\"https://in-toto.io/Statement/"
				"v1\",\"subject\":[{\"digest\":{\"sha256\":"
				"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}],"
				"\"predicateType\":\"https://sigstore.dev/cosign/sign/v1\",\"predicate\":{}}"),
		  "another manifest" },
		{ signed_bundle(
			  "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"md5\":\"00\"}}],"
			  "\"predicateType\":\"https://sigstore.dev/cosign/sign/v1\",\"predicate\":{}}"),
		  "the signed statement" },
		/* Over the manifest itself. */
		{ bundle(HINT, text("\"messageSignature\":{\"signature\":\"%s\"}", key_sign(key, manifest))), NULL },
		{ bundle(HINT, text("\"messageSignature\":{\"signature\":\"%s\"}", key_sign(key, "any other bytes"))),
		  "no key of the policy" },
		{ bundle("\"certificate\":{\"rawBytes\":\"AAAA\"},\"x509CertificateChain\":{}",
			 envelope(good, signature)),
		  "beside" },
		{ bundle("\"x509CertificateChain\":{\"certificates\":[1]}", envelope(good, signature)), "no object" },
		{ "{", "a sigstore bundle" },
		{ "[]", "a sigstore bundle" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		j.bundle = rows[i].bundle;
		if (rows[i].why)
			refuse(&j, policy_with(""), rows[i].why);
		else
			check_result(OK, judged_by(&j, policy_with(""), NULL), j.why.text, __FILE__, (int)i);
	}
	j.bundle = bundle(HINT, text("\"messageSignature\":{\"signature\":\"%s\"}", key_sign(key, manifest)));
	j.nameless = false;
	refuse(&j, policy_with(""), "--nameless-signatures");
	judged_close(&j);
}

/* --- logs --- */

static const char *dsse_body(const char *statement, const char *signature, EVP_PKEY *signer)
{
	char digest[IMAGE_DIGEST_SIZE];
	assert_int_equal(digest_of(bytes_str(statement), digest, NULL), OK);
	return text("{\"apiVersion\":\"0.0.1\",\"kind\":\"dsse\",\"spec\":{\"envelopeHash\":{\"algorithm\":\"sha256\","
		    "\"value\":\"00\"},\"payloadHash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},\"signatures\":[{"
		    "\"signature\":\"%s\",\"verifier\":\"%s\"}]}}",
		    digest + 7, signature, key_data(signer));
}

static const char *promise_of(const char *body, EVP_PKEY *log)
{
	const char *canonical = text("{\"body\":\"%s\",\"integratedTime\":%d,\"logID\":\"abcd\",\"logIndex\":7}",
				     base64_of(body), LOGGED);
	return text("\"inclusionPromise\":{\"signedEntryTimestamp\":\"%s\"}", key_sign(log, canonical));
}

static const char *material(const char *body, const char *more)
{
	return text(HINT
		    ",\"tlogEntries\":[{\"logIndex\":\"7\",\"logId\":{\"keyId\":\"q80=\"},\"kindVersion\":{\"kind\":"
		    "\"dsse\",\"version\":\"0.0.1\"},\"integratedTime\":\"%d\",%s,\"canonicalizedBody\":\"%s\"}]",
		    LOGGED, more, base64_of(body));
}

static const char *logged_policy(void)
{
	return policy_with(text(",\"rekorPublicKeyData\":\"%s\"", key_data(log_key)));
}

static void a_log_promises_to_hold_the_envelope(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	j.nameless = true;
	const char *statement = statement_of(&j, "");
	const char *signature = key_sign(key, pae(statement));
	const char *body = dsse_body(statement, signature, key);
	const char *content = envelope(statement, signature);
	j.bundle = bundle(material(body, promise_of(body, log_key)), content);
	check_result(OK, judged_by(&j, logged_policy(), NULL), j.why.text, __FILE__, __LINE__);
	j.bundle = bundle(HINT, content);
	refuse(&j, logged_policy(), "no proof of a transparency log");
	j.bundle = bundle(material(body, promise_of(body, other)), content);
	refuse(&j, logged_policy(), "no rekor key of the policy");
	const struct {
		const char *body, *why;
	} bodies[] = {
		{ dsse_body("{}", signature, key), "another statement" },
		{ dsse_body(statement, key_sign(key, "x"), key), "another signature" },
		{ dsse_body(statement, signature, other), "another key" },
		{ "{\"apiVersion\":\"0.0.2\",\"kind\":\"dsse\",\"spec\":{}}", "dsse 0.0.2" },
		{ "{\"apiVersion\":\"0.0.2\",\"kind\":\"intoto\",\"spec\":{}}", "intoto 0.0.2" },
		{ "{}", "the log's entry" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		j.bundle = bundle(material(bodies[i].body, promise_of(bodies[i].body, log_key)), content);
		refuse(&j, logged_policy(), bodies[i].why);
	}
	judged_close(&j);
}

/* --- a log's tree --- */

#define LEAVES_MAX 9

static void a_log_proves_that_its_tree_holds_the_envelope(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	j.nameless = true;
	const char *statement = statement_of(&j, "");
	const char *signature = key_sign(key, pae(statement));
	/* Longer than text() keeps them. */
	AUTO_STR
	char *body = strdup(dsse_body(statement, signature, key));
	AUTO_STR
	char *content = strdup(envelope(statement, signature));
	AUTO_STR
	char *policy = strdup(logged_policy());
	for (size_t size = 1; size <= LEAVES_MAX; size++)
		for (size_t index = 0; index < size; index++) {
			struct log_tree t = { .body = body, .index = index };
			const char *root = log_tree_head(&t, size);
			const char *note = log_checkpoint(log_key, text("%zu", size), root);
			j.bundle = bundle(material(body, log_proof(&t, size, index, note)), content);
			if (judged_by(&j, policy, NULL) != OK)
				fail_msg("%zu of %zu: %s", index, size, j.why.text);
			/* Another place, or another leaf. */
			if (size > 1) {
				j.bundle =
					bundle(material(body, log_proof(&t, size, (index + 1) % size, note)), content);
				assert_int_equal(judged_by(&j, policy, NULL), ERR_DENIED);
			}
			j.bundle = bundle(material(body, log_proof(&t, size, size, note)), content);
			refuse(&j, policy, "not in the tree");
		}
	judged_close(&j);
}

static void refuses_a_log_s_proof_that_is_not_just_so(void **state)
{
	struct judged j;
	(void)state;
	judged_open(&j, "docker", NAME);
	j.nameless = true;
	const char *statement = statement_of(&j, "");
	const char *signature = key_sign(key, pae(statement));
	const char *body = dsse_body(statement, signature, key);
	const char *content = envelope(statement, signature);
	struct log_tree t = { .body = body, .index = 2 };
	const char *hash = log_tree_head(&t, 5);
	struct log_tree longer = t, shorter = t, broken = t;
	longer.path[longer.path_len++] = hash;
	shorter.path_len--;
	broken.path[0] = "AAAA";
	const char *good = log_checkpoint(log_key, "5", hash);
	const struct {
		const char *proof, *why;
	} rows[] = {
		{ log_proof(&t, 5, 2, good), NULL },
		{ log_proof(&t, 5, 2, log_checkpoint(other, "5", hash)),
		  "no rekor key of the policy signed the checkpoint" },
		{ log_proof(&t, 5, 2, log_checkpoint(log_key, "6", hash)), "another tree" },
		{ log_proof(&t, 5, 2, log_checkpoint(log_key, "05", hash)), NULL },
		{ log_proof(&t, 5, 2, log_checkpoint(log_key, "x", hash)), "another tree" },
		{ log_proof(&t, 5, 2, log_checkpoint(log_key, "5", t.path[0])), "another tree" },
		{ log_proof(&t, 5, 2, "no note"), "no signed note" },
		{ log_proof(&t, 5, 2, "\\n\\n"), "no rekor key" },
		{ log_proof(&t, 0, 0, good), "not in the tree" },
		{ log_proof(&longer, 5, 2, good), "too long" },
		{ log_proof(&shorter, 5, 2, good), "too short" },
		{ log_proof(&broken, 5, 2, good), "a hash of 3 bytes" },
		{ "\"inclusionProof\":{}", "logIndex" },
		{ "\"inclusionProof\":null", "no proof" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		j.bundle = bundle(material(body, rows[i].proof), content);
		if (rows[i].why)
			refuse(&j, logged_policy(), rows[i].why);
		else
			check_result(OK, judged_by(&j, logged_policy(), NULL), j.why.text, __FILE__, (int)i);
	}
	/* A proof says nothing of the time: no certificate of Fulcio's counts by it. */
	AUTO_OF(X509) *root_certificate = certificate_make(&(struct plan){ .key = other,
									   .constraints = "CA:TRUE",
									   .usage = "keyCertSign,digitalSignature",
									   .names = "email:a@b",
									   .oidc = "i",
									   .from = 1,
									   .to = LOGGED * 2LL });
	j.bundle = bundle(text("\"certificate\":{\"rawBytes\":\"AAAA\"}"), content);
	refuse(&j,
	       docker_policy(text("{\"type\":\"sigstoreSigned\",\"fulcio\":{\"caData\":\"%s\",\"oidcIssuer\":\"i\","
				  "\"subjectEmail\":"
				  "\"a@b\"},\"rekorPublicKeyData\":\"%s\"}",
				  base64_of(certificate_pem(root_certificate)), key_data(log_key))),
	       "its certificate");
	judged_close(&j);
}

/* --- certificates --- */

static void a_bundle_brings_the_signer_s_certificate_alone_or_with_those_above(void **state)
{
	struct judged j;
	const int64_t now = (int64_t)time(NULL);
	AUTO_OF(X509) *root = certificate_make(&(struct plan){
		.key = log_key, .constraints = "CA:TRUE", .usage = "keyCertSign", .from = LOGGED, .to = now + 1000 });
	AUTO_OF(X509) *middle = certificate_make(&(struct plan){ .key = other,
								 .issuer = root,
								 .issuer_key = log_key,
								 .constraints = "CA:TRUE",
								 .usage = "keyCertSign",
								 .from = LOGGED,
								 .to = now + 1000 });
	AUTO_OF(X509) *leaf = certificate_make(&(struct plan){ .key = key,
							       .issuer = middle,
							       .issuer_key = other,
							       .names = "email:a@b",
							       .extended = "codeSigning",
							       .usage = "digitalSignature",
							       .from = LOGGED,
							       .to = now + 1000 });
	(void)state;
	judged_open(&j, "docker", NAME);
	j.nameless = true;
	const char *statement = statement_of(&j, "");
	const char *content = envelope(statement, key_sign(key, pae(statement)));
	const char *policy = docker_policy(text("{\"type\":\"sigstoreSigned\",\"pki\":{\"caRootsData\":\"%s\","
						"\"subjectEmail\":\"a@b\"}}",
						base64_of(certificate_pem(root))));
	j.bundle = bundle(text("\"certificate\":{\"rawBytes\":\"%s\"}", certificate_der(leaf)), content);
	refuse(&j, policy, "issuer certificate");
	j.bundle =
		bundle(text("\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"%s\"},{\"rawBytes\":\"%s\"}]}",
			    certificate_der(leaf), certificate_der(middle)),
		       content);
	check_result(OK, judged_by(&j, policy, NULL), j.why.text, __FILE__, __LINE__);
	j.bundle =
		bundle(text("\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"%s\"},{\"rawBytes\":\"%s\"}]}",
			    certificate_der(middle), certificate_der(leaf)),
		       content);
	refuse(&j, policy, "no key of the policy made it");
	j.bundle = bundle(HINT, content);
	refuse(&j, policy, "no certificate");
	judged_close(&j);
}

/* --- what cosign itself made --- */

static void the_signatures_of_cosign_hold(void **state)
{
	AUTO_BUF
	manifest = { 0 };
	AUTO_BUF
	made = { 0 };
	AUTO_BUF
	public = { 0 };
	struct judged j;
	(void)state;
	vector_read("cosign/manifest.json", &manifest);
	vector_read("cosign/bundle.json", &made);
	vector_read("cosign/cosign.pub", &public);
	judged_open(&j, "docker", NAME);
	buf_clear(&j.raw.bytes);
	assert_int_equal(buf_append(&j.raw.bytes, buf_bytes(&manifest), 0, NULL), OK);
	assert_int_equal(digest_of(buf_bytes(&manifest), j.raw.digest, NULL), OK);
	j.nameless = true;
	j.bundle = buf_cstr(&made);
	const char *policy = docker_policy(
		text("{\"type\":\"sigstoreSigned\",\"keyData\":\"%s\"}", base64_bytes(buf_bytes(&public))));
	check_result(OK, judged_by(&j, policy, NULL), j.why.text, __FILE__, __LINE__);
	j.raw.bytes.data[j.raw.bytes.len / 2] ^= 1;
	assert_int_equal(digest_of(buf_bytes(&j.raw.bytes), j.raw.digest, NULL), OK);
	refuse(&j, policy, "another manifest");
	judged_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_without_a_name_counts_only_where_the_user_said_so),
		cmocka_unit_test(a_bundle_with_a_name_is_held_against_the_rule),
		cmocka_unit_test(refuses_bundles_that_are_not_just_so),
		cmocka_unit_test(a_log_promises_to_hold_the_envelope),
		cmocka_unit_test(a_log_proves_that_its_tree_holds_the_envelope),
		cmocka_unit_test(refuses_a_log_s_proof_that_is_not_just_so),
		cmocka_unit_test(a_bundle_brings_the_signer_s_certificate_alone_or_with_those_above),
		cmocka_unit_test(the_signatures_of_cosign_hold),
	};
	return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
