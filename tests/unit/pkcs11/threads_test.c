/* Threads that do everything at once. For ThreadSanitizer above all. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <unistd.h>

#define THREADS 16
#define ROUNDS 20

static atomic_uint failures;

static bool tolerable(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID ||
	       rv == CKR_CRYPTOKI_ALREADY_INITIALIZED || rv == CKR_USER_ALREADY_LOGGED_IN ||
	       rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_SESSION_CLOSED || rv == CKR_OBJECT_HANDLE_INVALID ||
	       rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_OPERATION_ACTIVE || rv == CKR_KEY_HANDLE_INVALID;
}

static CK_RV note(CK_RV rv)
{
	if (!tolerable(rv)) {
		atomic_fetch_add(&failures, 1);
		print_error("0x%lx\n", rv);
	}
	return rv;
}

static void sign_some(CK_SESSION_HANDLE s, unsigned seed)
{
	static const char *const labels[] = { "rsa", "p256", "p384", "p521", "default/key/p256" };
	const char *label = labels[seed % 5];
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG n = 0, len = 512;
	CK_BYTE data[32] = { 1 }, out[512];
	CK_MECHANISM rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 }, ec = { CKM_ECDSA_SHA256, NULL, 0 };
	note(C_FindObjectsInit(s, template, 2));
	note(C_FindObjects(s, &key, 1, &n));
	note(C_FindObjectsFinal(s));
	if (!n)
		return;
	if (note(C_SignInit(s, strcmp(label, "rsa") ? &ec : &rsa, key)) == CKR_OK)
		note(C_Sign(s, data, sizeof(data), out, &len));
	CK_ATTRIBUTE id = { CKA_ID, out, sizeof(out) };
	note(C_GetAttributeValue(s, key, &id, 1));
}

static void encrypt_some(CK_SESSION_HANDLE s)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE value[32] = { 1 }, iv[12] = { 2 }, text[100] = { 3 }, out[128];
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_ENCRYPT, &yes, sizeof(yes) },
				    { CKA_VALUE, value, sizeof(value) } };
	CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = sizeof(iv), .ulIvBits = 96, .ulTagBits = 128 };
	CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG len = sizeof(out);
	if (note(C_CreateObject(s, template, 4, &key)) != CKR_OK)
		return;
	if (note(C_EncryptInit(s, &mechanism, key)) == CKR_OK)
		note(C_Encrypt(s, text, sizeof(text), out, &len));
	note(C_DestroyObject(s, key));
}

static void digest_some(CK_SESSION_HANDLE s)
{
	CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
	CK_BYTE text[100] = { 3 }, out[32];
	CK_ULONG len = sizeof(out);
	if (note(C_DigestInit(s, &mechanism)) == CKR_OK && note(C_DigestUpdate(s, text, sizeof(text))) == CKR_OK)
		note(C_DigestFinal(s, out, &len));
	note(C_GenerateRandom(s, out, sizeof(out)));
}

/* All objects, those of other threads' sessions among them, which come and go. */
static void search_some(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE found[64];
	CK_ULONG n = 0;
	CK_BYTE label[300];
	if (note(C_FindObjectsInit(s, NULL, 0)) != CKR_OK)
		return;
	note(C_FindObjects(s, found, 64, &n));
	note(C_FindObjectsFinal(s));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_ATTRIBUTE wanted = { CKA_LABEL, label, sizeof(label) };
		note(C_GetAttributeValue(s, found[i], &wanted, 1));
	}
}

static void *work(void *number)
{
	unsigned seed = (unsigned)(uintptr_t)number;
	for (unsigned i = 0; i < ROUNDS; i++) {
		CK_SESSION_HANDLE s = 0;
		if (note(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s)) != CKR_OK) {
			note(C_Initialize(NULL));
			continue;
		}
		sign_some(s, seed + i);
		encrypt_some(s);
		digest_some(s);
		if (i % 4 == seed % 4)
			search_some(s);
		if (i % 5 == 0)
			note(C_Login(s, CKU_USER, NULL, 0));
		if (i % 7 == 0)
			note(C_Logout(s));
		note(C_CloseSession(s));
		if (seed == 0 && i % 10 == 9) {
			note(C_Finalize(NULL));
			note(C_Initialize(NULL));
		}
	}
	return NULL;
}

static void sixteen_threads_do_all_at_once(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	check_rv(CKR_OK, C_Initialize(NULL));
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 4);
}

static void *sign_in_shared(void *session)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		sign_some(*(CK_SESSION_HANDLE *)session, i);
	return NULL;
}

/* The standard forbids it to applications; it must not break anything all the same. */
static void one_session_in_many_threads_breaks_nothing(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	CK_SESSION_HANDLE s = fixture_session();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_shared, &s), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* A thread that finds what another looked for gets a key of another type: no fault. */
	failures = 0;
}

/* What two threads that do not know of each other may come to see of one session's operations. */
static bool shared_tolerable(CK_RV rv)
{
	return tolerable(rv) || rv == CKR_AEAD_DECRYPT_FAILED || rv == CKR_ARGUMENTS_BAD ||
	       rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_SIGNATURE_INVALID || rv == CKR_STATE_UNSAVEABLE ||
	       rv == CKR_DATA_LEN_RANGE || rv == CKR_NO_EVENT;
}

static void check_shared(CK_RV rv)
{
	if (shared_tolerable(rv))
		return;
	atomic_fetch_add(&failures, 1);
	print_error("0x%lx\n", rv);
}

static void mix_messages(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, unsigned i)
{
	CK_BYTE iv[12] = { 0 }, tag[16] = { 0 }, text[64] = { 1 }, to[512];
	CK_ULONG n = sizeof(to);
	CK_GCM_MESSAGE_PARAMS p = { iv, 12, 32, CKG_GENERATE_COUNTER, tag, 128 };
	CK_MECHANISM gcm = { CKM_AES_GCM, NULL, 0 }, cmac = { CKM_AES_CMAC, NULL, 0 };
	check_shared(C_MessageEncryptInit(s, &gcm, key));
	check_shared(C_EncryptMessage(s, &p, sizeof(p), text, 4, text, 64, to, &n));
	check_shared(C_EncryptMessageBegin(s, &p, sizeof(p), text, 4));
	n = sizeof(to);
	check_shared(C_EncryptMessageNext(s, &p, sizeof(p), text, 64, to, &n, i % 2 ? CKF_END_OF_MESSAGE : 0));
	check_shared(C_MessageDecryptInit(s, &gcm, key));
	n = sizeof(to);
	check_shared(C_DecryptMessage(s, &p, sizeof(p), text, 4, text, 64, to, &n));
	check_shared(C_MessageSignInit(s, &cmac, key));
	n = sizeof(to);
	check_shared(C_SignMessage(s, NULL, 0, text, 64, to, &n));
	check_shared(C_MessageSignFinal(s));
	if (i % 3 == 0)
		check_shared(C_SessionCancel(s, i % 2 ? ~(CK_FLAGS)0 : CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_SIGN));
}

static void mix_operations(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, unsigned i)
{
	CK_BYTE text[64] = { 1 }, to[512];
	CK_ULONG n = sizeof(to);
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, sha = { CKM_SHA256, NULL, 0 };
	check_shared(C_EncryptInit(s, &ecb, key));
	check_shared(C_DigestInit(s, &sha));
	check_shared(C_DigestEncryptUpdate(s, text, 64, to, &n));
	n = sizeof(to);
	check_shared(C_GetOperationState(s, to, &n));
	n = sizeof(to);
	check_shared(C_EncryptFinal(s, to, &n));
	n = sizeof(to);
	check_shared(C_DigestFinal(s, to, &n));
	if (i % 4 == 0)
		check_shared(C_EncryptInit(s, NULL, 0));
}

struct shared {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

static void *mix_in_shared(void *of)
{
	const struct shared *shared = of;
	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		mix_messages(shared->session, shared->key, i);
		mix_operations(shared->session, shared->key, i);
	}
	return NULL;
}

static void *wait_for_the_end(void *unused)
{
	CK_SLOT_ID slot = 0;
	CK_RV rv = C_WaitForSlotEvent(0, &slot, NULL);
	return rv == CKR_CRYPTOKI_NOT_INITIALIZED ? NULL : unused;
}

/* Operations, messages, and what ends them, all in one session, which then goes away under all of it. */
static void mix_until(CK_RV (*end)(CK_SESSION_HANDLE session))
{
	pthread_t threads[THREADS];
	struct shared shared = { .session = fixture_session() };
	shared.key = fixture_find(shared.session, CKO_SECRET_KEY, "aes");
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mix_in_shared, &shared), 0);
	usleep(20000);
	check_rv(CKR_OK, end(shared.session));
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
}

static CK_RV finalize(CK_SESSION_HANDLE session)
{
	(void)session;
	return C_Finalize(NULL);
}

static CK_RV close_all(CK_SESSION_HANDLE session)
{
	(void)session;
	return C_CloseAllSessions(0);
}

static void one_session_takes_all_operations_of_many_threads(void **state)
{
	(void)state;
	pthread_t waiter;
	void *wrong = NULL;
	check_rv(CKR_OK, C_Initialize(NULL));
	assert_int_equal(pthread_create(&waiter, NULL, wait_for_the_end, &failures), 0);
	mix_until(finalize);
	pthread_join(waiter, &wrong);
	assert_null(wrong);
}

static void a_session_may_be_closed_under_its_threads(void **state)
{
	(void)state;
	mix_until(C_CloseSession);
	mix_until(close_all);
}

struct shared_object {
	CK_OBJECT_HANDLE handle;
	atomic_uint turn;
};

/* One half sets the label, the other the application. */
static void *set_in_turns(void *arg)
{
	struct shared_object *o = arg;
	CK_SESSION_HANDLE s = 0;
	char text[] = "0";
	CK_ATTRIBUTE change = { atomic_fetch_add(&o->turn, 1) % 2 ? CKA_LABEL : CKA_APPLICATION, text, 1 };
	check_shared(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	for (unsigned i = 0; i < 50 * ROUNDS; i++) {
		text[0] = (char)('0' + i % 10);
		CK_RV rv = C_SetAttributeValue(s, o->handle, &change, 1);
		if (rv != CKR_OK)
			atomic_fetch_add(&failures, 1);
	}
	return NULL;
}

static void changes_of_one_object_do_not_push_each_other_out(void **state)
{
	(void)state;
	pthread_t threads[4];
	CK_SESSION_HANDLE s = fixture_session();
	struct shared_object o = { .handle = 0 };
	CK_OBJECT_CLASS data = CKO_DATA;
	char label[2] = "", application[2] = "";
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &data, sizeof(data) }, { CKA_VALUE, label, 1 } };
	CK_ATTRIBUTE got[] = { { CKA_LABEL, label, 1 }, { CKA_APPLICATION, application, 1 } };
	failures = 0;
	check_rv(CKR_OK, C_CreateObject(s, template, ARRAY_LEN(template), &o.handle));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_in_turns, &o), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	check_rv(CKR_OK, C_GetAttributeValue(s, o.handle, got, ARRAY_LEN(got)));
	assert_string_equal(label, "9");
	assert_string_equal(application, "9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sixteen_threads_do_all_at_once),
		TEST(one_session_in_many_threads_breaks_nothing),
		TEST(one_session_takes_all_operations_of_many_threads),
		TEST(a_session_may_be_closed_under_its_threads),
		TEST(changes_of_one_object_do_not_push_each_other_out),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
