/* Searches and attributes. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/core_names.h>

static void check_flag(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, bool wanted)
{
	CK_BBOOL flag = 7;
	CK_ATTRIBUTE a = { type, &flag, sizeof(flag) };
	CK_RV rv = C_GetAttributeValue(s, o, &a, 1);
	if (rv != CKR_OK || a.ulValueLen != 1 || flag != wanted)
		fail_msg("attribute 0x%lx: 0x%lx, %d", type, rv, flag);
}

static CK_ULONG length_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ATTRIBUTE a = { type, NULL, 0 };
	check_rv(CKR_OK, C_GetAttributeValue(s, o, &a, 1));
	return a.ulValueLen;
}

static void a_key_pair_and_its_certificate_share_label_and_id(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE id = 3;
	CK_ATTRIBUTE by_id = { CKA_ID, &id, 1 };
	assert_int_equal(fixture_count(s, &by_id, 1), 3);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "tls") != 0);
	assert_true(fixture_find(s, CKO_PUBLIC_KEY, "tls") != 0);
	assert_true(fixture_find(s, CKO_CERTIFICATE, "tls") != 0);
	assert_int_equal(fixture.gets, 0);
}

static void a_public_key_shows_once_it_is_known(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	assert_true(fixture_find(s, CKO_PUBLIC_KEY, "p384") == 0);
	assert_true(length_of(s, fixture_find(s, CKO_PRIVATE_KEY, "p384"), CKA_EC_POINT) > 0);
	assert_true(fixture_find(s, CKO_PUBLIC_KEY, "p384") != 0);
}

static void a_label_that_names_a_resource_finds_it_without_an_entry(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "default/key/p256");
	assert_true(key != 0);
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "default/key/p256"), key);
	CK_OBJECT_HANDLE by_uri = fixture_find(s, CKO_PRIVATE_KEY, "kbs:///default/key/p256");
	assert_true(by_uri != 0 && by_uri != key);
	CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t) "default/key/any", 15 };
	assert_int_equal(fixture_count(s, &label, 1), 1);
	assert_int_equal(fixture.gets, 0);
	/* Its own id finds it again. */
	CK_BYTE id[64];
	CK_ATTRIBUTE by_id = { CKA_ID, id, sizeof(id) };
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &by_id, 1));
	assert_true(by_id.ulValueLen > 0 && by_id.ulValueLen <= 100);
	assert_int_equal(fixture_count(s, &by_id, 1), 1);
	static const char *const none[] = { "default/key", "/default/key/x",      "a/b/c/d", "kbs://host/a/b/c",
					    "a/../b",      "kbs+plugin:///a/b/c", "" };
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_true(fixture_find(s, CKO_PRIVATE_KEY, none[i]) == 0);
}

static void labels_that_are_made_up_are_bounded(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	char label[64];
	size_t found = 0;
	for (int i = 0; i < 1100; i++) {
		snprintf(label, sizeof(label), "made/up/%d", i);
		found += fixture_find(s, CKO_PRIVATE_KEY, label) != 0;
	}
	assert_int_equal(found, 1024);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "made/up/0") != 0);
}

static void keys_are_sensitive_and_say_what_they_can_do(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE rsa = fixture_find(s, CKO_PRIVATE_KEY, "rsa"), ec = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	check_flag(s, rsa, CKA_TOKEN, true);
	check_flag(s, rsa, CKA_SENSITIVE, true);
	check_flag(s, rsa, CKA_ALWAYS_SENSITIVE, true);
	check_flag(s, rsa, CKA_EXTRACTABLE, false);
	check_flag(s, rsa, CKA_NEVER_EXTRACTABLE, true);
	check_flag(s, rsa, CKA_LOCAL, false);
	check_flag(s, rsa, CKA_MODIFIABLE, false);
	check_flag(s, rsa, CKA_ALWAYS_AUTHENTICATE, false);
	check_flag(s, rsa, CKA_SIGN, true);
	check_flag(s, rsa, CKA_DECRYPT, true);
	check_flag(s, rsa, CKA_DERIVE, false);
	check_flag(s, ec, CKA_SIGN, true);
	check_flag(s, ec, CKA_DECRYPT, false);
	check_flag(s, ec, CKA_DERIVE, true);
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	check_flag(s, public, CKA_VERIFY, true);
	check_flag(s, public, CKA_ENCRYPT, true);
	assert_int_equal(length_of(s, rsa, CKA_ALLOWED_MECHANISMS) % sizeof(CK_MECHANISM_TYPE), 0);
}

static void private_parts_stay_in(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	static const CK_ATTRIBUTE_TYPE parts[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
						   CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT };
	CK_BYTE room[512];
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		CK_ATTRIBUTE a = { parts[i], room, sizeof(room) };
		check_rv(CKR_ATTRIBUTE_SENSITIVE,
			 C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "rsa"), &a, 1));
		assert_int_equal(a.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	}
	CK_ATTRIBUTE value = { CKA_VALUE, room, sizeof(room) };
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "p256"), &value, 1));
	value.ulValueLen = sizeof(room);
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, fixture_find(s, CKO_SECRET_KEY, "aes"), &value, 1));
	/* Not under another name either. */
	static const char *const names[] = { "default/key/rsa", "default/key/aes", "default/key/p256" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		value.ulValueLen = sizeof(room);
		check_rv(CKR_ATTRIBUTE_SENSITIVE,
			 C_GetAttributeValue(s, fixture_find(s, CKO_DATA, names[i]), &value, 1));
	}
	/* A template that guesses learns nothing. */
	CK_ATTRIBUTE guess = { CKA_VALUE, fixture.aes, sizeof(fixture.aes) };
	assert_int_equal(fixture_count(s, &guess, 1), 0);
}

static void an_entry_may_make_a_key_extractable(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "open");
	CK_BYTE d[512];
	CK_ATTRIBUTE a = { CKA_PRIVATE_EXPONENT, d, sizeof(d) };
	check_flag(s, key, CKA_EXTRACTABLE, true);
	check_flag(s, key, CKA_SENSITIVE, false);
	check_flag(s, key, CKA_NEVER_EXTRACTABLE, false);
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	BIGNUM *wanted = NULL, *got = BN_bin2bn(d, (int)a.ulValueLen, NULL);
	EVP_PKEY_get_bn_param(fixture.rsa2, OSSL_PKEY_PARAM_RSA_D, &wanted);
	assert_int_equal(BN_cmp(wanted, got), 0);
	BN_free(wanted);
	BN_free(got);
}

static void public_parts_are_those_of_the_key(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE n[512], point[256], params[64];
	CK_ULONG bits;
	CK_ATTRIBUTE rsa[] = { { CKA_MODULUS, n, sizeof(n) }, { CKA_MODULUS_BITS, &bits, sizeof(bits) } };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PUBLIC_KEY, "rsa"), rsa, 2));
	BIGNUM *wanted = NULL, *got = BN_bin2bn(n, (int)rsa[0].ulValueLen, NULL);
	EVP_PKEY_get_bn_param(fixture.rsa, OSSL_PKEY_PARAM_RSA_N, &wanted);
	assert_int_equal(BN_cmp(wanted, got), 0);
	assert_int_equal(bits, 2048);
	BN_free(wanted);
	BN_free(got);
	CK_ATTRIBUTE ec[] = { { CKA_EC_POINT, point, sizeof(point) }, { CKA_EC_PARAMS, params, sizeof(params) } };
	static const struct {
		const char *label;
		CK_ULONG point_len;
		CK_BYTE head[4];
	} curves[] = { { "p256", 67, { 0x04, 0x41, 0x04 } },
		       { "p384", 99, { 0x04, 0x61, 0x04 } },
		       { "p521", 136, { 0x04, 0x81, 0x85, 0x04 } } };
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		ec[0].ulValueLen = sizeof(point);
		ec[1].ulValueLen = sizeof(params);
		check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, curves[i].label), ec, 2));
		assert_int_equal(ec[0].ulValueLen, curves[i].point_len);
		assert_memory_equal(point, curves[i].head, i == 2 ? 4 : 3);
		assert_int_equal(params[0], 0x06);
	}
	static const uint8_t prime256v1[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	ec[1].ulValueLen = sizeof(params);
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "p256"), &ec[1], 1));
	check_bytes(BYTES(prime256v1), ((struct bytes){ params, ec[1].ulValueLen }));
	/* RSA keys have no point, EC keys no modulus. */
	ec[0].ulValueLen = sizeof(point);
	check_rv(CKR_ATTRIBUTE_TYPE_INVALID, C_GetAttributeValue(s, fixture_find(s, CKO_PUBLIC_KEY, "rsa"), ec, 1));
}

static void certificates_and_data_are_readable(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE value[4096], subject[256], issuer[256], serial[64];
	CK_ATTRIBUTE all[] = { { CKA_VALUE, value, sizeof(value) },
			       { CKA_SUBJECT, subject, sizeof(subject) },
			       { CKA_ISSUER, issuer, sizeof(issuer) },
			       { CKA_SERIAL_NUMBER, serial, sizeof(serial) } };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "tls"), all, 4));
	const unsigned char *at = value;
	X509 *certificate = d2i_X509(NULL, &at, (long)all[0].ulValueLen);
	assert_non_null(certificate);
	X509_free(certificate);
	assert_memory_equal(serial, "\x02\x02\x12\x67", 4);
	check_bytes((struct bytes){ subject, all[1].ulValueLen }, (struct bytes){ issuer, all[2].ulValueLen });
	all[0].ulValueLen = sizeof(value);
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_DATA, "note"), all, 1));
	check_bytes(bytes_str("a note, no key"), (struct bytes){ value, all[0].ulValueLen });
	/* The certificate shows the public half without the private key's release. */
	assert_int_equal(fixture.gets, 2);
	assert_true(length_of(s, fixture_find(s, CKO_PRIVATE_KEY, "tls"), CKA_MODULUS) == 256);
	assert_int_equal(fixture.gets, 2);
}

static void buffers_are_treated_as_the_standard_says(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_BYTE label[3], room[8], id[1];
	CK_ATTRIBUTE all[] = {
		{ CKA_LABEL, NULL, 0 },
		{ CKA_LABEL, label, 2 },
		{ CKA_LABEL, room, sizeof(room) },
		{ CKA_EC_POINT, room, sizeof(room) },
		{ CKA_PRIME_1, room, sizeof(room) },
		{ 0x8badf00d, room, sizeof(room) },
		{ CKA_ID, id, sizeof(id) },
	};
	CK_RV rv = C_GetAttributeValue(s, key, all, ARRAY_LEN(all));
	assert_true(rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE);
	assert_int_equal(all[0].ulValueLen, 3);
	assert_int_equal(all[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(all[2].ulValueLen, 3);
	assert_memory_equal(room, "rsa", 3);
	assert_int_equal(all[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(all[4].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(all[5].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(all[6].ulValueLen, 1);
	assert_int_equal(id[0], 1);
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(s, 0, all, 1));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(s, 99999, all, 1));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(s, 0x40000001, all, 1));
}

static void a_search_has_its_own_order_of_calls(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE found[4];
	CK_ULONG n;
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_FindObjects(s, found, 4, &n));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_FindObjectsFinal(s));
	check_rv(CKR_OK, C_FindObjectsInit(s, NULL, 0));
	check_rv(CKR_OPERATION_ACTIVE, C_FindObjectsInit(s, NULL, 0));
	check_rv(CKR_OK, C_FindObjects(s, found, 0, &n));
	assert_int_equal(n, 0);
	check_rv(CKR_OK, C_FindObjects(s, found, 4, &n));
	assert_int_equal(n, 4);
	check_rv(CKR_OK, C_FindObjectsFinal(s));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_FindObjectsFinal(s));
	CK_ATTRIBUTE bad = { CKA_LABEL, NULL, 3 };
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_FindObjectsInit(s, &bad, 1));
}

static void templates_match_all_of_their_attributes(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE all[] = { { CKA_CLASS, &class, sizeof(class) },
			       { CKA_LABEL, (void *)(uintptr_t) "p256", 4 },
			       { CKA_TOKEN, &yes, 1 },
			       { CKA_KEY_TYPE, &type, sizeof(type) } };
	assert_int_equal(fixture_count(s, all, 4), 1);
	all[2].pValue = &no;
	assert_int_equal(fixture_count(s, all, 4), 0);
	all[2].pValue = &yes;
	type = CKK_RSA;
	assert_int_equal(fixture_count(s, all, 4), 0);
	CK_ATTRIBUTE by_type[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
	/* "rsa" and "swapped" have their public half in a file; of the others nothing is known yet. */
	assert_int_equal(fixture_count(s, by_type, 2), 2);
	assert_int_equal(fixture.gets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_pair_and_its_certificate_share_label_and_id),
		TEST(a_public_key_shows_once_it_is_known),
		TEST(a_label_that_names_a_resource_finds_it_without_an_entry),
		TEST(labels_that_are_made_up_are_bounded),
		TEST(keys_are_sensitive_and_say_what_they_can_do),
		TEST(private_parts_stay_in),
		TEST(an_entry_may_make_a_key_extractable),
		TEST(public_parts_are_those_of_the_key),
		TEST(certificates_and_data_are_readable),
		TEST(buffers_are_treated_as_the_standard_says),
		TEST(a_search_has_its_own_order_of_calls),
		TEST(templates_match_all_of_their_attributes),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
