/* What a token finds: chains, public values, what entries say of their keys; and what that costs the KBS. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/pem.h>

#define HEAD "{\"kbs\":{\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":7},\"objects\":["

/* A certificate for `key`, signed by `by`; names: "/CN=..." without the rest. */
static X509 *certify(EVP_PKEY *key, const char *subject, EVP_PKEY *by, const char *issuer)
{
	X509 *x = X509_new_ex(libctx(), NULL);
	const char *const names[] = { subject, issuer };
	for (size_t i = 0; i < 2; i++) {
		X509_NAME *name = X509_NAME_new();
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)names[i], -1, -1, 0);
		if (i == 0)
			X509_set_subject_name(x, name);
		else
			X509_set_issuer_name(x, name);
		X509_NAME_free(name);
	}
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	EVP_MD *md = EVP_MD_fetch(libctx(), "SHA256", NULL);
	assert_true(X509_sign(x, by, md) > 0);
	EVP_MD_free(md);
	return x;
}

/* Leaf, intermediate, root: as PEM. */
static char *chain_text(const char *behind)
{
	X509 *certificates[] = { certify(fixture.p256, "leaf", fixture.p384, "middle"),
				 certify(fixture.p384, "middle", fixture.p521, "root"),
				 certify(fixture.p521, "root", fixture.p521, "root") };
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
		assert_int_equal(PEM_write_bio_X509(bio, certificates[i]), 1);
		if (i == 0 && behind)
			BIO_puts(bio, behind);
		X509_free(certificates[i]);
	}
	long len = BIO_get_mem_data(bio, &text);
	char *copy = strndup(text, (size_t)len);
	BIO_free(bio);
	return copy;
}

static void put_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", fixture.dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static size_t count_class(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type, const char *value)
{
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
				  { type, (void *)(uintptr_t)value, strlen(value) } };
	return fixture_count(s, wanted, 2);
}

static size_t value_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, CK_BYTE *to, size_t room)
{
	CK_ATTRIBUTE a = { type, to, room };
	check_rv(CKR_OK, C_GetAttributeValue(s, o, &a, 1));
	return a.ulValueLen;
}

static CK_ULONG number_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG number = 0;
	assert_int_equal(value_of(s, o, type, (CK_BYTE *)&number, sizeof(number)), sizeof(number));
	return number;
}

static void a_chain_in_a_file_is_served_whole_and_costs_nothing(void **state)
{
	(void)state;
	char *text = chain_text(NULL);
	put_file("chain.pem", text);
	free(text);
	fixture_configure(
		HEAD "{\"label\":\"tls\",\"class\":\"private-key\",\"id\":\"41\",\"uri\":\"kbs:///default/key/p256\","
		     "\"certificate\":\"%s/chain.pem\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	/* All of them share the CKA_ID of the key; each has a label of its own. */
	assert_int_equal(count_class(s, CKO_CERTIFICATE, CKA_ID, "A"), 3);
	assert_int_equal(count_class(s, CKO_CERTIFICATE, CKA_LABEL, "tls"), 1);
	CK_OBJECT_HANDLE leaf = fixture_find(s, CKO_CERTIFICATE, "tls"),
			 root = fixture_find(s, CKO_CERTIFICATE, "tls-ca-2"),
			 middle = fixture_find(s, CKO_CERTIFICATE, "tls-ca-1");
	assert_true(leaf && middle && root);
	assert_int_equal(fixture_find(s, CKO_CERTIFICATE, "tls-ca-3"), 0);
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "tls-ca-1"), 0);
	assert_int_equal(number_of(s, leaf, CKA_CERTIFICATE_CATEGORY), 1);
	assert_int_equal(number_of(s, middle, CKA_CERTIFICATE_CATEGORY), 2);
	/* From each its issuer is found by name, as GnuTLS and Java do. */
	CK_BYTE issuer[256], subject[256], value[2048];
	for (CK_OBJECT_HANDLE at = leaf, up = middle; at != root; at = up, up = root) {
		CK_OBJECT_CLASS class = CKO_CERTIFICATE;
		CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
					  { CKA_SUBJECT, issuer,
					    value_of(s, at, CKA_ISSUER, issuer, sizeof(issuer)) } };
		assert_int_equal(fixture_count(s, wanted, 2), 1);
		assert_int_equal(value_of(s, up, CKA_SUBJECT, subject, sizeof(subject)), wanted[1].ulValueLen);
		assert_memory_equal(subject, issuer, wanted[1].ulValueLen);
	}
	assert_true(value_of(s, root, CKA_VALUE, value, sizeof(value)) > 100);
	assert_int_equal(value_of(s, root, CKA_CHECK_VALUE, value, sizeof(value)), 3);
	assert_int_equal(fixture.connections, 0);
}

static void a_chain_in_the_kbs_shows_once_it_is_known_and_releases_no_key(void **state)
{
	(void)state;
	char *text = chain_text(NULL);
	fixture_resource("default/cert/chain", bytes_str(text));
	free(text);
	fixture_configure(
		HEAD "{\"label\":\"tls\",\"class\":\"private-key\",\"id\":\"41\",\"uri\":\"kbs:///secret/key/rsa\","
		     "\"certificate\":\"kbs:///default/cert/chain\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE value[2048];
	assert_int_equal(count_class(s, CKO_CERTIFICATE, CKA_ID, "A"), 1);
	assert_int_equal(fixture.gets, 0);
	assert_true(value_of(s, fixture_find(s, CKO_CERTIFICATE, "tls"), CKA_VALUE, value, sizeof(value)) > 100);
	assert_int_equal(count_class(s, CKO_CERTIFICATE, CKA_ID, "A"), 3);
	assert_true(value_of(s, fixture_find(s, CKO_CERTIFICATE, "tls-ca-2"), CKA_VALUE, value, sizeof(value)) > 100);
	/* The public half comes from there too; the key itself would be denied. */
	assert_int_equal(number_of(s, fixture_find(s, CKO_PRIVATE_KEY, "tls"), CKA_KEY_TYPE), CKK_EC);
	assert_int_equal(fixture.gets, 1);
}

static void a_bad_chain_hides_nothing(void **state)
{
	(void)state;
	char *text = chain_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	put_file("bad-chain.pem", text);
	free(text);
	fixture_resource("default/cert/bad",
			 bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	fixture_configure(
		HEAD "{\"label\":\"tls\",\"class\":\"private-key\",\"id\":\"41\",\"uri\":\"kbs:///default/key/p256\","
		     "\"certificate\":\"%s/bad-chain.pem\"},"
		     "{\"label\":\"worse\",\"class\":\"private-key\",\"id\":\"42\",\"uri\":\"kbs:///default/key/p256\","
		     "\"certificate\":\"kbs:///default/cert/bad\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE digest[32] = { 1 }, signature[64];
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	assert_int_equal(count_class(s, CKO_CERTIFICATE, CKA_ID, "A"), 1);
	static const char *const labels[] = { "tls", "worse" };
	for (size_t i = 0; i < 2; i++) {
		CK_ULONG len = sizeof(signature);
		check_rv(CKR_OK, C_SignInit(s, &ecdsa, fixture_find(s, CKO_PRIVATE_KEY, labels[i])));
		check_rv(CKR_OK, C_Sign(s, digest, sizeof(digest), signature, &len));
	}
}

/* What nginx -t and a web server before its fork() look at. */
static void looking_at_keys_with_public_files_attests_for_nothing(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	static const char *const labels[] = { "rsa", "p256" };
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS,
						   CKA_KEY_TYPE,
						   CKA_ID,
						   CKA_LABEL,
						   CKA_ALWAYS_AUTHENTICATE,
						   CKA_TOKEN,
						   CKA_PRIVATE,
						   CKA_MODULUS,
						   CKA_DECRYPT,
						   CKA_PUBLIC_EXPONENT,
						   CKA_EC_PARAMS,
						   CKA_EC_POINT,
						   CKA_ALLOWED_MECHANISMS,
						   CKA_UNIQUE_ID };
	CK_BYTE room[4096];
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		CK_OBJECT_HANDLE pair[] = { fixture_find(s, CKO_PRIVATE_KEY, labels[i]),
					    fixture_find(s, CKO_PUBLIC_KEY, labels[i]) };
		for (size_t k = 0; k < 2; k++)
			for (size_t t = 0; t < ARRAY_LEN(types); t++) {
				CK_ATTRIBUTE a = { types[t], room, sizeof(room) };
				CK_RV rv = C_GetAttributeValue(s, pair[k], &a, 1);
				assert_true(rv == CKR_OK || rv == CKR_ATTRIBUTE_TYPE_INVALID);
			}
	}
	assert_int_equal(fixture.attests, 0);
	assert_int_equal(fixture.gets, 0);
	assert_int_equal(fixture.connections, 0);
}

static void a_public_key_in_the_kbs_does_for_one_in_a_file(void **state)
{
	(void)state;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, fixture.p384), 1);
	long len = BIO_get_mem_data(bio, &text);
	fixture_resource("default/public/p384", (struct bytes){ (const uint8_t *)text, (size_t)len });
	BIO_free(bio);
	fixture_configure(HEAD "{\"label\":\"k\",\"class\":\"private-key\",\"uri\":\"kbs:///secret/key/rsa\","
			       "\"public\":\"kbs:///default/public/p384\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, "k");
	assert_true(public != 0);
	assert_int_equal(fixture.gets, 0);
	assert_int_equal(number_of(s, public, CKA_KEY_TYPE), CKK_EC);
	assert_int_equal(number_of(s, fixture_find(s, CKO_PRIVATE_KEY, "k"), CKA_KEY_TYPE), CKK_EC);
	assert_int_equal(fixture.gets, 1);
}

static void public_values_find_their_keys_without_the_network(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE value[1024];
	CK_ATTRIBUTE a = { CKA_MODULUS, value, 0 };
	a.ulValueLen = value_of(s, fixture_find(s, CKO_PUBLIC_KEY, "rsa"), CKA_MODULUS, value, sizeof(value));
	/* "rsa" and "swapped" name the same file: both halves of both. */
	assert_int_equal(fixture_count(s, &a, 1), 4);
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE narrow[] = { a,
				  { CKA_CLASS, &class, sizeof(class) },
				  { CKA_LABEL, (void *)(uintptr_t) "rsa", 3 } };
	assert_int_equal(fixture_count(s, narrow, 3), 1);
	value[0] ^= 1;
	assert_int_equal(fixture_count(s, &a, 1), 0);
	/* A point with its OCTET STRING, and bare. */
	CK_ATTRIBUTE point = { CKA_EC_POINT, value, 0 };
	point.ulValueLen = value_of(s, fixture_find(s, CKO_PRIVATE_KEY, "p256"), CKA_EC_POINT, value, sizeof(value));
	assert_int_equal(point.ulValueLen, 67);
	assert_int_equal(fixture_count(s, &point, 1), 2);
	point.pValue = value + 2;
	point.ulValueLen = 65;
	assert_int_equal(fixture_count(s, &point, 1), 2);
	assert_int_equal(fixture.connections, 0);
	/* What was fetched is found by what is known of it since. */
	point.pValue = value;
	point.ulValueLen = value_of(s, fixture_find(s, CKO_PRIVATE_KEY, "p384"), CKA_EC_POINT, value, sizeof(value));
	assert_int_equal(fixture_count(s, &point, 1), 2);
}

static void an_entry_says_how_its_key_may_be_used(void **state)
{
	(void)state;
	fixture_configure(
		HEAD "{\"label\":\"k\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/rsa\",\"type\":\"rsa\","
		     "\"usage\":[\"sign\"],\"mechanisms\":[\"CKM_RSA_PKCS_PSS\",\"SHA256_RSA_PKCS_PSS\"],"
		     "\"start-date\":\"2026-01-02\",\"end-date\":\"2027-03-04\",\"public\":\"%s/rsa.pub\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "k"), public = fixture_find(s, CKO_PUBLIC_KEY, "k");
	CK_BYTE room[256];
	assert_int_equal(value_of(s, key, CKA_START_DATE, room, sizeof(room)), 8);
	assert_memory_equal(room, "20260102", 8);
	assert_int_equal(value_of(s, key, CKA_END_DATE, room, sizeof(room)), 8);
	assert_memory_equal(room, "20270304", 8);
	CK_MECHANISM_TYPE allowed[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS };
	assert_int_equal(value_of(s, key, CKA_ALLOWED_MECHANISMS, room, sizeof(room)), sizeof(allowed));
	assert_memory_equal(room, allowed, sizeof(allowed));
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool of_public, wanted;
	} flags[] = { { CKA_SIGN, false, true },
		      { CKA_DECRYPT, false, false },
		      { CKA_UNWRAP, false, false },
		      { CKA_VERIFY, true, true },
		      { CKA_ENCRYPT, true, false } };
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		assert_int_equal(value_of(s, flags[i].of_public ? public : key, flags[i].type, room, sizeof(room)), 1);
		assert_int_equal(room[0], flags[i].wanted);
	}
	CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
	CK_RSA_PKCS_PSS_PARAMS params = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_MECHANISM pss = { CKM_SHA256_RSA_PKCS_PSS, &params, sizeof(params) };
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_DecryptInit(s, &pkcs, key));
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(s, &pkcs, key));
	check_rv(CKR_OK, C_SignInit(s, &pss, key));
}

static void profiles_and_identifiers_are_what_3_0_says(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_CLASS class = CKO_PROFILE;
	CK_ULONG profile = CKP_BASELINE_PROVIDER;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_PROFILE_ID, &profile, sizeof(profile) } };
	assert_int_equal(fixture_count(s, wanted, 1), 2);
	assert_int_equal(fixture_count(s, wanted, 2), 1);
	CK_BYTE first[64], again[64];
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa"), other = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	size_t len = value_of(s, key, CKA_UNIQUE_ID, first, sizeof(first));
	assert_int_equal(value_of(s, other, CKA_UNIQUE_ID, again, sizeof(again)), len);
	assert_memory_not_equal(first, again, len);
	CK_ATTRIBUTE by_id = { CKA_UNIQUE_ID, first, len };
	assert_int_equal(fixture_count(s, &by_id, 1), 1);
	check_rv(CKR_OK, C_Finalize(NULL));
	s = fixture_session();
	assert_int_equal(value_of(s, fixture_find(s, CKO_PRIVATE_KEY, "rsa"), CKA_UNIQUE_ID, again, sizeof(again)),
			 len);
	assert_memory_equal(first, again, len);
}

/* Ten thousand, of which the KBS lists most: all are found, and none was fetched. */
static void a_catalog_of_thousands_in_the_kbs(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	char entry[256];
	check_ok(buf_append(&text, bytes_str("{ \"objects\": [\n"), 0, &em));
	for (int i = 0; i < 10000; i++) {
		snprintf(entry, sizeof(entry),
			 "%s{ \"label\": \"many-%05d\", \"class\": \"secret-key\", \"id\": \"%08x\", \"uri\": "
			 "\"kbs:///many/key/n%d\" }",
			 i ? ",\n" : "", i, (unsigned)i, i);
		check_ok(buf_append(&text, bytes_str(entry), 0, &em));
	}
	check_ok(buf_append(&text, bytes_str("]}"), 0, &em));
	fixture_resource("default/token/catalog", buf_bytes(&text));
	fixture_configure("{\"kbs\":{\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":8},"
			  "\"token\":{\"catalog\":\"kbs:///default/token/catalog\"}}");
	CK_SESSION_HANDLE s = fixture_session();
	assert_true(fixture_find(s, CKO_SECRET_KEY, "many-09999") != 0);
	CK_OBJECT_HANDLE before = fixture_find(s, CKO_SECRET_KEY, "many-00077");
	assert_int_equal(fixture_count(s, NULL, 0), 10000);
	/* A list that is as it was changes nothing. */
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture_find(s, CKO_SECRET_KEY, "many-00077"), before);
	assert_int_equal(fixture.gets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_in_a_file_is_served_whole_and_costs_nothing),
		TEST(a_chain_in_the_kbs_shows_once_it_is_known_and_releases_no_key),
		TEST(a_bad_chain_hides_nothing),
		TEST(looking_at_keys_with_public_files_attests_for_nothing),
		TEST(a_public_key_in_the_kbs_does_for_one_in_a_file),
		TEST(public_values_find_their_keys_without_the_network),
		TEST(an_entry_says_how_its_key_may_be_used),
		TEST(profiles_and_identifiers_are_what_3_0_says),
		TEST(a_catalog_of_thousands_in_the_kbs),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
