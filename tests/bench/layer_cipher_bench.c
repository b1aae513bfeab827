#define _GNU_SOURCE 1
#include "common/libctx.h"
#include "keywrap/layer_cipher.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Layer decryption in memory beside OpenSSL's own AES-256-CTR + HMAC-SHA256 loop in one thread, in one run. Prints the
 * best of some rounds and their ratio, for ours on one processor without a digest (the same work as the loop), on one
 * with the digest of the plaintext checked as well, and on all processors with it (what a copy does).
 * Usage: layer_cipher_bench [MiB [rounds]] */

#define PIECE ((size_t)128 * 1024)

static const uint8_t key[LAYER_KEY_LEN] = { 1, 2, 3 };
static const uint8_t nonce[LAYER_NONCE_LEN] = { 4, 5, 6 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void demand(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "layer_cipher_bench: %s failed\n", what);
	exit(1);
}

struct layer {
	uint8_t *data;
	size_t len;
	size_t at;
	struct layer_result made;
};

static int layer_source(void *user, uint8_t *to, size_t capacity, size_t *length)
{
	struct layer *layer = user;
	size_t n = layer->len - layer->at < capacity ? layer->len - layer->at : capacity;
	memcpy(to, layer->data + layer->at, n);
	layer->at += n;
	*length = n;
	return 0;
}

/* What a straightforward decrypter does: read, HMAC, decrypt, piece by piece. */
static double openssl_loop(struct layer *layer, uint8_t *in, uint8_t *out)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(libctx(), "HMAC", NULL);
	EVP_MAC_CTX *hmac = EVP_MAC_CTX_new(mac);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx(), "AES-256-CTR", NULL);
	EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
	uint8_t tag[LAYER_HMAC_LEN];
	size_t got = 0;
	size_t tag_len = 0;
	double begin = now();
	demand(EVP_MAC_init(hmac, key, sizeof(key), params) == 1, "EVP_MAC_init");
	demand(EVP_DecryptInit_ex2(aes, cipher, key, nonce, NULL) == 1, "EVP_DecryptInit_ex2");
	layer->at = 0;
	while (layer_source(layer, in, PIECE, &got) == 0 && got > 0) {
		int len = 0;
		demand(EVP_MAC_update(hmac, in, got) == 1, "EVP_MAC_update");
		demand(EVP_DecryptUpdate(aes, out, &len, in, (int)got) == 1, "EVP_DecryptUpdate");
	}
	demand(EVP_MAC_final(hmac, tag, &tag_len, sizeof(tag)) == 1, "EVP_MAC_final");
	double took = now() - begin;
	demand(memcmp(tag, layer->made.hmac, sizeof(tag)) == 0, "the HMAC");
	EVP_CIPHER_CTX_free(aes);
	EVP_CIPHER_free(cipher);
	EVP_MAC_CTX_free(hmac);
	EVP_MAC_free(mac);
	return took;
}

static struct layer_cipher *cipher_new(struct layer *layer, enum layer_direction direction, bool digest)
{
	AUTO(secret) *symkey = NULL;
	struct layer_cipher *cipher = NULL;
	struct layer_cipher_options o = { .direction = direction, .source = { layer_source, layer } };
	demand(secret_copy(BYTES(key), &symkey, NULL) == OK, "secret_copy");
	o.symkey = symkey;
	memcpy(o.nonce, nonce, sizeof(nonce));
	memcpy(o.hmac, layer->made.hmac, sizeof(o.hmac));
	if (digest)
		memcpy(o.digest, layer->made.digest, sizeof(o.digest));
	layer->at = 0;
	demand(layer_cipher_new(&o, &cipher, NULL) == OK, "layer_cipher_new");
	return cipher;
}

static void layer_encrypt(struct layer *layer)
{
	struct layer_cipher *cipher = cipher_new(layer, LAYER_ENCRYPT, false);
	uint8_t *made = malloc(layer->len);
	demand(made != NULL, "malloc");
	for (size_t at = 0, got = 1; got > 0; at += got)
		demand(layer_cipher_read(cipher, (struct layer_window){ made + at, layer->len - at + 1 }, &got, NULL) ==
			       OK,
		       "encrypting");
	layer->made = *layer_cipher_result(cipher);
	layer_cipher_free(cipher);
	memcpy(layer->data, made, layer->len);
	free(made);
}

static double ours(struct layer *layer, uint8_t *out, bool digest)
{
	double begin = now();
	struct layer_cipher *cipher = cipher_new(layer, LAYER_DECRYPT, digest);
	for (size_t got = 1; got > 0;)
		demand(layer_cipher_read(cipher, (struct layer_window){ out, PIECE }, &got, NULL) == OK, "decrypting");
	layer_cipher_free(cipher);
	return now() - begin;
}

/* One comparison: rounds of both by turns, so that both see the same machine. */
static void compare(struct layer *layer, const char *name, bool digest, int rounds)
{
	uint8_t *in = malloc(PIECE);
	uint8_t *out = malloc(PIECE);
	double best_openssl = 1e9;
	double best_ours = 1e9;
	demand(in && out, "malloc");
	for (int i = 0; i < rounds; i++) {
		double took = openssl_loop(layer, in, out);
		best_openssl = took < best_openssl ? took : best_openssl;
		took = ours(layer, out, digest);
		best_ours = took < best_ours ? took : best_ours;
	}
	double megabytes = (double)layer->len / 1e6;
	printf("layer-decrypt %-22s ours %5.0f MB/s  openssl-ctr-hmac %5.0f MB/s  ratio %.2f\n", name,
	       megabytes / best_ours, megabytes / best_openssl, best_openssl / best_ours);
	free(in);
	free(out);
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 128;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	cpu_set_t all;
	cpu_set_t one;
	demand(mib > 0 && mib <= 4096 && rounds > 0, "the command line");
	struct layer layer = { .len = mib << 20 };
	layer.data = calloc(1, layer.len);
	demand(layer.data != NULL, "malloc");
	layer_encrypt(&layer);
	demand(sched_getaffinity(0, sizeof(all), &all) == 0, "sched_getaffinity");
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	demand(sched_setaffinity(0, sizeof(one), &one) == 0, "sched_setaffinity");
	compare(&layer, "one-cpu", false, rounds);
	compare(&layer, "one-cpu-digest", true, rounds);
	demand(sched_setaffinity(0, sizeof(all), &all) == 0, "sched_setaffinity");
	compare(&layer, "all-cpus", false, rounds);
	compare(&layer, "all-cpus-digest", true, rounds);
	free(layer.data);
	return 0;
}
