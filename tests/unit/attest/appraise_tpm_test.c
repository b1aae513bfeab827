/* Quotes of a TPM, signed by the test's own keys: each check fails for one reason only. */
#include "attest/cursor.h"
#include "attest/tpm_attest.h"
#include "attest/verifier.h"
#include "common/base64.h"
#include "common/libctx.h"
#include "tests/support/check.h"
#include "tests/support/tee_pki.h"

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

enum { ALG_SHA256 = 0x0b, ALG_SHA384 = 0x0c };

/* What a quote is made of; a test changes one thing. */
static struct world {
	EVP_PKEY *key;
	enum tpm_scheme scheme;
	unsigned hash;
	uint32_t magic;
	uint16_t type;
	uint16_t bank;
	uint8_t nonce[66];
	size_t nonce_len;
	uint32_t selected;
	uint8_t pcr[TPM_PCR_COUNT][TPM_PCR_SIZE];
	struct bytes whole; /* PCRs that are given instead of those that were quoted */
	struct buf quote, signature, pcrs, trusted, spki;
} w;
static EVP_PKEY *rsa, *ec;
static struct appraisal a;
static struct verifier_input in;
static struct bytes certs[1];

static void be(struct buf *to, uint64_t value, size_t len)
{
	for (size_t i = len; i-- > 0;)
		pki_append(to, (struct bytes){ (const uint8_t[]){ (uint8_t)(value >> (8 * i)) }, 1 });
}

static void sized(struct buf *to, struct bytes what)
{
	be(to, what.len, 2);
	pki_append(to, what);
}

static const char *hash_name(void)
{
	return w.hash == ALG_SHA384 ? "SHA384" : "SHA256";
}

static void quote_make(void)
{
	static const uint8_t signer[34] = { 0, 0x0b };
	uint8_t digest[64];
	size_t len = 0;
	buf_clear(&w.quote);
	buf_clear(&w.pcrs);
	for (size_t i = 0; i < TPM_PCR_COUNT; i++)
		if (w.selected >> i & 1)
			pki_append(&w.pcrs, BYTES(w.pcr[i]));
	assert_int_equal(EVP_Q_digest(libctx(), hash_name(), NULL, w.pcrs.data, w.pcrs.len, digest, &len), 1);
	be(&w.quote, w.magic, 4);
	be(&w.quote, w.type, 2);
	sized(&w.quote, BYTES(signer));
	sized(&w.quote, (struct bytes){ w.nonce, w.nonce_len });
	be(&w.quote, 123456, 8);
	be(&w.quote, 7, 4);
	be(&w.quote, 3, 4);
	be(&w.quote, 1, 1);
	be(&w.quote, 0x2019102300163636, 8);
	be(&w.quote, 1, 4);
	be(&w.quote, w.bank, 2);
	be(&w.quote, 3, 1);
	pki_number(&w.quote, w.selected, 3);
	sized(&w.quote, (struct bytes){ digest, len });
}

static void ecdsa_parts(struct bytes der, struct buf *to)
{
	const uint8_t *at = der.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
	assert_non_null(sig);
	const BIGNUM *parts[] = { ECDSA_SIG_get0_r(sig), ECDSA_SIG_get0_s(sig) };
	for (size_t i = 0; i < 2; i++) {
		uint8_t number[66];
		sized(to, (struct bytes){ number, (size_t)BN_bn2bin(parts[i], number) });
	}
	ECDSA_SIG_free(sig);
}

static void quote_sign(void)
{
	uint8_t made[512];
	size_t len = sizeof made;
	EVP_PKEY_CTX *pctx = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, hash_name(), libctx(), NULL, w.key, NULL), 1);
	if (w.scheme == TPM_RSAPSS)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_DigestSign(ctx, made, &len, w.quote.data, w.quote.len), 1);
	EVP_MD_CTX_free(ctx);
	buf_clear(&w.signature);
	be(&w.signature, w.scheme, 2);
	be(&w.signature, w.hash, 2);
	if (w.scheme == TPM_ECDSA)
		ecdsa_parts((struct bytes){ made, len }, &w.signature);
	else
		sized(&w.signature, (struct bytes){ made, len });
}

static void spki_of(EVP_PKEY *key, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	assert_true(len > 0);
	buf_clear(out);
	pki_append(out, (struct bytes){ der, (size_t)len });
	OPENSSL_free(der);
}

static void trust(EVP_PKEY *key)
{
	struct buf der = { 0 };
	spki_of(key, &der);
	pki_pem("PUBLIC KEY", buf_bytes(&der), &w.trusted);
	buf_clear(&der);
}

static void judge_made(void)
{
	certs[0] = buf_bytes(&w.trusted);
	in.evidence = buf_bytes(&w.quote);
	in.tpm.signature = buf_bytes(&w.signature);
	in.certs = certs;
	in.cert_count = w.trusted.len > 0;
	appraisal_clear(&a);
	check_ok(verifier_appraise("tpm", &in, &a, &em));
}

static void judge(void)
{
	quote_make();
	quote_sign();
	in.tpm.pcrs = w.whole.data ? w.whole : buf_bytes(&w.pcrs);
	judge_made();
}

static int open_world(void **state)
{
	(void)state;
	w = (struct world){ .key = rsa,
			    .scheme = TPM_RSASSA,
			    .hash = ALG_SHA256,
			    .magic = 0xff544347,
			    .type = 0x8018,
			    .bank = ALG_SHA256,
			    .nonce_len = 48,
			    .selected = 0xffffff };
	memset(w.nonce, 0x5a, w.nonce_len);
	for (size_t i = 0; i < TPM_PCR_COUNT; i++)
		memset(w.pcr[i], (int)i, TPM_PCR_SIZE);
	in = (struct verifier_input){ .report_data = { w.nonce, 48 } };
	trust(rsa);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	appraisal_clear(&a);
	struct buf *all[] = { &w.quote, &w.signature, &w.pcrs, &w.trusted, &w.spki };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_clear(all[i]);
	return 0;
}

static void affirmed(void)
{
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (worst)
		fail_msg("%s: %s, %s", worst->name, worst->expected, worst->actual);
	assert_non_null(a.claims);
}

static void only(enum appraisal_status status, const char *name)
{
	size_t failed = 0;
	for (size_t i = 0; i < a.count; i++)
		failed += a.checks[i].outcome == APPRAISAL_FAILED;
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (a.status != status || !worst || failed != 1 || strcmp(worst->name, name) != 0)
		fail_msg("%s, %zu failed, first \"%s\" (%s, %s) instead of \"%s\"", appraisal_status_name(a.status),
			 failed, worst ? worst->name : "", worst ? worst->expected : "", worst ? worst->actual : "",
			 name);
}

static void affirms_every_scheme_and_says_what_was_quoted(void **state)
{
	(void)state;
	static const struct {
		enum tpm_scheme scheme;
		unsigned hash;
	} cases[] = { { TPM_RSASSA, ALG_SHA256 },
		      { TPM_RSASSA, ALG_SHA384 },
		      { TPM_RSAPSS, ALG_SHA256 },
		      { TPM_ECDSA, ALG_SHA256 } };
	trust(ec);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		w.key = cases[i].scheme == TPM_ECDSA ? ec : rsa;
		w.scheme = cases[i].scheme;
		w.hash = cases[i].hash;
		judge();
		affirmed();
		const char *pcr = NULL;
		check_ok(json_get_string(a.claims, "pcr07", &pcr, &em));
		assert_int_equal(strncmp(pcr, "0707", 4), 0);
	}
}

static void pcrs_come_whole_or_as_they_were_quoted(void **state)
{
	(void)state;
	w.selected = 0x010100;
	judge();
	affirmed();
	w.whole = (struct bytes){ w.pcr[0], sizeof w.pcr };
	judge();
	affirmed();
	w.whole.len -= TPM_PCR_SIZE;
	judge();
	only(APPRAISAL_MALFORMED, "number of PCRs");
}

static void a_quote_of_another_key_is_refused(void **state)
{
	(void)state;
	w.key = ec;
	w.scheme = TPM_ECDSA;
	judge();
	only(APPRAISAL_SIGNATURE, "quote signature");
	assert_null(a.claims);
}

static void without_a_trusted_key_nothing_is_believed(void **state)
{
	(void)state;
	buf_clear(&w.trusted);
	judge();
	only(APPRAISAL_SIGNATURE, "quote signature");
}

static void a_changed_quote_is_refused(void **state)
{
	(void)state;
	judge();
	w.quote.data[w.quote.len - 1] ^= 1;
	judge_made();
	only(APPRAISAL_SIGNATURE, "quote signature");
}

static void the_evidences_own_key_must_be_the_signers(void **state)
{
	(void)state;
	spki_of(rsa, &w.spki);
	in.tpm.key = buf_bytes(&w.spki);
	judge();
	affirmed();
	spki_of(ec, &w.spki);
	in.tpm.key = buf_bytes(&w.spki);
	judge();
	only(APPRAISAL_SIGNATURE, "attestation key");
}

static void report_data_is_the_nonce_padded_or_not(void **state)
{
	(void)state;
	memset(w.nonce + 48, 0, sizeof w.nonce - 48);
	w.nonce_len = 64;
	judge();
	affirmed();
	static const size_t lengths[] = { 0, 32, 47, 65 };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		w.nonce_len = lengths[i];
		judge();
		only(APPRAISAL_MISMATCH, "report data");
	}
}

static void pcrs_that_were_not_quoted_count_for_nothing(void **state)
{
	(void)state;
	judge();
	w.pcrs.data[9 * TPM_PCR_SIZE] ^= 1;
	judge_made();
	only(APPRAISAL_MISMATCH, "PCRs");
	json_object *pcr = NULL;
	assert_false(json_object_object_get_ex(a.claims, "pcr09", &pcr));
}

static void init_data_is_what_pcr_8_was_extended_with(void **state)
{
	(void)state;
	uint8_t digest[64];
	uint8_t extended[64] = { 0 };
	memset(digest, 0x42, sizeof digest);
	memcpy(extended + 32, digest, 32);
	pki_sha256(BYTES(extended), w.pcr[8]);
	in.init_data = (struct bytes){ digest, 32 };
	judge();
	affirmed();
	w.pcr[8][0] ^= 1;
	judge();
	only(APPRAISAL_MISMATCH, "init data");
	w.pcr[8][0] ^= 1;
	in.init_data.len = 48;
	judge();
	only(APPRAISAL_MISMATCH, "init data");
	in.init_data.len = 32;
	w.selected &= ~(1U << 8);
	judge();
	only(APPRAISAL_MISMATCH, "init data");
}

static void pcrs_are_held_against_reference_values(void **state)
{
	(void)state;
	static const char good[] = "{\"pcr01\":[\"0101010101010101010101010101010101010101010101010101010101010101\"]}";
	static const char bad[] = "{\"pcr01\":[\"0101010101010101010101010101010101010101010101010101010101010102\"]}";
	in.reference = bytes_str(good);
	judge();
	affirmed();
	in.reference = bytes_str(bad);
	judge();
	only(APPRAISAL_MISMATCH, "pcr01");
	in.reference = bytes_str(good);
	w.selected = 1;
	judge();
	only(APPRAISAL_MISMATCH, "pcr01");
}

static void what_is_no_quote_is_malformed(void **state)
{
	(void)state;
	w.magic = 0xff544346;
	judge();
	only(APPRAISAL_MALFORMED, "quote format");
	close_world(state);
	open_world(state);
	w.type = 0x8017;
	judge();
	only(APPRAISAL_MALFORMED, "quote format");
	close_world(state);
	open_world(state);
	w.bank = 4; /* SHA-1 */
	judge();
	only(APPRAISAL_MALFORMED, "quote format");
	close_world(state);
	open_world(state);
	judge();
	w.signature.data[3] = 4;
	judge_made();
	only(APPRAISAL_MALFORMED, "signature format");
}

static void every_cut_of_a_quote_is_malformed(void **state)
{
	(void)state;
	judge();
	struct tpm_attest quote;
	struct tpm_signature signature;
	for (size_t len = 0; len < w.quote.len; len++)
		assert_int_not_equal(tpm_attest_parse((struct bytes){ w.quote.data, len }, &quote, &em), OK);
	for (size_t len = 0; len < w.signature.len; len++)
		assert_int_not_equal(tpm_signature_parse((struct bytes){ w.signature.data, len }, &signature, &em), OK);
	pki_append(&w.quote, (struct bytes){ (const uint8_t *)"", 1 });
	check_err(ERR_PARSE, tpm_attest_parse(buf_bytes(&w.quote), &quote, &em));
	pki_append(&w.signature, (struct bytes){ (const uint8_t *)"", 1 });
	check_err(ERR_PARSE, tpm_signature_parse(buf_bytes(&w.signature), &signature, &em));
}

static json_object *base64_text(struct bytes of)
{
	char *text = base64_encode(BASE64_STD, of);
	assert_non_null(text);
	json_object *made = json_object_new_string(text);
	free(text);
	return made;
}

static json_object *evidence_json(void)
{
	json_object *all = json_object_new_object();
	json_object *quote = json_object_new_object();
	json_object *pcrs = json_object_new_array();
	for (size_t i = 0; i < TPM_PCR_COUNT; i++) {
		char *hex = hex_encode(BYTES(w.pcr[i]));
		json_object_array_add(pcrs, json_object_new_string(hex));
		free(hex);
	}
	json_object_object_add(quote, "signature", base64_text(buf_bytes(&w.signature)));
	json_object_object_add(quote, "message", base64_text(buf_bytes(&w.quote)));
	json_object_object_add(quote, "pcrs", pcrs);
	json_object_object_add(all, "tpm_quote", quote);
	spki_of(w.key, &w.spki);
	json_object_object_add(all, "ak_public", base64_text(buf_bytes(&w.spki)));
	return all;
}

/* As a KBS asks: bound to its nonce, by a key that its operator knows. */
static void a_kbs_believes_keys_that_it_was_told(void **state)
{
	(void)state;
	quote_make();
	quote_sign();
	struct attest_digest digest = { .len = 48 };
	memset(digest.data, 0x5a, 48);
	struct verifier_policy policy = { .allow_any_measurement = true, .tpm_keys = buf_bytes(&w.trusted) };
	json_object *json = evidence_json();
	struct verifier_request request = { "tpm", json, &digest, NULL };
	json_object *claims = NULL;
	check_ok(verifier_check(&policy, &request, &claims, &em));
	json_object_put(claims);
	digest.data[0] ^= 1;
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "report data"));
	digest.data[0] ^= 1;
	policy.tpm_keys = (struct bytes){ NULL, 0 };
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "none is trusted"));
	json_object_put(json);
}

static int keys_make(void **state)
{
	(void)state;
	rsa = pki_rsa();
	ec = pki_ec("P-256");
	return 0;
}

static int keys_free(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(affirms_every_scheme_and_says_what_was_quoted),
		TEST(pcrs_come_whole_or_as_they_were_quoted),
		TEST(a_quote_of_another_key_is_refused),
		TEST(without_a_trusted_key_nothing_is_believed),
		TEST(a_changed_quote_is_refused),
		TEST(the_evidences_own_key_must_be_the_signers),
		TEST(report_data_is_the_nonce_padded_or_not),
		TEST(pcrs_that_were_not_quoted_count_for_nothing),
		TEST(init_data_is_what_pcr_8_was_extended_with),
		TEST(pcrs_are_held_against_reference_values),
		TEST(what_is_no_quote_is_malformed),
		TEST(every_cut_of_a_quote_is_malformed),
		TEST(a_kbs_believes_keys_that_it_was_told),
	};
	return cmocka_run_group_tests(tests, keys_make, keys_free);
}
