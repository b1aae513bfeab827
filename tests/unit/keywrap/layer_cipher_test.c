#include "tests/unit/keywrap/layers.h"

#include "keywrap/hash_ring.h"
#include "keywrap/layer_cipher.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The layer cipher without keys around it. */

static const uint8_t key[LAYER_KEY_LEN] = { 0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae,
					    0xf0, 0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61,
					    0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4 };

struct run {
	enum layer_direction direction;
	struct memory_source source;
	size_t piece; /* asked for at a time; 0 = 64 KiB */
	const char *digest;
	const struct layer_result *made; /* what must come out */
	struct layer_result result;
	char other_digest[LAYER_DIGEST_TEXT]; /* "" where none was told */
	struct buf out;
	struct errmsg em;
};

static struct layer_cipher *cipher_open(struct run *r)
{
	AUTO(secret) *symkey = NULL;
	struct layer_cipher *cipher = NULL;
	struct layer_cipher_options o = { .direction = r->direction, .source = { memory_read, &r->source } };
	assert_int_equal(secret_copy(BYTES(key), &symkey, &r->em), OK);
	o.symkey = symkey;
	for (int i = 0; i < LAYER_NONCE_LEN; i++)
		o.nonce[i] = (uint8_t)(0xf0 + i);
	if (r->made)
		memcpy(o.hmac, r->made->hmac, sizeof(o.hmac));
	if (r->digest)
		snprintf(o.digest, sizeof(o.digest), "%s", r->digest);
	enum err e = layer_cipher_new(&o, &cipher, &r->em);
	if (e != OK)
		fail_msg("%s", r->em.text);
	return cipher;
}

static enum err run_all(struct run *r)
{
	AUTO(layer_cipher) *cipher = cipher_open(r);
	static uint8_t piece[65536];
	size_t got = 1;
	enum err e = OK;
	while (e == OK && got > 0) {
		struct layer_window to = { piece, r->piece ? r->piece : sizeof(piece) };
		e = layer_cipher_read(cipher, to, &got, &r->em);
		if (e == OK)
			assert_int_equal(buf_append(&r->out, (struct bytes){ piece, got }, 0, NULL), OK);
	}
	if (e == OK) {
		assert_int_equal(layer_cipher_read(cipher, (struct layer_window){ piece, 1 }, &got, NULL), OK);
		assert_int_equal(got, 0);
		r->result = *layer_cipher_result(cipher);
	} else {
		assert_int_equal(layer_cipher_read(cipher, (struct layer_window){ piece, 1 }, &got, NULL), e);
		assert_int_equal(got, 0);
	}
	const char *other = layer_cipher_other_digest(cipher);
	snprintf(r->other_digest, sizeof(r->other_digest), "%s", other ? other : "");
	return e;
}

/* NIST SP 800-38A F.5.5, CTR-AES256.Encrypt, blocks 1 and 2. */
static void encrypts_as_nist_says(void **state)
{
	(void)state;
	uint8_t plain[32];
	uint8_t cipher[32];
	assert_int_equal(
		hex_decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", plain, 32, NULL), OK);
	assert_int_equal(
		hex_decode("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5", cipher, 32, NULL), OK);
	struct run r = { .direction = LAYER_ENCRYPT, .source = { .left = BYTES(plain) }, .piece = 7 };
	assert_int_equal(run_all(&r), OK);
	assert_true(bytes_equal(buf_bytes(&r.out), BYTES(cipher)));
	buf_clear(&r.out);
}

static void both_directions(size_t len, size_t step, size_t piece)
{
	AUTO_STR
	char *data = test_data(len);
	struct bytes plain = { (const uint8_t *)data, len };
	uint8_t sum[32];
	struct run enc = { .direction = LAYER_ENCRYPT, .source = { .left = plain, .step = step }, .piece = piece };
	assert_int_equal(run_all(&enc), OK);
	assert_int_equal(enc.out.len, len);
	assert_true(EVP_Digest(plain.data, plain.len, sum, NULL, EVP_sha256(), NULL));
	AUTO_STR
	char *hex = hex_encode(BYTES(sum));
	assert_string_equal(enc.result.digest + 7, hex);
	struct run dec = {
		.direction = LAYER_DECRYPT,
		.source = { .left = buf_bytes(&enc.out), .step = step },
		.piece = piece,
		.digest = enc.result.digest,
		.made = &enc.result,
	};
	if (run_all(&dec) != OK)
		fail_msg("%zu bytes: %s", len, dec.em.text);
	assert_true(bytes_equal(buf_bytes(&dec.out), plain));
	buf_clear(&enc.out);
	buf_clear(&dec.out);
}

static void round_trips_at_every_size(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0,
					1,
					15,
					16,
					17,
					4096,
					HASH_RING_BLOCK - 1,
					HASH_RING_BLOCK,
					HASH_RING_BLOCK + 1,
					4 * HASH_RING_BLOCK,
					9 * HASH_RING_BLOCK + 5 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		both_directions(sizes[i], 0, 0);
		both_directions(sizes[i], 999, 5000);
	}
	both_directions(3000, 1, 1);
}

/* A layer of `len` bytes, changed by `change`: the error must come, and no good end. */
static void damaged(size_t len, void (*change)(struct buf *))
{
	AUTO_STR
	char *data = test_data(len);
	struct run enc = { .direction = LAYER_ENCRYPT, .source = { .left = { (const uint8_t *)data, len } } };
	assert_int_equal(run_all(&enc), OK);
	change(&enc.out);
	struct run dec = {
		.direction = LAYER_DECRYPT,
		.source = { .left = buf_bytes(&enc.out) },
		.made = &enc.result,
	};
	assert_int_equal(run_all(&dec), ERR_INTEGRITY);
	assert_non_null(strstr(dec.em.text, "HMAC"));
	buf_clear(&enc.out);
	buf_clear(&dec.out);
}

static void flip(struct buf *b)
{
	b->data[b->len / 2] ^= 1;
}

static void cut(struct buf *b)
{
	b->len--;
}

static void cut_all(struct buf *b)
{
	b->len = 0;
}

static void append(struct buf *b)
{
	assert_int_equal(buf_append(b, bytes_str("x"), 0, NULL), OK);
}

static void refuses_flipped_cut_and_lengthened_data(void **state)
{
	(void)state;
	static const size_t sizes[] = { 20, HASH_RING_BLOCK, 6 * HASH_RING_BLOCK + 77 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		damaged(sizes[i], flip);
		damaged(sizes[i], cut);
		damaged(sizes[i], cut_all);
		damaged(sizes[i], append);
	}
}

static void refuses_a_digest_that_does_not_hold(void **state)
{
	(void)state;
	struct run enc = { .direction = LAYER_ENCRYPT, .source = { .left = bytes_str("layer") } };
	assert_int_equal(run_all(&enc), OK);
	struct run dec = { .direction = LAYER_DECRYPT, .source = { .left = buf_bytes(&enc.out) }, .made = &enc.result };
	dec.digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	assert_int_equal(run_all(&dec), ERR_INTEGRITY);
	assert_non_null(strstr(dec.em.text, enc.result.digest));
	assert_string_equal(dec.other_digest, dec.digest);
	assert_string_equal(enc.other_digest, "");
	buf_clear(&enc.out);
	buf_clear(&dec.out);
}

static void tells_no_other_digest_where_the_hmac_does_not_hold(void **state)
{
	(void)state;
	struct run enc = { .direction = LAYER_ENCRYPT, .source = { .left = bytes_str("layer") } };
	assert_int_equal(run_all(&enc), OK);
	flip(&enc.out);
	struct run dec = { .direction = LAYER_DECRYPT, .source = { .left = buf_bytes(&enc.out) }, .made = &enc.result };
	dec.digest = enc.result.digest;
	assert_int_equal(run_all(&dec), ERR_INTEGRITY);
	assert_string_equal(dec.other_digest, "");
	buf_clear(&enc.out);
	buf_clear(&dec.out);
}

static void checks_a_sha512_digest_and_lives_without_one(void **state)
{
	(void)state;
	uint8_t sum[64];
	char digest[LAYER_DIGEST_TEXT];
	assert_true(EVP_Digest("layer", 5, sum, NULL, EVP_sha512(), NULL));
	AUTO_STR
	char *hex = hex_encode(BYTES(sum));
	snprintf(digest, sizeof(digest), "sha512:%s", hex);
	const char *const digests[] = { digest, "" };
	struct run enc = { .direction = LAYER_ENCRYPT, .source = { .left = bytes_str("layer") } };
	assert_int_equal(run_all(&enc), OK);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		struct run dec = { .direction = LAYER_DECRYPT,
				   .source = { .left = buf_bytes(&enc.out) },
				   .digest = digests[i],
				   .made = &enc.result };
		assert_int_equal(run_all(&dec), OK);
		buf_clear(&dec.out);
	}
	buf_clear(&enc.out);
}

static void refuses_digests_of_no_known_form(void **state)
{
	(void)state;
	static const char *const bad[] = { "sha256:",
					   "sha256:00",
					   "md5:00",
					   "sha256",
					   ":",
					   "sha1:00",
					   "sha256:000000000000000000000000000000000000000000000000000000000000000Z" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(secret) *symkey = NULL;
		struct layer_cipher *cipher = NULL;
		struct layer_cipher_options o = { .direction = LAYER_DECRYPT };
		assert_int_equal(secret_copy(BYTES(key), &symkey, NULL), OK);
		o.symkey = symkey;
		snprintf(o.digest, sizeof(o.digest), "%s", bad[i]);
		assert_int_not_equal(layer_cipher_new(&o, &cipher, NULL), OK);
		assert_null(cipher);
	}
}

static void reports_a_source_that_fails(void **state)
{
	(void)state;
	AUTO_STR
	char *data = test_data(5 * HASH_RING_BLOCK);
	struct bytes layer = { (const uint8_t *)data, 5 * HASH_RING_BLOCK };
	struct run r = { .direction = LAYER_ENCRYPT, .source = { .left = layer, .fail_at_end = 1 } };
	assert_int_equal(run_all(&r), ERR_IO);
	buf_clear(&r.out);
}

static int too_much(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	(void)user;
	memset(to, 0, capacity);
	*length = capacity + 1;
	return 0;
}

static void refuses_a_source_that_gives_too_much(void **state)
{
	(void)state;
	uint8_t piece[16];
	size_t got = 0;
	AUTO(secret) *symkey = NULL;
	AUTO(layer_cipher) *cipher = NULL;
	struct layer_cipher_options o = { .direction = LAYER_ENCRYPT, .source = { too_much, NULL } };
	assert_int_equal(secret_copy(BYTES(key), &symkey, NULL), OK);
	o.symkey = symkey;
	assert_int_equal(layer_cipher_new(&o, &cipher, NULL), OK);
	assert_int_equal(layer_cipher_read(cipher, (struct layer_window){ piece, 16 }, &got, NULL), ERR_ARG);
}

/* The helper is at work, and blocks are waiting for it. */
static void can_be_freed_in_the_middle(void **state)
{
	(void)state;
	AUTO_STR
	char *data = test_data(40 * HASH_RING_BLOCK);
	static uint8_t piece[65536];
	for (size_t reads = 0; reads < 20; reads++) {
		struct run r = {
			.direction = LAYER_ENCRYPT,
			.source = { .left = { (const uint8_t *)data, 40 * HASH_RING_BLOCK } },
		};
		AUTO(layer_cipher) *cipher = cipher_open(&r);
		for (size_t i = 0; i < reads; i++) {
			size_t got = 0;
			struct layer_window to = { piece, sizeof(piece) };
			assert_int_equal(layer_cipher_read(cipher, to, &got, NULL), OK);
		}
	}
}

/* The child has no helper to wait for. */
static void can_be_freed_in_a_forked_child(void **state)
{
	(void)state;
	AUTO_STR
	char *data = test_data(40 * HASH_RING_BLOCK);
	static uint8_t piece[HASH_RING_BLOCK];
	struct run r = {
		.direction = LAYER_ENCRYPT,
		.source = { .left = { (const uint8_t *)data, 40 * HASH_RING_BLOCK } },
	};
	AUTO(layer_cipher) *cipher = cipher_open(&r);
	size_t got = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(layer_cipher_read(cipher, (struct layer_window){ piece, sizeof(piece) }, &got, NULL),
				 OK);
	pid_t child = fork();
	if (child == 0) {
		alarm(20);
		layer_cipher_free(cipher);
		_exit(0);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_as_nist_says),
		cmocka_unit_test(round_trips_at_every_size),
		cmocka_unit_test(refuses_flipped_cut_and_lengthened_data),
		cmocka_unit_test(refuses_a_digest_that_does_not_hold),
		cmocka_unit_test(tells_no_other_digest_where_the_hmac_does_not_hold),
		cmocka_unit_test(checks_a_sha512_digest_and_lives_without_one),
		cmocka_unit_test(refuses_digests_of_no_known_form),
		cmocka_unit_test(reports_a_source_that_fails),
		cmocka_unit_test(refuses_a_source_that_gives_too_much),
		cmocka_unit_test(can_be_freed_in_the_middle),
		cmocka_unit_test(can_be_freed_in_a_forked_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
