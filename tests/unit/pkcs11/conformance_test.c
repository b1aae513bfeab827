#include "tests/unit/pkcs11/conformance.h"

#include "pkcs11/function_list.h"
#include "pkcs11/process.h"

const CK_FUNCTION_LIST_3_0 *f;
CK_SESSION_HANDLE s;
CK_OBJECT_HANDLE rsa, rsa_public, p256, p256_public, aes, secret, certificate;
CK_BYTE data[64] = { 1, 2, 3 }, out[1024];
CK_ULONG len;

static CK_BYTE iv[16];
static CK_GCM_PARAMS gcm_params = { iv, 12, 96, NULL, 0, 128 };
CK_MECHANISM rsa_pkcs = { CKM_RSA_PKCS, NULL, 0 }, rsa_raw = { CKM_RSA_X_509, NULL, 0 },
	     rsa_sha256 = { CKM_SHA256_RSA_PKCS, NULL, 0 }, ecdsa = { CKM_ECDSA, NULL, 0 },
	     sha256 = { CKM_SHA256, NULL, 0 }, ecb = { CKM_AES_ECB, NULL, 0 }, cbc = { CKM_AES_CBC, iv, 16 },
	     gcm = { CKM_AES_GCM, &gcm_params, sizeof(gcm_params) }, hmac = { CKM_SHA256_HMAC, NULL, 0 },
	     unknown = { CKM_MD5_RSA_PKCS, NULL, 0 }, bad_parameter = { CKM_AES_CBC, iv, 15 };

/* What no function gives here, or none of the functions when it is only to be shown. */
static const struct conformance_never nowhere[] = {
	{ CKR_FUNCTION_FAILED, "only where OpenSSL fails, or a call comes from inside the module (process_test)" },
	{ CKR_GENERAL_ERROR, "C_Initialize says so of its configuration; elsewhere a bug" },
	{ CKR_HOST_MEMORY, "only when malloc fails: see the tests of faults" },
	{ CKR_DEVICE_ERROR, "only where a key or certificate has to be fetched" },
	{ CKR_DEVICE_MEMORY, "only where a KBS gives more than the client allows (the tests of kbc)" },
	{ CKR_DEVICE_REMOVED, "there is no device to remove" },
	{ CKR_SESSION_CLOSED, "only when another thread closes it meanwhile (threads_test)" },
	{ CKR_FUNCTION_CANCELED, "there are no callbacks that could cancel" },
	{ CKR_OPERATION_CANCEL_FAILED, "every operation can be cancelled" },
	{ CKR_TOKEN_NOT_PRESENT, "the token is always in its slot" },
	{ CKR_TOKEN_NOT_RECOGNIZED, "the token is always in its slot" },
	{ CKR_TOKEN_RESOURCE_EXCEEDED, "the token is memory" },
	{ CKR_FUNCTION_REJECTED, "nobody is asked before a signature" },
	{ CKR_PIN_EXPIRED, "no PIN expires" },
};

/* --- one function ------------------------------------------------------------------------------------------------- */

static CK_RV seen[64];
static size_t seen_count;
static const char *now;

CK_ULONG *out_full(void)
{
	len = sizeof(out);
	return &len;
}

void conformance_gives(CK_RV wanted, CK_RV got, const char *call, const char *file, int line)
{
	if (wanted != got) {
		print_error("%s (%d.%d): ", now, f->version.major, f->version.minor);
		check_rv_(wanted, got, call, file, line);
	}
	assert_true(seen_count < ARRAY_LEN(seen));
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i] == got)
			return;
	seen[seen_count++] = got;
}

static bool is_in(const struct conformance_never *list, CK_RV rv)
{
	for (; list && list->rv != CKR_OK; list++)
		if (list->rv == rv)
			return list->why && *list->why;
	return false;
}

static bool was_seen(CK_RV rv)
{
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i] == rv)
			return true;
	return false;
}

static bool is_nowhere(CK_RV rv)
{
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
		if (nowhere[i].rv == rv)
			return true;
	return false;
}

static bool is_listed(const struct conformance_function *function, CK_RV rv)
{
	/* 5.1.6: may be returned by any function that the library does not support, with this mechanism. */
	if (rv == CKR_FUNCTION_NOT_SUPPORTED)
		return true;
	for (const CK_RV *listed = function->listed; *listed != CKR_OK; listed++)
		if (*listed == rv)
			return true;
	return rv == CKR_OK;
}

/* Each listed code was shown, or there is a reason; nothing else came; and what has a reason did not come. */
static void check_codes(const struct conformance_function *function)
{
	for (const CK_RV *listed = function->listed; *listed != CKR_OK; listed++)
		if (!was_seen(*listed) && !is_in(function->never, *listed) && !is_nowhere(*listed))
			fail_msg("%s: 0x%lx is listed, was not shown, and no reason is given", function->name, *listed);
	for (size_t i = 0; i < seen_count; i++) {
		if (!is_listed(function, seen[i]))
			fail_msg("%s: 0x%lx is not listed", function->name, seen[i]);
		if (is_in(function->never, seen[i]))
			fail_msg("%s: 0x%lx never comes, it says, and it came", function->name, seen[i]);
	}
	if (!was_seen(CKR_OK) && !is_in(function->never, CKR_FUNCTION_NOT_SUPPORTED))
		fail_msg("%s: never succeeds", function->name);
}

CK_OBJECT_HANDLE conformance_secret(CK_KEY_TYPE type, CK_ULONG length)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_EXTRACTABLE, &yes, 1 },
				    { CKA_VALUE, data, length } };
	CK_OBJECT_HANDLE handle = 0;
	check_rv(CKR_OK, C_CreateObject(s, template, ARRAY_LEN(template), &handle));
	return handle;
}

static void ask_for_login(bool always)
{
	AUTO(token) *token = NULL;
	check_rv(CKR_OK, process_token(0, &token));
	AUTO(object) *key = token_object(token, rsa);
	key->always_authenticate = always;
}

void conformance_login(CK_RV (*init)(void), CK_RV (*use)(void))
{
	ask_for_login(true);
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0)); /* which is not enough */
	check_rv(CKR_OK, init());
	gives(CKR_USER_NOT_LOGGED_IN, use());
	C_SessionCancel(s, ~(CK_FLAGS)0);
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	check_rv(CKR_OK, init());
	check_rv(CKR_OK, C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	assert_int_not_equal(use(), CKR_USER_NOT_LOGGED_IN);
	C_SessionCancel(s, ~(CK_FLAGS)0);
	/* Once for one operation. */
	check_rv(CKR_OK, init());
	gives(CKR_USER_NOT_LOGGED_IN, use());
	C_SessionCancel(s, ~(CK_FLAGS)0);
	check_rv(CKR_OK, C_Logout(s));
	ask_for_login(false);
}

CK_OBJECT_HANDLE conformance_broken(CK_OBJECT_CLASS class)
{
	fixture_resource("default/key/broken", bytes_str("-----BEGIN PRIVATE KEY-----\nnone\n"));
	return fixture_find(s, class, "default/key/broken");
}

void conformance_small_rsa(void)
{
	static bool there;
	EVP_PKEY *key = there ? NULL : EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)1024);
	if (key)
		fixture_key("default/key/small", key);
	there = true;
	EVP_PKEY_free(key);
}

static void set_up(void)
{
	s = fixture_session();
	rsa = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	rsa_public = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	p256 = fixture_find(s, CKO_PRIVATE_KEY, "p256");
	p256_public = fixture_find(s, CKO_PUBLIC_KEY, "p256");
	aes = fixture_find(s, CKO_SECRET_KEY, "aes");
	certificate = fixture_find(s, CKO_CERTIFICATE, "tls");
	secret = conformance_secret(CKK_GENERIC_SECRET, 32);
	out_full();
}

static void check_function(const struct conformance_function *function)
{
	now = function->name;
	seen_count = 0;
	if (function->call) {
		gives(CKR_CRYPTOKI_NOT_INITIALIZED, function->call(0));
		set_up();
		if (!function->sessionless) {
			gives(CKR_SESSION_HANDLE_INVALID, function->call(NOTHING));
			gives(CKR_SESSION_HANDLE_INVALID, function->call(0));
		}
	}
	function->test();
	check_codes(function);
	C_Finalize(NULL);
}

/* --- the chapters, through both lists ----------------------------------------------------------------------------- */

static const struct conformance_chapter *const chapters[] = {
	&conformance_general, &conformance_slot,         &conformance_session,     &conformance_object,
	&conformance_encrypt, &conformance_decrypt,      &conformance_digest,      &conformance_sign,
	&conformance_verify,  &conformance_dual,         &conformance_key,         &conformance_random,
	&conformance_message, &conformance_message_sign, &conformance_general_3_0, &conformance_session_3_0,
};

static void check_chapter(void **state)
{
	const struct conformance_chapter *chapter = *state;
	f = &function_list_3_0;
	for (size_t i = 0; i < chapter->count; i++)
		check_function(&chapter->functions[i]);
	if (chapter->since_3_0)
		return;
	f = (const CK_FUNCTION_LIST_3_0 *)(const void *)&function_list;
	for (size_t i = 0; i < chapter->count; i++)
		check_function(&chapter->functions[i]);
}

static void all_functions_have_their_place(void **state)
{
	(void)state;
	size_t old = 0, new = 0;
	for (size_t i = 0; i < ARRAY_LEN(chapters); i++)
		*(chapters[i]->since_3_0 ? &new : &old) += chapters[i]->count;
	assert_int_equal(old, 68);
	assert_int_equal(new, 24);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(chapters) + 1] = { TEST(all_functions_have_their_place) };
	for (size_t i = 0; i < ARRAY_LEN(chapters); i++)
		tests[i + 1] = (struct CMUnitTest){ chapters[i]->name, check_chapter, fixture_fresh, fixture_down,
						    (void *)(uintptr_t)chapters[i] };
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
