/* Message-based encryption and decryption: PKCS #11 3.0, 5.9 and 5.11. What comes out is message_test.c's. */
#include "tests/unit/pkcs11/conformance.h"

static CK_BYTE iv[12], tag[16];
static CK_GCM_MESSAGE_PARAMS gcm_message = { iv, 12, 0, CKG_NO_GENERATE, tag, 128 };
static CK_CCM_MESSAGE_PARAMS ccm_message = { 16, iv, 12, 0, CKG_NO_GENERATE, tag, 16 };
static CK_MECHANISM gcm_messages = { CKM_AES_GCM, &gcm_message, sizeof(gcm_message) };
static CK_MECHANISM ccm_messages = { CKM_AES_CCM, NULL, 0 };

/* One half: encryption or decryption. */
struct half {
	CK_RV (*init)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
	CK_RV(*whole)
	(CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
	CK_RV (*begin)(CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG);
	CK_RV (*next)(CK_SESSION_HANDLE, void *, CK_ULONG, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *, CK_FLAGS);
	CK_RV (*final)(CK_SESSION_HANDLE);
	CK_ATTRIBUTE_TYPE usage;
	CK_RV wrong_length;
};

static struct half half(bool encrypts)
{
	return encrypts
		       ? (struct half){ f->C_MessageEncryptInit, f->C_EncryptMessage,      f->C_EncryptMessageBegin,
					f->C_EncryptMessageNext, f->C_MessageEncryptFinal, CKA_ENCRYPT,
					CKR_DATA_LEN_RANGE }
		       : (struct half){ f->C_MessageDecryptInit,     f->C_DecryptMessage,      f->C_DecryptMessageBegin,
					f->C_DecryptMessageNext,     f->C_MessageDecryptFinal, CKA_DECRYPT,
					CKR_ENCRYPTED_DATA_LEN_RANGE };
}

/* The message of 16 bytes of data that both halves work on; decryption gets what encryption gave. */
static CK_BYTE input[16];

static void make_input(bool encrypts)
{
	CK_ULONG n = sizeof(input);
	memcpy(input, data, sizeof(input));
	if (encrypts)
		return;
	check_rv(CKR_OK, f->C_MessageEncryptInit(s, &gcm_messages, aes));
	check_rv(CKR_OK, f->C_EncryptMessage(s, &gcm_message, sizeof(gcm_message), data, 4, data, 16, input, &n));
	check_rv(CKR_OK, f->C_MessageEncryptFinal(s));
}

static CK_RV whole(const struct half *h)
{
	return h->whole(s, &gcm_message, sizeof(gcm_message), data, 4, input, 16, out, out_full());
}

static CK_RV begin(const struct half *h)
{
	return h->begin(s, &gcm_message, sizeof(gcm_message), data, 4);
}

static CK_RV last(const struct half *h)
{
	return h->next(s, &gcm_message, sizeof(gcm_message), input, 16, out, out_full(), CKF_END_OF_MESSAGE);
}

static void check_init(bool encrypts)
{
	struct half h = half(encrypts);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE useless_for = { h.usage, &no, 1 };
	CK_MECHANISM wrong = { CKM_AES_GCM, &gcm_message, 5 };
	CK_OBJECT_HANDLE useless = 0;
	check_rv(CKR_OK, C_CopyObject(s, conformance_secret(CKK_AES, 16), &useless_for, 1, &useless));
	gives(CKR_MECHANISM_INVALID, h.init(s, &ecb, aes));
	gives(CKR_MECHANISM_INVALID, h.init(s, &unknown, aes));
	gives(CKR_MECHANISM_PARAM_INVALID, h.init(s, &wrong, aes));
	gives(CKR_KEY_HANDLE_INVALID, h.init(s, &gcm_messages, NOTHING));
	gives(CKR_KEY_TYPE_INCONSISTENT, h.init(s, &gcm_messages, rsa));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, h.init(s, &gcm_messages, useless));
	gives(CKR_KEY_SIZE_RANGE, h.init(s, &gcm_messages, fixture_find(s, CKO_SECRET_KEY, "default/text/note")));
	gives(CKR_USER_NOT_LOGGED_IN, h.init(s, &gcm_messages, fixture_find(s, CKO_SECRET_KEY, "secret/key/rsa")));
	gives(CKR_DEVICE_ERROR, h.init(s, &gcm_messages, conformance_broken(CKO_SECRET_KEY)));
	gives(CKR_ARGUMENTS_BAD, h.init(s, NULL, aes));
	gives(CKR_OK, h.init(s, &gcm_messages, aes));
	gives(CKR_OPERATION_ACTIVE, h.init(s, &ccm_messages, aes));
	/* Without a mechanism it ends, even in the middle of a message. */
	check_rv(CKR_OK, begin(&h));
	gives(CKR_OK, h.init(s, NULL, 0));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, last(&h));
}

static void check_whole(bool encrypts)
{
	struct half h = half(encrypts);
	CK_GCM_MESSAGE_PARAMS short_tag = gcm_message, no_tag = gcm_message;
	short_tag.ulTagBits = 40;
	no_tag.pTag = NULL;
	make_input(encrypts);
	gives(CKR_OPERATION_NOT_INITIALIZED, whole(&h));
	check_rv(CKR_OK, h.init(s, &gcm_messages, aes));
	gives(CKR_ARGUMENTS_BAD, h.whole(s, &gcm_message, sizeof(gcm_message), NULL, 4, input, 16, out, out_full()));
	gives(CKR_ARGUMENTS_BAD, h.whole(s, &gcm_message, sizeof(gcm_message), data, 4, NULL, 16, out, out_full()));
	gives(CKR_ARGUMENTS_BAD, h.whole(s, &gcm_message, sizeof(gcm_message), data, 4, input, 16, out, NULL));
	gives(CKR_MECHANISM_PARAM_INVALID, h.whole(s, NULL, 0, data, 4, input, 16, out, out_full()));
	gives(CKR_MECHANISM_PARAM_INVALID, h.whole(s, &gcm_message, 8, data, 4, input, 16, out, out_full()));
	gives(CKR_MECHANISM_PARAM_INVALID,
	      h.whole(s, &short_tag, sizeof(short_tag), data, 4, input, 16, out, out_full()));
	gives(CKR_MECHANISM_PARAM_INVALID, h.whole(s, &no_tag, sizeof(no_tag), data, 4, input, 16, out, out_full()));
	/* None of these ended the process. */
	gives(CKR_OK, h.whole(s, &gcm_message, sizeof(gcm_message), data, 4, input, 16, NULL, &len));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL, h.whole(s, &gcm_message, sizeof(gcm_message), data, 4, input, 16, out, &len));
	gives(CKR_OK, whole(&h));
	gives(CKR_OK, whole(&h));
	check_rv(CKR_OK, begin(&h));
	gives(CKR_OPERATION_ACTIVE, whole(&h));
	check_rv(CKR_OK, last(&h)); /* which was not disturbed */
	if (!encrypts) {
		tag[0] ^= 1;
		gives(CKR_AEAD_DECRYPT_FAILED, whole(&h));
		tag[0] ^= 1;
	}
	check_rv(CKR_OK, h.final(s));
	check_rv(CKR_OK, h.init(s, &ccm_messages, aes));
	gives(h.wrong_length, h.whole(s, &ccm_message, sizeof(ccm_message), data, 4, input, 15, out, out_full()));
}

static void check_begin(bool encrypts)
{
	struct half h = half(encrypts);
	make_input(encrypts);
	gives(CKR_OPERATION_NOT_INITIALIZED, begin(&h));
	check_rv(CKR_OK, h.init(s, &gcm_messages, aes));
	gives(CKR_MECHANISM_PARAM_INVALID, h.begin(s, NULL, 0, data, 4));
	gives(CKR_ARGUMENTS_BAD, h.begin(s, &gcm_message, sizeof(gcm_message), NULL, 4));
	gives(CKR_OK, begin(&h));
	gives(CKR_OPERATION_ACTIVE, begin(&h));
	check_rv(CKR_OK, last(&h));
	gives(CKR_OK, begin(&h));
}

static void check_next(bool encrypts)
{
	struct half h = half(encrypts);
	make_input(encrypts);
	gives(CKR_OPERATION_NOT_INITIALIZED, last(&h));
	check_rv(CKR_OK, h.init(s, &gcm_messages, aes));
	gives(CKR_OPERATION_NOT_INITIALIZED, last(&h)); /* no message was begun */
	check_rv(CKR_OK, begin(&h));
	gives(CKR_ARGUMENTS_BAD, h.next(s, &gcm_message, sizeof(gcm_message), NULL, 16, out, out_full(), 0));
	gives(CKR_OPERATION_NOT_INITIALIZED, last(&h)); /* an error ends the message */
	check_rv(CKR_OK, begin(&h));
	gives(CKR_ARGUMENTS_BAD, h.next(s, &gcm_message, sizeof(gcm_message), input, 16, out, NULL, 0));
	check_rv(CKR_OK, begin(&h));
	gives(CKR_ARGUMENTS_BAD, h.next(s, &gcm_message, sizeof(gcm_message), input, 16, out, out_full(), 0x40));
	check_rv(CKR_OK, begin(&h));
	gives(CKR_MECHANISM_PARAM_INVALID, h.next(s, NULL, 0, input, 16, out, out_full(), 0));
	check_rv(CKR_OK, begin(&h));
	gives(CKR_OK, h.next(s, &gcm_message, sizeof(gcm_message), input, 16, NULL, &len, CKF_END_OF_MESSAGE));
	assert_int_equal(len, 16);
	len = 15;
	gives(CKR_BUFFER_TOO_SMALL,
	      h.next(s, &gcm_message, sizeof(gcm_message), input, 16, out, &len, CKF_END_OF_MESSAGE));
	gives(CKR_OK, last(&h));
	if (!encrypts) {
		tag[0] ^= 1;
		check_rv(CKR_OK, begin(&h));
		gives(CKR_AEAD_DECRYPT_FAILED, last(&h));
		tag[0] ^= 1;
	}
	check_rv(CKR_OK, h.final(s));
	check_rv(CKR_OK, h.init(s, &ccm_messages, aes));
	check_rv(CKR_OK, h.begin(s, &ccm_message, sizeof(ccm_message), data, 4));
	gives(h.wrong_length,
	      h.next(s, &ccm_message, sizeof(ccm_message), input, 15, out, out_full(), CKF_END_OF_MESSAGE));
}

static void check_final(bool encrypts)
{
	struct half h = half(encrypts);
	make_input(encrypts);
	gives(CKR_OPERATION_NOT_INITIALIZED, h.final(s));
	check_rv(CKR_OK, h.init(s, &gcm_messages, aes));
	check_rv(CKR_OK, begin(&h));
	gives(CKR_OPERATION_ACTIVE, h.final(s));
	check_rv(CKR_OK, last(&h));
	gives(CKR_OK, h.final(s));
	gives(CKR_OPERATION_NOT_INITIALIZED, h.final(s));
}

/* The ten functions: each with a good call, and its tests. */
#define BOTH(name, call_half, check)                                                                                   \
	static CK_RV call_encrypt_##name(CK_SESSION_HANDLE session)                                                    \
	{                                                                                                              \
		struct half h = half(true);                                                                            \
		return call_half;                                                                                      \
	}                                                                                                              \
	static CK_RV call_decrypt_##name(CK_SESSION_HANDLE session)                                                    \
	{                                                                                                              \
		struct half h = half(false);                                                                           \
		return call_half;                                                                                      \
	}                                                                                                              \
	static void encrypt_##name(void)                                                                               \
	{                                                                                                              \
		check(true);                                                                                           \
	}                                                                                                              \
	static void decrypt_##name(void)                                                                               \
	{                                                                                                              \
		check(false);                                                                                          \
	}

BOTH(init, h.init(session, &gcm_messages, aes), check_init)
BOTH(whole, h.whole(session, &gcm_message, sizeof(gcm_message), NULL, 0, input, 16, out, out_full()), check_whole)
BOTH(begin, h.begin(session, &gcm_message, sizeof(gcm_message), NULL, 0), check_begin)
BOTH(next, h.next(session, &gcm_message, sizeof(gcm_message), input, 16, out, out_full(), 0), check_next)
BOTH(final, h.final(session), check_final)

#define PER_MESSAGE RUN, CKR_MECHANISM_PARAM_INVALID, CKR_BUFFER_TOO_SMALL
#define OPENED CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_AEAD_DECRYPT_FAILED, CKR_USER_NOT_LOGGED_IN
#define SECRET_KEY                                                                                                     \
	{                                                                                                              \
		CKR_USER_NOT_LOGGED_IN, "an AES key never asks for a login of its own"                                 \
	}
#define AEAD                                                                                                           \
	{                                                                                                              \
		CKR_ENCRYPTED_DATA_INVALID, "CKR_AEAD_DECRYPT_FAILED says so"                                          \
	}
#define TURN                                                                                                           \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "in the middle of a message is where it belongs"                                 \
	}
#define NOTHING_TO_SAY                                                                                                 \
	{                                                                                                              \
		CKR_ARGUMENTS_BAD, "there is only the session"                                                         \
	}

static const struct conformance_function functions[] = {
	{ "C_MessageEncryptInit", call_encrypt_init, false, encrypt_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_EncryptMessage", call_encrypt_whole, false, encrypt_whole,
	  LISTED(PER_MESSAGE, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE),
	  NEVER({ CKR_DATA_INVALID, "any data is encrypted" }) },
	{ "C_EncryptMessageBegin", call_encrypt_begin, false, encrypt_begin,
	  LISTED(RUN, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN), NEVER(SECRET_KEY) },
	{ "C_EncryptMessageNext", call_encrypt_next, false, encrypt_next, LISTED(PER_MESSAGE, CKR_DATA_LEN_RANGE),
	  NEVER(TURN) },
	{ "C_MessageEncryptFinal", call_encrypt_final, false, encrypt_final, LISTED(RUN), NEVER(NOTHING_TO_SAY) },
	{ "C_MessageDecryptInit", call_decrypt_init, false, decrypt_init, LISTED(INIT, CKR_ARGUMENTS_BAD), NULL },
	{ "C_DecryptMessage", call_decrypt_whole, false, decrypt_whole,
	  LISTED(PER_MESSAGE, OPENED, CKR_OPERATION_CANCEL_FAILED), NEVER(SECRET_KEY, AEAD) },
	{ "C_DecryptMessageBegin", call_decrypt_begin, false, decrypt_begin,
	  LISTED(RUN, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN), NEVER(SECRET_KEY) },
	{ "C_DecryptMessageNext", call_decrypt_next, false, decrypt_next, LISTED(PER_MESSAGE, OPENED),
	  NEVER(SECRET_KEY, AEAD, TURN) },
	{ "C_MessageDecryptFinal", call_decrypt_final, false, decrypt_final, LISTED(RUN, CKR_USER_NOT_LOGGED_IN),
	  NEVER(NOTHING_TO_SAY, SECRET_KEY) },
};
const struct conformance_chapter conformance_message = { "message_encryption", functions, ARRAY_LEN(functions), true };
