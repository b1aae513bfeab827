/* Dual-function cryptographic functions: PKCS #11 2.40, 5.13; 3.0, 5.17. */
#include "tests/unit/pkcs11/conformance.h"

#define PART 32

/* Every one of the four: two operations, data through both at once. */
struct dual {
	CK_RV (*update)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
	bool decrypts, digests;
	CK_RV wrong_length;
};

static void begin_crypt(const struct dual *d, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	check_rv(CKR_OK, d->decrypts ? f->C_DecryptInit(s, mechanism, key) : f->C_EncryptInit(s, mechanism, key));
}

static void begin_other(const struct dual *d)
{
	if (d->digests)
		check_rv(CKR_OK, f->C_DigestInit(s, &sha256));
	else
		check_rv(CKR_OK, d->decrypts ? f->C_VerifyInit(s, &hmac, secret) : f->C_SignInit(s, &hmac, secret));
}

static void cancel_all(void)
{
	check_rv(CKR_OK, C_SessionCancel(s, ~(CK_FLAGS)0));
}

static CK_RV crypt_goes_on(const struct dual *d)
{
	out_full();
	return d->decrypts ? f->C_DecryptUpdate(s, data, 0, out, &len) : f->C_EncryptUpdate(s, data, 0, out, &len);
}

static CK_RV other_goes_on(const struct dual *d)
{
	if (d->digests)
		return f->C_DigestUpdate(s, data, 0);
	return d->decrypts ? f->C_VerifyUpdate(s, data, 0) : f->C_SignUpdate(s, data, 0);
}

static void check_state(const struct dual *d)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, d->update(s, data, PART, out, out_full()));
	/* One alone stays as it is. */
	begin_crypt(d, &ecb, aes);
	gives(CKR_OPERATION_NOT_INITIALIZED, d->update(s, data, PART, out, out_full()));
	check_rv(CKR_OK, crypt_goes_on(d));
	cancel_all();
	begin_other(d);
	gives(CKR_OPERATION_NOT_INITIALIZED, d->update(s, data, PART, out, out_full()));
	check_rv(CKR_OK, other_goes_on(d));
	/* An error ends both. */
	begin_crypt(d, &ecb, aes);
	gives(CKR_ARGUMENTS_BAD, d->update(s, NULL, PART, out, out_full()));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, crypt_goes_on(d));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, other_goes_on(d));
	begin_crypt(d, &ecb, aes);
	begin_other(d);
	gives(CKR_ARGUMENTS_BAD, d->update(s, data, PART, out, NULL));
	/* RSA takes no parts. */
	begin_crypt(d, &rsa_pkcs, d->decrypts ? rsa : rsa_public);
	begin_other(d);
	gives(CKR_FUNCTION_NOT_SUPPORTED, d->update(s, data, PART, out, out_full()));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, other_goes_on(d));
	CK_AES_CTR_PARAMS last_block = { 4, { 0 } };
	memset(last_block.cb, 0xff, 16);
	CK_MECHANISM ctr = { CKM_AES_CTR, &last_block, sizeof(last_block) };
	begin_crypt(d, &ctr, aes);
	begin_other(d);
	gives(d->wrong_length, d->update(s, data, 17, out, out_full()));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, crypt_goes_on(d));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, other_goes_on(d));
}

/* What the other operation gives over the plain text. */
static void reference(const struct dual *d, CK_BYTE to[32])
{
	CK_ULONG n = 32;
	if (d->digests) {
		check_rv(CKR_OK, f->C_DigestInit(s, &sha256));
		check_rv(CKR_OK, f->C_Digest(s, data, 2 * PART, to, &n));
	} else {
		check_rv(CKR_OK, f->C_SignInit(s, &hmac, secret));
		check_rv(CKR_OK, f->C_Sign(s, data, 2 * PART, to, &n));
	}
}

static void check_output(const struct dual *d)
{
	CK_BYTE wanted[32], sealed[2 * PART], buffer[2 * PART], result[32];
	CK_ULONG n = sizeof(sealed), result_len = sizeof(result);
	reference(d, wanted);
	check_rv(CKR_OK, f->C_EncryptInit(s, &cbc, aes));
	check_rv(CKR_OK, f->C_Encrypt(s, data, 2 * PART, sealed, &n));
	memcpy(buffer, d->decrypts ? sealed : data, sizeof(buffer));
	begin_crypt(d, &cbc, aes);
	begin_other(d);
	/* Where nothing comes out, nothing goes in. */
	gives(CKR_OK, d->update(s, buffer, PART, NULL, &len));
	assert_int_equal(len, PART);
	len = PART - 1;
	gives(CKR_BUFFER_TOO_SMALL, d->update(s, buffer, PART, out, &len));
	/* In place. */
	for (size_t i = 0; i < 2; i++) {
		n = PART;
		gives(CKR_OK, d->update(s, buffer + i * PART, PART, buffer + i * PART, &n));
		assert_int_equal(n, PART);
	}
	assert_memory_equal(buffer, d->decrypts ? data : sealed, sizeof(buffer));
	if (d->digests) {
		check_rv(CKR_OK, f->C_DigestFinal(s, result, &result_len));
		assert_memory_equal(result, wanted, 32);
	} else if (d->decrypts) {
		check_rv(CKR_OK, f->C_VerifyFinal(s, wanted, 32));
	} else {
		check_rv(CKR_OK, f->C_SignFinal(s, result, &result_len));
		assert_memory_equal(result, wanted, 32);
	}
	cancel_all();
}

static void check(struct dual d)
{
	d.wrong_length = d.decrypts ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
	check_state(&d);
	check_output(&d);
}

static CK_RV call_digest_encrypt(CK_SESSION_HANDLE session)
{
	return f->C_DigestEncryptUpdate(session, data, PART, out, out_full());
}

static void digest_encrypt(void)
{
	check((struct dual){ f->C_DigestEncryptUpdate, false, true, 0 });
}

static CK_RV call_decrypt_digest(CK_SESSION_HANDLE session)
{
	return f->C_DecryptDigestUpdate(session, data, PART, out, out_full());
}

static void decrypt_digest(void)
{
	check((struct dual){ f->C_DecryptDigestUpdate, true, true, 0 });
}

static CK_RV call_sign_encrypt(CK_SESSION_HANDLE session)
{
	return f->C_SignEncryptUpdate(session, data, PART, out, out_full());
}

static CK_RV init_rsa(void)
{
	CK_RV rv = f->C_EncryptInit(s, &ecb, aes);
	return rv == CKR_OK ? f->C_SignInit(s, &rsa_sha256, rsa) : rv;
}

static CK_RV use_sign_encrypt(void)
{
	return call_sign_encrypt(s);
}

static void sign_encrypt(void)
{
	conformance_login(init_rsa, use_sign_encrypt);
	check((struct dual){ f->C_SignEncryptUpdate, false, false, 0 });
}

static CK_RV call_decrypt_verify(CK_SESSION_HANDLE session)
{
	return f->C_DecryptVerifyUpdate(session, data, PART, out, out_full());
}

static void decrypt_verify(void)
{
	check((struct dual){ f->C_DecryptVerifyUpdate, true, false, 0 });
}

#define PARTS                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "both may be in the middle of their parts"                                       \
	}
#define LATER                                                                                                          \
	{                                                                                                              \
		CKR_ENCRYPTED_DATA_INVALID, "that shows at the end"                                                    \
	}

static const struct conformance_function functions[] = {
	{ "C_DigestEncryptUpdate", call_digest_encrypt, false, digest_encrypt,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE), NEVER(PARTS) },
	{ "C_DecryptDigestUpdate", call_decrypt_digest, false, decrypt_digest,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE),
	  NEVER(PARTS, LATER) },
	{ "C_SignEncryptUpdate", call_sign_encrypt, false, sign_encrypt,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN), NEVER(PARTS) },
	{ "C_DecryptVerifyUpdate", call_decrypt_verify, false, decrypt_verify,
	  LISTED(RUN, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID,
		 CKR_ENCRYPTED_DATA_LEN_RANGE),
	  NEVER(PARTS, LATER, { CKR_DATA_LEN_RANGE, "what is decrypted has any length" }) },
};
const struct conformance_chapter conformance_dual = CHAPTER("dual_functions", functions);
