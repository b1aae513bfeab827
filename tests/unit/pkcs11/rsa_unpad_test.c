/* PKCS#1 v1.5 decryption that gives nothing away. */
#include "tests/support/check.h"

#include "common/key.h"
#include "common/libctx.h"
#include "pkcs11/rsa_unpad.h"

#include <openssl/rsa.h>

#define K 256

static EVP_PKEY *key;

static int key_make(void **state)
{
	(void)state;
	key = EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)(8 * K));
	return key ? 0 : 1;
}

static int key_drop(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

static void encrypt(int padding, struct bytes in, uint8_t to[K])
{
	size_t len = K;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, to, &len, in.data, in.len), 1);
	assert_int_equal(len, K);
	EVP_PKEY_CTX_free(ctx);
}

static enum err open_(const uint8_t sealed[K], uint8_t to[K], size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	enum err e = rsa_unpad_decrypt(ctx, key, (struct bytes){ sealed, K }, to, len);
	EVP_PKEY_CTX_free(ctx);
	return e;
}

static void opens_messages_of_every_length(void **state)
{
	(void)state;
	uint8_t message[K], sealed[K], plain[K];
	for (size_t i = 0; i < K; i++)
		message[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= K - 11; n++) {
		size_t len = K;
		encrypt(RSA_PKCS1_PADDING, (struct bytes){ message, n }, sealed);
		assert_int_equal(open_(sealed, plain, &len), OK);
		check_bytes((struct bytes){ message, n }, (struct bytes){ plain, len });
	}
}

/* A block that RSA is given as it is: what a wrong padding looks like inside. */
static void good_block(uint8_t block[K])
{
	memset(block, 0xaa, K);
	block[0] = 0;
	block[1] = 2;
	block[K - 5] = 0;
	memcpy(block + K - 4, "text", 4);
}

static void gives_a_message_of_its_own_for_every_wrong_padding(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} faults[] = { { 0, 1 }, { 1, 1 }, { 1, 0 }, { 2, 0 }, { 9, 0 }, { 5, 0 } };
	uint8_t block[K], sealed[K], first[K], again[K];
	size_t len, again_len, lengths[ARRAY_LEN(faults) + 1], different = 0;
	for (size_t i = 0; i <= ARRAY_LEN(faults); i++) {
		good_block(block);
		if (i < ARRAY_LEN(faults))
			block[faults[i].at] = faults[i].value;
		else
			block[K - 5] = 0xaa; /* no end of the padding at all */
		encrypt(RSA_NO_PADDING, BYTES(block), sealed);
		assert_int_equal(open_(sealed, first, &len), OK);
		assert_int_equal(open_(sealed, again, &again_len), OK);
		assert_true(len <= K - 11);
		check_bytes((struct bytes){ first, len }, (struct bytes){ again, again_len });
		assert_false(len >= 4 && memcmp(first + len - 4, "text", 4) == 0);
		lengths[i] = len;
		different += i > 0 && lengths[i] != lengths[0];
	}
	assert_true(different > 0);
}

static void the_shortest_padding_allowed_is_eight_bytes(void **state)
{
	(void)state;
	uint8_t block[K], sealed[K], plain[K];
	size_t len;
	good_block(block);
	block[10] = 0;
	encrypt(RSA_NO_PADDING, BYTES(block), sealed);
	assert_int_equal(open_(sealed, plain, &len), OK);
	check_bytes((struct bytes){ block + 11, K - 11 }, (struct bytes){ plain, len });
}

static void a_number_above_the_modulus_is_refused(void **state)
{
	(void)state;
	uint8_t sealed[K], plain[K];
	size_t len;
	memset(sealed, 0xff, sizeof(sealed));
	assert_int_equal(open_(sealed, plain, &len), ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_messages_of_every_length),
		cmocka_unit_test(gives_a_message_of_its_own_for_every_wrong_padding),
		cmocka_unit_test(the_shortest_padding_allowed_is_eight_bytes),
		cmocka_unit_test(a_number_above_the_modulus_is_refused),
	};
	return cmocka_run_group_tests(tests, key_make, key_drop);
}
