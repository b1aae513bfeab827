/* When the module goes to the KBS, how often, and what becomes of a failure. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "common/token_reason.h"
#include "pkcs11/process.h"

#include <unistd.h>

static CK_RV sign_with(CK_SESSION_HANDLE s, const char *label)
{
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 }, rsa = { CKM_RSA_PKCS, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[512];
	CK_ULONG len = sizeof(signature);
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, label);
	assert_true(key != 0);
	CK_RV rv = C_SignInit(s, &raw, key);
	if (rv == CKR_KEY_TYPE_INCONSISTENT)
		rv = C_SignInit(s, &rsa, key);
	return rv == CKR_OK ? C_Sign(s, digest, sizeof(digest), signature, &len) : rv;
}

static void listing_and_the_attributes_of_the_catalog_touch_no_network(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE by_class = { CKA_CLASS, &class, sizeof(class) };
	assert_int_equal(fixture_count(s, &by_class, 1), 10);
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	CK_BYTE id[64], label[64], point[256], params[64];
	CK_KEY_TYPE type;
	CK_BBOOL flag[6];
	CK_ATTRIBUTE all[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_ID, id, sizeof(id) },
		{ CKA_LABEL, label, sizeof(label) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &flag[0], 1 },
		{ CKA_PRIVATE, &flag[1], 1 },
		{ CKA_SENSITIVE, &flag[2], 1 },
		{ CKA_ALWAYS_AUTHENTICATE, &flag[3], 1 },
		{ CKA_SIGN, &flag[4], 1 },
		{ CKA_DERIVE, &flag[5], 1 },
		{ CKA_EC_POINT, point, sizeof(point) },
		{ CKA_EC_PARAMS, params, sizeof(params) },
	};
	check_rv(CKR_OK, C_GetAttributeValue(s, key, all, ARRAY_LEN(all)));
	assert_int_equal(type, CKK_EC);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture.attests + fixture.gets + fixture.connections, 0);
	/* What nothing here knows is fetched, and only that. */
	CK_ATTRIBUTE unknown = { CKA_KEY_TYPE, &type, sizeof(type) };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "p384"), &unknown, 1));
	assert_int_equal(type, CKK_EC);
	assert_int_equal(fixture.gets, 1);
}

static void many_keys_and_uses_cost_one_attestation_and_a_get_each(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	for (int i = 0; i < 5; i++) {
		check_rv(CKR_OK, sign_with(s, "p256"));
		check_rv(CKR_OK, sign_with(s, "p384"));
		check_rv(CKR_OK, sign_with(s, "p521"));
		check_rv(CKR_OK, sign_with(s, "rsa"));
	}
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 4);
	assert_int_equal(fixture.connections, 1);
}

static void *sign_in_thread(void *label)
{
	CK_SESSION_HANDLE s = 0;
	if (C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
		return (void *)1;
	return (void *)sign_with(s, label);
}

static void eight_first_uses_at_once_are_one_fetch(void **state)
{
	(void)state;
	pthread_t threads[8];
	char label[] = "p256";
	fixture_session();
	fixture.delay_ms = 100;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_thread, label), 0);
	for (size_t i = 0; i < 8; i++) {
		void *result = (void *)1;
		pthread_join(threads[i], &result);
		assert_null(result);
	}
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 1);
}

static void refusals_have_codes_of_their_own(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE modulus[512];
	CK_ATTRIBUTE attribute = { CKA_MODULUS, modulus, sizeof(modulus) };
	check_rv(CKR_KEY_HANDLE_INVALID, sign_with(s, "missing"));
	check_rv(CKR_USER_NOT_LOGGED_IN, sign_with(s, "denied"));
	check_rv(CKR_KEY_HANDLE_INVALID, sign_with(s, "no key"));
	check_rv(CKR_DEVICE_ERROR, sign_with(s, "swapped"));
	check_rv(CKR_OBJECT_HANDLE_INVALID,
		 C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "missing"), &attribute, 1));
	assert_int_equal(attribute.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	attribute.ulValueLen = sizeof(modulus);
	check_rv(CKR_DEVICE_ERROR, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "denied"), &attribute, 1));
	/* None of it hurts the others. */
	check_rv(CKR_OK, sign_with(s, "p256"));
}

static void who_asks_hears_why_and_hears_it_once(void **state)
{
	(void)state;
	CK_UTF8CHAR name[] = TOKEN_REASON_NAME;
	CK_INTERFACE *interface = NULL;
	struct token_reason reason;
	check_rv(CKR_OK, C_GetInterface(name, NULL, &interface, 0));
	const struct token_reason_interface *why = interface->pFunctionList;
	assert_int_equal(why->major, 1);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_KEY_HANDLE_INVALID, sign_with(s, "missing"));
	why->take(&reason);
	assert_int_equal(reason.rv, CKR_KEY_HANDLE_INVALID);
	assert_string_equal(reason.word, "not-found");
	assert_non_null(strstr(reason.text, "kbs:///"));
	why->take(&reason);
	assert_int_equal(reason.rv, CKR_OK);
	assert_string_equal(reason.text, "");
}

static void a_kbs_that_is_down_is_asked_again_after_a_while(void **state)
{
	(void)state;
	/* A short time-out: the client itself tries again until then. */
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":1},"
			  "\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/p256\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	fixture.cut = true;
	check_rv(CKR_DEVICE_ERROR, sign_with(s, "p256"));
	fixture.cut = false;
	/* Within the back-off the same answer at once, without a request. */
	unsigned attests = fixture.attests;
	check_rv(CKR_DEVICE_ERROR, sign_with(s, "p256"));
	assert_int_equal(fixture.attests, attests);
	usleep(250000);
	check_rv(CKR_OK, sign_with(s, "p256"));
}

static void login_forgets_the_back_off(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_KEY_HANDLE_INVALID, sign_with(s, "missing"));
	fixture_key("default/key/none", fixture.p256);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	check_rv(CKR_OK, sign_with(s, "missing"));
	fixture_resource("default/key/none", (struct bytes){ NULL, 0 });
}

static void a_key_is_fetched_again_after_its_lifetime(void **state)
{
	(void)state;
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\"},"
			  "\"token\":{\"lifetime\":1},"
			  "\"objects\":[{\"label\":\"turns\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/turns\"}]}");
	fixture_key("default/key/turns", fixture.p256);
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "turns");
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[132];
	CK_ULONG len = sizeof(signature);
	check_rv(CKR_OK, C_SignInit(s, &raw, key));
	fixture_key("default/key/turns", fixture.p384);
	usleep(1100000);
	/* What was begun ends with the old key; what begins now has the new one. */
	check_rv(CKR_OK, C_Sign(s, digest, sizeof(digest), signature, &len));
	assert_int_equal(len, 64);
	len = sizeof(signature);
	check_rv(CKR_OK, C_SignInit(s, &raw, key));
	check_rv(CKR_OK, C_Sign(s, digest, sizeof(digest), signature, &len));
	assert_int_equal(len, 96);
	assert_int_equal(fixture.gets, 2);
}

static void finalize_frees_what_is_too_old(void **state)
{
	(void)state;
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\"},"
			  "\"token\":{\"lifetime\":1},"
			  "\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/p256\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	struct token *token = NULL;
	check_rv(CKR_OK, sign_with(s, "p256"));
	check_rv(CKR_OK, process_token(0, &token));
	assert_int_equal(source_set_held(catalog_sources(token->catalog)), 1);
	usleep(1100000);
	check_rv(CKR_OK, C_Finalize(NULL));
	assert_int_equal(source_set_held(catalog_sources(token->catalog)), 0);
	token_free(token);
}

static void the_kbs_lists_objects_where_a_catalog_is_configured(void **state)
{
	(void)state;
	static const char text[] =
		"{\"objects\":[{\"label\":\"listed\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p256\"}]}";
	static const char later[] =
		"[{\"label\":\"listed later\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p384\"}]";
	fixture_resource("default/token/catalog", bytes_str(text));
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\"},"
			  "\"token\":{\"catalog\":\"kbs:///default/token/catalog\",\"lifetime\":1}}");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(fixture_count(s, NULL, 0), 0);
	assert_int_equal(fixture.gets, 0);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture.gets, 1);
	assert_int_equal(fixture_count(s, NULL, 0), 1);
	check_rv(CKR_OK, sign_with(s, "listed"));
	fixture_resource("default/token/catalog", bytes_str(later));
	usleep(1100000);
	/* A label that nothing has makes it look again. */
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "listed later") != 0);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "listed") == 0);
	fixture_resource("default/token/catalog", bytes_str(text));
	usleep(1100000);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "listed") != 0);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "listed later") == 0);
}

static void a_bad_catalog_fails_no_login(void **state)
{
	(void)state;
	fixture_resource("default/token/catalog",
			 bytes_str("[{\"label\":\"x\",\"class\":\"public-key\",\"public\":\"/etc/hostname\"}]"));
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\"},"
			  "\"token\":{\"catalog\":\"kbs:///default/token/catalog\"}}");
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture_count(s, NULL, 0), 0);
	check_rv(CKR_OK, sign_with(s, "default/key/p256"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(listing_and_the_attributes_of_the_catalog_touch_no_network),
		TEST(many_keys_and_uses_cost_one_attestation_and_a_get_each),
		TEST(eight_first_uses_at_once_are_one_fetch),
		TEST(refusals_have_codes_of_their_own),
		TEST(who_asks_hears_why_and_hears_it_once),
		TEST(a_kbs_that_is_down_is_asked_again_after_a_while),
		TEST(login_forgets_the_back_off),
		TEST(a_key_is_fetched_again_after_its_lifetime),
		TEST(finalize_frees_what_is_too_old),
		TEST(the_kbs_lists_objects_where_a_catalog_is_configured),
		TEST(a_bad_catalog_fails_no_login),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
