/* One key in a module against the same key in OpenSSL's own hands, in turns in one run.
 *
 *   p11_key_bench rsa-sign|oaep|ec-sign KEY.pem MODULE LABEL [PIN]
 *
 * Prints: operations a second of raw EVP and of the module, their ratio, and the milliseconds of the first use in this
 * process (where a token that fetches its key does so). One thread. */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, ROUND_MS = 250 };

enum kind { RSA_SIGN, OAEP, EC_SIGN };

struct bench {
	enum kind kind;
	EVP_PKEY *pkey;
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	unsigned char input[1024];
	size_t input_len;
	unsigned char sealed[1024];
	size_t sealed_len;
};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool oaep_setup(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1;
}

/* What the module is given: a whole DigestInfo for RSA, so no hash is set here either. */
static bool raw_once(struct bench *b)
{
	unsigned char out[1024];
	size_t len = sizeof(out);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(b->pkey, NULL);
	bool good = false;
	if (ctx && b->kind == OAEP)
		good = EVP_PKEY_decrypt_init(ctx) == 1 && oaep_setup(ctx) &&
		       EVP_PKEY_decrypt(ctx, out, &len, b->sealed, b->sealed_len) == 1;
	else if (ctx)
		good = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, out, &len, b->input, b->input_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool module_once(struct bench *b)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_ECDSA };
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mechanism = { types[b->kind], NULL, 0 };
	CK_BYTE out[1024];
	CK_ULONG len = sizeof(out);
	if (b->kind != OAEP)
		return b->p11->C_SignInit(b->session, &mechanism, b->key) == CKR_OK &&
		       b->p11->C_Sign(b->session, b->input, b->input_len, out, &len) == CKR_OK;
	mechanism.pParameter = &oaep;
	mechanism.ulParameterLen = sizeof(oaep);
	return b->p11->C_DecryptInit(b->session, &mechanism, b->key) == CKR_OK &&
	       b->p11->C_Decrypt(b->session, b->sealed, b->sealed_len, out, &len) == CKR_OK;
}

/* Operations a second over one round; negative on failure. */
static double rate(struct bench *b, bool (*once)(struct bench *b))
{
	double from = now_ms();
	double passed = 0;
	long count = 0;
	for (; passed < ROUND_MS; passed = now_ms() - from)
		for (int i = 0; i < 8; i++, count++)
			if (!once(b))
				return -1;
	return (double)count * 1e3 / passed;
}

static bool input_make(struct bench *b)
{
	static const unsigned char info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	size_t at = b->kind == RSA_SIGN ? sizeof(info) : 0;
	memcpy(b->input, info, at);
	memset(b->input + at, 7, 32);
	b->input_len = at + 32;
	if (b->kind != OAEP)
		return true;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(b->pkey, NULL);
	b->sealed_len = sizeof(b->sealed);
	bool good = ctx && EVP_PKEY_encrypt_init(ctx) == 1 && oaep_setup(ctx) &&
		    EVP_PKEY_encrypt(ctx, b->sealed, &b->sealed_len, b->input, b->input_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool module_open(struct bench *b, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	return get && get(&b->p11) == CKR_OK && b->p11->C_Initialize(NULL) == CKR_OK;
}

static bool key_open(struct bench *b, const char *label, const char *pin)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	if (b->p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0 ||
	    b->p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &b->session) != CKR_OK)
		return false;
	if (pin && b->p11->C_Login(b->session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)) != CKR_OK)
		return false;
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_LABEL, (void *)label, strlen(label) } };
	CK_ULONG hits = 0;
	return b->p11->C_FindObjectsInit(b->session, wanted, 2) == CKR_OK &&
	       b->p11->C_FindObjects(b->session, &b->key, 1, &hits) == CKR_OK &&
	       b->p11->C_FindObjectsFinal(b->session) == CKR_OK && hits == 1;
}

static bool kind_parse(const char *name, enum kind *kind)
{
	static const char *const names[] = { "rsa-sign", "oaep", "ec-sign" };
	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum kind)i;
			return true;
		}
	return false;
}

/* The best of each: the machine's other work slows rounds down, nothing speeds them up. */
static int compare(struct bench *b)
{
	double from = now_ms();
	if (!module_once(b)) {
		fputs("p11_key_bench: the module refused\n", stderr);
		return 1;
	}
	double first = now_ms() - from;
	double raw = 0;
	double module = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double r = rate(b, raw_once);
		double m = rate(b, module_once);
		if (r < 0 || m < 0) {
			fputs("p11_key_bench: an operation failed\n", stderr);
			return 1;
		}
		raw = r > raw ? r : raw;
		module = m > module ? m : module;
	}
	printf("%.0f %.0f %.2f %.1f\n", raw, module, module / raw, first);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	if (argc < 5 || argc > 6 || !kind_parse(argv[1], &b.kind)) {
		fputs("usage: p11_key_bench rsa-sign|oaep|ec-sign KEY.pem MODULE LABEL [PIN]\n", stderr);
		return 2;
	}
	FILE *file = fopen(argv[2], "re");
	b.pkey = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	if (!b.pkey || !input_make(&b) || !module_open(&b, argv[3]) ||
	    !key_open(&b, argv[4], argc == 6 ? argv[5] : NULL)) {
		fprintf(stderr, "p11_key_bench: no key %s or \"%s\" in %s\n", argv[2], argv[4], argv[3]);
		return 1;
	}
	int status = compare(&b);
	b.p11->C_Finalize(NULL);
	EVP_PKEY_free(b.pkey);
	return status;
}
