/* Where the time of the very first use of a key goes, attestation included. The module's own log, at its debug level,
 * marks the stages; it is read from a FIFO while it is written.
 *
 *   p11_first_bench MODULE LABEL FIFO       FIFO: to be made and removed again; the module must not be loaded yet
 *
 * Prints STAGE MICROSECONDS lines, in their order, and the total. RSA keys. */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The end of a stage: a line of the log, in this order. */
static struct mark {
	const char *text, *stage;
	double at;
} marks[] = {
	{ "event=loaded", "load the HTTP half (libcurl)", 0 },
	{ "/kbs/v0/auth\"", "request 1: auth", 0 },
	{ "/kbs/v0/attest\"", "request 2: evidence, attest", 0 },
	{ "event=attested", "take the attestation result", 0 },
	{ "/kbs/v0/resource", "request 3: the key", 0 },
};
enum { MARKS = sizeof(marks) / sizeof(*marks) };

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void demand(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "p11_first_bench: %s failed\n", what);
	exit(1);
}

static void *listen_main(void *arg)
{
	char text[8192];
	ssize_t n = 0;
	while ((n = read(*(int *)arg, text, sizeof(text) - 1)) > 0) {
		double at = now_us();
		text[n] = '\0';
		for (int i = 0; i < MARKS; i++)
			if (marks[i].at <= 0 && strstr(text, marks[i].text))
				marks[i].at = at;
	}
	return NULL;
}

static void stage(const char *name, double *from, double to)
{
	printf("%.0f %s\n", to - *from, name);
	*from = to;
}

static CK_FUNCTION_LIST *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	CK_FUNCTION_LIST *p11 = NULL;
	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	demand(get && get(&p11) == CKR_OK, path);
	return p11;
}

static CK_OBJECT_HANDLE find(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) },
				  { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG hits = 0;
	demand(p11->C_FindObjectsInit(session, wanted, 2) == CKR_OK &&
		       p11->C_FindObjects(session, &key, 1, &hits) == CKR_OK &&
		       p11->C_FindObjectsFinal(session) == CKR_OK && hits == 1,
	       "finding the key");
	return key;
}

static void first_use(const char *module, const char *label)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16, len = 1024;
	CK_SESSION_HANDLE session = 0;
	CK_BYTE data[32] = { 1 }, signature[1024];
	CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	double from = now_us(), begin = from;
	CK_FUNCTION_LIST *p11 = load(module);
	stage("dlopen", &from, now_us());
	demand(p11->C_Initialize(NULL) == CKR_OK, "C_Initialize");
	stage("C_Initialize", &from, now_us());
	demand(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count > 0 &&
		       p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK,
	       "C_OpenSession");
	CK_OBJECT_HANDLE key = find(p11, session, label);
	stage("find the key", &from, now_us());
	demand(p11->C_SignInit(session, &mechanism, key) == CKR_OK, "C_SignInit");
	double ready = now_us();
	demand(p11->C_Sign(session, data, sizeof(data), signature, &len) == CKR_OK, "C_Sign");
	double end = now_us();
	usleep(20000); /* the listener's last line */
	for (int i = 0; i < MARKS; i++)
		if (marks[i].at > 0)
			stage(marks[i].stage, &from, marks[i].at);
	stage("unseal and parse the key, C_SignInit", &from, ready);
	stage("C_Sign", &from, end);
	printf("%.0f all of it\n", end - begin);
	p11->C_Finalize(NULL);
}

int main(int argc, char **argv)
{
	char setting[512];
	pthread_t listener;
	if (argc != 4) {
		fputs("usage: p11_first_bench MODULE LABEL FIFO\n", stderr);
		return 2;
	}
	demand(mkfifo(argv[3], 0600) == 0, "mkfifo");
	int fd = open(argv[3], O_RDWR | O_CLOEXEC);
	snprintf(setting, sizeof(setting), "debug:%s", argv[3]);
	setenv("KBS_PKCS11_LOG", setting, 1);
	demand(fd >= 0 && pthread_create(&listener, NULL, listen_main, &fd) == 0, "listening");
	first_use(argv[1], argv[2]);
	unlink(argv[3]);
	return 0;
}
