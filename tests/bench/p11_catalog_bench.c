/* What a token costs that offers many objects, none of which was fetched: C_Initialize, the first search, one by label
 * and by identifier among them, memory for each. Each round is a process of its own, with a configuration made here
 * that names a KBS which nobody could reach: nothing of this touches the network. Beside it SoftHSM with as many
 * objects of data, which it makes fastest, where its module is given.
 *
 *   p11_catalog_bench MODULE COUNT [SOFTHSM]     prints one line for each module */
#include <dlfcn.h>
#include <malloc.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9
#define SEARCHES 2000

struct figures {
	bool good;
	double initialize_ms, first_ms, label_us, id_us, bytes;
};

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double heap(void)
{
	struct mallinfo2 m = mallinfo2();
	return (double)m.uordblks + (double)m.hblkhd;
}

static CK_FUNCTION_LIST *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *p11 = NULL;
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	return get && get(&p11) == CKR_OK ? p11 : NULL;
}

static bool find_one(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
	CK_OBJECT_HANDLE found[2];
	CK_ULONG hits = 0;
	return p11->C_FindObjectsInit(session, wanted, count) == CKR_OK &&
	       p11->C_FindObjects(session, found, 2, &hits) == CKR_OK && p11->C_FindObjectsFinal(session) == CKR_OK &&
	       hits == 1;
}

static bool find_label(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, int i, CK_OBJECT_CLASS class)
{
	char label[32];
	int len = snprintf(label, sizeof(label), "object-%06d", i);
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_LABEL, label, (CK_ULONG)len } };
	return find_one(p11, session, wanted, 2);
}

static bool find_id(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, int i, CK_OBJECT_CLASS class)
{
	CK_BYTE id[] = { (CK_BYTE)(i >> 16), (CK_BYTE)(i >> 8), (CK_BYTE)i, 0x5a };
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, id, sizeof(id) } };
	return find_one(p11, session, wanted, 2);
}

static bool open_session(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE *session)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	return p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count > 0 &&
	       p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, session) == CKR_OK;
}

static struct figures measure(const char *module, int count, CK_OBJECT_CLASS class)
{
	struct figures f = { .good = false };
	CK_FUNCTION_LIST *p11 = load(module);
	CK_SESSION_HANDLE session;
	if (!p11)
		return f;
	double bytes = heap(), from = now_us();
	if (p11->C_Initialize(NULL) != CKR_OK)
		return f;
	f.initialize_ms = (now_us() - from) / 1e3;
	if (!open_session(p11, &session))
		return f;
	from = now_us();
	f.good = find_label(p11, session, count / 2, class);
	f.first_ms = (now_us() - from) / 1e3;
	f.bytes = (heap() - bytes) / count;
	int searches = class == CKO_DATA ? 50 : SEARCHES;
	from = now_us();
	for (int i = 0; f.good && i < searches; i++)
		f.good = find_label(p11, session, (int)((i * 7919L) % count), class);
	f.label_us = (now_us() - from) / searches;
	from = now_us();
	for (int i = 0; f.good && class != CKO_DATA && i < searches; i++)
		f.good = find_id(p11, session, (int)((i * 7919L) % count), class);
	f.id_us = (now_us() - from) / searches;
	return f;
}

static struct figures measure_apart(const char *module, int count, CK_OBJECT_CLASS class)
{
	struct figures f = { .good = false };
	int ends[2];
	if (pipe(ends) != 0)
		return f;
	pid_t pid = fork();
	if (pid == 0) {
		f = measure(module, count, class);
		_exit(write(ends[1], &f, sizeof(f)) == sizeof(f) ? 0 : 1);
	}
	close(ends[1]);
	if (pid < 0 || read(ends[0], &f, sizeof(f)) != sizeof(f))
		f.good = false;
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return f;
}

/* The quickest of some rounds: what the machine does besides is none of ours. */
static struct figures best_of(int rounds, const char *module, int count, CK_OBJECT_CLASS class)
{
	struct figures best = measure_apart(module, count, class);
	for (int i = 1; best.good && i < rounds; i++) {
		struct figures f = measure_apart(module, count, class);
		double *const to[] = { &best.initialize_ms, &best.first_ms, &best.label_us, &best.id_us };
		const double from[] = { f.initialize_ms, f.first_ms, f.label_us, f.id_us };
		for (size_t k = 0; f.good && k < sizeof(from) / sizeof(*from); k++)
			*to[k] = from[k] < *to[k] ? from[k] : *to[k];
	}
	return best;
}

static bool print(const char *name, int count, const struct figures *f)
{
	if (!f->good) {
		fprintf(stderr, "p11_catalog_bench: %s: an object was not found\n", name);
		return false;
	}
	printf("%s objects=%d initialize_ms=%.3f first_search_ms=%.3f label_us=%.2f id_us=%.2f bytes_per_object=%.0f\n",
	       name, count, f->initialize_ms, f->first_ms, f->label_us, f->id_us, f->bytes);
	return true;
}

static bool write_configuration(const char *path, int count)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return false;
	fputs("{ \"kbs\": { \"url\": \"https://kbs.invalid\" },\n  \"objects\": [\n", file);
	for (int i = 0; i < count; i++)
		fprintf(file,
			"    { \"label\": \"object-%06d\", \"class\": \"private-key\", \"type\": \"ec\", \"id\": "
			"\"%06x5a\",\n"
			"      \"uri\": \"kbs:///bench/keys/object-%06d\", \"public\": "
			"\"/etc/kbs-pkcs11/public/%06d.pem\" "
			"}%s\n",
			i, (unsigned)i, i, i, i + 1 < count ? "," : "");
	fputs("  ]\n}\n", file);
	return fclose(file) == 0 && chmod(path, 0600) == 0;
}

static bool bench_ours(const char *module, const char *folder, int count)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/conf.json", folder);
	if (!write_configuration(path, count) || setenv("KBS_PKCS11_CONF", path, 1) != 0)
		return false;
	struct figures f = best_of(ROUNDS, module, count, CKO_PRIVATE_KEY);
	unlink(path);
	return print("kbs-pkcs11", count, &f);
}

/* A token with `count` objects of data, in a process of its own. */
static bool fill_softhsm(const char *module, int count)
{
	CK_FUNCTION_LIST *p11 = load(module);
	CK_UTF8CHAR pin[] = "1234", label[33] = "bench                           ";
	CK_SESSION_HANDLE s;
	CK_SLOT_ID slot;
	CK_ULONG slots = 1;
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	if (!p11 || p11->C_Initialize(NULL) != CKR_OK || p11->C_GetSlotList(CK_FALSE, &slot, &slots) != CKR_OK ||
	    p11->C_InitToken(slot, pin, 4, label) != CKR_OK || !open_session(p11, &s))
		return false;
	for (int i = 0; i < count; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "object-%06d", i);
		CK_OBJECT_HANDLE object;
		CK_ATTRIBUTE attributes[] = { { CKA_CLASS, &class, sizeof(class) },
					      { CKA_TOKEN, &yes, sizeof(yes) },
					      { CKA_PRIVATE, &no, sizeof(no) },
					      { CKA_LABEL, name, (CK_ULONG)len } };
		if (p11->C_CreateObject(s, attributes, 4, &object) != CKR_OK)
			return false;
	}
	return p11->C_Finalize(NULL) == CKR_OK;
}

static bool fill_apart(const char *module, int count)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(fill_softhsm(module, count) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool bench_softhsm(const char *module, const char *folder, int count)
{
	char conf[128], tokens[128], command[512];
	snprintf(tokens, sizeof(tokens), "%s/tokens", folder);
	snprintf(conf, sizeof(conf), "%s/softhsm2.conf", folder);
	FILE *file = fopen(conf, "we");
	if (!file || mkdir(tokens, 0700) != 0)
		return false;
	fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens);
	bool good = fclose(file) == 0 && setenv("SOFTHSM2_CONF", conf, 1) == 0 && fill_apart(module, count);
	struct figures f = { .good = false };
	if (good)
		f = best_of(2, module, count, CKO_DATA);
	f.id_us = f.label_us; /* data objects have no identifier; its search is the same one */
	snprintf(command, sizeof(command), "rm -rf '%s' '%s'", tokens, conf);
	good = system(command) == 0 && good;
	return print("softhsm", count, &f) && good;
}

int main(int argc, char **argv)
{
	int count = argc == 3 || argc == 4 ? atoi(argv[2]) : 0;
	char folder[] = "/tmp/kbs-pkcs11-bench-XXXXXX";
	if (count < 1 || count > 100000) {
		fputs("usage: p11_catalog_bench MODULE COUNT [SOFTHSM]\n", stderr);
		return 2;
	}
	if (!mkdtemp(folder))
		return 1;
	bool good = bench_ours(argv[1], folder, count);
	if (argc == 4)
		good = bench_softhsm(argv[3], folder, count) && good;
	rmdir(folder);
	return good ? 0 : 1;
}
