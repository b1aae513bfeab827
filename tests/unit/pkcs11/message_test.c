/* PKCS #11 3.0: encryption and signatures by messages, against the functions of 2.40; generated IVs. */
#include "tests/unit/pkcs11/token_fixture.h"

#define TEXT_LEN 600

static CK_BYTE text[TEXT_LEN], aad[] = "authenticated as well";
static CK_BYTE iv[16], tag[16];
static CK_GCM_MESSAGE_PARAMS gcm;
static CK_CCM_MESSAGE_PARAMS ccm;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

static int open_session(void **state)
{
	fixture_fresh(state);
	session = fixture_session();
	key = fixture_find(session, CKO_SECRET_KEY, "aes");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (CK_BYTE)(i * 7 + (i >> 8));
	memcpy(iv, "twelve bytes", 12);
	gcm = (CK_GCM_MESSAGE_PARAMS){ iv, 12, 0, CKG_NO_GENERATE, tag, 128 };
	ccm = (CK_CCM_MESSAGE_PARAMS){ 0, iv, 12, 0, CKG_NO_GENERATE, tag, 16 };
	return 0;
}
#define MESSAGE_TEST(name) cmocka_unit_test_setup_teardown(name, open_session, fixture_down)

struct mode {
	CK_MECHANISM mechanism;
	void *parameter;
	CK_ULONG parameter_len;
};
static struct mode modes[] = {
	{ { CKM_AES_GCM, NULL, 0 }, &gcm, sizeof(gcm) },
	{ { CKM_AES_CCM, NULL, 0 }, &ccm, sizeof(ccm) },
};

/* C_Encrypt's: the cipher text and its tag. */
static size_t sealed(const struct mode *mode, size_t len, CK_BYTE *to)
{
	CK_GCM_PARAMS old_gcm = { iv, 12, 96, aad, sizeof(aad), 128 };
	CK_CCM_PARAMS old_ccm = { len, iv, 12, aad, sizeof(aad), 16 };
	CK_MECHANISM old = { CKM_AES_GCM, &old_gcm, sizeof(old_gcm) };
	if (mode->mechanism.mechanism == CKM_AES_CCM)
		old = (CK_MECHANISM){ CKM_AES_CCM, &old_ccm, sizeof(old_ccm) };
	CK_ULONG got = len + 16;
	ccm.ulDataLen = len;
	check_rv(CKR_OK, C_EncryptInit(session, &old, key));
	check_rv(CKR_OK, C_Encrypt(session, text, len, to, &got));
	return got;
}

static const size_t lens[] = { 0, 1, 15, 16, 17, 100, 600 };

static void a_message_is_what_encrypt_gives(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		check_rv(CKR_OK, C_MessageEncryptInit(session, &modes[m].mechanism, key));
		check_rv(CKR_OK, C_MessageDecryptInit(session, &modes[m].mechanism, key));
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			CK_BYTE wanted[TEXT_LEN + 16], got[TEXT_LEN];
			CK_ULONG len = sizeof(got);
			sealed(&modes[m], lens[i], wanted);
			check_rv(CKR_OK, C_EncryptMessage(session, modes[m].parameter, modes[m].parameter_len, aad,
							  sizeof(aad), text, lens[i], got, &len));
			assert_int_equal(len, lens[i]);
			assert_memory_equal(got, wanted, len);
			assert_memory_equal(tag, wanted + len, 16);
			/* In place. */
			check_rv(CKR_OK, C_DecryptMessage(session, modes[m].parameter, modes[m].parameter_len, aad,
							  sizeof(aad), got, len, got, &len));
			assert_memory_equal(got, text, len);
		}
		check_rv(CKR_OK, C_MessageEncryptFinal(session));
		check_rv(CKR_OK, C_MessageDecryptFinal(session));
	}
}

/* What is given out with each part, and at the end. */
static void encrypt_by_parts(const struct mode *mode, size_t len, CK_BYTE *to)
{
	size_t done = 0, written = 0;
	check_rv(CKR_OK, C_EncryptMessageBegin(session, mode->parameter, mode->parameter_len, aad, sizeof(aad)));
	do {
		size_t part = len - done < 50 ? len - done : 50;
		CK_FLAGS last = done + part == len ? CKF_END_OF_MESSAGE : 0;
		CK_ULONG got = TEXT_LEN - written, need = 0;
		check_rv(CKR_OK, C_EncryptMessageNext(session, mode->parameter, mode->parameter_len, text + done, part,
						      NULL, &need, last));
		check_rv(CKR_OK, C_EncryptMessageNext(session, mode->parameter, mode->parameter_len, text + done, part,
						      to + written, &got, last));
		assert_int_equal(got, need);
		written += got;
		done += part;
	} while (done < len);
	assert_int_equal(written, len);
}

static void decrypt_by_parts(const struct mode *mode, const CK_BYTE *from, size_t len, CK_BYTE *to)
{
	size_t done = 0;
	check_rv(CKR_OK, C_DecryptMessageBegin(session, mode->parameter, mode->parameter_len, aad, sizeof(aad)));
	for (; len - done > 50; done += 50) {
		CK_ULONG got = TEXT_LEN;
		check_rv(CKR_OK, C_DecryptMessageNext(session, mode->parameter, mode->parameter_len,
						      (CK_BYTE *)(uintptr_t)from + done, 50, to, &got, 0));
		assert_int_equal(got, 0); /* not before the tag was checked */
	}
	CK_ULONG got = len ? len - 1 : 0;
	if (len)
		check_rv(CKR_BUFFER_TOO_SMALL, C_DecryptMessageNext(session, mode->parameter, mode->parameter_len,
								    (CK_BYTE *)(uintptr_t)from + done, len - done, to,
								    &got, CKF_END_OF_MESSAGE));
	assert_int_equal(got, len);
	check_rv(CKR_OK,
		 C_DecryptMessageNext(session, mode->parameter, mode->parameter_len, (CK_BYTE *)(uintptr_t)from + done,
				      len - done, to, &got, CKF_END_OF_MESSAGE));
	assert_int_equal(got, len);
}

static void by_parts_it_is_the_same(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		check_rv(CKR_OK, C_MessageEncryptInit(session, &modes[m].mechanism, key));
		check_rv(CKR_OK, C_MessageDecryptInit(session, &modes[m].mechanism, key));
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			CK_BYTE wanted[TEXT_LEN + 16], got[TEXT_LEN], plain[TEXT_LEN];
			sealed(&modes[m], lens[i], wanted);
			encrypt_by_parts(&modes[m], lens[i], got);
			assert_memory_equal(got, wanted, lens[i]);
			assert_memory_equal(tag, wanted + lens[i], 16);
			decrypt_by_parts(&modes[m], got, lens[i], plain);
			assert_memory_equal(plain, text, lens[i]);
		}
		check_rv(CKR_OK, C_SessionCancel(session, CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT));
	}
}

static void a_wrong_tag_gives_nothing_and_ends_only_the_message(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		struct mode *mode = &modes[m];
		CK_BYTE from[TEXT_LEN + 16], to[TEXT_LEN];
		CK_ULONG len = sizeof(to);
		sealed(mode, 100, from);
		memcpy(tag, from + 100, 16);
		tag[3] ^= 1;
		check_rv(CKR_OK, C_MessageDecryptInit(session, &mode->mechanism, key));
		memset(to, 0, sizeof(to));
		check_rv(CKR_AEAD_DECRYPT_FAILED, C_DecryptMessage(session, mode->parameter, mode->parameter_len, aad,
								   sizeof(aad), from, 100, to, &len));
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(to[i], 0);
		check_rv(CKR_OK, C_DecryptMessageBegin(session, mode->parameter, mode->parameter_len, aad, 3));
		check_rv(CKR_AEAD_DECRYPT_FAILED, C_DecryptMessageNext(session, mode->parameter, mode->parameter_len,
								       from, 100, to, &len, CKF_END_OF_MESSAGE));
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(to[i], 0);
		check_rv(CKR_OPERATION_NOT_INITIALIZED,
			 C_DecryptMessageNext(session, mode->parameter, mode->parameter_len, from, 1, to, &len, 0));
		tag[3] ^= 1;
		len = sizeof(to);
		check_rv(CKR_OK, C_DecryptMessage(session, mode->parameter, mode->parameter_len, aad, sizeof(aad), from,
						  100, to, &len));
		assert_memory_equal(to, text, 100);
		check_rv(CKR_OK, C_MessageDecryptFinal(session));
	}
}

static CK_RV encrypt_one(void)
{
	CK_BYTE out[16];
	CK_ULONG len = sizeof(out);
	return C_EncryptMessage(session, &gcm, sizeof(gcm), NULL, 0, text, 5, out, &len);
}

static void begin_generating(CK_GENERATOR_FUNCTION generator, CK_ULONG fixed_bits)
{
	gcm.ivGenerator = generator;
	gcm.ulIvFixedBits = fixed_bits;
	memcpy(iv, "twelve bytes", 12);
	CK_ULONG query = 0;
	check_rv(CKR_OK, C_MessageEncryptInit(session, &modes[0].mechanism, key));
	/* A question for the size uses no IV up. */
	check_rv(CKR_OK, C_EncryptMessage(session, &gcm, sizeof(gcm), NULL, 0, text, 5, NULL, &query));
	assert_memory_equal(iv, "twelve bytes", 12);
}

static void a_counter_begins_at_zero_behind_the_fixed_part(void **state)
{
	(void)state;
	begin_generating(CKG_GENERATE_COUNTER, 32);
	for (CK_BYTE i = 0; i < 3; i++) {
		CK_BYTE wanted[12] = { 't', 'w', 'e', 'l', 0, 0, 0, 0, 0, 0, 0, i };
		check_rv(CKR_OK, encrypt_one());
		assert_memory_equal(iv, wanted, 12);
	}
	check_rv(CKR_OK, C_MessageEncryptFinal(session));
	/* A fixed part of odd bits: four of the last byte are free. */
	begin_generating(CKG_GENERATE_COUNTER, 92);
	for (CK_BYTE i = 0; i < 16; i++) {
		check_rv(CKR_OK, encrypt_one());
		assert_int_equal(iv[11], ('s' & 0xf0) | i);
	}
	check_rv(CKR_MECHANISM_PARAM_INVALID, encrypt_one());
	assert_memory_equal(iv, "twelve byte", 11);
}

static void a_counter_is_xored_to_what_was_given_first(void **state)
{
	(void)state;
	begin_generating(CKG_GENERATE_COUNTER_XOR, 32);
	for (CK_BYTE i = 0; i < 3; i++) {
		CK_BYTE wanted[12];
		memcpy(wanted, "twelve bytes", 12);
		wanted[11] ^= i;
		/* The caller gives the base again, or what came back. */
		if (i == 1)
			memcpy(iv, "twelve bytes", 12);
		check_rv(CKR_OK, encrypt_one());
		assert_memory_equal(iv, wanted, 12);
	}
	iv[0] ^= 1;
	check_rv(CKR_MECHANISM_PARAM_INVALID, encrypt_one());
}

static void generated_ivs_keep_the_fixed_part_and_never_come_twice(void **state)
{
	(void)state;
	static const struct {
		CK_GENERATOR_FUNCTION generator;
		CK_ULONG fixed_bits;
	} cases[] = { { CKG_GENERATE, 0 }, { CKG_GENERATE, 36 }, { CKG_GENERATE_RANDOM, 32 } };
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		CK_BYTE seen[50][12];
		begin_generating(cases[c].generator, cases[c].fixed_bits);
		for (size_t i = 0; i < 50; i++) {
			check_rv(CKR_OK, encrypt_one());
			memcpy(seen[i], iv, 12);
			assert_memory_equal(iv, "twelve bytes", cases[c].fixed_bits / 8);
			if (cases[c].fixed_bits % 8)
				assert_int_equal(iv[4] & 0xf0, 'v' & 0xf0);
			for (size_t j = 0; j < i; j++)
				assert_memory_not_equal(seen[j], seen[i], 12);
		}
		check_rv(CKR_OK, C_MessageEncryptFinal(session));
	}
	begin_generating(CKG_GENERATE, 80);
	check_rv(CKR_MECHANISM_PARAM_INVALID, encrypt_one());
	check_rv(CKR_OK, C_MessageEncryptFinal(session));
	begin_generating(CKG_GENERATE_RANDOM, 40);
	check_rv(CKR_MECHANISM_PARAM_INVALID, encrypt_one());
	gcm.ivGenerator = CKG_GENERATE_COUNTER;
	check_rv(CKR_OK, encrypt_one());
	/* Another generator might meet the first one. */
	gcm.ivGenerator = CKG_GENERATE;
	gcm.ulIvFixedBits = 0;
	check_rv(CKR_MECHANISM_PARAM_INVALID, encrypt_one());
}

struct signer {
	CK_MECHANISM mechanism;
	CK_OBJECT_CLASS private, public;
	const char *label;
	bool parts;
};
static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static const struct signer signers[] = {
	{ { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss) }, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, "rsa", true },
	{ { CKM_RSA_PKCS, NULL, 0 }, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, "rsa", false },
	{ { CKM_ECDSA_SHA256, NULL, 0 }, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, "p256", true },
	{ { CKM_AES_CMAC, NULL, 0 }, CKO_SECRET_KEY, CKO_SECRET_KEY, "aes", true },
};

static void sign_one(const struct signer *how, CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE public)
{
	CK_MECHANISM mechanism = how->mechanism;
	CK_BYTE out[256];
	check_rv(CKR_OK, C_MessageSignInit(session, &mechanism, private));
	check_rv(CKR_OK, C_MessageVerifyInit(session, &mechanism, public));
	for (size_t i = 0; i < 3; i++) {
		CK_ULONG len = 1;
		check_rv(CKR_BUFFER_TOO_SMALL, C_SignMessage(session, NULL, 0, text + i, 30, out, &len));
		check_rv(CKR_OK, C_SignMessage(session, NULL, 0, text + i, 30, out, &len));
		check_rv(CKR_OK, C_VerifyMessage(session, NULL, 0, text + i, 30, out, len));
		check_rv(CKR_SIGNATURE_INVALID, C_VerifyMessage(session, NULL, 0, text, 29, out, len));
		check_rv(CKR_OK, C_VerifyInit(session, &mechanism, public));
		check_rv(CKR_OK, C_Verify(session, text + i, 30, out, len));
	}
	if (!how->parts) {
		check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_SignMessageBegin(session, NULL, 0));
		check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_VerifyMessageBegin(session, NULL, 0));
	}
	for (size_t i = 0; how->parts && i < 3; i++) {
		CK_ULONG len = 0;
		check_rv(CKR_OK, C_SignMessageBegin(session, NULL, 0));
		check_rv(CKR_OK, C_SignMessageNext(session, NULL, 0, text, 100, NULL, NULL));
		check_rv(CKR_OK, C_SignMessageNext(session, NULL, 0, text + 100, i, NULL, &len));
		check_rv(CKR_OK, C_SignMessageNext(session, NULL, 0, text + 100, i, out, &len));
		check_rv(CKR_OK, C_VerifyMessageBegin(session, NULL, 0));
		check_rv(CKR_OK, C_VerifyMessageNext(session, NULL, 0, text, 50, NULL, 0));
		check_rv(CKR_OK, C_VerifyMessageNext(session, NULL, 0, text + 50, 50 + i, out, len));
		check_rv(CKR_OK, C_VerifyMessage(session, NULL, 0, text, 100 + i, out, len));
	}
	check_rv(CKR_OK, C_MessageSignFinal(session));
	check_rv(CKR_OK, C_MessageVerifyFinal(session));
}

static void signed_messages_are_what_sign_gives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++)
		sign_one(&signers[i], fixture_find(session, signers[i].private, signers[i].label),
			 fixture_find(session, signers[i].public, signers[i].label));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MESSAGE_TEST(a_message_is_what_encrypt_gives),
		MESSAGE_TEST(by_parts_it_is_the_same),
		MESSAGE_TEST(a_wrong_tag_gives_nothing_and_ends_only_the_message),
		MESSAGE_TEST(a_counter_begins_at_zero_behind_the_fixed_part),
		MESSAGE_TEST(a_counter_is_xored_to_what_was_given_first),
		MESSAGE_TEST(generated_ivs_keep_the_fixed_part_and_never_come_twice),
		MESSAGE_TEST(signed_messages_are_what_sign_gives),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
