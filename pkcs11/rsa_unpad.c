#include "pkcs11/rsa_unpad.h"

#include "common/constant_time.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

static bool hmac(struct bytes key, struct bytes first, struct bytes second, uint8_t out[32])
{
	size_t len = 0;
	EVP_MAC *mac = EVP_MAC_fetch(libctx(), "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
				OSSL_PARAM_construct_end() };
	bool good = ctx && EVP_MAC_init(ctx, key.data, key.len, params) && EVP_MAC_update(ctx, first.data, first.len) &&
		    EVP_MAC_update(ctx, second.data, second.len) && EVP_MAC_final(ctx, out, &len, 32) && len == 32;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return good;
}

/* The private exponent, as long as the modulus, hashed: the secret that makes up false messages. */
static bool exponent_digest(EVP_PKEY *key, size_t k, uint8_t out[32])
{
	BIGNUM *d = NULL;
	struct secret *bytes = NULL;
	bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &d) && secret_new(k, &bytes, NULL) == OK &&
		    BN_bn2binpad(d, secret_data(bytes), (int)k) >= 0 &&
		    EVP_Q_digest(libctx(), "SHA256", NULL, secret_data(bytes), k, out, NULL);
	BN_clear_free(d);
	secret_free(bytes);
	return good;
}

/* PRF(kdk, name, len): HMAC over a counter, the name and the length in bits. */
static bool expand(struct bytes kdk, const char *name, uint8_t *to, size_t len)
{
	size_t bits = len * 8;
	for (size_t done = 0, i = 0; done < len; i++) {
		uint8_t block[32], head[2] = { (uint8_t)(i >> 8), (uint8_t)i }, tail[16];
		size_t name_len = strlen(name);
		memcpy(tail, name, name_len);
		tail[name_len] = (uint8_t)(bits >> 8);
		tail[name_len + 1] = (uint8_t)bits;
		if (!hmac(kdk, BYTES(head), (struct bytes){ tail, name_len + 2 }, block))
			return false;
		size_t n = len - done < sizeof(block) ? len - done : sizeof(block);
		memcpy(to + done, block, n);
		done += n;
		secret_wipe(block, sizeof(block));
	}
	return true;
}

/* The last of 128 candidates that is not longer than allowed. */
static size_t false_length(const uint8_t lengths[256], size_t max)
{
	size_t bits = max, result = 0;
	bits |= bits >> 1;
	bits |= bits >> 2;
	bits |= bits >> 4;
	bits |= bits >> 8;
	for (size_t i = 0; i < 256; i += 2) {
		size_t candidate = ((size_t)lengths[i] << 8 | lengths[i + 1]) & bits;
		result = choose(mask_less(candidate, max + 1), candidate, result);
	}
	return result;
}

static bool false_message(EVP_PKEY *key, struct bytes in, uint8_t *message, size_t *message_len)
{
	uint8_t secret[32], kdk[32], lengths[256];
	bool good = exponent_digest(key, in.len, secret) &&
		    hmac(BYTES(secret), in, (struct bytes){ (const uint8_t *)"", 0 }, kdk) &&
		    expand(BYTES(kdk), "length", lengths, sizeof(lengths)) &&
		    expand(BYTES(kdk), "message", message, in.len);
	*message_len = good ? false_length(lengths, in.len - 11) : 0;
	secret_wipe(secret, sizeof(secret));
	secret_wipe(kdk, sizeof(kdk));
	secret_wipe(lengths, sizeof(lengths));
	return good;
}

/* RFC 8017 7.2.2 step 3: 00 02, at least eight bytes that are not zero, 00, the message. Where it starts; *good
 * is a mask. */
static size_t find_message(const uint8_t *block, size_t k, size_t *good)
{
	size_t separator = 0, found = 0;
	*good = mask_zero(block[0]) & mask_zero(block[1] ^ 2u);
	for (size_t i = 2; i < k; i++) {
		size_t zero = mask_zero(block[i]);
		separator = choose(~found & zero, i, separator);
		found |= zero;
	}
	*good &= found & ~mask_less(separator, 10);
	return separator + 1;
}

/* Moves the last `len` bytes of block to its front without its addresses telling how many they are. */
static void shift_down(uint8_t *block, size_t k, size_t start)
{
	for (size_t step = 1; step < k; step <<= 1) {
		size_t mask = ~mask_zero(start & step);
		for (size_t i = 0; i < k; i++) {
			size_t moved = i + step < k ? block[i + step] : 0;
			block[i] = (uint8_t)choose(mask, moved, block[i]);
		}
	}
}

enum err rsa_unpad_decrypt(EVP_PKEY_CTX *ctx, EVP_PKEY *key, struct bytes in, uint8_t *to, size_t *len)
{
	AUTO(secret) *block = NULL;
	AUTO(secret) *made_up = NULL;
	size_t k = in.len, got = in.len, false_len = 0, good = 0;
	if (k < 64 || secret_new(k, &block, NULL) != OK || secret_new(k, &made_up, NULL) != OK)
		return ERR_NOMEM;
	uint8_t *em = secret_data(block), *other = secret_data(made_up);
	if (!false_message(key, in, other, &false_len) || EVP_PKEY_decrypt(ctx, em, &got, in.data, k) <= 0 ||
	    got != k) {
		openssl_errors_drop();
		return ERR_CRYPTO;
	}
	size_t start = find_message(em, k, &good);
	/* The made-up message is its last false_len bytes, as a true one is. */
	start = choose(good, start, k - false_len);
	for (size_t i = 0; i < k; i++)
		em[i] = (uint8_t)choose(good, em[i], other[i]);
	shift_down(em, k, start);
	memcpy(to, em, k);
	*len = k - start;
	return OK;
}
