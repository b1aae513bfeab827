/* Signing and MACing functions: PKCS #11 2.40, 5.11; 3.0, 5.13. */
#include "tests/unit/pkcs11/conformance.h"

static CK_OBJECT_HANDLE private(const char *label)
{
	return fixture_find(s, CKO_PRIVATE_KEY, label);
}

static CK_RV call_sign_init(CK_SESSION_HANDLE session)
{
	return f->C_SignInit(session, &rsa_pkcs, rsa);
}

static void sign_init(void)
{
	CK_MECHANISM with_parameter = { CKM_SHA256_RSA_PKCS, data, 4 };
	conformance_small_rsa();
	gives(CKR_MECHANISM_INVALID, f->C_SignInit(s, &unknown, rsa));
	gives(CKR_MECHANISM_INVALID, f->C_SignInit(s, &sha256, rsa));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_SignInit(s, &with_parameter, rsa));
	gives(CKR_KEY_HANDLE_INVALID, f->C_SignInit(s, &rsa_pkcs, NOTHING));
	gives(CKR_KEY_HANDLE_INVALID, f->C_SignInit(s, &rsa_pkcs, private("missing")));
	gives(CKR_KEY_TYPE_INCONSISTENT, f->C_SignInit(s, &rsa_pkcs, p256));
	gives(CKR_KEY_TYPE_INCONSISTENT, f->C_SignInit(s, &rsa_pkcs, aes));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_SignInit(s, &rsa_pkcs, rsa_public));
	gives(CKR_KEY_SIZE_RANGE, f->C_SignInit(s, &rsa_pkcs, private("default/key/small")));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_SignInit(s, &rsa_pkcs, private("denied")));
	gives(CKR_DEVICE_ERROR, f->C_SignInit(s, &rsa_pkcs, conformance_broken(CKO_PRIVATE_KEY)));
	gives(CKR_ARGUMENTS_BAD, f->C_SignInit(s, NULL, rsa));
	gives(CKR_OK, f->C_SignInit(s, &rsa_pkcs, rsa));
	gives(CKR_OPERATION_ACTIVE, f->C_SignInit(s, &rsa_pkcs, rsa));
	gives(CKR_OK, f->C_SignInit(s, NULL, 0));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 1, out, out_full()));
}

static CK_RV call_sign(CK_SESSION_HANDLE session)
{
	return f->C_Sign(session, data, 1, out, out_full());
}

static void begin(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	check_rv(CKR_OK, f->C_SignInit(s, mechanism, key));
}

static CK_RV init_rsa(void)
{
	return f->C_SignInit(s, &rsa_sha256, rsa);
}

static CK_RV use_sign(void)
{
	return call_sign(s);
}

static void sign(void)
{
	conformance_login(init_rsa, use_sign);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 1, out, out_full()));
	begin(&rsa_pkcs, rsa);
	gives(CKR_ARGUMENTS_BAD, f->C_Sign(s, NULL, 1, out, out_full()));
	begin(&rsa_pkcs, rsa);
	gives(CKR_ARGUMENTS_BAD, f->C_Sign(s, data, 1, out, NULL));
	begin(&rsa_pkcs, rsa);
	gives(CKR_DATA_LEN_RANGE, f->C_Sign(s, out, 246, out, out_full()));
	begin(&rsa_raw, rsa);
	memset(out, 0xff, 256);
	gives(CKR_DATA_INVALID, f->C_Sign(s, out, 256, out, out_full()));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 1, out, out_full()));
	begin(&rsa_sha256, rsa);
	check_rv(CKR_OK, f->C_SignUpdate(s, data, 1));
	gives(CKR_OPERATION_ACTIVE, f->C_Sign(s, data, 1, out, out_full()));
	begin(&rsa_pkcs, rsa);
	gives(CKR_OK, f->C_Sign(s, data, 1, NULL, &len));
	assert_int_equal(len, 256);
	len = 255;
	gives(CKR_BUFFER_TOO_SMALL, f->C_Sign(s, data, 1, out, &len));
	assert_int_equal(len, 256);
	gives(CKR_OK, f->C_Sign(s, data, 1, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 1, out, &len));
}

static CK_RV call_sign_update(CK_SESSION_HANDLE session)
{
	return f->C_SignUpdate(session, data, 1);
}

static CK_RV use_update(void)
{
	return call_sign_update(s);
}

static void sign_update(void)
{
	conformance_login(init_rsa, use_update);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignUpdate(s, data, 1));
	begin(&hmac, secret);
	gives(CKR_ARGUMENTS_BAD, f->C_SignUpdate(s, NULL, 1));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignUpdate(s, data, 1));
	begin(&rsa_pkcs, rsa);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_SignUpdate(s, data, 1));
	begin(&hmac, secret);
	gives(CKR_OK, f->C_SignUpdate(s, data, 1));
}

static CK_RV call_sign_final(CK_SESSION_HANDLE session)
{
	return f->C_SignFinal(session, out, out_full());
}

static CK_RV use_final(void)
{
	return call_sign_final(s);
}

static void sign_final(void)
{
	conformance_login(init_rsa, use_final);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignFinal(s, out, out_full()));
	begin(&rsa_sha256, rsa);
	gives(CKR_ARGUMENTS_BAD, f->C_SignFinal(s, out, NULL));
	begin(&rsa_pkcs, rsa);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_SignFinal(s, out, out_full()));
	begin(&rsa_sha256, rsa);
	gives(CKR_OK, f->C_SignFinal(s, NULL, &len));
	len = 255;
	gives(CKR_BUFFER_TOO_SMALL, f->C_SignFinal(s, out, &len));
	gives(CKR_OK, f->C_SignFinal(s, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignFinal(s, out, &len));
}

static CK_RV call_sign_recover_init(CK_SESSION_HANDLE session)
{
	return f->C_SignRecoverInit(session, &rsa_pkcs, rsa);
}

static void sign_recover_init(void)
{
	CK_MECHANISM with_parameter = { CKM_RSA_PKCS, data, 4 };
	conformance_small_rsa();
	gives(CKR_MECHANISM_INVALID, f->C_SignRecoverInit(s, &unknown, rsa));
	gives(CKR_MECHANISM_INVALID, f->C_SignRecoverInit(s, &rsa_sha256, rsa));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_SignRecoverInit(s, &with_parameter, rsa));
	gives(CKR_KEY_HANDLE_INVALID, f->C_SignRecoverInit(s, &rsa_pkcs, NOTHING));
	gives(CKR_KEY_TYPE_INCONSISTENT, f->C_SignRecoverInit(s, &rsa_pkcs, p256));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_SignRecoverInit(s, &rsa_pkcs, rsa_public));
	gives(CKR_KEY_SIZE_RANGE, f->C_SignRecoverInit(s, &rsa_pkcs, private("default/key/small")));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_SignRecoverInit(s, &rsa_pkcs, private("denied")));
	gives(CKR_DEVICE_ERROR, f->C_SignRecoverInit(s, &rsa_pkcs, conformance_broken(CKO_PRIVATE_KEY)));
	gives(CKR_ARGUMENTS_BAD, f->C_SignRecoverInit(s, NULL, rsa));
	gives(CKR_OK, f->C_SignRecoverInit(s, &rsa_pkcs, rsa));
	gives(CKR_OPERATION_ACTIVE, f->C_SignRecoverInit(s, &rsa_pkcs, rsa));
	gives(CKR_OK, f->C_SignRecoverInit(s, NULL, 0));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_SignRecover(s, data, 1, out, out_full()));
}

static CK_RV call_sign_recover(CK_SESSION_HANDLE session)
{
	return f->C_SignRecover(session, data, 1, out, out_full());
}

static void begin_recover(CK_MECHANISM *mechanism)
{
	check_rv(CKR_OK, f->C_SignRecoverInit(s, mechanism, rsa));
}

static CK_RV init_recover(void)
{
	return f->C_SignRecoverInit(s, &rsa_pkcs, rsa);
}

static CK_RV use_recover(void)
{
	return call_sign_recover(s);
}

static void sign_recover(void)
{
	conformance_login(init_recover, use_recover);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignRecover(s, data, 1, out, out_full()));
	begin_recover(&rsa_pkcs);
	gives(CKR_ARGUMENTS_BAD, f->C_SignRecover(s, NULL, 1, out, out_full()));
	begin_recover(&rsa_pkcs);
	gives(CKR_ARGUMENTS_BAD, f->C_SignRecover(s, data, 1, out, NULL));
	begin_recover(&rsa_pkcs);
	gives(CKR_DATA_LEN_RANGE, f->C_SignRecover(s, out, 246, out, out_full()));
	begin_recover(&rsa_raw);
	memset(out, 0xff, 256);
	gives(CKR_DATA_INVALID, f->C_SignRecover(s, out, 256, out, out_full()));
	begin_recover(&rsa_pkcs);
	gives(CKR_OK, f->C_SignRecover(s, data, 20, NULL, &len));
	assert_int_equal(len, 256);
	len = 255;
	gives(CKR_BUFFER_TOO_SMALL, f->C_SignRecover(s, data, 20, out, &len));
	gives(CKR_OK, f->C_SignRecover(s, data, 20, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_SignRecover(s, data, 20, out, &len));
	/* It is a signature like any other. */
	check_rv(CKR_OK, f->C_VerifyInit(s, &rsa_pkcs, rsa_public));
	check_rv(CKR_OK, f->C_Verify(s, data, 20, out, len));
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "what comes by parts may be ended by C_Sign only, which says so"                 \
	}
#define SIGN_RUN RUN, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED

static const struct conformance_function functions[] = {
	{ "C_SignInit", call_sign_init, false, sign_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_Sign", call_sign, false, sign,
	  LISTED(SIGN_RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE), NULL },
	{ "C_SignUpdate", call_sign_update, false, sign_update, LISTED(SIGN_RUN, CKR_DATA_LEN_RANGE),
	  NEVER(PARTS, { CKR_DATA_LEN_RANGE, "digests and MACs take any length" }) },
	{ "C_SignFinal", call_sign_final, false, sign_final, LISTED(SIGN_RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE),
	  NEVER(PARTS, { CKR_DATA_LEN_RANGE, "digests and MACs take any length" }) },
	{ "C_SignRecoverInit", call_sign_recover_init, false, sign_recover_init, LISTED(INIT, CKR_ARGUMENTS_BAD),
	  NULL },
	{ "C_SignRecover", call_sign_recover, false, sign_recover,
	  LISTED(SIGN_RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE),
	  NEVER({ CKR_OPERATION_ACTIVE, "there are no parts" }) },
};
const struct conformance_chapter conformance_sign = CHAPTER("signing", functions);
