/* A PKCS#11 module whose every allocation, or every call to the network, fails once.
 *
 *   LD_PRELOAD=fault.so p11_faults KIND FIRST STEP LAST LABEL PUBLIC.pem MODULE
 *
 * KIND: alloc, reset, timeout, interrupt, short, end (tests/support/fault.h). A process of its own for each N = FIRST,
 * FIRST + STEP ... up to LAST (0: to the end): load, C_Initialize, find, open a session, log in, sign, decrypt, get
 * attributes, encrypt, close, C_Finalize, in the middle of which the Nth call fails. Then, in the same process and with
 * nothing failing, the same once more, which must succeed; so must a third turn, after which no more memory is in use
 * than in a process where nothing ever failed.
 *
 * Prints one line for whatever is wrong, and in the end a summary. Exit code 0: nothing is wrong with the module. What
 * happened inside one call of ours into a library whose own allocation had failed is the library's: it is printed with
 * a
 * `#` in front, and counted. */
#include "tests/support/fault.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 30, LEAKS_MAX = 1 << 16 };

static const char *const kinds[FAULT_KINDS] = { "none", "alloc", "reset", "timeout", "interrupt", "short", "end" };

struct host {
	const char *module;
	const char *label;
	EVP_PKEY *public_key;
	CK_BYTE sealed[512];
	size_t sealed_len;
	void *library;
	CK_FUNCTION_LIST *p11;
	bool up;
	const char *call; /* the last one made */
};

/* What a child tells its parent; in shared memory. */
struct outcome {
	struct fault_seen seen;
	bool reached_end;
	CK_RV rv; /* of the turn in which something failed */
	char call[32];
	char problem[160];
	long live;
	void *crash_own;
	char crash_where[136];
	size_t leak_count;
	struct fault_leak leaks[LEAKS_MAX];
};

static struct outcome *told;

static void (*arm)(enum fault_kind kind, unsigned long at);
static void (*disarm)(struct fault_seen *seen);
static void *(*own_frame)(char *where, size_t size);
static long (*live)(void);
static void (*track)(void);
static size_t (*tracked)(struct fault_leak *to, size_t max);

static bool preloaded(void)
{
	*(void **)&arm = dlsym(RTLD_DEFAULT, "fault_arm");
	*(void **)&disarm = dlsym(RTLD_DEFAULT, "fault_disarm");
	*(void **)&own_frame = dlsym(RTLD_DEFAULT, "fault_own_frame");
	*(void **)&live = dlsym(RTLD_DEFAULT, "fault_live");
	*(void **)&track = dlsym(RTLD_DEFAULT, "fault_track");
	*(void **)&tracked = dlsym(RTLD_DEFAULT, "fault_tracked");
	return arm && disarm && own_frame && live && track && tracked;
}

/* --- what an application does ----------------------------------------------------------------------------------- */

#define CALL(host, name, ...) ((host)->call = #name, (host)->p11->name(__VA_ARGS__))

/* A module that answers CKR_OK and gives nothing, or something wrong, has not noticed. */
static CK_RV wrong(const char *what)
{
	snprintf(told->problem, sizeof(told->problem), "%s", what);
	return CKR_GENERAL_ERROR;
}

static CK_RV load(struct host *h)
{
	CK_C_GetFunctionList get = NULL;
	h->call = "dlopen";
	if (!h->library)
		h->library = dlopen(h->module, RTLD_NOW | RTLD_LOCAL);
	if (!h->library)
		return CKR_HOST_MEMORY;
	*(void **)&get = dlsym(h->library, "C_GetFunctionList");
	if (!get)
		return CKR_HOST_MEMORY;
	h->call = "C_GetFunctionList";
	return get(&h->p11);
}

static CK_RV find(struct host *h, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
				  { CKA_LABEL, (void *)(uintptr_t)h->label, strlen(h->label) } };
	CK_ULONG found = 0;
	CK_RV rv = CALL(h, C_FindObjectsInit, s, wanted, 2);
	if (rv == CKR_OK)
		rv = CALL(h, C_FindObjects, s, key, 1, &found);
	CK_RV end = rv == CKR_OK ? h->p11->C_FindObjectsFinal(s) : rv;
	if (end == CKR_OK && found != 1)
		return wrong("C_FindObjects: CKR_OK, but the key is not there");
	return end;
}

static CK_RV sign(struct host *h, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG *len)
{
	CK_BYTE data[] = "to be signed";
	CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_RV rv = CALL(h, C_SignInit, s, &mechanism, key);
	return rv == CKR_OK ? CALL(h, C_Sign, s, data, sizeof(data), signature, len) : rv;
}

static CK_RV decrypt(struct host *h, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep) };
	CK_BYTE plain[512];
	CK_ULONG len = sizeof(plain);
	CK_RV rv = CALL(h, C_DecryptInit, s, &mechanism, key);
	if (rv == CKR_OK)
		rv = CALL(h, C_Decrypt, s, h->sealed, h->sealed_len, plain, &len);
	return rv == CKR_OK && (len != 6 || memcmp(plain, "sealed", 6) != 0) ? wrong("C_Decrypt: a wrong text") : rv;
}

static CK_RV attributes(struct host *h, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_BYTE id[64], modulus[1024];
	CK_ATTRIBUTE wanted[] = { { CKA_ID, id, sizeof(id) }, { CKA_MODULUS, modulus, sizeof(modulus) } };
	CK_RV rv = CALL(h, C_GetAttributeValue, s, key, wanted, 2);
	if (rv == CKR_OK && (int)wanted[1].ulValueLen != EVP_PKEY_get_size(h->public_key))
		return wrong("C_GetAttributeValue: a wrong modulus");
	return rv;
}

static CK_RV session_key(struct host *h, CK_SESSION_HANDLE s)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BYTE value[32] = { 1 }, iv[12] = { 2 }, text[100] = { 3 }, sealed[128];
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
				    { CKA_KEY_TYPE, &type, sizeof(type) },
				    { CKA_VALUE, value, sizeof(value) },
				    { CKA_ENCRYPT, &yes, sizeof(yes) } };
	CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = sizeof(iv), .ulIvBits = 96, .ulTagBits = 128 };
	CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof(gcm) };
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG len = sizeof(sealed);
	CK_RV rv = CALL(h, C_CreateObject, s, template, 4, &key);
	if (rv == CKR_OK)
		rv = CALL(h, C_EncryptInit, s, &mechanism, key);
	if (rv == CKR_OK)
		rv = CALL(h, C_Encrypt, s, text, sizeof(text), sealed, &len);
	if (rv == CKR_OK)
		rv = CALL(h, C_DestroyObject, s, key);
	return rv;
}

static CK_RV one_session(struct host *h, CK_SESSION_HANDLE s, CK_BYTE *signature, CK_ULONG *len)
{
	CK_OBJECT_HANDLE key = 0;
	CK_BYTE random[16];
	CK_RV rv = find(h, s, &key);
	if (rv == CKR_OK)
		rv = CALL(h, C_Login, s, CKU_USER, NULL, 0);
	if (rv == CKR_OK)
		rv = sign(h, s, key, signature, len);
	if (rv == CKR_OK)
		rv = decrypt(h, s, key);
	if (rv == CKR_OK)
		rv = attributes(h, s, key);
	if (rv == CKR_OK)
		rv = CALL(h, C_GenerateRandom, s, random, sizeof(random));
	return rv == CKR_OK ? session_key(h, s) : rv;
}

/* The first call that fails ends it, but what was opened is closed. */
static CK_RV turn(struct host *h, CK_BYTE *signature, CK_ULONG *len)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE s = 0;
	CK_RV rv = load(h);
	if (rv == CKR_OK)
		rv = CALL(h, C_Initialize, NULL);
	h->up = h->up || rv == CKR_OK;
	if (rv == CKR_OK)
		rv = CALL(h, C_GetSlotList, CK_TRUE, slots, &count);
	if (rv == CKR_OK && count == 0)
		rv = wrong("C_GetSlotList: CKR_OK, but no token");
	if (rv == CKR_OK)
		rv = CALL(h, C_GetTokenInfo, slots[0], &info);
	if (rv == CKR_OK)
		rv = CALL(h, C_OpenSession, slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);
	if (rv != CKR_OK)
		return rv;
	rv = one_session(h, s, signature, len);
	const char *failed = h->call;
	CK_RV closed = CALL(h, C_CloseSession, s);
	if (rv != CKR_OK)
		h->call = failed;
	return rv == CKR_OK ? closed : rv;
}

/* C_Finalize may itself find no memory: then once more. */
static CK_RV finalize(struct host *h)
{
	if (!h->up)
		return CKR_OK;
	CK_RV rv = h->p11->C_Finalize(NULL);
	h->up = rv != CKR_OK;
	return rv;
}

static bool signature_holds(struct host *h, const CK_BYTE *signature, CK_ULONG len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, h->public_key) == 1 &&
		    EVP_DigestVerify(ctx, signature, len, (const unsigned char *)"to be signed", 13) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* --- one child -------------------------------------------------------------------------------------------------- */

static void crashed(int signal)
{
	told->crash_own = own_frame(told->crash_where, sizeof(told->crash_where));
	disarm(&told->seen);
	_exit(100 + signal);
}

/* What the standard lets every function answer that has not got what it needs; and what this module says in its manual
 * for a KBS that is out of reach. */
static bool is_documented(const char *call, CK_RV rv)
{
	if (rv == CKR_HOST_MEMORY || rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED)
		return true;
	if (strcmp(call, "C_Initialize") == 0 || strcmp(call, "dlopen") == 0)
		return false;
	return rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_MEMORY || rv == CKR_DEVICE_REMOVED ||
	       (rv == CKR_TOKEN_NOT_PRESENT && strcmp(call, "C_OpenSession") == 0);
}

static void problem(const char *text)
{
	if (!told->problem[0])
		snprintf(told->problem, sizeof(told->problem), "%s", text);
}

static void faulty_turn(struct host *h, enum fault_kind kind, unsigned long at)
{
	CK_BYTE signature[512];
	CK_ULONG len = sizeof(signature);
	arm(kind, at);
	CK_RV rv = turn(h, signature, &len);
	CK_RV end = finalize(h);
	disarm(&told->seen);
	if (rv == CKR_OK && end != CKR_OK) {
		rv = end;
		h->call = "C_Finalize";
	}
	told->rv = rv;
	snprintf(told->call, sizeof(told->call), "%s", h->call);
	if (rv == CKR_OK && !signature_holds(h, signature, len))
		problem("CKR_OK, but the signature does not hold");
	if (rv != CKR_OK && !told->problem[0] && !is_documented(h->call, rv))
		snprintf(told->problem, sizeof(told->problem), "%s: CKR 0x%lx is not for this", h->call, rv);
	if (rv != CKR_OK && !told->seen.fired)
		snprintf(told->problem, sizeof(told->problem), "%s: CKR 0x%lx, though nothing failed", h->call, rv);
	if (h->up && finalize(h) != CKR_OK)
		problem("C_Finalize fails a second time");
}

static void good_turn(struct host *h)
{
	CK_BYTE signature[512];
	CK_ULONG len = sizeof(signature);
	char text[sizeof(told->problem)];
	CK_RV rv = turn(h, signature, &len);
	if (rv != CKR_OK) {
		snprintf(text, sizeof(text), "the next attempt fails: %s: CKR 0x%lx", h->call, rv);
		problem(text);
	} else if (!signature_holds(h, signature, len)) {
		problem("the next attempt: the signature does not hold");
	}
	if (finalize(h) != CKR_OK)
		problem("the next attempt: C_Finalize fails");
}

/* The module's first failure that it logs makes it keep a few things for good, as does the one of a source: so each
 * child has one, and that is no leak. The object "broken" of the configuration names a file that is not there. */
static void provoke(struct host *h)
{
	CK_SESSION_HANDLE s = 0;
	CK_SLOT_ID slot = 0;
	CK_ULONG count = 1, found = 0;
	CK_OBJECT_HANDLE object = 0;
	CK_BYTE modulus[8];
	CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t) "broken", 6 };
	CK_ATTRIBUTE wanted = { CKA_MODULUS, modulus, sizeof(modulus) };
	if (h->p11->C_Initialize(NULL) != CKR_OK)
		return;
	if (h->p11->C_GetSlotList(CK_TRUE, &slot, &count) == CKR_OK &&
	    h->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s) == CKR_OK &&
	    h->p11->C_FindObjectsInit(s, &label, 1) == CKR_OK &&
	    h->p11->C_FindObjects(s, &object, 1, &found) == CKR_OK && found == 1)
		(void)h->p11->C_GetAttributeValue(s, object, &wanted, 1);
	(void)h->p11->C_Finalize(NULL);
}

static void child(struct host *h, enum fault_kind kind, unsigned long at, bool with_leaks)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		signal(fatal[i], crashed);
	alarm(DEADLINE_S);
	if (with_leaks)
		track();
	faulty_turn(h, kind, at);
	good_turn(h);
	good_turn(h);
	provoke(h);
	told->live = live();
	if (with_leaks)
		told->leak_count = tracked(told->leaks, LEAKS_MAX);
	told->reached_end = true;
	_exit(0);
}

/* Forks it and waits; its end as from waitpid(). */
static int run_child(struct host *h, enum fault_kind kind, unsigned long at, bool with_leaks)
{
	memset(told, 0, offsetof(struct outcome, leaks));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		child(h, kind, at, with_leaks);
	int status = -1;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

/* --- judging ---------------------------------------------------------------------------------------------------- */

struct tally {
	unsigned long tried, refused, unnoticed, wrong, theirs;
};

static struct fault_leak *usual;
static size_t usual_count;
static long usual_live;

static void tell(struct tally *t, unsigned long at, bool ours, const char *what, const char *where)
{
	printf("%s%lu: %s%s%s\n    failed: %s in %s\n", ours ? "" : "# ", at, what, *where ? ": " : "", where,
	       told->seen.call, told->seen.where);
	if (ours)
		t->wrong++;
	else
		t->theirs++;
}

static int by_place(const void *a, const void *b)
{
	const struct fault_leak *x = a, *y = b;
	int places = strcmp(x->where, y->where);
	return places ? places : (x->size > y->size) - (x->size < y->size);
}

/* Made within the call of ours that failed, or in one right beside it: of blocks of one size from places that are alike
 * nobody can tell which were left. */
static bool is_theirs(const struct fault_leak *leak)
{
	if (strncmp(leak->where, "libcurl.", 8) == 0)
		return true; /* what it keeps of a connection, and had to make anew */
	ptrdiff_t apart = (char *)leak->own - (char *)told->seen.own;
	return leak->own && told->seen.own && apart > -512 && apart < 512 && strncmp(leak->where, "kbs-", 4) != 0;
}

/* Of so many extra blocks only `more` can be leaks: those of the call that failed are a library's, the rest ours. */
static void tell_extra(struct tally *t, unsigned long at, const size_t *extra, size_t count, long more)
{
	char text[64];
	for (int theirs = 1; theirs >= 0; theirs--)
		for (size_t e = 0; e < count && more > 0; e++) {
			const struct fault_leak *leak = &told->leaks[extra[e]];
			if (is_theirs(leak) != theirs)
				continue;
			snprintf(text, sizeof(text), "%zu bytes are left", leak->size);
			tell(t, at, !theirs, text, leak->where);
			more--;
		}
}

/* What is left that a good process does not leave. What comes from another place, but is missing where it usually comes
 * from, was only made at another time. */
static void tell_leaks(struct tally *t, unsigned long at)
{
	static size_t extra[LEAKS_MAX], missing[LEAKS_MAX];
	size_t extras = 0, misses = 0, i = 0, u = 0;
	qsort(told->leaks, told->leak_count, sizeof(*told->leaks), by_place);
	while (i < told->leak_count || u < usual_count) {
		int order = i == told->leak_count ? 1 : u == usual_count ? -1 : by_place(&told->leaks[i], &usual[u]);
		if (order < 0)
			extra[extras++] = i;
		else if (order > 0)
			missing[misses++] = usual[u].size;
		i += order <= 0;
		u += order >= 0;
	}
	for (size_t e = 0; e < extras;) {
		size_t m = 0;
		while (m < misses && missing[m] != told->leaks[extra[e]].size)
			m++;
		if (m < misses && !is_theirs(&told->leaks[extra[e]])) {
			missing[m] = missing[--misses];
			extra[e] = extra[--extras];
		} else {
			e++;
		}
	}
	tell_extra(t, at, extra, extras, told->live - usual_live);
}

/* More memory in use than usual: runs it again to see whose it is. Not the same every time, and it was chance: threads,
 * and numbers that are a word longer. */
static void judge_leak(struct host *h, struct tally *t, enum fault_kind kind, unsigned long at)
{
	for (int i = 0; i < 3; i++)
		if (run_child(h, kind, 0, false) == 0 && told->live > usual_live)
			usual_live = told->live;
	for (int i = 0; i < 4; i++)
		if (run_child(h, kind, at, i == 3) != 0 || told->live <= usual_live)
			return;
	tell_leaks(t, at);
}

static void judge(struct host *h, struct tally *t, enum fault_kind kind, unsigned long at)
{
	int status = run_child(h, kind, at, false);
	t->tried++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		tell(t, at, true, "hangs", "");
	} else if (status != 0) {
		char text[64];
		bool theirs = told->seen.own && told->crash_own == told->seen.own;
		snprintf(text, sizeof(text), "dies of %d", WIFEXITED(status) ? WEXITSTATUS(status) - 100 : status);
		tell(t, at, !theirs, text, told->crash_where);
	} else if (told->problem[0]) {
		tell(t, at, true, told->problem, "");
	} else {
		*(told->rv == CKR_OK ? &t->unnoticed : &t->refused) += 1;
		if (told->live > usual_live)
			judge_leak(h, t, kind, at);
	}
}

/* What is in use after three turns without any failure. */
static bool learn(struct host *h, enum fault_kind kind, unsigned long *calls)
{
	if (run_child(h, kind, 0, true) != 0 || told->problem[0]) {
		printf("without any failure: %s %s\n", told->problem, told->crash_where);
		return false;
	}
	usual = calloc(LEAKS_MAX, sizeof(*usual));
	usual_count = told->leak_count;
	memcpy(usual, told->leaks, usual_count * sizeof(*usual));
	qsort(usual, usual_count, sizeof(*usual), by_place);
	if (getenv("FAULT_VERBOSE"))
		printf("usual: %zu blocks, live %ld\n", usual_count, told->live);
	*calls = told->seen.calls;
	for (int i = 0; i < 8; i++) {
		if (run_child(h, kind, 0, false) != 0 || told->problem[0])
			return false;
		usual_live = told->live > usual_live ? told->live : usual_live;
	}
	return true;
}

static bool prepare(struct host *h, const char *public_file)
{
	FILE *file = fopen(public_file, "re");
	h->public_key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	EVP_PKEY_CTX *ctx = h->public_key ? EVP_PKEY_CTX_new(h->public_key, NULL) : NULL;
	h->sealed_len = sizeof(h->sealed);
	bool good = ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		    EVP_PKEY_encrypt(ctx, h->sealed, &h->sealed_len, (const unsigned char *)"sealed", 6) == 1;
	EVP_PKEY_CTX_free(ctx);
	/* What OpenSSL keeps for later, now and not in some of the children. */
	(void)signature_holds(h, h->sealed, h->sealed_len);
	return good;
}

int main(int argc, char **argv)
{
	struct host h = { 0 };
	enum fault_kind kind = FAULT_NONE;
	for (int i = 1; argc == 8 && i < FAULT_KINDS; i++)
		if (strcmp(argv[1], kinds[i]) == 0)
			kind = (enum fault_kind)i;
	if (kind == FAULT_NONE || !preloaded()) {
		fputs("usage: LD_PRELOAD=fault.so p11_faults KIND FIRST STEP LAST LABEL PUBLIC.pem MODULE\n", stderr);
		return 2;
	}
	unsigned long first = strtoul(argv[2], NULL, 10), step = strtoul(argv[3], NULL, 10);
	unsigned long last = strtoul(argv[4], NULL, 10), calls = 0;
	h.label = argv[5];
	h.module = argv[7];
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED || !prepare(&h, argv[6]) || !learn(&h, kind, &calls))
		return 1;
	struct tally t = { 0 };
	if (!last || last > calls)
		last = calls;
	for (unsigned long at = first; step && at <= last; at += step)
		judge(&h, &t, kind, at);
	printf("%s: %lu calls, %lu tried: %lu refused, %lu made no difference, %lu wrong, %lu of a library\n", argv[1],
	       calls, t.tried, t.refused, t.unnoticed, t.wrong, t.theirs);
	return t.wrong ? 1 : 0;
}
