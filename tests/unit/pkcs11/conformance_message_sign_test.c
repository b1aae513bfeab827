/* Message-based signing and verification: PKCS #11 3.0, 5.14 and 5.16. What comes out is message_test.c's. */
#include "tests/unit/pkcs11/conformance.h"

static CK_BYTE signature[32];
static CK_ULONG signature_len;

static void make_signature(void)
{
	signature_len = sizeof(signature);
	check_rv(CKR_OK, C_SignInit(s, &hmac, secret));
	check_rv(CKR_OK, C_Sign(s, data, 20, signature, &signature_len));
}

typedef CK_RV init_function(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);

static void check_init(init_function *init, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE good, CK_OBJECT_HANDLE bad)
{
	CK_MECHANISM with_parameter = { CKM_SHA256_RSA_PKCS, data, 4 };
	conformance_small_rsa();
	gives(CKR_MECHANISM_INVALID, init(s, &unknown, good));
	gives(CKR_MECHANISM_INVALID, init(s, &ecb, aes));
	gives(CKR_MECHANISM_PARAM_INVALID, init(s, &with_parameter, good));
	gives(CKR_KEY_HANDLE_INVALID, init(s, &rsa_pkcs, NOTHING));
	gives(CKR_KEY_TYPE_INCONSISTENT, init(s, &ecdsa, good));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, init(s, &rsa_pkcs, bad));
	gives(CKR_KEY_SIZE_RANGE, init(s, &rsa_pkcs, fixture_find(s, class, "default/key/small")));
	gives(CKR_USER_NOT_LOGGED_IN, init(s, &rsa_pkcs, fixture_find(s, class, "secret/key/rsa")));
	gives(CKR_DEVICE_ERROR, init(s, &rsa_pkcs, conformance_broken(class)));
	gives(CKR_ARGUMENTS_BAD, init(s, NULL, good));
	gives(CKR_OK, init(s, &rsa_pkcs, good));
	gives(CKR_OPERATION_ACTIVE, init(s, &rsa_pkcs, good));
	gives(CKR_OK, init(s, NULL, 0));
}

static CK_RV call_sign_init(CK_SESSION_HANDLE session)
{
	return f->C_MessageSignInit(session, &hmac, secret);
}

static void sign_init(void)
{
	check_init(f->C_MessageSignInit, CKO_PRIVATE_KEY, rsa, rsa_public);
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_MessageSignFinal(s));
}

static CK_RV call_verify_init(CK_SESSION_HANDLE session)
{
	return f->C_MessageVerifyInit(session, &hmac, secret);
}

static void verify_init(void)
{
	check_init(f->C_MessageVerifyInit, CKO_PUBLIC_KEY, rsa_public, rsa);
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_MessageVerifyFinal(s));
}

static void start_signing(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	C_SessionCancel(s, CKF_MESSAGE_SIGN);
	check_rv(CKR_OK, f->C_MessageSignInit(s, mechanism, key));
}

static void start_verifying(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	C_SessionCancel(s, CKF_MESSAGE_VERIFY);
	check_rv(CKR_OK, f->C_MessageVerifyInit(s, mechanism, key));
}

static CK_RV call_sign(CK_SESSION_HANDLE session)
{
	return f->C_SignMessage(session, NULL, 0, data, 20, out, out_full());
}

static CK_RV init_rsa(void)
{
	return f->C_MessageSignInit(s, &rsa_sha256, rsa);
}

static CK_RV use_sign(void)
{
	return call_sign(s);
}

static void sign(void)
{
	conformance_login(init_rsa, use_sign);
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign(s));
	start_signing(&rsa_raw, rsa);
	memset(out, 0xff, 256);
	gives(CKR_DATA_INVALID, f->C_SignMessage(s, NULL, 0, out, 256, out, out_full()));
	gives(CKR_DATA_LEN_RANGE, f->C_SignMessage(s, NULL, 0, out, 257, out, out_full()));
	start_signing(&hmac, secret);
	gives(CKR_ARGUMENTS_BAD, f->C_SignMessage(s, NULL, 0, NULL, 20, out, out_full()));
	gives(CKR_ARGUMENTS_BAD, f->C_SignMessage(s, NULL, 0, data, 20, out, NULL));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_SignMessage(s, data, 4, data, 20, out, out_full()));
	gives(CKR_OK, f->C_SignMessage(s, NULL, 0, data, 20, NULL, &len));
	assert_int_equal(len, 32);
	len = 31;
	gives(CKR_BUFFER_TOO_SMALL, f->C_SignMessage(s, NULL, 0, data, 20, out, &len));
	gives(CKR_OK, call_sign(s));
	gives(CKR_OK, call_sign(s));
	check_rv(CKR_OK, f->C_SignMessageBegin(s, NULL, 0));
	gives(CKR_OPERATION_ACTIVE, call_sign(s));
	make_signature();
	assert_memory_equal(out, signature, 32);
}

static CK_RV call_sign_begin(CK_SESSION_HANDLE session)
{
	return f->C_SignMessageBegin(session, NULL, 0);
}

static CK_RV use_begin(void)
{
	return call_sign_begin(s);
}

static void sign_begin(void)
{
	conformance_login(init_rsa, use_begin);
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_begin(s));
	start_signing(&rsa_pkcs, rsa);
	gives(CKR_FUNCTION_NOT_SUPPORTED, call_sign_begin(s));
	start_signing(&hmac, secret);
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_SignMessageBegin(s, data, 4));
	gives(CKR_OK, call_sign_begin(s));
	gives(CKR_OPERATION_ACTIVE, call_sign_begin(s));
}

static CK_RV call_sign_next(CK_SESSION_HANDLE session)
{
	return f->C_SignMessageNext(session, NULL, 0, data, 20, out, out_full());
}

static void sign_next(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_next(s));
	start_signing(&hmac, secret);
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_next(s));
	check_rv(CKR_OK, call_sign_begin(s));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_SignMessageNext(s, data, 4, data, 20, out, out_full()));
	gives(CKR_ARGUMENTS_BAD, f->C_SignMessageNext(s, NULL, 0, NULL, 20, NULL, NULL));
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_next(s)); /* an error ends the message */
	check_rv(CKR_OK, call_sign_begin(s));
	gives(CKR_OK, f->C_SignMessageNext(s, NULL, 0, data, 20, NULL, &len));
	len = 31;
	gives(CKR_BUFFER_TOO_SMALL, f->C_SignMessageNext(s, NULL, 0, data, 20, out, &len));
	gives(CKR_OK, call_sign_next(s));
	make_signature();
	assert_memory_equal(out, signature, 32);
}

static CK_RV call_sign_final(CK_SESSION_HANDLE session)
{
	return f->C_MessageSignFinal(session);
}

static void sign_final(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_final(s));
	start_signing(&hmac, secret);
	check_rv(CKR_OK, call_sign_begin(s));
	gives(CKR_OPERATION_ACTIVE, call_sign_final(s));
	check_rv(CKR_OK, call_sign_next(s));
	gives(CKR_OK, call_sign_final(s));
	gives(CKR_OPERATION_NOT_INITIALIZED, call_sign_final(s));
}

static CK_RV call_verify(CK_SESSION_HANDLE session)
{
	return f->C_VerifyMessage(session, NULL, 0, data, 20, signature, 32);
}

static void verify(void)
{
	make_signature();
	gives(CKR_OPERATION_NOT_INITIALIZED, call_verify(s));
	start_verifying(&rsa_pkcs, rsa_public);
	gives(CKR_DATA_LEN_RANGE, f->C_VerifyMessage(s, NULL, 0, out, 246, out, 256));
	start_verifying(&hmac, secret);
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyMessage(s, NULL, 0, NULL, 20, signature, 32));
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyMessage(s, NULL, 0, data, 20, NULL, 32));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_VerifyMessage(s, data, 4, data, 20, signature, 32));
	gives(CKR_SIGNATURE_LEN_RANGE, f->C_VerifyMessage(s, NULL, 0, data, 20, signature, 31));
	gives(CKR_SIGNATURE_INVALID, f->C_VerifyMessage(s, NULL, 0, data, 19, signature, 32));
	gives(CKR_OK, call_verify(s));
	check_rv(CKR_OK, f->C_VerifyMessageBegin(s, NULL, 0));
	gives(CKR_OPERATION_ACTIVE, call_verify(s));
}

static CK_RV call_verify_begin(CK_SESSION_HANDLE session)
{
	return f->C_VerifyMessageBegin(session, NULL, 0);
}

static void verify_begin(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, call_verify_begin(s));
	start_verifying(&rsa_pkcs, rsa_public);
	gives(CKR_FUNCTION_NOT_SUPPORTED, call_verify_begin(s));
	start_verifying(&hmac, secret);
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_VerifyMessageBegin(s, data, 4));
	gives(CKR_OK, call_verify_begin(s));
	gives(CKR_OPERATION_ACTIVE, call_verify_begin(s));
}

static CK_RV call_verify_next(CK_SESSION_HANDLE session)
{
	return f->C_VerifyMessageNext(session, NULL, 0, data, 20, signature, 32);
}

static void verify_next(void)
{
	make_signature();
	gives(CKR_OPERATION_NOT_INITIALIZED, call_verify_next(s));
	start_verifying(&hmac, secret);
	check_rv(CKR_OK, call_verify_begin(s));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_VerifyMessageNext(s, data, 4, data, 20, signature, 32));
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyMessageNext(s, NULL, 0, NULL, 20, NULL, 0));
	gives(CKR_OPERATION_NOT_INITIALIZED, call_verify_next(s));
	check_rv(CKR_OK, call_verify_begin(s));
	gives(CKR_SIGNATURE_LEN_RANGE, f->C_VerifyMessageNext(s, NULL, 0, data, 20, signature, 31));
	check_rv(CKR_OK, call_verify_begin(s));
	gives(CKR_SIGNATURE_INVALID, f->C_VerifyMessageNext(s, NULL, 0, data, 19, signature, 32));
	check_rv(CKR_OK, call_verify_begin(s));
	gives(CKR_OK, f->C_VerifyMessageNext(s, NULL, 0, data, 8, NULL, 0));
	gives(CKR_OK, f->C_VerifyMessageNext(s, NULL, 0, data + 8, 12, signature, 32));
}

static CK_RV call_verify_final(CK_SESSION_HANDLE session)
{
	return f->C_MessageVerifyFinal(session);
}

static void verify_final(void)
{
	make_signature();
	gives(CKR_OPERATION_NOT_INITIALIZED, call_verify_final(s));
	start_verifying(&hmac, secret);
	check_rv(CKR_OK, call_verify_begin(s));
	gives(CKR_OPERATION_ACTIVE, call_verify_final(s));
	check_rv(CKR_OK, call_verify_next(s));
	gives(CKR_OK, call_verify_final(s));
}

#define LOGIN                                                                                                          \
	{                                                                                                              \
		CKR_USER_NOT_LOGGED_IN, "that is asked for at the start of a message, or of no public key"             \
	}
#define TURN                                                                                                           \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "in the middle of a message is where it belongs"                                 \
	}
#define ANY_LENGTH                                                                                                     \
	{                                                                                                              \
		CKR_DATA_LEN_RANGE, "digests and MACs take any length"                                                 \
	}
#define NO_DATA                                                                                                        \
	{                                                                                                              \
		CKR_ARGUMENTS_BAD, "no data comes with it"                                                             \
	}
#define SIGNED                                                                                                         \
	RUN, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED
#define VERIFIED RUN, CKR_MECHANISM_PARAM_INVALID, CKR_TOKEN_RESOURCE_EXCEEDED
#define SIGNATURES CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE
#define CLOSED                                                                                                         \
	CANCELABLE, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_REJECTED,                        \
		CKR_TOKEN_RESOURCE_EXCEEDED

static const struct conformance_function functions[] = {
	{ "C_MessageSignInit", call_sign_init, false, sign_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_SignMessage", call_sign, false, sign,
	  LISTED(SIGNED, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE), NULL },
	{ "C_SignMessageBegin", call_sign_begin, false, sign_begin, LISTED(SIGNED, CKR_PIN_EXPIRED), NEVER(NO_DATA) },
	{ "C_SignMessageNext", call_sign_next, false, sign_next,
	  LISTED(SIGNED, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE), NEVER(LOGIN, TURN, ANY_LENGTH) },
	{ "C_MessageSignFinal", call_sign_final, false, sign_final,
	  LISTED(CLOSED, CKR_ARGUMENTS_BAD, CKR_USER_NOT_LOGGED_IN), NEVER(LOGIN, NO_DATA) },
	{ "C_MessageVerifyInit", call_verify_init, false, verify_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_VerifyMessage", call_verify, false, verify,
	  LISTED(VERIFIED, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, SIGNATURES),
	  NEVER({ CKR_DATA_INVALID, "what cannot have been signed was not: CKR_SIGNATURE_INVALID" }) },
	{ "C_VerifyMessageBegin", call_verify_begin, false, verify_begin,
	  LISTED(VERIFIED, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN), NEVER(LOGIN, NO_DATA) },
	{ "C_VerifyMessageNext", call_verify_next, false, verify_next,
	  LISTED(VERIFIED, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, SIGNATURES),
	  NEVER(TURN, ANY_LENGTH, { CKR_DATA_INVALID, "a digest takes any data" }) },
	{ "C_MessageVerifyFinal", call_verify_final, false, verify_final, LISTED(CLOSED, CKR_ARGUMENTS_BAD),
	  NEVER(NO_DATA) },
};
const struct conformance_chapter conformance_message_sign = { "message_signing", functions, ARRAY_LEN(functions),
							      true };
