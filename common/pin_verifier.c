#include "common/pin_verifier.h"

#include "common/base64.h"
#include "common/libctx.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>

#define TEXT_MAX 512
#define SCRYPT_MEMORY_MAX (256ULL << 20)
#define ITERATIONS_MIN 10000
#define SCRYPT_WORK_MAX (1ULL << 22) /* N * r * p: sixteen times what a new one has, a second or two */
#define ITERATIONS_MAX 5000000
#define SALT_MIN 8
#define HASH_MIN 16
#define NEW_SALT 16
#define NEW_HASH 32
#define NEW_LN 15
#define NEW_ITERATIONS 600000

struct kind {
	const char *name;
	const char *hash_name;
};

static const struct kind kinds[] = {
	{ "scrypt", NULL },
	{ "pbkdf2-sha256", "SHA256" },
	{ "pbkdf2-sha512", "SHA512" },
};

static const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* "name=123", all of it. */
static bool read_number(const char *text, const char *name, uint64_t *out)
{
	size_t len = strlen(name);
	if (!text || strncmp(text, name, len) != 0 || text[len] != '=')
		return false;
	text += len + 1;
	if (*text < '1' || *text > '9' || strlen(text) > 9)
		return false;
	*out = 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		*out = *out * 10 + (uint64_t)(*text - '0');
	}
	return true;
}

static enum err read_parameters(char *text, struct pin_verifier *v, struct errmsg *em)
{
	if (v->hash_name) {
		if (!read_number(text, "i", &v->iterations))
			return err_set(em, ERR_PARSE, "a PIN verifier's iterations are not i=NUMBER");
		if (v->iterations < ITERATIONS_MIN || v->iterations > ITERATIONS_MAX)
			return err_set(em, ERR_LIMIT, "a PIN verifier's iterations are %d to %d", ITERATIONS_MIN,
				       ITERATIONS_MAX);
		return OK;
	}
	uint64_t ln = 0;
	char *rest = text;
	const char *first = strsep(&rest, ","), *second = strsep(&rest, ","), *third = strsep(&rest, ",");
	if (rest || !read_number(first, "ln", &ln) || !read_number(second, "r", &v->r) ||
	    !read_number(third, "p", &v->p))
		return err_set(em, ERR_PARSE, "a PIN verifier's parameters are not ln=NUMBER,r=NUMBER,p=NUMBER");
	if (ln < 12 || ln > 20 || v->r > 32 || v->p > 16 || (v->r << (ln + 7)) > SCRYPT_MEMORY_MAX ||
	    (v->r * v->p) << ln > SCRYPT_WORK_MAX)
		return err_set(em, ERR_LIMIT,
			       "a PIN verifier's scrypt is ln 12 to 20, r to 32, p to 16, 256 MiB, and "
			       "N * r * p no more than 2^22");
	v->n = 1ULL << ln;
	return OK;
}

/* Base64 without its padding, as PHC strings have it. */
static bool read_bytes(const char *text, uint8_t *to, size_t room, size_t *len)
{
	AUTO_BUF
	decoded = { 0 };
	char padded[128];
	size_t n = text ? strlen(text) : 0;
	if (n + 4 > sizeof(padded) || n % 4 == 1 || (text && strchr(text, '=')))
		return false;
	memcpy(padded, text ? text : "", n);
	while (n % 4)
		padded[n++] = '=';
	if (base64_decode(BASE64_STD, (struct bytes){ (const uint8_t *)padded, n }, &decoded, NULL) != OK ||
	    decoded.len > room || !decoded.len)
		return false;
	memcpy(to, decoded.data, decoded.len);
	*len = decoded.len;
	return true;
}

enum err pin_verifier_read(const char *text, struct pin_verifier *out, struct errmsg *em)
{
	char copy[TEXT_MAX];
	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(copy) || *text != '$')
		return err_set(em, ERR_PARSE, "a PIN verifier is $scrypt$... or $pbkdf2-sha256$...");
	memcpy(copy, text, strlen(text) + 1);
	char *rest = copy + 1;
	const char *name = strsep(&rest, "$");
	char *parameters = strsep(&rest, "$");
	const char *salt = strsep(&rest, "$"), *hash = strsep(&rest, "$");
	const struct kind *kind = kind_find(name);
	if (!kind || !parameters || rest)
		return err_set(em, ERR_PARSE, "a PIN verifier is $scrypt$... or $pbkdf2-sha256$...");
	out->hash_name = kind->hash_name;
	enum err e = read_parameters(parameters, out, em);
	if (e != OK)
		return e;
	if (!read_bytes(salt, out->salt, sizeof(out->salt), &out->salt_len) ||
	    !read_bytes(hash, out->hash, sizeof(out->hash), &out->hash_len))
		return err_set(em, ERR_PARSE, "salt or hash of a PIN verifier is not base64 without padding");
	if (out->salt_len < SALT_MIN || out->hash_len < HASH_MIN)
		return err_set(em, ERR_LIMIT, "a PIN verifier has a salt of %d bytes and a hash of %d, or more",
			       SALT_MIN, HASH_MIN);
	return OK;
}

/* OpenSSL's parameters are not const; it reads them only. */
static void *loosely(const void *p)
{
	return (void *)(uintptr_t)p;
}

static enum err derive(const struct pin_verifier *v, struct bytes pin, uint8_t *to, struct errmsg *em)
{
	struct pin_verifier copy = *v;
	uint64_t memory = SCRYPT_MEMORY_MAX + (1 << 20);
	OSSL_PARAM params[7], *p = params;
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, loosely(pin.data), pin.len);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, copy.salt, copy.salt_len);
	if (v->hash_name) {
		*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, loosely(v->hash_name), 0);
		*p++ = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &copy.iterations);
	} else {
		*p++ = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &copy.n);
		*p++ = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &copy.r);
		*p++ = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &copy.p);
		*p++ = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory);
	}
	*p = OSSL_PARAM_construct_end();
	EVP_KDF *kdf = EVP_KDF_fetch(libctx(), v->hash_name ? "PBKDF2" : "SCRYPT", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool good = ctx && EVP_KDF_derive(ctx, to, v->hash_len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good ? OK : err_openssl(em, ERR_CRYPTO, "deriving from a PIN");
}

enum err pin_verifier_check(const struct pin_verifier *v, struct bytes pin, struct errmsg *em)
{
	uint8_t got[sizeof(v->hash)];
	enum err e = derive(v, pin, got, em);
	if (e == OK && CRYPTO_memcmp(got, v->hash, v->hash_len) != 0)
		e = err_set(em, ERR_AUTH, "a wrong PIN");
	secret_wipe(got, sizeof(got));
	return e;
}

static char *unpadded(struct bytes from)
{
	char *text = base64_encode(BASE64_STD, from);
	if (text)
		text[strcspn(text, "=")] = 0;
	return text;
}

static char *write_text(const char *kind, const struct pin_verifier *v)
{
	AUTO_STR
	char *salt = unpadded((struct bytes){ v->salt, v->salt_len });
	AUTO_STR
	char *hash = unpadded((struct bytes){ v->hash, v->hash_len });
	char parameters[64], *text = NULL;
	if (v->hash_name)
		snprintf(parameters, sizeof(parameters), "i=%llu", (unsigned long long)v->iterations);
	else
		snprintf(parameters, sizeof(parameters), "ln=%d,r=%llu,p=%llu", NEW_LN, (unsigned long long)v->r,
			 (unsigned long long)v->p);
	if (!salt || !hash || asprintf(&text, "$%s$%s$%s$%s", kind, parameters, salt, hash) < 0)
		return NULL;
	return text;
}

enum err pin_verifier_make(const char *kind, struct bytes pin, char **out, struct errmsg *em)
{
	const struct kind *k = kind_find(kind);
	if (!k)
		return err_set(em, ERR_ARG, "\"%s\" is not scrypt, pbkdf2-sha256 or pbkdf2-sha512", kind);
	if (pin.len < PIN_LEN_MIN || pin.len > PIN_LEN_MAX)
		return err_set(em, ERR_LIMIT, "a PIN has %d to %d bytes", PIN_LEN_MIN, PIN_LEN_MAX);
	struct pin_verifier v = { .hash_name = k->hash_name,
				  .n = 1ULL << NEW_LN,
				  .r = 8,
				  .p = 1,
				  .iterations = NEW_ITERATIONS,
				  .salt_len = NEW_SALT,
				  .hash_len = NEW_HASH };
	if (RAND_bytes_ex(libctx(), v.salt, NEW_SALT, 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "a random salt");
	enum err e = derive(&v, pin, v.hash, em);
	if (e == OK && !(*out = write_text(kind, &v)))
		e = err_nomem(em, "a PIN verifier");
	return e;
}
