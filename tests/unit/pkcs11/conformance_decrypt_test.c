/* Decryption functions: PKCS #11 2.40, 5.9; 3.0, 5.10. */
#include "tests/unit/pkcs11/conformance.h"

static CK_RV call_decrypt_init(CK_SESSION_HANDLE session)
{
	return f->C_DecryptInit(session, &ecb, aes);
}

static void decrypt_init(void)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE not_to_decrypt = { CKA_DECRYPT, &no, 1 };
	CK_OBJECT_HANDLE useless = 0;
	check_rv(CKR_OK, C_CopyObject(s, conformance_secret(CKK_AES, 16), &not_to_decrypt, 1, &useless));
	gives(CKR_MECHANISM_INVALID, f->C_DecryptInit(s, &unknown, aes));
	gives(CKR_MECHANISM_INVALID, f->C_DecryptInit(s, &rsa_sha256, rsa));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_DecryptInit(s, &bad_parameter, aes));
	gives(CKR_KEY_HANDLE_INVALID, f->C_DecryptInit(s, &ecb, NOTHING));
	gives(CKR_KEY_HANDLE_INVALID, f->C_DecryptInit(s, &rsa_pkcs, fixture_find(s, CKO_PRIVATE_KEY, "missing")));
	gives(CKR_KEY_TYPE_INCONSISTENT, f->C_DecryptInit(s, &rsa_pkcs, p256));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_DecryptInit(s, &ecb, useless));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_DecryptInit(s, &rsa_pkcs, rsa_public));
	gives(CKR_KEY_SIZE_RANGE, f->C_DecryptInit(s, &ecb, fixture_find(s, CKO_SECRET_KEY, "default/text/note")));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_DecryptInit(s, &rsa_pkcs, fixture_find(s, CKO_PRIVATE_KEY, "denied")));
	gives(CKR_DEVICE_ERROR, f->C_DecryptInit(s, &ecb, conformance_broken(CKO_SECRET_KEY)));
	gives(CKR_ARGUMENTS_BAD, f->C_DecryptInit(s, NULL, aes));
	gives(CKR_OK, f->C_DecryptInit(s, &ecb, aes));
	gives(CKR_OPERATION_ACTIVE, f->C_DecryptInit(s, &ecb, aes));
	gives(CKR_OK, f->C_DecryptInit(s, NULL, 0));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_Decrypt(s, data, 16, out, out_full()));
}

static CK_RV call_decrypt(CK_SESSION_HANDLE session)
{
	return f->C_Decrypt(session, data, 16, out, out_full());
}

static void begin(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	check_rv(CKR_OK, f->C_DecryptInit(s, mechanism, key));
}

static CK_RV init_rsa(void)
{
	return f->C_DecryptInit(s, &rsa_pkcs, rsa);
}

static CK_RV use_decrypt(void)
{
	return call_decrypt(s);
}

static void decrypt(void)
{
	conformance_login(init_rsa, use_decrypt);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Decrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_Decrypt(s, data, 16, out, NULL));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_Decrypt(s, NULL, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ENCRYPTED_DATA_LEN_RANGE, f->C_Decrypt(s, data, 15, out, out_full()));
	begin(&rsa_pkcs, rsa);
	gives(CKR_ENCRYPTED_DATA_LEN_RANGE, f->C_Decrypt(s, data, 15, out, out_full()));
	begin(&gcm, aes);
	gives(CKR_ENCRYPTED_DATA_INVALID, f->C_Decrypt(s, data, 32, out, out_full()));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Decrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	check_rv(CKR_OK, f->C_DecryptUpdate(s, data, 16, out, out_full()));
	gives(CKR_OPERATION_ACTIVE, f->C_Decrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_OK, f->C_Decrypt(s, data, 16, NULL, &len));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, f->C_Decrypt(s, data, 16, out, &len));
	gives(CKR_OK, f->C_Decrypt(s, data, 16, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Decrypt(s, data, 16, out, &len));
}

static CK_RV call_decrypt_update(CK_SESSION_HANDLE session)
{
	return f->C_DecryptUpdate(session, data, 16, out, out_full());
}

static CK_RV use_update(void)
{
	return call_decrypt_update(s);
}

static void decrypt_update(void)
{
	conformance_login(init_rsa, use_update);
	CK_AES_CTR_PARAMS last_block = { 4, { 0 } };
	memset(last_block.cb, 0xff, 16);
	CK_MECHANISM ctr = { CKM_AES_CTR, &last_block, sizeof(last_block) };
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DecryptUpdate(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_DecryptUpdate(s, NULL, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_DecryptUpdate(s, data, 16, out, NULL));
	begin(&rsa_pkcs, rsa);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_DecryptUpdate(s, data, 16, out, out_full()));
	begin(&ctr, aes);
	gives(CKR_ENCRYPTED_DATA_LEN_RANGE, f->C_DecryptUpdate(s, data, 17, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_OK, f->C_DecryptUpdate(s, data, 16, NULL, &len));
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, f->C_DecryptUpdate(s, data, 16, out, &len));
	gives(CKR_OK, f->C_DecryptUpdate(s, data, 16, out, &len));
	assert_int_equal(len, 16);
}

static CK_RV call_decrypt_final(CK_SESSION_HANDLE session)
{
	return f->C_DecryptFinal(session, out, out_full());
}

static CK_RV use_final(void)
{
	return call_decrypt_final(s);
}

static void decrypt_final(void)
{
	conformance_login(init_rsa, use_final);
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DecryptFinal(s, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_DecryptFinal(s, out, NULL));
	begin(&rsa_pkcs, rsa);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_DecryptFinal(s, out, out_full()));
	begin(&ecb, aes);
	check_rv(CKR_OK, f->C_DecryptUpdate(s, data, 15, out, out_full()));
	gives(CKR_ENCRYPTED_DATA_LEN_RANGE, f->C_DecryptFinal(s, out, out_full()));
	begin(&gcm, aes);
	check_rv(CKR_OK, f->C_DecryptUpdate(s, data, 32, out, out_full()));
	assert_int_equal(len, 0); /* not before the tag was checked */
	gives(CKR_ENCRYPTED_DATA_INVALID, f->C_DecryptFinal(s, out, out_full()));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_DecryptFinal(s, out, out_full()));
	CK_BYTE sealed[48];
	CK_ULONG sealed_len = sizeof(sealed);
	check_rv(CKR_OK, f->C_EncryptInit(s, &gcm, aes));
	check_rv(CKR_OK, f->C_Encrypt(s, data, 32, sealed, &sealed_len));
	begin(&gcm, aes);
	check_rv(CKR_OK, f->C_DecryptUpdate(s, sealed, sealed_len, out, out_full()));
	gives(CKR_OK, f->C_DecryptFinal(s, NULL, &len));
	assert_int_equal(len, 32);
	len = 31;
	gives(CKR_BUFFER_TOO_SMALL, f->C_DecryptFinal(s, out, &len));
	gives(CKR_OK, f->C_DecryptFinal(s, out, &len));
	assert_memory_equal(out, data, 32);
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "what comes by parts may be ended by C_Decrypt only, which says so"              \
	}

static const struct conformance_function functions[] = {
	{ "C_DecryptInit", call_decrypt_init, false, decrypt_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_Decrypt", call_decrypt, false, decrypt,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
		 CKR_USER_NOT_LOGGED_IN),
	  NULL },
	{ "C_DecryptUpdate", call_decrypt_update, false, decrypt_update,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
		 CKR_USER_NOT_LOGGED_IN),
	  NEVER(PARTS, { CKR_ENCRYPTED_DATA_INVALID, "that shows at the end" }) },
	{ "C_DecryptFinal", call_decrypt_final, false, decrypt_final,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
		 CKR_USER_NOT_LOGGED_IN),
	  NEVER(PARTS) },
};
const struct conformance_chapter conformance_decrypt = CHAPTER("decryption", functions);
