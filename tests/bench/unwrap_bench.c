#define _GNU_SOURCE 1
#include "common/jwe.h"
#include "common/key.h"
#include "common/libctx.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Unwrapping a layer's key from a JWE beside the raw operation with the private key that it takes, in turns: CPU time.
 * Usage: unwrap_bench [seconds for each] */

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

static void demand(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "unwrap_bench: %s failed\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static EVP_PKEY *key_make(const char *type, const char *curve, unsigned bits)
{
	EVP_PKEY *key = NULL;
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(libctx(), type, NULL);
	demand(ctx && EVP_PKEY_keygen_init(ctx) == 1, "key generation");
	demand(curve ? EVP_PKEY_CTX_set_group_name(ctx, curve) == 1
		     : EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1,
	       "key generation");
	demand(EVP_PKEY_generate(ctx, &key) == 1, "key generation");
	return key;
}

struct subject {
	EVP_PKEY *key;
	EVP_PKEY *peer; /* EC */
	uint8_t wrapped[1024]; /* RSA */
	size_t wrapped_len;
	char *jwe;
};

static void subject_make(struct subject *s, EVP_PKEY *key)
{
	static const uint8_t options[193] = { '{' };
	static const uint8_t cek[32] = { 1 };
	const struct jwe_recipient to = { .key = key };
	struct errmsg em = { "" };
	s->key = key;
	demand(jwe_encrypt(&to, 1, BYTES(options), &s->jwe, &em) == OK, em.text);
	if (EVP_PKEY_is_a(key, "EC")) {
		s->peer = key_make("EC", "P-256", 0);
		return;
	}
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	s->wrapped_len = sizeof(s->wrapped);
	demand(ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
		       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		       EVP_PKEY_encrypt(ctx, s->wrapped, &s->wrapped_len, cek, sizeof(cek)) == 1,
	       "OAEP");
}

static void raw(const struct subject *s)
{
	uint8_t out[1024];
	size_t len = sizeof(out);
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), s->key, NULL);
	if (s->peer)
		demand(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, s->peer) == 1 &&
			       EVP_PKEY_derive(ctx, out, &len) == 1,
		       "ECDH");
	else
		demand(EVP_PKEY_decrypt_init(ctx) == 1 &&
			       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
			       EVP_PKEY_decrypt(ctx, out, &len, s->wrapped, s->wrapped_len) == 1,
		       "OAEP");
}

static void unwrap(const struct subject *s)
{
	AUTO(secret) *plain = NULL;
	struct jwe_key ops;
	struct errmsg em = { "" };
	demand(jwe_key_from_pkey(s->key, &ops, &em) == OK &&
		       jwe_decrypt(bytes_str(s->jwe), 65536, &ops, &plain, &em) == OK,
	       em.text);
}

static void measure(const char *name, EVP_PKEY *key, double seconds)
{
	struct subject s = { .key = NULL };
	double took[2] = { 0, 0 };
	size_t count = 0;
	subject_make(&s, key);
	for (int warm = 0; warm < 20; warm++) {
		raw(&s);
		unwrap(&s);
	}
	while (took[0] + took[1] < seconds) {
		double begin = now();
		for (int i = 0; i < 20; i++)
			raw(&s);
		double middle = now();
		for (int i = 0; i < 20; i++)
			unwrap(&s);
		took[0] += middle - begin;
		took[1] += now() - middle;
		count += 20;
	}
	printf("jwe-unwrap %-10s ours %7.1f us  raw operation %7.1f us  ratio %.2f\n", name,
	       took[1] / (double)count * 1e6, took[0] / (double)count * 1e6, took[0] / took[1]);
	EVP_PKEY_free(s.peer);
	EVP_PKEY_free(s.key);
	free(s.jwe);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	demand(seconds > 0, "the command line");
	measure("RSA-3072", key_make("RSA", NULL, 3072), seconds);
	measure("RSA-2048", key_make("RSA", NULL, 2048), seconds);
	measure("P-256", key_make("EC", "P-256", 0), seconds);
	return 0;
}
