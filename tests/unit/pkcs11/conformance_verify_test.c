/* Functions for verifying signatures and MACs: PKCS #11 2.40, 5.12; 3.0, 5.15. */
#include "tests/unit/pkcs11/conformance.h"

static CK_BYTE signature[256];
static CK_ULONG signature_len;

static void sign_with(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_ULONG data_len)
{
	signature_len = sizeof(signature);
	check_rv(CKR_OK, f->C_SignInit(s, mechanism, key));
	check_rv(CKR_OK, f->C_Sign(s, data, data_len, signature, &signature_len));
}

static CK_RV call_verify_init(CK_SESSION_HANDLE session)
{
	return f->C_VerifyInit(session, &rsa_pkcs, rsa_public);
}

/* The same for both kinds. */
static void check_init(CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE))
{
	CK_MECHANISM with_parameter = { CKM_RSA_PKCS, data, 4 };
	conformance_small_rsa();
	gives(CKR_MECHANISM_INVALID, init(s, &unknown, rsa_public));
	gives(CKR_MECHANISM_INVALID, init(s, &sha256, rsa_public));
	gives(CKR_MECHANISM_PARAM_INVALID, init(s, &with_parameter, rsa_public));
	gives(CKR_KEY_HANDLE_INVALID, init(s, &rsa_pkcs, NOTHING));
	gives(CKR_KEY_TYPE_INCONSISTENT, init(s, &rsa_pkcs, p256_public));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, init(s, &rsa_pkcs, rsa));
	gives(CKR_KEY_SIZE_RANGE, init(s, &rsa_pkcs, fixture_find(s, CKO_PUBLIC_KEY, "default/key/small")));
	gives(CKR_USER_NOT_LOGGED_IN, init(s, &rsa_pkcs, fixture_find(s, CKO_PUBLIC_KEY, "secret/key/rsa")));
	gives(CKR_DEVICE_ERROR, init(s, &rsa_pkcs, conformance_broken(CKO_PUBLIC_KEY)));
	gives(CKR_ARGUMENTS_BAD, init(s, NULL, rsa_public));
	gives(CKR_OK, init(s, &rsa_pkcs, rsa_public));
	gives(CKR_OPERATION_ACTIVE, init(s, &rsa_pkcs, rsa_public));
	gives(CKR_OK, init(s, NULL, 0));
}

static void verify_init(void)
{
	check_init(f->C_VerifyInit);
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_Verify(s, data, 1, out, 256));
}

static CK_RV call_verify(CK_SESSION_HANDLE session)
{
	return f->C_Verify(session, data, 1, out, 256);
}

static void begin(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	check_rv(CKR_OK, f->C_VerifyInit(s, mechanism, key));
}

static void verify(void)
{
	sign_with(&rsa_pkcs, rsa, 20);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Verify(s, data, 20, signature, signature_len));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_ARGUMENTS_BAD, f->C_Verify(s, NULL, 20, signature, signature_len));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_ARGUMENTS_BAD, f->C_Verify(s, data, 20, NULL, signature_len));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_DATA_LEN_RANGE, f->C_Verify(s, out, 246, signature, signature_len));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_SIGNATURE_LEN_RANGE, f->C_Verify(s, data, 20, signature, signature_len - 1));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_SIGNATURE_INVALID, f->C_Verify(s, data, 19, signature, signature_len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Verify(s, data, 20, signature, signature_len));
	begin(&rsa_sha256, rsa_public);
	check_rv(CKR_OK, f->C_VerifyUpdate(s, data, 1));
	gives(CKR_OPERATION_ACTIVE, f->C_Verify(s, data, 20, signature, signature_len));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_OK, f->C_Verify(s, data, 20, signature, signature_len));
}

static CK_RV call_verify_update(CK_SESSION_HANDLE session)
{
	return f->C_VerifyUpdate(session, data, 1);
}

static void verify_update(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyUpdate(s, data, 1));
	begin(&hmac, secret);
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyUpdate(s, NULL, 1));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyUpdate(s, data, 1));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_VerifyUpdate(s, data, 1));
	begin(&hmac, secret);
	gives(CKR_OK, f->C_VerifyUpdate(s, data, 1));
}

static CK_RV call_verify_final(CK_SESSION_HANDLE session)
{
	return f->C_VerifyFinal(session, signature, 32);
}

static void verify_final(void)
{
	sign_with(&hmac, secret, 20);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyFinal(s, signature, 32));
	begin(&hmac, secret);
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyFinal(s, NULL, 32));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_VerifyFinal(s, signature, 32));
	begin(&hmac, secret);
	gives(CKR_SIGNATURE_LEN_RANGE, f->C_VerifyFinal(s, signature, 31));
	begin(&hmac, secret);
	gives(CKR_SIGNATURE_INVALID, f->C_VerifyFinal(s, signature, 32));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyFinal(s, signature, 32));
	begin(&hmac, secret);
	check_rv(CKR_OK, f->C_VerifyUpdate(s, data, 20));
	gives(CKR_OK, f->C_VerifyFinal(s, signature, 32));
}

static CK_RV call_verify_recover_init(CK_SESSION_HANDLE session)
{
	return f->C_VerifyRecoverInit(session, &rsa_pkcs, rsa_public);
}

static void verify_recover_init(void)
{
	check_init(f->C_VerifyRecoverInit);
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyRecover(s, data, 1, out, out_full()));
}

static CK_RV call_verify_recover(CK_SESSION_HANDLE session)
{
	return f->C_VerifyRecover(session, signature, 256, out, out_full());
}

static void begin_recover(CK_MECHANISM *mechanism)
{
	check_rv(CKR_OK, f->C_VerifyRecoverInit(s, mechanism, rsa_public));
}

static void verify_recover(void)
{
	sign_with(&rsa_pkcs, rsa, 20);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyRecover(s, signature, 256, out, out_full()));
	begin_recover(&rsa_pkcs);
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyRecover(s, NULL, 256, out, out_full()));
	begin_recover(&rsa_pkcs);
	gives(CKR_ARGUMENTS_BAD, f->C_VerifyRecover(s, signature, 256, out, NULL));
	begin_recover(&rsa_pkcs);
	gives(CKR_SIGNATURE_LEN_RANGE, f->C_VerifyRecover(s, signature, 255, out, out_full()));
	begin_recover(&rsa_pkcs);
	signature[100] ^= 1;
	gives(CKR_SIGNATURE_INVALID, f->C_VerifyRecover(s, signature, 256, out, out_full()));
	signature[100] ^= 1;
	begin_recover(&rsa_pkcs);
	gives(CKR_OK, f->C_VerifyRecover(s, signature, 256, NULL, &len));
	assert_true(len >= 20 && len <= 256);
	len = 19;
	memset(out, 0x55, 32);
	gives(CKR_BUFFER_TOO_SMALL, f->C_VerifyRecover(s, signature, 256, out, &len));
	assert_int_equal(len, 20);
	assert_int_equal(out[0], 0x55);
	gives(CKR_OK, f->C_VerifyRecover(s, signature, 256, out, &len));
	assert_int_equal(len, 20);
	assert_memory_equal(out, data, 20);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_VerifyRecover(s, signature, 256, out, &len));
	/* Raw: with its padding. */
	begin_recover(&rsa_raw);
	gives(CKR_OK, f->C_VerifyRecover(s, signature, 256, out, out_full()));
	assert_int_equal(len, 256);
	assert_int_equal(out[1], 1);
	assert_memory_equal(out + 236, data, 20);
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "what comes by parts may be ended by C_Verify only, which says so"               \
	}
#define ANY_LENGTH                                                                                                     \
	{                                                                                                              \
		CKR_DATA_LEN_RANGE, "digests and MACs take any length"                                                 \
	}
#define SIGNATURES CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, CKR_TOKEN_RESOURCE_EXCEEDED

static const struct conformance_function functions[] = {
	{ "C_VerifyInit", call_verify_init, false, verify_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_Verify", call_verify, false, verify, LISTED(RUN, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, SIGNATURES),
	  NEVER({ CKR_DATA_INVALID, "what cannot have been signed was not: CKR_SIGNATURE_INVALID" }) },
	{ "C_VerifyUpdate", call_verify_update, false, verify_update,
	  LISTED(RUN, CKR_DATA_LEN_RANGE, CKR_TOKEN_RESOURCE_EXCEEDED), NEVER(PARTS, ANY_LENGTH) },
	{ "C_VerifyFinal", call_verify_final, false, verify_final, LISTED(RUN, CKR_DATA_LEN_RANGE, SIGNATURES),
	  NEVER(PARTS, ANY_LENGTH) },
	{ "C_VerifyRecoverInit", call_verify_recover_init, false, verify_recover_init, LISTED(INIT, CKR_ARGUMENTS_BAD),
	  NULL },
	{ "C_VerifyRecover", call_verify_recover, false, verify_recover,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, SIGNATURES),
	  NEVER({ CKR_OPERATION_ACTIVE, "there are no parts" }, { CKR_DATA_INVALID, "the data comes out" },
		{ CKR_DATA_LEN_RANGE, "the data comes out" }) },
};
const struct conformance_chapter conformance_verify = CHAPTER("verifying_signatures", functions);
