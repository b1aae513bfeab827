/* Signs with one key of a PKCS#11 module, over and over, and says what changes.
 *
 *   p11_watch [--pin PIN] MODULE LABEL SECONDS
 *
 * One line an event, with the time since the start: `123 signs rsa 2048`, `456 refused 0x30`, whenever it is another
 * than the one before. Each signature is verified with the public key that the token shows; the certificate of the same
 * label, where there is one, must be that key's. At the end, or on SIGTERM, `N signatures, M refused, K wrong`. */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

struct watch {
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	const char *label;
	struct timespec start;
	char before[64];
	unsigned good, refused, wrong;
};

struct blob {
	unsigned char data[4096];
	CK_ULONG len;
};

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static long since(const struct watch *w)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - w->start.tv_sec) * 1000 + (now.tv_nsec - w->start.tv_nsec) / 1000000;
}

static void tell(struct watch *w, const char *event)
{
	if (strcmp(event, w->before) == 0)
		return;
	snprintf(w->before, sizeof(w->before), "%s", event);
	printf("%ld %s\n", since(w), event);
	fflush(stdout);
}

static CK_RV find(struct watch *w, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *out)
{
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_LABEL, (void *)(size_t)w->label, strlen(w->label) } };
	CK_ULONG n = 0;
	*out = 0;
	CK_RV rv = w->p11->C_FindObjectsInit(w->session, template, 2);
	if (rv == CKR_OK)
		rv = w->p11->C_FindObjects(w->session, out, 1, &n);
	(void)w->p11->C_FindObjectsFinal(w->session);
	return rv;
}

static CK_RV spki_of(struct watch *w, CK_OBJECT_HANDLE object, struct blob *out)
{
	CK_ATTRIBUTE a = { CKA_PUBLIC_KEY_INFO, out->data, sizeof(out->data) };
	CK_RV rv = w->p11->C_GetAttributeValue(w->session, object, &a, 1);
	out->len = a.ulValueLen;
	return rv;
}

static bool same(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool verify(EVP_PKEY *key, const unsigned char *data, size_t len, const struct blob *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature->data, signature->len, data, len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* One signature. The key is looked at before and after it: what was swapped in between proves nothing. */
static CK_RV turn(struct watch *w)
{
	static const unsigned char data[] = "what is signed";
	struct blob before, after, certified, signature = { .len = sizeof(signature.data) };
	CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE key, certificate;
	CK_RV rv = find(w, CKO_PRIVATE_KEY, &key);
	if (rv == CKR_OK && !key)
		return CKR_OBJECT_HANDLE_INVALID;
	/* The public half may be known without the key: the signature comes first. */
	if (rv == CKR_OK)
		rv = w->p11->C_SignInit(w->session, &mechanism, key);
	if (rv == CKR_OK)
		rv = spki_of(w, key, &before);
	if (rv == CKR_OK)
		rv = w->p11->C_Sign(w->session, (unsigned char *)(size_t)data, sizeof(data), signature.data,
				    &signature.len);
	if (rv == CKR_OK)
		rv = find(w, CKO_CERTIFICATE, &certificate);
	if (rv == CKR_OK && certificate)
		rv = spki_of(w, certificate, &certified);
	if (rv == CKR_OK)
		rv = spki_of(w, key, &after);
	if (rv != CKR_OK)
		return rv;
	w->good++;
	const unsigned char *at = before.data;
	EVP_PKEY *pub = d2i_PUBKEY(NULL, &at, (long)before.len);
	bool right = pub && verify(pub, data, sizeof(data), &signature);
	if (same(&before, &after) && (!right || (certificate && !same(&after, &certified)))) {
		w->wrong++;
		tell(w, right ? "wrong certificate" : "wrong signature");
	} else {
		char event[64];
		snprintf(event, sizeof(event), "signs rsa %d", pub ? EVP_PKEY_get_bits(pub) : 0);
		tell(w, event);
	}
	EVP_PKEY_free(pub);
	return CKR_OK;
}

static bool start(struct watch *w, const char *path, const char *pin)
{
	CK_C_GetFunctionList get = NULL;
	CK_SLOT_ID slot;
	CK_ULONG one = 1;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&w->p11) != CKR_OK || w->p11->C_Initialize(NULL) != CKR_OK ||
	    w->p11->C_GetSlotList(CK_TRUE, &slot, &one) != CKR_OK ||
	    w->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &w->session) != CKR_OK)
		return false;
	if (!pin)
		return true;
	return w->p11->C_Login(w->session, CKU_USER, (unsigned char *)(size_t)pin, strlen(pin)) == CKR_OK;
}

int main(int argc, char **argv)
{
	struct watch w = { .before = "" };
	const char *pin = NULL;
	if (argc > 2 && strcmp(argv[1], "--pin") == 0) {
		pin = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc != 4)
		return 2;
	w.label = argv[2];
	signal(SIGTERM, on_signal);
	clock_gettime(CLOCK_MONOTONIC, &w.start);
	if (!start(&w, argv[1], pin)) {
		printf("the module does not start, or does not take the PIN\n");
		return 1;
	}
	for (long until = atol(argv[3]) * 1000; since(&w) < until && !ended; usleep(10000)) {
		CK_RV rv = turn(&w);
		if (rv == CKR_OK)
			continue;
		char event[64];
		snprintf(event, sizeof(event), "refused 0x%lx", rv);
		w.refused++;
		tell(&w, event);
	}
	printf("%u signatures, %u refused, %u wrong\n", w.good, w.refused, w.wrong);
	(void)w.p11->C_Finalize(NULL);
	return w.wrong ? 1 : 0;
}
