/* AES in every mode against OpenSSL's own EVP with the same key, at once and by parts; what is refused. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/core_names.h>

#define TEXT_LEN 1000

static CK_BYTE text[TEXT_LEN + 16], iv[16] = "sixteen bytes iv", aad[] = "authenticated as well";
static CK_AES_CTR_PARAMS ctr = { 128, "counting from 0" };
static CK_GCM_PARAMS gcm = { iv, 12, 96, aad, sizeof(aad), 128 };
static CK_CCM_PARAMS ccm = { 0, iv, 12, aad, sizeof(aad), 16 };

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

struct mode {
	CK_MECHANISM mechanism;
	const char *name;
	size_t block; /* input comes in these; 1: any */
	bool padded;
	CK_ULONG tag;
};
static struct mode modes[] = {
	{ { CKM_AES_ECB, NULL, 0 }, "AES-256-ECB", 16, false, 0 },
	{ { CKM_AES_CBC, iv, 16 }, "AES-256-CBC", 16, false, 0 },
	{ { CKM_AES_CBC_PAD, iv, 16 }, "AES-256-CBC", 1, true, 0 },
	{ { CKM_AES_CTR, &ctr, sizeof(ctr) }, "AES-256-CTR", 1, false, 0 },
	{ { CKM_AES_GCM, &gcm, sizeof(gcm) }, "AES-256-GCM", 1, false, 16 },
	{ { CKM_AES_CCM, &ccm, sizeof(ccm) }, "AES-256-CCM", 1, false, 16 },
};

static int open_session(void **state)
{
	fixture_fresh(state);
	session = fixture_session();
	key = fixture_find(session, CKO_SECRET_KEY, "aes");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (CK_BYTE)(i * 7 + (i >> 8));
	return 0;
}

static size_t evp(const struct mode *mode, size_t len, uint8_t *to)
{
	int n = 0, more = 0;
	bool aead = mode->tag > 0, is_ccm = mode->mechanism.mechanism == CKM_AES_CCM;
	const void *start = mode->mechanism.mechanism == CKM_AES_CTR ? ctr.cb : iv;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx(), mode->name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	assert_true(EVP_EncryptInit_ex2(ctx, cipher, NULL, NULL, NULL));
	if (is_ccm) {
		assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) > 0);
		assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, NULL) > 0);
	}
	assert_true(EVP_EncryptInit_ex2(ctx, NULL, fixture.aes, start, NULL));
	EVP_CIPHER_CTX_set_padding(ctx, mode->padded);
	if (is_ccm)
		assert_true(EVP_EncryptUpdate(ctx, NULL, &n, NULL, (int)len));
	if (aead)
		assert_true(EVP_EncryptUpdate(ctx, NULL, &n, aad, sizeof(aad)));
	assert_true(EVP_EncryptUpdate(ctx, to, &n, text, (int)len));
	assert_true(EVP_EncryptFinal_ex(ctx, to + n, &more));
	if (aead)
		assert_true(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, to + n + more) > 0);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return (size_t)(n + more) + mode->tag;
}

static struct bytes sealed_by_evp(const struct mode *mode, size_t len)
{
	static uint8_t sealed[TEXT_LEN + 64];
	ccm.ulDataLen = len;
	return (struct bytes){ sealed, evp(mode, len, sealed) };
}

static void at_once_it_is_openssls(void **state)
{
	(void)state;
	static const size_t lens[] = { 0, 1, 15, 16, 17, 32, 160, 999, 1000 };
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
			struct mode *m = &modes[i];
			CK_BYTE out[TEXT_LEN + 64], back[TEXT_LEN + 64];
			CK_ULONG n = 0, back_len = 0;
			if (lens[l] % m->block)
				continue;
			struct bytes wanted = sealed_by_evp(m, lens[l]);
			check_rv(CKR_OK, C_EncryptInit(session, &m->mechanism, key));
			check_rv(CKR_OK, C_Encrypt(session, text, lens[l], NULL, &n));
			assert_int_equal(n, wanted.len);
			if (n) {
				n--;
				check_rv(CKR_BUFFER_TOO_SMALL, C_Encrypt(session, text, lens[l], out, &n));
				assert_int_equal(n, wanted.len);
			}
			check_rv(CKR_OK, C_Encrypt(session, text, lens[l], out, &n));
			check_bytes(wanted, (struct bytes){ out, n });
			check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Encrypt(session, text, lens[l], out, &n));

			check_rv(CKR_OK, C_DecryptInit(session, &m->mechanism, key));
			check_rv(CKR_OK, C_Decrypt(session, out, n, NULL, &back_len));
			assert_true(back_len >= lens[l] && back_len <= n);
			if (lens[l]) {
				back_len = lens[l] - 1;
				check_rv(CKR_BUFFER_TOO_SMALL, C_Decrypt(session, out, n, back, &back_len));
				assert_int_equal(back_len, lens[l]);
			}
			back_len = lens[l];
			check_rv(CKR_OK, C_Decrypt(session, out, n, back, &back_len));
			check_bytes((struct bytes){ text, lens[l] }, (struct bytes){ back, back_len });
		}
}

typedef CK_RV update_call(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV final_call(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);
struct direction {
	update_call *update;
	final_call *final;
};
static const struct direction sealing = { C_EncryptUpdate, C_EncryptFinal };
static const struct direction opening = { C_DecryptUpdate, C_DecryptFinal };

/* In parts of `step` bytes, each asked for its size, then given too little room, then just enough. */
static size_t by_parts(const struct direction *d, struct bytes in, size_t step, CK_BYTE *out)
{
	size_t at = 0;
	CK_ULONG n = 0;
	for (size_t i = 0; i < in.len; i += step) {
		CK_BYTE *part = (CK_BYTE *)(uintptr_t)in.data + i;
		size_t len = in.len - i < step ? in.len - i : step;
		check_rv(CKR_OK, d->update(session, part, len, NULL, &n));
		if (n) {
			CK_ULONG less = n - 1;
			check_rv(CKR_BUFFER_TOO_SMALL, d->update(session, part, len, out + at, &less));
			assert_int_equal(less, n);
		}
		check_rv(CKR_OK, d->update(session, part, len, out + at, &n));
		at += n;
	}
	check_rv(CKR_OK, d->final(session, NULL, &n));
	CK_ULONG room = 0, max = n;
	CK_RV rv = d->final(session, out + at, &room);
	if (rv == CKR_BUFFER_TOO_SMALL) {
		assert_true(room > 0 && room <= max);
		check_rv(CKR_OK, d->final(session, out + at, &room));
	} else {
		check_rv(CKR_OK, rv);
		assert_int_equal(room, 0);
	}
	check_rv(CKR_OPERATION_NOT_INITIALIZED, d->final(session, out + at, &n));
	return at + room;
}

static void by_parts_of_any_length_it_is_the_same(void **state)
{
	(void)state;
	static const size_t steps[] = { 1, 7, 16, 33, 500, 1000 }, lens[] = { 0, 16, 512, 992, 999 };
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		for (size_t l = 0; l < ARRAY_LEN(lens); l++)
			for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
				struct mode *m = &modes[i];
				CK_BYTE out[TEXT_LEN + 64], back[TEXT_LEN + 64];
				if (lens[l] % m->block)
					continue;
				struct bytes wanted = sealed_by_evp(m, lens[l]), plain = { text, lens[l] };
				check_rv(CKR_OK, C_EncryptInit(session, &m->mechanism, key));
				struct bytes got = { out, by_parts(&sealing, plain, steps[k], out) };
				check_bytes(wanted, got);
				check_rv(CKR_OK, C_DecryptInit(session, &m->mechanism, key));
				struct bytes opened = { back, by_parts(&opening, got, steps[k], back) };
				check_bytes(plain, opened);
			}
}

static void in_place_is_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		CK_BYTE buffer[TEXT_LEN + 64];
		CK_ULONG n = sizeof(buffer), first = sizeof(buffer), second = sizeof(buffer);
		struct bytes wanted = sealed_by_evp(&modes[i], 512);
		memcpy(buffer, text, 512);
		check_rv(CKR_OK, C_EncryptInit(session, &modes[i].mechanism, key));
		check_rv(CKR_OK, C_Encrypt(session, buffer, 512, buffer, &n));
		check_bytes(wanted, (struct bytes){ buffer, n });
		check_rv(CKR_OK, C_DecryptInit(session, &modes[i].mechanism, key));
		check_rv(CKR_OK, C_Decrypt(session, buffer, n, buffer, &n));
		check_bytes((struct bytes){ text, 512 }, (struct bytes){ buffer, n });
		if (modes[i].tag)
			continue;
		check_rv(CKR_OK, C_EncryptInit(session, &modes[i].mechanism, key));
		check_rv(CKR_OK, C_EncryptUpdate(session, buffer, 9, buffer + 600, &first));
		check_rv(CKR_OK, C_EncryptUpdate(session, buffer + 9, 480, buffer + 9, &second));
		assert_int_equal(first + second, modes[i].mechanism.mechanism == CKM_AES_CTR ? 489 : 480);
		if (modes[i].mechanism.mechanism != CKM_AES_CTR)
			check_bytes((struct bytes){ wanted.data, 480 }, (struct bytes){ buffer + 9, 480 });
		CK_ULONG rest = sizeof(buffer);
		CK_RV rv = C_EncryptFinal(session, buffer, &rest);
		check_rv(modes[i].block == 16 ? CKR_DATA_LEN_RANGE : CKR_OK, rv);
	}
}

static void what_was_changed_is_not_opened_not_even_a_part_of_it(void **state)
{
	(void)state;
	for (size_t i = 4; i < ARRAY_LEN(modes); i++)
		for (size_t at = 0; at < 528; at += 131) {
			CK_BYTE sealed[600], out[600];
			CK_ULONG n = sizeof(out);
			memcpy(sealed, sealed_by_evp(&modes[i], 512).data, 528);
			sealed[at] ^= 1;
			memset(out, 0, sizeof(out));
			check_rv(CKR_OK, C_DecryptInit(session, &modes[i].mechanism, key));
			check_rv(CKR_ENCRYPTED_DATA_INVALID, C_Decrypt(session, sealed, 528, out, &n));
			for (size_t k = 0; k < sizeof(out); k++)
				assert_int_equal(out[k], 0);
			check_rv(CKR_OK, C_DecryptInit(session, &modes[i].mechanism, key));
			n = sizeof(out);
			check_rv(CKR_OK, C_DecryptUpdate(session, sealed, 528, out, &n));
			assert_int_equal(n, 0);
			n = sizeof(out);
			check_rv(CKR_ENCRYPTED_DATA_INVALID, C_DecryptFinal(session, out, &n));
			for (size_t k = 0; k < sizeof(out); k++)
				assert_int_equal(out[k], 0);
			check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DecryptFinal(session, out, &n));
		}
}

static void lengths_that_do_not_fit_the_mode_are_refused(void **state)
{
	(void)state;
	CK_BYTE out[100];
	for (size_t i = 0; i < 2; i++) {
		CK_ULONG n = sizeof(out);
		check_rv(CKR_OK, C_EncryptInit(session, &modes[i].mechanism, key));
		check_rv(CKR_DATA_LEN_RANGE, C_Encrypt(session, text, 17, out, &n));
		check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Encrypt(session, text, 16, out, &n));
		check_rv(CKR_OK, C_DecryptInit(session, &modes[i].mechanism, key));
		check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_Decrypt(session, text, 17, out, &n));
		check_rv(CKR_OK, C_DecryptInit(session, &modes[i].mechanism, key));
		n = sizeof(out);
		check_rv(CKR_OK, C_DecryptUpdate(session, text, 17, out, &n));
		n = sizeof(out);
		check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_DecryptFinal(session, out, &n));
	}
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_DecryptInit(session, &modes[2].mechanism, key));
	check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_Decrypt(session, text, 15, out, &n));
	check_rv(CKR_OK, C_DecryptInit(session, &modes[2].mechanism, key));
	check_rv(CKR_ENCRYPTED_DATA_INVALID, C_Decrypt(session, text, 32, out, &n));
	check_rv(CKR_OK, C_DecryptInit(session, &modes[4].mechanism, key));
	check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_Decrypt(session, text, 15, out, &n));
	ccm.ulDataLen = 20;
	n = sizeof(out);
	check_rv(CKR_OK, C_EncryptInit(session, &modes[5].mechanism, key));
	check_rv(CKR_DATA_LEN_RANGE, C_Encrypt(session, text, 21, out, &n));
}

static void a_counter_does_not_come_round(void **state)
{
	(void)state;
	CK_AES_CTR_PARAMS p = { 8, "fifteen bytes.." };
	CK_MECHANISM m = { CKM_AES_CTR, &p, sizeof(p) };
	CK_BYTE out[100];
	CK_ULONG n = sizeof(out);
	p.cb[15] = 0xfe;
	check_rv(CKR_OK, C_EncryptInit(session, &m, key));
	check_rv(CKR_OK, C_Encrypt(session, text, 32, out, &n));
	n = sizeof(out);
	check_rv(CKR_OK, C_EncryptInit(session, &m, key));
	check_rv(CKR_DATA_LEN_RANGE, C_Encrypt(session, text, 33, out, &n));
	check_rv(CKR_OK, C_DecryptInit(session, &m, key));
	n = sizeof(out);
	check_rv(CKR_OK, C_DecryptUpdate(session, text, 30, out, &n));
	n = sizeof(out);
	check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_DecryptUpdate(session, text, 3, out, &n));
}

static void check_parameter(CK_MECHANISM_TYPE type, void *p, CK_ULONG len)
{
	CK_MECHANISM m = { type, p, len };
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_EncryptInit(session, &m, key));
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_DecryptInit(session, &m, key));
}

static void parameters_are_checked(void **state)
{
	(void)state;
	CK_GCM_PARAMS g;
	CK_CCM_PARAMS c;
	CK_AES_CTR_PARAMS t;
	check_parameter(CKM_AES_ECB, iv, 16);
	check_parameter(CKM_AES_CBC, NULL, 0);
	check_parameter(CKM_AES_CBC, iv, 15);
	check_parameter(CKM_AES_CBC_PAD, text, 17);
	check_parameter(CKM_AES_CTR, iv, 16);
	t = ctr, t.ulCounterBits = 0;
	check_parameter(CKM_AES_CTR, &t, sizeof(t));
	t.ulCounterBits = 129;
	check_parameter(CKM_AES_CTR, &t, sizeof(t));
	g = gcm, g.ulIvLen = 0;
	check_parameter(CKM_AES_GCM, &g, sizeof(g));
	g = gcm, g.ulIvLen = 129;
	check_parameter(CKM_AES_GCM, &g, sizeof(g));
	g = gcm, g.pIv = NULL;
	check_parameter(CKM_AES_GCM, &g, sizeof(g));
	g = gcm, g.pAAD = NULL;
	check_parameter(CKM_AES_GCM, &g, sizeof(g));
	for (CK_ULONG bits = 0; bits <= 136; bits += 4)
		if (bits % 8 || bits > 128 || (bits < 96 && bits != 64 && bits != 32)) {
			g = gcm, g.ulTagBits = bits;
			check_parameter(CKM_AES_GCM, &g, sizeof(g));
		}
	check_parameter(CKM_AES_GCM, &gcm, sizeof(gcm) - 1);
	c = ccm, c.ulNonceLen = 6;
	check_parameter(CKM_AES_CCM, &c, sizeof(c));
	c.ulNonceLen = 14;
	check_parameter(CKM_AES_CCM, &c, sizeof(c));
	c = ccm, c.ulMACLen = 2;
	check_parameter(CKM_AES_CCM, &c, sizeof(c));
	c.ulMACLen = 5;
	check_parameter(CKM_AES_CCM, &c, sizeof(c));
	c.ulMACLen = 18;
	check_parameter(CKM_AES_CCM, &c, sizeof(c));
	check_parameter(CKM_AES_KEY_WRAP, iv, 4);
	check_parameter(CKM_AES_KEY_WRAP_KWP, iv, 8);
}

static void operations_and_keys_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	CK_BYTE out[64];
	CK_ULONG n = sizeof(out);
	CK_MECHANISM *cbc = &modes[1].mechanism, wrap = { CKM_AES_KEY_WRAP, NULL, 0 };
	CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
	check_rv(CKR_KEY_TYPE_INCONSISTENT, C_EncryptInit(session, cbc, fixture_find(session, CKO_PUBLIC_KEY, "rsa")));
	check_rv(CKR_KEY_HANDLE_INVALID, C_EncryptInit(session, cbc, 4711));
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(session, cbc, key));
	check_rv(CKR_KEY_TYPE_INCONSISTENT, C_SignInit(session, &hmac, key));
	check_rv(CKR_OK, C_EncryptInit(session, cbc, key));
	check_rv(CKR_OPERATION_ACTIVE, C_EncryptInit(session, cbc, key));
	check_rv(CKR_OK, C_EncryptUpdate(session, text, 20, out, &n));
	assert_int_equal(n, 16);
	check_rv(CKR_OPERATION_ACTIVE, C_Encrypt(session, text, 16, out, &n));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_EncryptUpdate(session, text, 16, out, &n));
	check_rv(CKR_OK, C_EncryptInit(session, cbc, key));
	check_rv(CKR_ARGUMENTS_BAD, C_EncryptUpdate(session, NULL, 16, out, &n));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_EncryptFinal(session, out, &n));
	check_rv(CKR_OK, C_EncryptInit(session, &wrap, key));
	check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_EncryptUpdate(session, text, 16, out, &n));
	check_rv(CKR_OK, C_EncryptInit(session, &wrap, key));
	n = sizeof(out);
	check_rv(CKR_DATA_LEN_RANGE, C_Encrypt(session, text, 12, out, &n));
}

int main(void)
{
#define CIPHER_TEST(name) cmocka_unit_test_setup_teardown(name, open_session, fixture_down)
	const struct CMUnitTest tests[] = {
		CIPHER_TEST(at_once_it_is_openssls),
		CIPHER_TEST(by_parts_of_any_length_it_is_the_same),
		CIPHER_TEST(in_place_is_the_same),
		CIPHER_TEST(what_was_changed_is_not_opened_not_even_a_part_of_it),
		CIPHER_TEST(lengths_that_do_not_fit_the_mode_are_refused),
		CIPHER_TEST(a_counter_does_not_come_round),
		CIPHER_TEST(parameters_are_checked),
		CIPHER_TEST(operations_and_keys_that_do_not_fit_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
