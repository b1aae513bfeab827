/* Who may use the token's keys: local PINs, how they are counted, and logins that attest. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "common/deadline.h"
#include "pkcs11/pin_count.h"
#include "pkcs11/pin_policy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of "1234", made with Python's hashlib. */
#define PBKDF2 "$pbkdf2-sha256$i=10000$c2FsdHNhbHRzYWx0$PWiHbgq30IFo290hpSnFY3/BwbB58qIiulAcn7U8XJA"
#define PBKDF2_512 "$pbkdf2-sha512$i=10000$c2FsdHNhbHRzYWx0$wLdtVjDcs5BswFAkZmPSiUx0LZ7o2qpHSnQL4SoIO1s"
#define SCRYPT "$scrypt$ln=12,r=8,p=1$c2FsdHNhbHRzYWx0$OzDI+FwdCWNur7TS2wGZK+NfixBafVQlRIzrspqq3ek"
#define WITH_PIN "\"pin\":\"" PBKDF2 "\""

static void configure(const char *token)
{
	static unsigned timeout = 10;
	char text[2048];
	timeout = timeout % 50 + 10; /* another KBS to the module: it attests anew */
	snprintf(text, sizeof(text),
		 "{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%%s\",\"attester\":\"sample\",\"timeout\":%u},\"token\":{%s},"
		 "\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p256\","
		 "\"public\":\"%%s/p256.pub\"},"
		 "{\"label\":\"aes\",\"class\":\"secret-key\",\"uri\":\"kbs:///default/key/aes\",\"type\":\"aes\"},"
		 "{\"label\":\"note\",\"class\":\"data\",\"uri\":\"kbs:///default/text/note\"}]}",
		 timeout, token);
	fixture_configure(text);
}

static CK_RV login(CK_SESSION_HANDLE s, const char *pin)
{
	CK_UTF8CHAR copy[300];
	memcpy(copy, pin, strlen(pin));
	return C_Login(s, CKU_USER, copy, strlen(pin));
}

static CK_FLAGS flags(void)
{
	CK_TOKEN_INFO info;
	check_rv(CKR_OK, C_GetTokenInfo(0, &info));
	return info.flags;
}

static CK_RV sign_with(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[64];
	CK_ULONG len = sizeof(signature);
	CK_RV rv = C_SignInit(s, &raw, key);
	return rv == CKR_OK ? C_Sign(s, digest, sizeof(digest), signature, &len) : rv;
}

static void without_a_policy_every_pin_is_right(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BBOOL private = CK_TRUE;
	CK_ATTRIBUTE a = { CKA_PRIVATE, &private, 1 };
	assert_false(flags() & (CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH));
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "p256"), &a, 1));
	assert_int_equal(private, CK_FALSE);
	check_rv(CKR_OK, login(s, "whatever"));
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
}

static void before_the_pin_there_are_no_keys(void **state)
{
	(void)state;
	configure(WITH_PIN);
	CK_SESSION_HANDLE s = fixture_session();
	CK_BBOOL private = CK_FALSE;
	CK_ATTRIBUTE a = { CKA_PRIVATE, &private, 1 };
	assert_true(flags() & CKF_LOGIN_REQUIRED);
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "p256"), 0);
	assert_int_equal(fixture_find(s, CKO_SECRET_KEY, "aes"), 0);
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "default/key/p384"), 0);
	assert_true(fixture_find(s, CKO_PUBLIC_KEY, "p256") != 0);
	assert_true(fixture_find(s, CKO_DATA, "note") != 0);
	check_rv(CKR_OK, login(s, "1234"));
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	assert_true(key != 0 && fixture_find(s, CKO_SECRET_KEY, "aes") != 0);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "default/key/p384") != 0);
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	assert_int_equal(private, CK_TRUE);
	check_rv(CKR_OK, sign_with(s, key));
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_KEY_HANDLE_INVALID, sign_with(s, key));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(s, key, &a, 1));
}

static void private_session_objects_live_within_a_login(void **state)
{
	(void)state;
	configure(WITH_PIN);
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL private = CK_TRUE;
	CK_BYTE value[16] = { 0 };
	CK_OBJECT_HANDLE made = 0, open = 0;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_VALUE, value, sizeof(value) },
				    { CKA_PRIVATE, &private, 1 } };
	check_rv(CKR_USER_NOT_LOGGED_IN, C_CreateObject(s, template, 4, &made));
	check_rv(CKR_OK, C_CreateObject(s, template, 3, &open));
	check_rv(CKR_OK, login(s, "1234"));
	check_rv(CKR_OK, C_CreateObject(s, template, 4, &made));
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_OK, login(s, "1234"));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(s, made, template, 1));
	check_rv(CKR_OK, C_GetAttributeValue(s, open, template, 1));
}

static void every_kind_of_verifier_knows_its_pin(void **state)
{
	(void)state;
	static const char *const texts[] = { PBKDF2, PBKDF2_512, SCRYPT };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct pin_verifier v;
		check_ok(pin_verifier_read(texts[i], &v, &em));
		check_ok(pin_verifier_check(&v, bytes_str("1234"), &em));
		check_err(ERR_AUTH, pin_verifier_check(&v, bytes_str("1235"), &em));
		check_err(ERR_AUTH, pin_verifier_check(&v, bytes_str("12345"), &em));
	}
}

static void a_verifier_that_is_made_is_one(void **state)
{
	(void)state;
	struct pin_verifier v;
	AUTO_STR
	char *one = NULL;
	AUTO_STR
	char *two = NULL;
	check_ok(pin_verifier_make("scrypt", bytes_str("a long PIN"), &one, &em));
	check_ok(pin_verifier_make("scrypt", bytes_str("a long PIN"), &two, &em));
	assert_string_not_equal(one, two);
	check_ok(pin_verifier_read(one, &v, &em));
	check_ok(pin_verifier_check(&v, bytes_str("a long PIN"), &em));
	check_err(ERR_LIMIT, pin_verifier_make("scrypt", bytes_str("123"), &two, &em));
	check_err(ERR_ARG, pin_verifier_make("md5", bytes_str("1234"), &two, &em));
}

static void bad_verifiers_and_policies_are_named(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"1234",
		"$",
		"$md5$i=10000$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$scrypt$ln=15,r=8$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$scrypt$ln=15,r=8,p=1,x=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$scrypt$ln=11,r=8,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$scrypt$ln=20,r=32,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$scrypt$ln=18,r=8,p=16$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$pbkdf2-sha256$i=9999$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$pbkdf2-sha256$i=99999999$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$pbkdf2-sha256$i=10000$c2FsdA$c2FsdHNhbHRzYWx0c2FsdA",
		"$pbkdf2-sha256$i=10000$c2FsdHNhbHQ$c2FsdA",
		"$pbkdf2-sha256$i=10000$c2FsdHNhbHQ$",
		"$pbkdf2-sha256$i=10000$c2FsdHNhbHQ",
		"$pbkdf2-sha256$i=10000$c2FsdHNhbHQ=$c2FsdHNhbHRzYWx0c2FsdA",
		"$pbkdf2-sha256$i=10000$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA$",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct pin_verifier v;
		enum err e = pin_verifier_read(wrong[i], &v, &em);
		if (e != ERR_PARSE && e != ERR_LIMIT)
			fail_msg("%s: %s", wrong[i], err_name(e));
	}
	static const char *const policies[] = {
		"\"pin\":\"1234\"",
		"\"pin\":\"none\",\"pin-tries\":3",
		"\"pin\":\"attest\",\"pin-state\":\"/tmp/x\"",
		WITH_PIN ",\"pin-state\":\"relative\"",
		WITH_PIN ",\"pin-file\":\"/etc/hostname\"",
		"\"pin-file\":\"/nonexistent\"",
		"\"pin-file\":\"/etc/hostname\"",
		WITH_PIN ",\"pin-tries\":-1",
	};
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		configure(policies[i]);
		check_rv(CKR_GENERAL_ERROR, C_Initialize(NULL));
	}
}

static void wrong_pins_are_counted_and_lock(void **state)
{
	(void)state;
	configure(WITH_PIN ",\"pin-tries\":2");
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_PIN_LEN_RANGE, login(s, "123"));
	check_rv(CKR_ARGUMENTS_BAD, C_Login(s, CKU_USER, NULL, 0));
	assert_false(flags() & CKF_USER_PIN_COUNT_LOW);
	check_rv(CKR_PIN_INCORRECT, login(s, "4321"));
	assert_int_equal(flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED),
			 CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
	check_rv(CKR_OK, login(s, "1234"));
	assert_false(flags() & CKF_USER_PIN_COUNT_LOW);
	check_rv(CKR_USER_ALREADY_LOGGED_IN, login(s, "1234"));
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_PIN_INCORRECT, login(s, "4321"));
	check_rv(CKR_PIN_INCORRECT, login(s, "1235"));
	assert_int_equal(flags() & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED), CKF_USER_PIN_LOCKED);
	check_rv(CKR_PIN_LOCKED, login(s, "1234"));
	/* Loading the module anew does not help. */
	check_rv(CKR_OK, C_Finalize(NULL));
	s = fixture_session();
	check_rv(CKR_PIN_LOCKED, login(s, "1234"));
}

static void the_third_try_waits(void **state)
{
	(void)state;
	struct pin_count count = { 0, 0 };
	assert_int_equal(pin_count_try(&count, 1000), 0);
	assert_int_equal(pin_count_try(&count, 1000), 0);
	/* Two were wrong: the next waits a second, however many come at once. */
	assert_int_equal(pin_count_try(&count, 1000), 1000);
	assert_int_equal(pin_count_try(&count, 1000), 3000);
	assert_int_equal(pin_count_try(&count, 8000), 0);
	/* A time of another boot's. */
	count = (struct pin_count){ 3, 1000000000 };
	assert_int_equal(pin_count_try(&count, 5), 0);
}

static void processes_share_a_count_in_a_file(void **state)
{
	(void)state;
	char token[512], path[100];
	snprintf(path, sizeof(path), "%s/count", fixture.dir);
	snprintf(token, sizeof(token), WITH_PIN ",\"pin-tries\":5,\"pin-state\":\"%s\"", path);
	configure(token);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_PIN_INCORRECT, login(s, "4321"));
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Another process's tries. */
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("wrong=5 not-before=0\n", file);
	fclose(file);
	check_rv(CKR_PIN_LOCKED, login(s, "1234"));
	assert_true(flags() & CKF_USER_PIN_LOCKED);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("wrong=five\n", file);
	fclose(file);
	check_rv(CKR_FUNCTION_FAILED, login(s, "1234"));
	assert_int_equal(chmod(path, 0644), 0);
	check_rv(CKR_FUNCTION_FAILED, login(s, "1234"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	check_rv(CKR_FUNCTION_FAILED, login(s, "1234"));
	assert_int_equal(unlink(path), 0);
	check_rv(CKR_OK, login(s, "1234"));
}

static void a_verifier_in_a_file_is_read_at_each_login(void **state)
{
	(void)state;
	char token[512], path[100];
	snprintf(path, sizeof(path), "%s/verifier", fixture.dir);
	snprintf(token, sizeof(token), "\"pin-file\":\"%s\"", path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(SCRYPT "\n", file);
	fclose(file);
	configure(token);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_OK, login(s, "1234"));
	check_rv(CKR_OK, C_Logout(s));
	assert_int_equal(unlink(path), 0);
	check_rv(CKR_FUNCTION_FAILED, login(s, "1234"));
	assert_false(flags() & CKF_USER_PIN_COUNT_LOW);
}

static void the_login_attests_where_that_is_the_policy(void **state)
{
	(void)state;
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":1},"
			  "\"token\":{\"pin\":\"attest\"},\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/p256\"}]}");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(flags() & (CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH),
			 CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH);
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "p256"), 0);
	assert_int_equal(fixture.attests, 0);
	fixture.cut = true;
	check_rv(CKR_DEVICE_ERROR, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture_find(s, CKO_PRIVATE_KEY, "p256"), 0);
	fixture.cut = false;
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 0);
	check_rv(CKR_OK, sign_with(s, fixture_find(s, CKO_PRIVATE_KEY, "p256")));
	/* One attestation does for the next login. A PIN may be given, as some always do. */
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_OK, login(s, "1234"));
	assert_int_equal(fixture.attests, 1);
}

static void others_than_the_user_are_refused(void **state)
{
	(void)state;
	configure(WITH_PIN);
	CK_SESSION_HANDLE s = fixture_session(), ro = 0;
	CK_UTF8CHAR pin[] = "1234";
	check_rv(CKR_PIN_INCORRECT, C_Login(s, CKU_SO, pin, 4));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Login(s, CKU_CONTEXT_SPECIFIC, pin, 4));
	check_rv(CKR_USER_TYPE_INVALID, C_Login(s, 17, pin, 4));
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	check_rv(CKR_SESSION_READ_ONLY_EXISTS, C_Login(s, CKU_SO, pin, 4));
	check_rv(CKR_OK, login(s, "1234"));
	check_rv(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, C_Login(s, CKU_SO, pin, 4));
	/* A login counts for every session, and ends with the last one. */
	CK_SESSION_INFO info;
	check_rv(CKR_OK, C_GetSessionInfo(ro, &info));
	assert_int_equal(info.state, CKS_RO_USER_FUNCTIONS);
}

static void a_key_that_always_asks_wants_the_pin_each_time(void **state)
{
	(void)state;
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":9},"
			  "\"token\":{" WITH_PIN "},\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/p256\",\"always-authenticate\":true}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[64];
	CK_ULONG len = sizeof(signature);
	CK_UTF8CHAR pin[] = "1234", wrong[] = "4321";
	check_rv(CKR_OK, login(s, "1234"));
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	for (int i = 0; i < 2; i++) {
		check_rv(CKR_OK, C_SignInit(s, &raw, key));
		check_rv(CKR_PIN_INCORRECT, C_Login(s, CKU_CONTEXT_SPECIFIC, wrong, 4));
		assert_true(flags() & CKF_USER_PIN_COUNT_LOW);
		check_rv(CKR_OK, C_Login(s, CKU_CONTEXT_SPECIFIC, pin, 4));
		check_rv(CKR_OK, C_Sign(s, digest, sizeof(digest), signature, &len));
	}
	check_rv(CKR_OK, C_SignInit(s, &raw, key));
	check_rv(CKR_USER_NOT_LOGGED_IN, C_Sign(s, digest, sizeof(digest), signature, &len));
}

static void a_key_that_always_asks_does_nothing_in_one_call(void **state)
{
	(void)state;
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":8},"
			  "\"objects\":[{\"label\":\"p256\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/p256\",\"always-authenticate\":true},"
			  "{\"label\":\"rsa\",\"class\":\"private-key\","
			  "\"uri\":\"kbs:///default/key/rsa\",\"always-authenticate\":true}]}");
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE other[65] = { 4 }, wrapped[256] = { 0 };
	CK_ECDH1_DERIVE_PARAMS peer = { CKD_NULL, 0, NULL, sizeof(other), other };
	CK_MECHANISM ecdh = { CKM_ECDH1_DERIVE, &peer, sizeof(peer) }, pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
	CK_BBOOL may = CK_TRUE;
	CK_ATTRIBUTE derives = { CKA_DERIVE, &may, 1 };
	CK_OBJECT_HANDLE ec = fixture_find(s, CKO_PRIVATE_KEY, "p256"), made = 0;
	CK_OBJECT_HANDLE rsa = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_DeriveKey(s, &ecdh, ec, t, 2, &made));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_UnwrapKey(s, &pkcs1, rsa, wrapped, sizeof(wrapped), t, 2, &made));
	check_rv(CKR_OK, C_GetAttributeValue(s, ec, &derives, 1));
	assert_int_equal(may, CK_FALSE);
	check_rv(CKR_OK, C_DecryptInit(s, &pkcs1, rsa));
}

static void *guess(void *pin)
{
	CK_SESSION_HANDLE s = 0;
	if (C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
		return (void *)1;
	return (void *)login(s, pin);
}

static void many_guesses_at_once_are_no_more_than_allowed(void **state)
{
	(void)state;
	configure(WITH_PIN ",\"pin-tries\":2");
	char wrong[] = "9999";
	pthread_t threads[6];
	unsigned locked = 0, incorrect = 0;
	CK_SESSION_HANDLE s = fixture_session();
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, guess, wrong), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *rv = NULL;
		pthread_join(threads[i], &rv);
		locked += (CK_RV)rv == CKR_PIN_LOCKED;
		incorrect += (CK_RV)rv == CKR_PIN_INCORRECT;
	}
	assert_int_equal(incorrect, 2);
	assert_int_equal(locked, 4);
	check_rv(CKR_PIN_LOCKED, login(s, "1234"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_policy_every_pin_is_right),
		TEST(before_the_pin_there_are_no_keys),
		TEST(private_session_objects_live_within_a_login),
		TEST(every_kind_of_verifier_knows_its_pin),
		TEST(a_verifier_that_is_made_is_one),
		TEST(bad_verifiers_and_policies_are_named),
		TEST(wrong_pins_are_counted_and_lock),
		TEST(the_third_try_waits),
		TEST(processes_share_a_count_in_a_file),
		TEST(a_verifier_in_a_file_is_read_at_each_login),
		TEST(the_login_attests_where_that_is_the_policy),
		TEST(others_than_the_user_are_refused),
		TEST(a_key_that_always_asks_wants_the_pin_each_time),
		TEST(a_key_that_always_asks_does_nothing_in_one_call),
		TEST(many_guesses_at_once_are_no_more_than_allowed),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
