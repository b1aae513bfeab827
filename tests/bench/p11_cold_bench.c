/* How long a program waits that loads a module only to see what is there: dlopen, C_Initialize, C_GetSlotList, a
 * session, a search by label, C_Finalize. Each round is a process of its own, since a program does this once. Linked
 * with nothing, so that no library of the module is mapped before.
 *
 *   p11_cold_bench ROUNDS MODULE LABEL       prints the median in microseconds, and whether libcurl was mapped */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct round {
	double us;
	bool good;
	bool curl;
};

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool search(CK_FUNCTION_LIST *p11, const char *label)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	CK_SESSION_HANDLE session = 0;
	if (p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0 ||
	    p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
		return false;
	CK_ATTRIBUTE wanted = { CKA_LABEL, (void *)label, strlen(label) };
	CK_OBJECT_HANDLE found[4];
	CK_ULONG hits = 0;
	return p11->C_FindObjectsInit(session, &wanted, 1) == CKR_OK &&
	       p11->C_FindObjects(session, found, 4, &hits) == CKR_OK && p11->C_FindObjectsFinal(session) == CKR_OK &&
	       hits > 0;
}

static bool curl_is_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	bool found = false;
	while (maps && fgets(line, sizeof(line), maps))
		found = found || strstr(line, "libcurl");
	if (maps)
		fclose(maps);
	return found;
}

static struct round measure(const char *module, const char *label)
{
	struct round r = { 0 };
	double from = now_us();
	void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *p11 = NULL;
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&p11) != CKR_OK || p11->C_Initialize(NULL) != CKR_OK)
		return r;
	r.good = search(p11, label);
	if (p11->C_Finalize(NULL) != CKR_OK)
		r.good = false;
	r.us = now_us() - from;
	r.curl = curl_is_mapped();
	return r;
}

static struct round measure_apart(const char *module, const char *label)
{
	struct round r = { 0 };
	int ends[2];
	if (pipe(ends) != 0)
		return r;
	pid_t pid = fork();
	if (pid == 0) {
		r = measure(module, label);
		_exit(write(ends[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
	}
	close(ends[1]);
	if (pid < 0 || read(ends[0], &r, sizeof(r)) != sizeof(r))
		r.good = false;
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return r;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int rounds = argc == 4 ? atoi(argv[1]) : 0;
	if (rounds < 1 || rounds > 10000) {
		fputs("usage: p11_cold_bench ROUNDS MODULE LABEL\n", stderr);
		return 2;
	}
	double *times = calloc((size_t)rounds, sizeof(*times));
	bool curl = false;
	for (int i = 0; times && i < rounds; i++) {
		struct round r = measure_apart(argv[2], argv[3]);
		if (!r.good) {
			fprintf(stderr, "p11_cold_bench: %s: \"%s\" was not found\n", argv[2], argv[3]);
			free(times);
			return 1;
		}
		times[i] = r.us;
		curl = curl || r.curl;
	}
	if (!times)
		return 1;
	qsort(times, (size_t)rounds, sizeof(*times), by_value);
	printf("%.0f %s\n", times[rounds / 2], curl ? "libcurl" : "no-libcurl");
	free(times);
	return 0;
}
