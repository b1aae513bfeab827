/* C_Initialize, C_Finalize, sessions, login; fork; configuration. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "pkcs11/process.h"

#include <sys/wait.h>
#include <unistd.h>

static CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };

static CK_RV sign_once(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_BYTE digest[32] = { 1 }, signature[132];
	CK_ULONG len = sizeof(signature);
	CK_RV rv = C_SignInit(s, &ecdsa, key);
	return rv == CKR_OK ? C_Sign(s, digest, sizeof(digest), signature, &len) : rv;
}

static CK_RV create_mutex(void **mutex)
{
	*mutex = NULL;
	return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
	(void)mutex;
	return CKR_OK;
}

static void initialize_takes_its_arguments_as_the_standard_says(void **state)
{
	(void)state;
	CK_C_INITIALIZE_ARGS args = { 0 };
	check_rv(CKR_OK, C_Initialize(&args));
	check_rv(CKR_CRYPTOKI_ALREADY_INITIALIZED, C_Initialize(NULL));
	check_rv(CKR_OK, C_Finalize(NULL));
	check_rv(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
	args.pReserved = &args;
	check_rv(CKR_ARGUMENTS_BAD, C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS){ .CreateMutex = create_mutex };
	check_rv(CKR_ARGUMENTS_BAD, C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS){ create_mutex, use_mutex, use_mutex, use_mutex, CKF_OS_LOCKING_OK, NULL };
	check_rv(CKR_OK, C_Initialize(&args));
	check_rv(CKR_OK, C_Finalize(NULL));
	/* Mutexes that are not taken must not be promised. */
	args.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS;
	check_rv(CKR_CANT_LOCK, C_Initialize(&args));
	check_rv(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
	args.flags |= CKF_OS_LOCKING_OK;
	check_rv(CKR_OK, C_Initialize(&args));
}

static void sessions_open_for_writing_on_a_token_that_cannot_be_written(void **state)
{
	(void)state;
	CK_SESSION_HANDLE ro = 0, rw = fixture_session();
	CK_SESSION_INFO info;
	check_rv(CKR_SESSION_PARALLEL_NOT_SUPPORTED, C_OpenSession(0, CKF_RW_SESSION, NULL, NULL, &ro));
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	check_rv(CKR_OK, C_GetSessionInfo(ro, &info));
	assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
	assert_int_equal(info.flags, CKF_SERIAL_SESSION);
	check_rv(CKR_OK, C_GetSessionInfo(rw, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE token = { CKA_TOKEN, &yes, 1 };
	CK_OBJECT_HANDLE made, key = fixture_find(rw, CKO_PRIVATE_KEY, "rsa");
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_CreateObject(rw, &token, 1, &made));
	check_rv(CKR_SESSION_READ_ONLY, C_CreateObject(ro, &token, 1, &made));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_DestroyObject(rw, key));
	check_rv(CKR_SESSION_READ_ONLY, C_DestroyObject(ro, key));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_SetAttributeValue(rw, key, &token, 1));
	check_rv(CKR_SESSION_READ_ONLY, C_SetAttributeValue(ro, key, &token, 1));
	check_rv(CKR_ACTION_PROHIBITED, C_CopyObject(rw, key, &token, 1, &made));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_DestroyObject(rw, 12345));
	check_rv(CKR_OK, C_CloseAllSessions(0));
	check_rv(CKR_SESSION_HANDLE_INVALID, C_CloseSession(rw));
}

static void any_pin_logs_in_and_a_second_logout_says_so(void **state)
{
	(void)state;
	CK_UTF8CHAR pin[] = "1234";
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_USER_NOT_LOGGED_IN, C_Logout(s));
	check_rv(CKR_OK, C_Login(s, CKU_USER, pin, 4));
	check_rv(CKR_USER_ALREADY_LOGGED_IN, C_Login(s, CKU_USER, pin, 4));
	check_rv(CKR_OK, C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
	check_rv(CKR_OK, C_Logout(s));
	check_rv(CKR_USER_NOT_LOGGED_IN, C_Logout(s));
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	/* With its last session the application logs out. */
	check_rv(CKR_OK, C_CloseSession(s));
	s = fixture_session();
	check_rv(CKR_USER_NOT_LOGGED_IN, C_Logout(s));
	check_rv(CKR_PIN_INCORRECT, C_Login(s, CKU_SO, pin, 4));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Login(s, CKU_CONTEXT_SPECIFIC, pin, 4));
	check_rv(CKR_USER_TYPE_INVALID, C_Login(s, 77, pin, 4));
	CK_SESSION_HANDLE ro;
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	check_rv(CKR_SESSION_READ_ONLY_EXISTS, C_Login(s, CKU_SO, pin, 4));
	assert_int_equal(fixture.attests, 0);
}

static void thousands_of_sessions_have_handles_of_their_own(void **state)
{
	(void)state;
	CK_SESSION_HANDLE first = fixture_session(), s = 0;
	for (int i = 0; i < 5000; i++)
		check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s));
	CK_TOKEN_INFO info;
	check_rv(CKR_OK, C_GetTokenInfo(0, &info));
	assert_int_equal(info.ulSessionCount, 5001);
	check_rv(CKR_OK, C_CloseSession(first));
	check_rv(CKR_SESSION_HANDLE_INVALID, C_CloseSession(first));
	check_rv(CKR_OK, C_CloseAllSessions(0));
	check_rv(CKR_SESSION_HANDLE_INVALID, C_CloseSession(s));
}

static void finalizing_and_starting_again_costs_no_new_attestation(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		CK_SESSION_HANDLE s = fixture_session();
		check_rv(CKR_OK, sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "p256")));
		check_rv(CKR_OK, C_Finalize(NULL));
	}
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 1);
}

static void a_changed_configuration_is_seen_at_the_next_start(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "p256") != 0);
	check_rv(CKR_OK, C_Finalize(NULL));
	fixture_configure("{\"kbs\":{\"kbc\":\"cc_kbc\",\"url\":\"%s\",\"attester\":\"sample\"},\"objects\":["
			  "{\"label\":\"new\",\"class\":\"private-key\",\"uri\":\"kbs:///default/key/p256\"}]}");
	s = fixture_session();
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "p256") == 0);
	assert_true(fixture_find(s, CKO_PRIVATE_KEY, "new") != 0);
}

static void a_bad_configuration_fails_initialize_and_a_good_one_heals_it(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{",
		"{\"unknown\":1}",
		"{\"token\":{\"label\":\"a label that is much longer than 32 bytes\"}}",
		"{\"token\":{\"lifetime\":0}}",
		"{\"objects\":[{\"label\":\"x\"}]}",
		"{\"objects\":[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b\"}]}",
		"{\"kbs\":{\"kbc\":\"none\"}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fixture_configure(bad[i]);
		check_rv(CKR_GENERAL_ERROR, C_Initialize(NULL));
		check_rv(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
	}
	fixture_fresh(NULL);
	check_rv(CKR_OK, C_Initialize(NULL));
}

static void without_a_kbs_there_is_an_empty_token(void **state)
{
	(void)state;
	fixture_configure("{\"token\":{\"label\":\"lonely\"}}");
	CK_SESSION_HANDLE s = fixture_session();
	assert_int_equal(fixture_count(s, NULL, 0), 0);
	check_rv(CKR_FUNCTION_FAILED, sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "default/key/p256")));
}

static void the_kbs_may_be_named_by_the_environment(void **state)
{
	(void)state;
	char params[300];
	fixture_configure("{\"token\":{\"label\":\"coco\"}}");
	snprintf(params, sizeof(params), "cc_kbc::%s", fixture_url());
	setenv("AA_KBC_PARAMS", params, 1);
	CK_SESSION_HANDLE s = fixture_session();
	CK_RV rv = sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "default/key/p256"));
	unsetenv("AA_KBC_PARAMS");
	/* The attester is "auto" there, which never takes the sample one: it is the evidence that fails. */
	check_rv(CKR_USER_NOT_LOGGED_IN, rv);
}

static int exit_code_of(pid_t child)
{
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int child_initializes_and_signs(CK_SESSION_HANDLE inherited, CK_OBJECT_HANDLE key, bool finalize_first)
{
	if (sign_once(inherited, key) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (finalize_first && C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 2;
	if (C_Initialize(NULL) != CKR_OK)
		return 3;
	CK_SESSION_HANDLE s = 0;
	if (sign_once(inherited, key) != CKR_SESSION_HANDLE_INVALID ||
	    C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
		return 4;
	if (sign_once(s, key) != CKR_OK)
		return 5;
	return C_Finalize(NULL) == CKR_OK ? 0 : 6;
}

static void a_forked_child_starts_afresh_and_leaves_the_parent_alone(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	check_rv(CKR_OK, sign_once(s, key));
	for (int i = 0; i < 4; i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(child_initializes_and_signs(s, key, i % 2));
		assert_int_equal(exit_code_of(child), 0);
		check_rv(CKR_OK, sign_once(s, key));
	}
	unsigned attests = fixture.attests, gets = fixture.gets;
	assert_int_equal(attests, 1);
	/* The parent's connection and session at the KBS still hold. */
	check_rv(CKR_OK, sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "p384")));
	assert_int_equal(fixture.attests, attests);
	assert_int_equal(fixture.gets, gets + 1);
	assert_int_equal(fixture.connections, 1);
}

static void *sign_until_told(void *stop)
{
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	while (!*(atomic_bool *)stop)
		check_rv(CKR_OK, sign_once(s, key));
	return NULL;
}

static void children_of_a_parent_that_signs_meanwhile_do_not_hang(void **state)
{
	(void)state;
	check_forks_amid_threads();
	atomic_bool stop = false;
	pthread_t signer;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	check_rv(CKR_OK, sign_once(s, key));
	assert_int_equal(pthread_create(&signer, NULL, sign_until_told, &stop), 0);
	for (int i = 0; i < 10; i++) {
		pid_t child = fork();
		if (child == 0) {
			alarm(20);
			_exit(child_initializes_and_signs(s, key, false));
		}
		assert_int_equal(exit_code_of(child), 0);
	}
	stop = true;
	pthread_join(signer, NULL);
}

static CK_RV seen_from_inside[4];

static void call_from_inside(void)
{
	CK_SLOT_ID slot;
	CK_ULONG n = 1;
	CK_FUNCTION_LIST *list;
	seen_from_inside[0] = C_Initialize(NULL);
	seen_from_inside[1] = C_GetSlotList(CK_TRUE, &slot, &n);
	seen_from_inside[2] = C_Finalize(NULL);
	seen_from_inside[3] = C_GetFunctionList(&list);
}

static void calls_from_inside_the_module_are_refused(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	fixture.during = call_from_inside;
	check_rv(CKR_OK, sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "p256")));
	check_rv(CKR_FUNCTION_FAILED, seen_from_inside[0]);
	check_rv(CKR_FUNCTION_FAILED, seen_from_inside[1]);
	check_rv(CKR_FUNCTION_FAILED, seen_from_inside[2]);
	check_rv(CKR_OK, seen_from_inside[3]);
}

static CK_RV slow_result;

static void *sign_slowly(void *session)
{
	CK_SESSION_HANDLE s = *(CK_SESSION_HANDLE *)session;
	slow_result = sign_once(s, fixture_find(s, CKO_PRIVATE_KEY, "p521"));
	return NULL;
}

static void finalize_does_not_wait_for_a_fetch_and_breaks_nothing(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	pthread_t thread;
	fixture.hold = true;
	assert_int_equal(pthread_create(&thread, NULL, sign_slowly, &s), 0);
	while (!fixture.gets)
		usleep(1000);
	alarm(60); /* ends this program if it does wait */
	check_rv(CKR_OK, C_Finalize(NULL));
	check_rv(CKR_OK, C_Initialize(NULL));
	alarm(0);
	fixture.hold = false;
	pthread_join(thread, NULL);
	/* Its session was closed under it: SignInit finished on what it held, the next call found out. */
	check_rv(CKR_SESSION_HANDLE_INVALID, slow_result);
}

/* Three tokens with one KBS, of which the second is wrong. */
static const char three_tokens[] =
	"{\"kbs\":{\"url\":\"%s\",\"attester\":\"sample\",\"timeout\":9},\"tokens\":["
	"{\"label\":\"one\",\"objects\":[{\"label\":\"key\",\"class\":\"private-key\",\"type\":\"ec\","
	"\"uri\":\"kbs:///default/key/p256\"}]},"
	"{\"label\":\"two\",\"objects\":[{\"label\":\"key\",\"class\":\"no class\"}]},"
	"{\"label\":\"three\",\"lifetime\":60,\"objects\":[{\"label\":\"other\",\"class\":\"private-key\","
	"\"type\":\"ec\",\"uri\":\"kbs:///default/key/p256\"}]}]}";

static void each_token_has_a_slot_and_a_wrong_one_leaves_its_own_empty(void **state)
{
	(void)state;
	CK_SLOT_ID slots[4];
	CK_ULONG count = 0;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_SESSION_HANDLE s;
	fixture_configure(three_tokens);
	check_rv(CKR_OK, C_Initialize(NULL));
	check_rv(CKR_OK, C_GetSlotList(CK_FALSE, NULL, &count));
	assert_int_equal(count, 3);
	count = 1;
	check_rv(CKR_BUFFER_TOO_SMALL, C_GetSlotList(CK_TRUE, slots, &count));
	assert_int_equal(count, 2);
	check_rv(CKR_OK, C_GetSlotList(CK_TRUE, slots, &count));
	assert_int_equal(count, 2);
	assert_int_equal(slots[0], 0);
	assert_int_equal(slots[1], 2);
	check_rv(CKR_OK, C_GetSlotInfo(1, &slot));
	assert_int_equal(slot.flags, CKF_REMOVABLE_DEVICE);
	check_rv(CKR_OK, C_GetSlotInfo(2, &slot));
	assert_int_equal(slot.flags, CKF_TOKEN_PRESENT);
	check_rv(CKR_OK, C_GetTokenInfo(2, &token));
	assert_memory_equal(token.label, "three   ", 8);
	check_rv(CKR_TOKEN_NOT_PRESENT, C_GetTokenInfo(1, &token));
	check_rv(CKR_TOKEN_NOT_PRESENT, C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &s));
	check_rv(CKR_TOKEN_NOT_PRESENT, C_CloseAllSessions(1));
	check_rv(CKR_SLOT_ID_INVALID, C_GetSlotInfo(3, &slot));
	check_rv(CKR_SLOT_ID_INVALID, C_OpenSession(3, CKF_SERIAL_SESSION, NULL, NULL, &s));
}

static void tokens_share_an_attestation_and_nothing_else(void **state)
{
	(void)state;
	CK_SESSION_HANDLE first, second;
	CK_SESSION_INFO info;
	fixture_configure(three_tokens);
	check_rv(CKR_OK, C_Initialize(NULL));
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &first));
	check_rv(CKR_OK, C_OpenSession(2, CKF_SERIAL_SESSION, NULL, NULL, &second));
	assert_int_equal(fixture_find(first, CKO_PRIVATE_KEY, "other"), 0);
	assert_int_equal(fixture_find(second, CKO_PRIVATE_KEY, "key"), 0);
	check_rv(CKR_OK, sign_once(first, fixture_find(first, CKO_PRIVATE_KEY, "key")));
	check_rv(CKR_OK, sign_once(second, fixture_find(second, CKO_PRIVATE_KEY, "other")));
	assert_int_equal(fixture.attests, 1);
	assert_int_equal(fixture.gets, 2);
	/* Who logs in to one is not in the other. */
	check_rv(CKR_OK, C_Login(first, CKU_USER, NULL, 0));
	check_rv(CKR_OK, C_GetSessionInfo(second, &info));
	assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
	check_rv(CKR_OK, C_CloseAllSessions(0));
	check_rv(CKR_OK, C_GetSessionInfo(second, &info));
	assert_int_equal(info.slotID, 2);
}

static void a_configuration_without_one_good_token_fails_initialize(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{\"tokens\":[]}",
		"{\"tokens\":[1]}",
		"{\"tokens\":[{\"objects\":[]}]}",
		"{\"tokens\":[{\"label\":\"a\",\"typo\":1}]}",
		"{\"tokens\":[{\"label\":\"a\",\"objects\":{}},{\"label\":\"b\",\"kbs\":{\"url\":1}}]}",
		"{\"tokens\":[{\"label\":\"a\"},{\"label\":\"b\"},{\"label\":\"a\"}]}",
		"{\"tokens\":[{\"label\":\"a\"}],\"objects\":[]}",
		"{\"tokens\":[{\"label\":\"a\"}],\"token\":{}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fixture_configure(bad[i]);
		if (C_Initialize(NULL) != CKR_GENERAL_ERROR)
			fail_msg("%s was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(initialize_takes_its_arguments_as_the_standard_says),
		TEST(sessions_open_for_writing_on_a_token_that_cannot_be_written),
		TEST(any_pin_logs_in_and_a_second_logout_says_so),
		TEST(thousands_of_sessions_have_handles_of_their_own),
		TEST(finalizing_and_starting_again_costs_no_new_attestation),
		TEST(a_changed_configuration_is_seen_at_the_next_start),
		TEST(a_bad_configuration_fails_initialize_and_a_good_one_heals_it),
		TEST(without_a_kbs_there_is_an_empty_token),
		TEST(the_kbs_may_be_named_by_the_environment),
		TEST(a_forked_child_starts_afresh_and_leaves_the_parent_alone),
		TEST(children_of_a_parent_that_signs_meanwhile_do_not_hang),
		TEST(calls_from_inside_the_module_are_refused),
		TEST(finalize_does_not_wait_for_a_fetch_and_breaks_nothing),
		TEST(each_token_has_a_slot_and_a_wrong_one_leaves_its_own_empty),
		TEST(tokens_share_an_attestation_and_nothing_else),
		TEST(a_configuration_without_one_good_token_fails_initialize),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
