/* How long what the KBS released is used, what renews it, what ends it, and which key may stand behind a name. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "common/base64.h"
#include "common/deadline.h"
#include "pkcs11/spki_pin.h"

#include <sys/wait.h>
#include <unistd.h>

#define SECOND 1000

/* One private key "turns" (and its certificate) at default/key/turns and default/cert/turns. */
static void configure(const char *members, const char *entry)
{
	char text[2048];
	snprintf(text, sizeof(text),
		 "{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%%s\",\"attester\":\"sample\",\"timeout\":1},"
		 "\"token\":{%s},\"objects\":[{\"label\":\"turns\",\"class\":\"private-key\","
		 "\"uri\":\"kbs:///default/key/turns\",\"id\":\"0a\"%s}]}",
		 members, entry);
	fixture_configure(text);
	fixture_key("default/key/turns", fixture.p256);
	fixture_certificate("default/cert/turns", fixture.p256);
}
#define WITH_CERTIFICATE ",\"certificate\":\"kbs:///default/cert/turns\""

static void pass(int64_t seconds)
{
	boottime_shift(seconds * SECOND);
}

/* The size of a signature tells the curve: 64 bytes P-256, 96 P-384. */
static CK_RV sign_now(CK_SESSION_HANDLE s, CK_ULONG *len)
{
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[132];
	*len = sizeof(signature);
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "turns");
	assert_true(key != 0);
	CK_RV rv = C_SignInit(s, &raw, key);
	return rv == CKR_OK ? C_Sign(s, digest, sizeof(digest), signature, len) : rv;
}

static CK_ULONG signs(CK_SESSION_HANDLE s)
{
	CK_ULONG len = 0;
	check_rv(CKR_OK, sign_now(s, &len));
	return len;
}

static CK_RV refusal(CK_SESSION_HANDLE s)
{
	CK_ULONG len;
	return sign_now(s, &len);
}

/* The size of its public key tells the certificate's curve, in the same terms. */
static CK_ULONG certified(CK_SESSION_HANDLE s)
{
	CK_BYTE spki[512];
	CK_ATTRIBUTE a = { CKA_PUBLIC_KEY_INFO, spki, sizeof(spki) };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "turns"), &a, 1));
	return a.ulValueLen > 100 ? 96 : 64;
}

static void wait_for_gets(unsigned wanted)
{
	for (int i = 0; i < 500 && fixture.gets < wanted; i++)
		usleep(10000);
	assert_true(fixture.gets >= wanted);
}

/* Until what runs in the background has been taken over. */
static void wait_to_sign(CK_SESSION_HANDLE s, CK_ULONG wanted)
{
	for (int i = 0; i < 500 && signs(s) != wanted; i++)
		usleep(10000);
	assert_int_equal(signs(s), wanted);
}

static void a_key_is_renewed_behind_the_back_of_its_users(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	pass(40);
	assert_int_equal(signs(s), 64);
	assert_int_equal(fixture.gets, 1);
	fixture_key("default/key/turns", fixture.p384);
	pass(20);
	fixture.hold = true;
	for (int i = 0; i < 10; i++)
		assert_int_equal(signs(s), 64);
	wait_for_gets(2);
	assert_int_equal(signs(s), 64);
	fixture.hold = false;
	wait_to_sign(s, 96);
	assert_int_equal(fixture.gets, 2);
	assert_int_equal(fixture.attests, 1);
}

static void the_same_key_again_is_only_a_longer_lease(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	for (unsigned gets = 1; gets < 4; gets++) {
		assert_int_equal(signs(s), 64);
		wait_for_gets(gets);
		pass(60);
	}
}

static void an_object_has_a_lifetime_of_its_own(void **state)
{
	(void)state;
	configure("\"lifetime\":1000", ",\"lifetime\":10");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	pass(11);
	assert_int_equal(signs(s), 96);
	assert_int_equal(fixture.attests, 1);
}

static void key_and_certificate_change_together(void **state)
{
	(void)state;
	configure("\"lifetime\":100", WITH_CERTIFICATE);
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(certified(s), 64);
	assert_int_equal(signs(s), 64);
	/* The key is another already, the certificate not yet. */
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	assert_int_equal(signs(s), 64);
	wait_for_gets(4);
	usleep(300000);
	assert_int_equal(signs(s), 64);
	assert_int_equal(certified(s), 64);
	fixture_certificate("default/cert/turns", fixture.p384);
	pass(5);
	wait_to_sign(s, 96);
	assert_int_equal(certified(s), 96);
	CK_BYTE id = 0;
	CK_ATTRIBUTE a = { CKA_ID, &id, 1 };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "turns"), &a, 1));
	assert_int_equal(id, 0x0a);
}

static void a_half_rotated_pair_is_kept_no_longer_than_its_lease(void **state)
{
	(void)state;
	configure("\"lifetime\":100", WITH_CERTIFICATE);
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(certified(s), 64);
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	pass(101);
	/* A certificate that does not fit never hides the key. */
	assert_int_equal(signs(s), 96);
}

static void rubbish_does_not_push_out_a_key(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_resource("default/key/turns", bytes_str("<html>503 Service Unavailable</html>"));
	pass(60);
	assert_int_equal(signs(s), 64);
	wait_for_gets(2);
	usleep(50000);
	assert_int_equal(signs(s), 64);
	pass(41);
	check_rv(CKR_KEY_HANDLE_INVALID, refusal(s));
}

static void a_key_that_comes_later_than_its_certificate_brings_the_right_one(void **state)
{
	(void)state;
	configure("\"lifetime\":100", WITH_CERTIFICATE);
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(certified(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	fixture_certificate("default/cert/turns", fixture.p384);
	assert_int_equal(signs(s), 96);
	assert_int_equal(certified(s), 96);
	assert_int_equal(fixture.gets, 3);
}

static void a_start_amid_a_rotation_is_made_good_soon(void **state)
{
	(void)state;
	configure("\"lifetime\":100", WITH_CERTIFICATE);
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(certified(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	assert_int_equal(signs(s), 96);
	assert_int_equal(certified(s), 64);
	fixture_certificate("default/cert/turns", fixture.p384);
	usleep(250000);
	for (int i = 0; i < 500 && certified(s) != 96; i++)
		usleep(10000);
	assert_int_equal(certified(s), 96);
}

static void what_was_begun_ends_with_the_old_key(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session(), other = fixture_session();
	CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[32] = { 1 }, signature[132];
	CK_ULONG len = sizeof(signature);
	check_rv(CKR_OK, C_SignInit(s, &raw, fixture_find(s, CKO_PRIVATE_KEY, "turns")));
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	wait_to_sign(other, 96);
	check_rv(CKR_OK, C_Sign(s, digest, sizeof(digest), signature, &len));
	assert_int_equal(len, 64);
}

static void a_kbs_that_is_away_retires_nothing_before_its_end(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture.cut = true;
	for (int i = 0; i < 4; i++) {
		pass(24);
		assert_int_equal(signs(s), 64);
		usleep(50000);
	}
	pass(10);
	check_rv(CKR_DEVICE_ERROR, refusal(s));
	fixture.cut = false;
	pass(20);
	assert_int_equal(signs(s), 64);
}

static void stale_is_served_where_that_is_configured_and_not_for_ever(void **state)
{
	(void)state;
	configure("\"lifetime\":100", ",\"on-expiry\":\"serve-stale\",\"stale\":50");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture.cut = true;
	pass(110);
	assert_int_equal(signs(s), 64); /* which asked first, and waited */
	int64_t before = monotonic_ms();
	assert_int_equal(signs(s), 64);
	assert_true(monotonic_ms() - before < 500);
	pass(45);
	check_rv(CKR_DEVICE_ERROR, refusal(s));
}

static void a_denial_is_no_network_failure(void **state)
{
	(void)state;
	configure("\"lifetime\":100", ",\"on-expiry\":\"serve-stale\",\"stale\":50");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_resource("default/key/turns", (struct bytes){ NULL, 0 });
	pass(60);
	(void)refusal(s); /* starts the renewal, and may be faster */
	CK_RV rv = CKR_OK;
	for (int i = 0; i < 300 && rv == CKR_OK; i++) {
		usleep(10000);
		rv = refusal(s);
	}
	check_rv(CKR_KEY_HANDLE_INVALID, rv);
}

static void a_proxy_cannot_take_a_key_away(void **state)
{
	(void)state;
	configure("\"lifetime\":100", ",\"on-expiry\":\"serve-stale\",\"stale\":50");
	CK_SESSION_HANDLE s = fixture_session();
	static const long statuses[] = { 404, 403, 401, 502 };
	assert_int_equal(signs(s), 64);
	pass(60);
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fixture.status = statuses[i];
		unsigned gets = fixture.gets;
		assert_int_equal(signs(s), 64);
		wait_for_gets(gets + 1);
		usleep(20000);
		assert_int_equal(signs(s), 64);
		pass(7);
	}
	/* But what refuses by name or not is not waited for beyond the end. */
	fixture.status = 404;
	pass(20);
	check_rv(CKR_KEY_HANDLE_INVALID, refusal(s));
}

static void a_login_looks_afresh_but_not_at_what_is_seconds_old(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(signs(s), 64);
	assert_int_equal(fixture.gets, 1);
	check_rv(CKR_OK, C_Logout(s));
	pass(20);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(signs(s), 96);
	assert_int_equal(fixture.gets, 2);
	/* Nor does a KBS that is away take anything away then. */
	check_rv(CKR_OK, C_Logout(s));
	pass(20);
	fixture.cut = true;
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(signs(s), 96);
}

static void prefetch_says_early_what_is_wrong(void **state)
{
	(void)state;
	configure("\"prefetch\":true", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(fixture.gets, 0);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(fixture.gets, 1);
	assert_int_equal(signs(s), 64);
	assert_int_equal(fixture.gets, 1);
	check_rv(CKR_OK, C_Finalize(NULL));
	configure("\"lifetime\":50,\"prefetch\":true", "");
	fixture_resource("default/key/turns", (struct bytes){ NULL, 0 });
	s = fixture_session();
	check_rv(CKR_FUNCTION_FAILED, C_Login(s, CKU_USER, NULL, 0));
	CK_SESSION_INFO info;
	check_rv(CKR_OK, C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	check_rv(CKR_OK, C_Finalize(NULL));
	configure("\"lifetime\":51,\"prefetch\":\"session\"", "");
	fixture_resource("default/key/turns", (struct bytes){ NULL, 0 });
	check_rv(CKR_OK, C_Initialize(NULL));
	check_rv(CKR_TOKEN_NOT_PRESENT, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s));
}

static void without_threads_the_caller_renews(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS };
	check_rv(CKR_OK, C_Initialize(&args));
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	assert_int_equal(signs(s), 96);
	assert_int_equal(fixture.gets, 2);
}

static void a_child_that_is_forked_in_a_renewal_goes_its_own_way(void **state)
{
	(void)state;
	configure("\"lifetime\":100", "");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	fixture.hold = true;
	assert_int_equal(signs(s), 64);
	wait_for_gets(2);
	pid_t child = fork();
	assert_true(child >= 0);
	fixture.hold = false;
	if (!child) {
		alarm(60);
		CK_SESSION_HANDLE mine = 0;
		CK_ULONG len = 0;
		bool good = C_Initialize(NULL) == CKR_OK &&
			    C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &mine) == CKR_OK &&
			    sign_now(mine, &len) == CKR_OK && len == 96;
		_exit(good ? 0 : 1);
	}
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	wait_to_sign(s, 96);
}

static atomic_bool stop;

static void *sign_on(void *unused)
{
	(void)unused;
	CK_SESSION_HANDLE s = 0;
	CK_ULONG len;
	if (C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
		return (void *)1;
	while (!stop) {
		if (sign_now(s, &len) != CKR_OK)
			return (void *)2;
		usleep(500);
	}
	return NULL;
}

static void nobody_notices_a_rotation(void **state)
{
	(void)state;
	configure("\"lifetime\":100", WITH_CERTIFICATE);
	CK_SESSION_HANDLE s = fixture_session();
	pthread_t threads[4];
	stop = false;
	assert_int_equal(certified(s), 64);
	assert_int_equal(signs(s), 64);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_on, NULL), 0);
	for (int turn = 0; turn < 4; turn++) {
		EVP_PKEY *key = turn % 2 ? fixture.p256 : fixture.p384;
		fixture_key("default/key/turns", key);
		usleep(20000);
		fixture_certificate("default/cert/turns", key);
		pass(60);
		wait_to_sign(s, turn % 2 ? 64 : 96);
		assert_int_equal(certified(s), turn % 2 ? 64 : 96);
	}
	stop = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *result = (void *)3;
		pthread_join(threads[i], &result);
		assert_null(result);
	}
}

/* The entry's pins of these keys, in hex or base64. */
static void pin(char *to, size_t room, EVP_PKEY *key, EVP_PKEY *other)
{
	uint8_t digest[SPKI_PIN_LEN];
	check_ok(key_spki_sha256(key, digest, &em));
	AUTO_STR
	char *one = hex_encode(BYTES(digest));
	AUTO_STR
	char *two = NULL;
	if (other) {
		check_ok(key_spki_sha256(other, digest, &em));
		two = base64_encode(BASE64_STD, BYTES(digest));
	}
	snprintf(to, room, ",\"spki-sha256\":[\"%s\"%s%s%s]", one, other ? ",\"" : "", other ? two : "",
		 other ? "\"" : "");
}

static void a_pinned_key_is_that_key(void **state)
{
	(void)state;
	char entry[256];
	CK_BYTE point[200];
	CK_ATTRIBUTE a = { CKA_EC_POINT, point, sizeof(point) };
	pin(entry, sizeof(entry), fixture.p384, NULL);
	configure("\"lifetime\":100", entry);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_DEVICE_ERROR, refusal(s));
	check_rv(CKR_DEVICE_ERROR, C_GetAttributeValue(s, fixture_find(s, CKO_PRIVATE_KEY, "turns"), &a, 1));
	check_rv(CKR_OK, C_Finalize(NULL));
	pin(entry, sizeof(entry), fixture.p256, NULL);
	configure("\"lifetime\":100", entry);
	s = fixture_session();
	assert_int_equal(signs(s), 64);
	/* Another one does not push it out, and is not used afterwards. */
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	assert_int_equal(signs(s), 64);
	wait_for_gets(3);
	usleep(100000);
	assert_int_equal(signs(s), 64);
	pass(41);
	check_rv(CKR_DEVICE_ERROR, refusal(s));
}

static void two_pins_allow_a_rotation(void **state)
{
	(void)state;
	char entry[256];
	pin(entry, sizeof(entry), fixture.p384, fixture.p256);
	configure("\"lifetime\":100", entry);
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(signs(s), 64);
	fixture_key("default/key/turns", fixture.p384);
	pass(60);
	wait_to_sign(s, 96);
}

static void a_certificate_of_another_key_is_refused_where_pinned(void **state)
{
	(void)state;
	char entry[400];
	CK_BYTE value[2048];
	CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof(value) };
	pin(entry, sizeof(entry), fixture.p256, NULL);
	strcat(entry, WITH_CERTIFICATE);
	configure("\"lifetime\":100", entry);
	fixture_certificate("default/cert/turns", fixture.p384);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_DEVICE_ERROR, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "turns"), &a, 1));
	assert_int_equal(signs(s), 64);
}

static void a_certificate_whose_key_cannot_be_compared_is_refused_where_pinned(void **state)
{
	(void)state;
	char entry[400];
	CK_BYTE value[2048];
	CK_ATTRIBUTE a = { CKA_VALUE, value, sizeof(value) };
	EVP_PKEY *unknown = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "secp256k1"); /* a curve that is not ours */
	assert_non_null(unknown);
	pin(entry, sizeof(entry), fixture.p256, NULL);
	strcat(entry, WITH_CERTIFICATE);
	configure("", WITH_CERTIFICATE);
	fixture_certificate("default/cert/turns", unknown);
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "turns"), &a, 1));
	check_rv(CKR_OK, C_Finalize(NULL));
	configure("", entry);
	fixture_certificate("default/cert/turns", unknown);
	s = fixture_session();
	a.ulValueLen = sizeof(value);
	check_rv(CKR_DEVICE_ERROR, C_GetAttributeValue(s, fixture_find(s, CKO_CERTIFICATE, "turns"), &a, 1));
	assert_int_equal(signs(s), 64);
	EVP_PKEY_free(unknown);
}

static void wrong_terms_are_named(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		",\"on-expiry\":\"serve-stale\"",
		",\"stale\":5",
		",\"on-expiry\":\"fail\",\"stale\":5",
		",\"on-expiry\":\"never\"",
		",\"lifetime\":0",
		",\"lifetime\":604801",
		",\"prefetch\":\"later\"",
		",\"prefetch\":1",
		",\"spki-sha256\":\"00\"",
		",\"spki-sha256\":[]",
		",\"spki-sha256\":[7]",
		",\"spki-sha256\":\"\"",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		configure("", wrong[i]);
		check_rv(CKR_GENERAL_ERROR, C_Initialize(NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_renewed_behind_the_back_of_its_users),
		TEST(the_same_key_again_is_only_a_longer_lease),
		TEST(an_object_has_a_lifetime_of_its_own),
		TEST(key_and_certificate_change_together),
		TEST(a_half_rotated_pair_is_kept_no_longer_than_its_lease),
		TEST(rubbish_does_not_push_out_a_key),
		TEST(a_key_that_comes_later_than_its_certificate_brings_the_right_one),
		TEST(a_start_amid_a_rotation_is_made_good_soon),
		TEST(what_was_begun_ends_with_the_old_key),
		TEST(a_kbs_that_is_away_retires_nothing_before_its_end),
		TEST(stale_is_served_where_that_is_configured_and_not_for_ever),
		TEST(a_denial_is_no_network_failure),
		TEST(a_proxy_cannot_take_a_key_away),
		TEST(a_login_looks_afresh_but_not_at_what_is_seconds_old),
		TEST(prefetch_says_early_what_is_wrong),
		TEST(without_threads_the_caller_renews),
		TEST(a_child_that_is_forked_in_a_renewal_goes_its_own_way),
		TEST(nobody_notices_a_rotation),
		TEST(a_pinned_key_is_that_key),
		TEST(two_pins_allow_a_rotation),
		TEST(a_certificate_of_another_key_is_refused_where_pinned),
		TEST(a_certificate_whose_key_cannot_be_compared_is_refused_where_pinned),
		TEST(wrong_terms_are_named),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
