/* Threads that do everything at once. For ThreadSanitizer above all. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <unistd.h>

#define THREADS 8
#define ROUNDS 40

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

static void eight_threads_do_all_at_once(void **state)
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(eight_threads_do_all_at_once),
		TEST(one_session_in_many_threads_breaks_nothing),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
