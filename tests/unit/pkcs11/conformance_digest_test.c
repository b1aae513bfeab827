/* Message digesting functions: PKCS #11 2.40, 5.10; 3.0, 5.12. */
#include "tests/unit/pkcs11/conformance.h"

static CK_RV call_digest_init(CK_SESSION_HANDLE session)
{
	return f->C_DigestInit(session, &sha256);
}

static void digest_init(void)
{
	CK_MECHANISM with_parameter = { CKM_SHA256, data, 4 };
	gives(CKR_MECHANISM_INVALID, f->C_DigestInit(s, &rsa_pkcs));
	gives(CKR_MECHANISM_INVALID, f->C_DigestInit(s, &unknown));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_DigestInit(s, &with_parameter));
	gives(CKR_ARGUMENTS_BAD, f->C_DigestInit(s, NULL));
	gives(CKR_OK, f->C_DigestInit(s, &sha256));
	gives(CKR_OPERATION_ACTIVE, f->C_DigestInit(s, &sha256));
	gives(CKR_OK, f->C_DigestInit(s, NULL));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestUpdate(s, data, 1));
}

static CK_RV call_digest(CK_SESSION_HANDLE session)
{
	return f->C_Digest(session, data, 1, out, out_full());
}

static void begin(void)
{
	check_rv(CKR_OK, f->C_DigestInit(s, &sha256));
}

static void digest(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Digest(s, data, 1, out, out_full()));
	begin();
	gives(CKR_ARGUMENTS_BAD, f->C_Digest(s, NULL, 1, out, out_full()));
	begin();
	gives(CKR_ARGUMENTS_BAD, f->C_Digest(s, data, 1, out, NULL));
	begin();
	check_rv(CKR_OK, f->C_DigestUpdate(s, data, 1));
	gives(CKR_OPERATION_ACTIVE, f->C_Digest(s, data, 1, out, out_full()));
	begin();
	gives(CKR_OK, f->C_Digest(s, data, 1, NULL, &len));
	assert_int_equal(len, 32);
	len = 31;
	gives(CKR_BUFFER_TOO_SMALL, f->C_Digest(s, data, 1, out, &len));
	gives(CKR_OK, f->C_Digest(s, data, 1, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Digest(s, data, 1, out, &len));
}

static CK_RV call_digest_update(CK_SESSION_HANDLE session)
{
	return f->C_DigestUpdate(session, data, 1);
}

static void digest_update(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestUpdate(s, data, 1));
	begin();
	gives(CKR_ARGUMENTS_BAD, f->C_DigestUpdate(s, NULL, 1));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestUpdate(s, data, 1));
	begin();
	gives(CKR_OK, f->C_DigestUpdate(s, NULL, 0));
	gives(CKR_OK, f->C_DigestUpdate(s, data, 1));
}

static CK_RV call_digest_key(CK_SESSION_HANDLE session)
{
	return f->C_DigestKey(session, secret);
}

static void digest_key(void)
{
	CK_BYTE wanted[32];
	CK_ULONG wanted_len = sizeof(wanted);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestKey(s, secret));
	begin();
	gives(CKR_KEY_HANDLE_INVALID, f->C_DigestKey(s, NOTHING));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestKey(s, secret));
	begin();
	gives(CKR_KEY_HANDLE_INVALID, f->C_DigestKey(s, certificate));
	begin();
	gives(CKR_KEY_INDIGESTIBLE, f->C_DigestKey(s, rsa_public));
	begin();
	gives(CKR_KEY_INDIGESTIBLE, f->C_DigestKey(s, aes)); /* it may not leave */
	/* Its value, in the middle of other data. */
	begin();
	CK_BYTE all[34] = { data[0] };
	memcpy(all + 1, data, 32);
	all[33] = data[1];
	check_rv(CKR_OK, f->C_Digest(s, all, 34, wanted, &wanted_len));
	begin();
	check_rv(CKR_OK, f->C_DigestUpdate(s, data, 1));
	gives(CKR_OK, f->C_DigestKey(s, secret));
	check_rv(CKR_OK, f->C_DigestUpdate(s, data + 1, 1));
	check_rv(CKR_OK, f->C_DigestFinal(s, out, out_full()));
	assert_memory_equal(out, wanted, 32);
}

static CK_RV call_digest_final(CK_SESSION_HANDLE session)
{
	return f->C_DigestFinal(session, out, out_full());
}

static void digest_final(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestFinal(s, out, out_full()));
	begin();
	gives(CKR_ARGUMENTS_BAD, f->C_DigestFinal(s, out, NULL));
	begin();
	gives(CKR_OK, f->C_DigestFinal(s, NULL, &len));
	len = 31;
	gives(CKR_BUFFER_TOO_SMALL, f->C_DigestFinal(s, out, &len));
	gives(CKR_OK, f->C_DigestFinal(s, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestFinal(s, out, &len));
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "what comes by parts may be ended by C_Digest only, which says so"               \
	}

static const struct conformance_function functions[] = {
	{ "C_DigestInit", call_digest_init, false, digest_init,
	  LISTED(CANCELABLE, CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
		 CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_CANCEL_FAILED),
	  NEVER({ CKR_USER_NOT_LOGGED_IN, "a digest needs no login" }) },
	{ "C_Digest", call_digest, false, digest, LISTED(RUN, CKR_BUFFER_TOO_SMALL), NULL },
	{ "C_DigestUpdate", call_digest_update, false, digest_update, LISTED(RUN), NEVER(PARTS) },
	{ "C_DigestKey", call_digest_key, false, digest_key,
	  LISTED(CANCELABLE, CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_KEY_SIZE_RANGE, CKR_OPERATION_ACTIVE,
		 CKR_OPERATION_NOT_INITIALIZED),
	  NEVER(PARTS, { CKR_KEY_SIZE_RANGE, "a key of any size is digested" }) },
	{ "C_DigestFinal", call_digest_final, false, digest_final, LISTED(RUN, CKR_BUFFER_TOO_SMALL), NEVER(PARTS) },
};
const struct conformance_chapter conformance_digest = CHAPTER("message_digesting", functions);
