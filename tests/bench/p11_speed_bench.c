/* Keys in modules against the same keys in OpenSSL's own hands, in turns in one run.
 *
 *   p11_speed_bench KIND THREADS KEY.pem MODULE LABEL [PIN] [MODULE LABEL PIN]
 *
 * KIND: rsa-sign, oaep, ec-sign, gcm-16k, gcm-1m, cbc-16k, cbc-1m (AES-256, encrypting; KEY.pem and LABEL are not
 * used). Raw EVP, the first module, the second, and again: each for ROUND_MS, ROUNDS times. Whoever uses EVP keeps what
 * can be kept (contexts, key schedules), as the best program would.
 *
 * Prints for each, raw EVP first: operations a second, CPU nanoseconds an operation, the median and 95th percentile of
 * an operation in microseconds, and what it reaches of raw EVP by the clock and by CPU time: the median of the rounds'
 * ratios. CPU time is the sounder one where the machine has other work. For modules: milliseconds of the first use. */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15, ROUND_MS = 60, THREADS_MAX = 16, SAMPLES = 1 << 14, CONTESTANTS = 3 };
enum kind { RSA_SIGN, OAEP, EC_SIGN, GCM_16K, GCM_1M, CBC_16K, CBC_1M, KINDS };

static const char *const kind_names[KINDS] = {
	"rsa-sign", "oaep", "ec-sign", "gcm-16k", "gcm-1m", "cbc-16k", "cbc-1m",
};

/* What all do. */
static struct task {
	enum kind kind;
	EVP_PKEY *pkey;
	unsigned char input[64];
	size_t input_len;
	unsigned char sealed[1024];
	size_t sealed_len;
	unsigned char *plain;
	size_t plain_len;
} task;

/* One thread of one contestant; its state is kept from round to round. */
struct worker {
	CK_FUNCTION_LIST *p11; /* NULL: raw EVP */
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	EVP_PKEY_CTX *pkey_ctx;
	EVP_CIPHER_CTX *cipher_ctx;
	unsigned char *out;
	unsigned char iv[16];
	long count;
	double cpu_ns;
	bool failed;
	float *samples; /* microseconds an operation */
	long sampled;
};

struct contestant {
	const char *name;
	struct worker workers[THREADS_MAX];
	double ops[ROUNDS], cpu[ROUNDS];
	double first_ms;
};

static double clock_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void demand(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "p11_speed_bench: %s failed\n", what);
	exit(1);
}

static bool is_aes(void)
{
	return task.kind >= GCM_16K;
}

static bool is_gcm(void)
{
	return task.kind == GCM_16K || task.kind == GCM_1M;
}

/* --- raw EVP ---------------------------------------------------------------------------------------------------- */

static bool oaep_setup(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1;
}

static const unsigned char aes_key[32] = { 1, 2, 3 };

static void raw_open(struct worker *w)
{
	if (is_aes()) {
		w->cipher_ctx = EVP_CIPHER_CTX_new();
		demand(w->cipher_ctx &&
			       EVP_EncryptInit_ex(w->cipher_ctx, is_gcm() ? EVP_aes_256_gcm() : EVP_aes_256_cbc(), NULL,
						  aes_key, w->iv) == 1 &&
			       EVP_CIPHER_CTX_set_padding(w->cipher_ctx, 0) == 1,
		       "EVP_EncryptInit_ex");
		return;
	}
	w->pkey_ctx = EVP_PKEY_CTX_new(task.pkey, NULL);
	bool good =
		w->pkey_ctx && (task.kind == OAEP ? EVP_PKEY_decrypt_init(w->pkey_ctx) == 1 && oaep_setup(w->pkey_ctx)
						  : EVP_PKEY_sign_init(w->pkey_ctx) == 1);
	demand(good, "EVP_PKEY_sign_init");
}

static bool raw_once(struct worker *w)
{
	size_t len = 1024;
	int n = 0, last = 0;
	if (task.kind == OAEP)
		return EVP_PKEY_decrypt(w->pkey_ctx, w->out, &len, task.sealed, task.sealed_len) == 1;
	if (!is_aes())
		return EVP_PKEY_sign(w->pkey_ctx, w->out, &len, task.input, task.input_len) == 1;
	w->iv[0]++;
	return EVP_EncryptInit_ex(w->cipher_ctx, NULL, NULL, NULL, w->iv) == 1 &&
	       EVP_EncryptUpdate(w->cipher_ctx, w->out, &n, task.plain, (int)task.plain_len) == 1 &&
	       EVP_EncryptFinal_ex(w->cipher_ctx, w->out + n, &last) == 1 &&
	       (!is_gcm() || EVP_CIPHER_CTX_ctrl(w->cipher_ctx, EVP_CTRL_AEAD_GET_TAG, 16, w->out + n) == 1);
}

/* --- a module --------------------------------------------------------------------------------------------------- */

static bool key_find(struct worker *w, const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
				  { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
	CK_ULONG hits = 0;
	return w->p11->C_FindObjectsInit(w->session, wanted, 2) == CKR_OK &&
	       w->p11->C_FindObjects(w->session, &w->key, 1, &hits) == CKR_OK &&
	       w->p11->C_FindObjectsFinal(w->session) == CKR_OK && hits == 1;
}

static bool key_create(struct worker *w)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &no, sizeof(no) },       { CKA_PRIVATE, &no, sizeof(no) },
		{ CKA_ENCRYPT, &yes, sizeof(yes) },   { CKA_VALUE, (void *)(uintptr_t)aes_key, sizeof(aes_key) }
	};
	return w->p11->C_CreateObject(w->session, template, 6, &w->key) == CKR_OK;
}

static void module_open(struct worker *w, CK_FUNCTION_LIST *p11, const char *label, const char *pin)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	w->p11 = p11;
	demand(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count > 0 &&
		       p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &w->session) == CKR_OK,
	       "C_OpenSession");
	CK_RV rv =
		pin && *pin ? p11->C_Login(w->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)) : CKR_OK;
	demand(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN, "C_Login");
	demand(is_aes() ? key_create(w) : key_find(w, label), "the key");
}

static bool module_crypt(struct worker *w)
{
	CK_GCM_PARAMS gcm = { .pIv = w->iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
	CK_MECHANISM mechanism = { CKM_AES_CBC, w->iv, 16 };
	CK_ULONG len = task.plain_len + 16;
	w->iv[0]++;
	if (is_gcm())
		mechanism = (CK_MECHANISM){ CKM_AES_GCM, &gcm, sizeof(gcm) };
	return w->p11->C_EncryptInit(w->session, &mechanism, w->key) == CKR_OK &&
	       w->p11->C_Encrypt(w->session, task.plain, task.plain_len, w->out, &len) == CKR_OK;
}

static bool module_once(struct worker *w)
{
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mechanism = { task.kind == EC_SIGN ? CKM_ECDSA : CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG len = 1024;
	if (is_aes())
		return module_crypt(w);
	if (task.kind != OAEP)
		return w->p11->C_SignInit(w->session, &mechanism, w->key) == CKR_OK &&
		       w->p11->C_Sign(w->session, task.input, task.input_len, w->out, &len) == CKR_OK;
	mechanism = (CK_MECHANISM){ CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep) };
	return w->p11->C_DecryptInit(w->session, &mechanism, w->key) == CKR_OK &&
	       w->p11->C_Decrypt(w->session, task.sealed, task.sealed_len, w->out, &len) == CKR_OK;
}

static CK_FUNCTION_LIST *module_load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *p11 = NULL;
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	demand(get && get(&p11) == CKR_OK && p11->C_Initialize(&args) == CKR_OK, path);
	return p11;
}

/* --- rounds ----------------------------------------------------------------------------------------------------- */

static void *work(void *arg)
{
	struct worker *w = arg;
	double begin_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), now = clock_ns(CLOCK_MONOTONIC);
	double end = now + ROUND_MS * 1e6;
	for (w->count = 0; now < end; w->count++) {
		if (!(w->p11 ? module_once(w) : raw_once(w))) {
			w->failed = true;
			return NULL;
		}
		double before = now;
		now = clock_ns(CLOCK_MONOTONIC);
		if (w->sampled < SAMPLES)
			w->samples[w->sampled++] = (float)((now - before) / 1e3);
	}
	w->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu;
	return NULL;
}

static void play(struct contestant *c, int threads, int round)
{
	pthread_t ids[THREADS_MAX];
	double from = clock_ns(CLOCK_MONOTONIC), cpu = 0;
	long count = 0;
	for (int i = 1; i < threads; i++)
		demand(pthread_create(&ids[i], NULL, work, &c->workers[i]) == 0, "pthread_create");
	work(&c->workers[0]);
	for (int i = 0; i < threads; i++) {
		if (i > 0)
			pthread_join(ids[i], NULL);
		demand(!c->workers[i].failed, c->name);
		count += c->workers[i].count;
		cpu += c->workers[i].cpu_ns;
	}
	c->ops[round] = (double)count * 1e9 / (clock_ns(CLOCK_MONOTONIC) - from);
	c->cpu[round] = cpu / (double)count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(const double *from)
{
	double sorted[ROUNDS];
	memcpy(sorted, from, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(*sorted), by_value);
	return sorted[ROUNDS / 2];
}

static int by_sample(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

static void report(struct contestant *c, const struct contestant *raw, int threads)
{
	double clock[ROUNDS], cpu[ROUNDS];
	float *all = calloc((size_t)threads * SAMPLES, sizeof(*all));
	long n = 0;
	demand(all != NULL, "calloc");
	for (int i = 0; i < threads; i++) {
		memcpy(all + n, c->workers[i].samples, (size_t)c->workers[i].sampled * sizeof(*all));
		n += c->workers[i].sampled;
	}
	qsort(all, (size_t)n, sizeof(*all), by_sample);
	for (int i = 0; i < ROUNDS; i++) {
		clock[i] = c->ops[i] / raw->ops[i];
		cpu[i] = raw->cpu[i] / c->cpu[i];
	}
	printf("%s %d %s %.0f %.0f %.1f %.1f %.3f %.3f %.1f\n", kind_names[task.kind], threads, c->name, median(c->ops),
	       median(c->cpu), (double)all[n / 2], (double)all[n * 95 / 100], median(clock), median(cpu), c->first_ms);
	free(all);
}

static void task_make(const char *kind, const char *key_file)
{
	static const unsigned char info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	while (task.kind < KINDS && strcmp(kind, kind_names[task.kind]) != 0)
		task.kind++;
	demand(task.kind < KINDS, "the kind");
	task.plain_len = task.kind == GCM_1M || task.kind == CBC_1M ? 1 << 20 : 1 << 14;
	task.plain = calloc(1, task.plain_len);
	demand(task.plain != NULL, "calloc");
	if (is_aes())
		return;
	FILE *file = fopen(key_file, "re");
	task.pkey = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	demand(task.pkey != NULL, key_file);
	fclose(file);
	/* What a module is given for CKM_RSA_PKCS: a whole DigestInfo, so that no hash is set for EVP either. */
	size_t at = task.kind == RSA_SIGN ? sizeof(info) : 0;
	memcpy(task.input, info, at);
	memset(task.input + at, 7, 32);
	task.input_len = at + 32;
	if (task.kind != OAEP)
		return;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(task.pkey, NULL);
	task.sealed_len = sizeof(task.sealed);
	demand(ctx && EVP_PKEY_encrypt_init(ctx) == 1 && oaep_setup(ctx) &&
		       EVP_PKEY_encrypt(ctx, task.sealed, &task.sealed_len, task.input, task.input_len) == 1,
	       "EVP_PKEY_encrypt");
	EVP_PKEY_CTX_free(ctx);
}

static void contestant_open(struct contestant *c, int threads, char **module)
{
	CK_FUNCTION_LIST *p11 = module ? module_load(module[0]) : NULL;
	for (int i = 0; i < threads; i++) {
		struct worker *w = &c->workers[i];
		w->out = malloc(task.plain_len + 1024);
		w->samples = calloc(SAMPLES, sizeof(*w->samples));
		demand(w->out && w->samples, "malloc");
		if (p11)
			module_open(w, p11, module[1], module[2]);
		else
			raw_open(w);
		double from = clock_ns(CLOCK_MONOTONIC);
		demand(p11 ? module_once(w) : raw_once(w), c->name);
		if (i == 0)
			c->first_ms = (clock_ns(CLOCK_MONOTONIC) - from) / 1e6;
	}
}

int main(int argc, char **argv)
{
	static struct contestant contestants[CONTESTANTS] = { { .name = "raw" },
							      { .name = "ours" },
							      { .name = "softhsm" } };
	int threads = argc > 2 ? atoi(argv[2]) : 0;
	if ((argc != 6 && argc != 7 && argc != 10) || threads < 1 || threads > THREADS_MAX) {
		fputs("usage: p11_speed_bench KIND THREADS KEY.pem MODULE LABEL [PIN] [MODULE LABEL PIN]\n", stderr);
		return 2;
	}
	int count = argc == 10 ? 3 : 2;
	char *first[] = { argv[4], argv[5], argc > 6 ? argv[6] : NULL };
	task_make(argv[1], argv[3]);
	contestant_open(&contestants[0], threads, NULL);
	contestant_open(&contestants[1], threads, first);
	if (count == 3)
		contestant_open(&contestants[2], threads, argv + 7);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < count; i++)
			play(&contestants[i], threads, round);
	for (int i = 0; i < count; i++)
		report(&contestants[i], &contestants[0], threads);
	return 0;
}
