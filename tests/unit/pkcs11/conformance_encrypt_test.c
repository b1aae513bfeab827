/* Encryption functions: PKCS #11 2.40 and 3.0, 5.8. */
#include "tests/unit/pkcs11/conformance.h"

static CK_RV call_encrypt_init(CK_SESSION_HANDLE session)
{
	return f->C_EncryptInit(session, &ecb, aes);
}

static void encrypt_init(void)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE not_to_encrypt = { CKA_ENCRYPT, &no, 1 };
	CK_OBJECT_HANDLE useless = 0;
	check_rv(CKR_OK, C_CopyObject(s, conformance_secret(CKK_AES, 16), &not_to_encrypt, 1, &useless));
	gives(CKR_MECHANISM_INVALID, f->C_EncryptInit(s, &unknown, aes));
	gives(CKR_MECHANISM_INVALID, f->C_EncryptInit(s, &sha256, aes));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_EncryptInit(s, &bad_parameter, aes));
	gives(CKR_KEY_HANDLE_INVALID, f->C_EncryptInit(s, &ecb, NOTHING));
	gives(CKR_KEY_HANDLE_INVALID, f->C_EncryptInit(s, &rsa_pkcs, certificate));
	gives(CKR_KEY_TYPE_INCONSISTENT, f->C_EncryptInit(s, &ecb, rsa_public));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_EncryptInit(s, &ecb, useless));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_EncryptInit(s, &rsa_pkcs, rsa));
	gives(CKR_KEY_SIZE_RANGE, f->C_EncryptInit(s, &ecb, fixture_find(s, CKO_SECRET_KEY, "default/text/note")));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_EncryptInit(s, &ecb, fixture_find(s, CKO_SECRET_KEY, "secret/key/rsa")));
	gives(CKR_DEVICE_ERROR, f->C_EncryptInit(s, &ecb, conformance_broken(CKO_SECRET_KEY)));
	gives(CKR_ARGUMENTS_BAD, f->C_EncryptInit(s, NULL, aes)); /* nothing there to cancel */
	gives(CKR_OK, f->C_EncryptInit(s, &ecb, aes));
	gives(CKR_OPERATION_ACTIVE, f->C_EncryptInit(s, &ecb, aes));
	/* Without a mechanism: 3.0 ends it. */
	gives(CKR_OK, f->C_EncryptInit(s, NULL, 0));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_Encrypt(s, data, 16, out, out_full()));
}

static CK_RV call_encrypt(CK_SESSION_HANDLE session)
{
	return f->C_Encrypt(session, data, 16, out, out_full());
}

static void begin(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	check_rv(CKR_OK, f->C_EncryptInit(s, mechanism, key));
}

static void encrypt(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Encrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_Encrypt(s, data, 16, out, NULL));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_Encrypt(s, NULL, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_DATA_LEN_RANGE, f->C_Encrypt(s, data, 15, out, out_full()));
	begin(&rsa_raw, rsa_public);
	memset(out, 0xff, 256);
	gives(CKR_DATA_INVALID, f->C_Encrypt(s, out, 256, out, out_full())); /* not below the modulus */
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Encrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	check_rv(CKR_OK, f->C_EncryptUpdate(s, data, 16, out, out_full()));
	gives(CKR_OPERATION_ACTIVE, f->C_Encrypt(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_OK, f->C_Encrypt(s, data, 16, NULL, &len));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, f->C_Encrypt(s, data, 16, out, &len));
	assert_int_equal(len, 16);
	gives(CKR_OK, f->C_Encrypt(s, data, 16, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Encrypt(s, data, 16, out, &len));
}

static CK_RV call_encrypt_update(CK_SESSION_HANDLE session)
{
	return f->C_EncryptUpdate(session, data, 16, out, out_full());
}

static void encrypt_update(void)
{
	CK_AES_CTR_PARAMS last_block = { 4, { 0 } };
	memset(last_block.cb, 0xff, 16);
	CK_MECHANISM ctr = { CKM_AES_CTR, &last_block, sizeof(last_block) };
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_EncryptUpdate(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_EncryptUpdate(s, NULL, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_EncryptUpdate(s, data, 16, out, NULL));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_EncryptUpdate(s, data, 16, out, out_full()));
	begin(&ctr, aes);
	gives(CKR_DATA_LEN_RANGE, f->C_EncryptUpdate(s, data, 17, out, out_full())); /* the counter would come round */
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_EncryptUpdate(s, data, 16, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_OK, f->C_EncryptUpdate(s, data, 20, NULL, &len));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, f->C_EncryptUpdate(s, data, 20, out, &len));
	assert_int_equal(len, 16);
	gives(CKR_OK, f->C_EncryptUpdate(s, data, 20, out, &len));
	assert_int_equal(len, 16);
}

static CK_RV call_encrypt_final(CK_SESSION_HANDLE session)
{
	return f->C_EncryptFinal(session, out, out_full());
}

static void encrypt_final(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_EncryptFinal(s, out, out_full()));
	begin(&ecb, aes);
	gives(CKR_ARGUMENTS_BAD, f->C_EncryptFinal(s, out, NULL));
	begin(&rsa_pkcs, rsa_public);
	gives(CKR_FUNCTION_NOT_SUPPORTED, f->C_EncryptFinal(s, out, out_full()));
	begin(&ecb, aes);
	check_rv(CKR_OK, f->C_EncryptUpdate(s, data, 15, out, out_full()));
	gives(CKR_DATA_LEN_RANGE, f->C_EncryptFinal(s, out, out_full()));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_EncryptFinal(s, out, out_full()));
	begin(&gcm, aes);
	gives(CKR_OK, f->C_EncryptFinal(s, NULL, &len));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, f->C_EncryptFinal(s, out, &len));
	gives(CKR_OK, f->C_EncryptFinal(s, out, &len));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_EncryptFinal(s, out, &len));
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "what comes by parts may be ended by C_Encrypt only, which says so"              \
	}

static const struct conformance_function functions[] = {
	{ "C_EncryptInit", call_encrypt_init, false, encrypt_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_Encrypt", call_encrypt, false, encrypt,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE), NULL },
	{ "C_EncryptUpdate", call_encrypt_update, false, encrypt_update,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE), NEVER(PARTS) },
	{ "C_EncryptFinal", call_encrypt_final, false, encrypt_final,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE), NEVER(PARTS) },
};
const struct conformance_chapter conformance_encrypt = CHAPTER("encryption", functions);
