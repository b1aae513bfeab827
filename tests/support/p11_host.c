/* A host process for a PKCS#11 module: what applications do to one, in one small program for the end-to-end tests.
 *
 *   p11_host [--pin-file FILE] [--label LABEL] [--public FILE] [--wrapped FILE] MODULE COMMAND [N]
 *
 *   list        loads, initialises, finds the private key by its label, without using it
 *   sign N      N signatures in one thread
 *   threads N   N threads, 20 signatures each, one session a thread
 *   fork N      signs, then N children that must initialise again, sign and exit; then signs again
 *   storm N     N children at once that initialise, sign and exit, while four threads of the parent sign all the time
 *   fetch N     the same, while a thread of the parent fetches up to 400 keys, LABEL-0 to LABEL-399, over a new
 *               connection each
 *   cycle N     N times: dlopen, C_Initialize, sign, C_Finalize, dlclose
 *   hold        signs, opens the --wrapped file (OAEP, SHA-256) if there is one, prints `ready`, waits for the end of
 *               its standard input
 *   maps        finds the key by its label and prints whether libcurl is mapped
 *
 * What it gets to know itself (the PIN, what it unwrapped) it wipes at once, so that a core of it shows what the module
 * kept. Each signature is verified with the public key of --public. Prints `CKR 0x...` and exits 1 where the module
 * refuses, 3 where a signature does not hold. */
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNATURES_PER_THREAD = 20, SIGNATURE_MAX = 1024, STORM_S = 120, FETCH_NAMES = 400 };

struct host {
	const char *path;
	const char *label;
	const char *pin_file;
	const char *wrapped_file;
	EVP_PKEY *public_key;
	unsigned pause_us; /* between forks */
	bool blind; /* verifies nothing, so that nobody but the module computes */
	void *library;
	CK_FUNCTION_LIST *p11;
};

static void say(const char *call, CK_RV rv)
{
	printf("%s: CKR 0x%08lx\n", call, rv);
	fflush(stdout);
}

static bool module_load(struct host *host)
{
	host->library = dlopen(host->path, RTLD_NOW | RTLD_LOCAL);
	if (!host->library) {
		printf("dlopen: %s\n", dlerror());
		return false;
	}
	CK_C_GetFunctionList get = NULL;
	*(void **)&get = dlsym(host->library, "C_GetFunctionList");
	return get && get(&host->p11) == CKR_OK;
}

static bool module_initialize(struct host *host)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV rv = host->p11->C_Initialize(&args);
	if (rv != CKR_OK)
		say("C_Initialize", rv);
	return rv == CKR_OK;
}

/* Without stdio, whose buffers keep what went through them. */
static CK_ULONG file_read(const char *path, CK_BYTE *to, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, cap);
	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (CK_ULONG)n;
}

static bool session_open(struct host *host, CK_SESSION_HANDLE *session)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = 16;
	CK_RV rv = host->p11->C_GetSlotList(CK_TRUE, slots, &count);
	if (rv == CKR_OK && count == 0)
		rv = CKR_TOKEN_NOT_PRESENT;
	if (rv == CKR_OK)
		rv = host->p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, session);
	if (rv != CKR_OK) {
		say("C_OpenSession", rv);
		return false;
	}
	if (!host->pin_file)
		return true;
	CK_UTF8CHAR pin[128];
	CK_ULONG len = file_read(host->pin_file, pin, sizeof(pin));
	rv = host->p11->C_Login(*session, CKU_USER, pin, len);
	OPENSSL_cleanse(pin, sizeof(pin));
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN) {
		say("C_Login", rv);
		return false;
	}
	return true;
}

static bool key_find(struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_LABEL, (void *)host->label, strlen(host->label) },
	};
	CK_ULONG found = 0;
	CK_RV rv = host->p11->C_FindObjectsInit(session, wanted, 2);
	if (rv == CKR_OK)
		rv = host->p11->C_FindObjects(session, key, 1, &found);
	if (rv == CKR_OK)
		rv = host->p11->C_FindObjectsFinal(session);
	if (rv == CKR_OK && found != 1)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv != CKR_OK)
		say("C_FindObjects", rv);
	return rv == CKR_OK;
}

/* Cryptoki's r||s as the DER that OpenSSL verifies. */
static int ecdsa_to_der(const CK_BYTE *raw, size_t len, unsigned char **der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, (int)(len / 2), NULL);
	BIGNUM *s = BN_bin2bn(raw + len / 2, (int)(len / 2), NULL);
	if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s)) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return -1;
	}
	int der_len = i2d_ECDSA_SIG(sig, der);
	ECDSA_SIG_free(sig);
	return der_len;
}

struct signature {
	CK_BYTE data[SIGNATURE_MAX];
	CK_ULONG len;
};

static bool signature_holds(const struct host *host, const CK_BYTE digest[32], const struct signature *sig)
{
	const unsigned char *data = sig->data;
	size_t len = sig->len;
	unsigned char *der = NULL;
	bool rsa = EVP_PKEY_get_base_id(host->public_key) == EVP_PKEY_RSA;
	if (!rsa) {
		int der_len = ecdsa_to_der(sig->data, sig->len, &der);
		if (der_len < 0)
			return false;
		data = der;
		len = (size_t)der_len;
	}
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(host->public_key, NULL);
	bool good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
		    (!rsa || EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1) &&
		    EVP_PKEY_verify(ctx, data, len, digest, 32) == 1;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(der);
	return good;
}

/* The DigestInfo of PKCS#1 v1.5 for SHA-256 (RFC 8017, 9.2, note 1), before the digest. */
static const CK_BYTE sha256_info[19] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static CK_RV sign_digest(struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const CK_BYTE digest[32],
			 struct signature *sig)
{
	bool rsa = EVP_PKEY_get_base_id(host->public_key) == EVP_PKEY_RSA;
	CK_MECHANISM mechanism = { .mechanism = rsa ? CKM_RSA_PKCS : CKM_ECDSA };
	CK_BYTE input[sizeof(sha256_info) + 32];
	memcpy(input, sha256_info, sizeof(sha256_info));
	memcpy(input + sizeof(sha256_info), digest, 32);
	CK_RV rv = host->p11->C_SignInit(session, &mechanism, key);
	if (rv != CKR_OK)
		return rv;
	sig->len = sizeof(sig->data);
	return rsa ? host->p11->C_Sign(session, input, sizeof(input), sig->data, &sig->len)
		   : host->p11->C_Sign(session, input + sizeof(sha256_info), 32, sig->data, &sig->len);
}

/* One session, `count` signatures, each another digest, each verified. 0, 1 (refused), 3 (wrong signature). */
static int sign_some(struct host *host, int count)
{
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;
	if (!session_open(host, &session) || !key_find(host, session, &key))
		return 1;
	for (int i = 0; i < count; i++) {
		CK_BYTE digest[32];
		memset(digest, i + 1, sizeof(digest));
		struct signature sig;
		CK_RV rv = sign_digest(host, session, key, digest, &sig);
		if (rv != CKR_OK) {
			say("C_Sign", rv);
			return 1;
		}
		if (!host->blind && !signature_holds(host, digest, &sig)) {
			printf("signature %d does not hold\n", i);
			return 3;
		}
	}
	host->p11->C_CloseSession(session);
	return 0;
}

static void *thread_main(void *arg)
{
	return (void *)(intptr_t)sign_some(arg, SIGNATURES_PER_THREAD);
}

static int run_threads(struct host *host, int count)
{
	pthread_t threads[64];
	int worst = 0;
	if (count > 64)
		count = 64;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, thread_main, host) != 0)
			abort();
	for (int i = 0; i < count; i++) {
		void *result = NULL;
		pthread_join(threads[i], &result);
		if ((int)(intptr_t)result > worst)
			worst = (int)(intptr_t)result;
	}
	return worst;
}

static int child_main(struct host *host)
{
	CK_ULONG count = 0;
	CK_RV rv = host->p11->C_GetSlotList(CK_TRUE, NULL, &count);
	if (rv != CKR_CRYPTOKI_NOT_INITIALIZED) {
		say("C_GetSlotList in a child", rv);
		return 1;
	}
	if (!module_initialize(host))
		return 1;
	int status = sign_some(host, 3);
	rv = host->p11->C_Finalize(NULL);
	if (rv != CKR_OK) {
		say("C_Finalize", rv);
		return 1;
	}
	return status;
}

static int run_forks(struct host *host, int count)
{
	int worst = sign_some(host, 1);
	for (int i = 0; i < count && worst == 0; i++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			int child = child_main(host);
			fflush(stdout);
			_exit(child);
		}
		int status = 0;
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
			return 1;
		if (WEXITSTATUS(status) > worst)
			worst = WEXITSTATUS(status);
	}
	int again = sign_some(host, 1);
	return again > worst ? again : worst;
}

static atomic_bool storm_over;

/* Signs until the storm is over: 0, or what sign_some() says. */
static void *storm_main(void *arg)
{
	int status = 0;
	while (status == 0 && !storm_over)
		status = sign_some(arg, SIGNATURES_PER_THREAD);
	return (void *)(intptr_t)status;
}

/* All children at once; the worst of them. Who hangs is ended by its alarm, and that is a failure too. */
static int storm_children(struct host *host, int count)
{
	int worst = 0, running = 0;
	for (int i = 0; i < count; i++) {
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(STORM_S);
			int status = child_main(host);
			fflush(stdout);
			_exit(status);
		}
		if (pid < 0)
			worst = 1;
		else
			running++;
		usleep(host->pause_us);
	}
	for (; running > 0; running--) {
		int status = 0;
		if (wait(&status) < 0)
			return 1;
		if (!WIFEXITED(status)) {
			printf("a child ended by signal %d\n", WTERMSIG(status));
			worst = 1;
		} else if (WEXITSTATUS(status) > worst) {
			worst = WEXITSTATUS(status);
		}
	}
	return worst;
}

/* What the module is connected to it finds broken. (Of a program with one fetch at a time.) */
static void connections_break(void)
{
	struct sockaddr_storage peer;
	for (int fd = 3; fd < 256; fd++) {
		socklen_t len = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.ss_family != AF_UNIX)
			(void)shutdown(fd, SHUT_RDWR);
	}
}

/* Signs with the key of --label until the storm is over, or its names are used up: each time under another one, LABEL-0
 * and so on, of which the module knows nothing yet. */
static void *fetch_main(void *arg)
{
	struct host host = *(struct host *)arg;
	char name[256];
	int status = 0;
	host.label = name;
	host.blind = true;
	for (int i = 0; status == 0 && i < FETCH_NAMES && !storm_over; i++) {
		snprintf(name, sizeof(name), "%s-%d", ((struct host *)arg)->label, i);
		status = sign_some(&host, 1);
		connections_break();
	}
	return (void *)(intptr_t)status;
}

static int run_storm(struct host *host, void *(*work)(void *host), int workers, int count)
{
	enum { WORKERS_MAX = 4 };
	pthread_t threads[WORKERS_MAX];
	int worst = sign_some(host, 1);
	alarm(2 * STORM_S);
	for (int i = 0; i < workers; i++)
		if (pthread_create(&threads[i], NULL, work, host) != 0)
			abort();
	int children = storm_children(host, count);
	storm_over = true;
	for (int i = 0; i < workers; i++) {
		void *result = NULL;
		pthread_join(threads[i], &result);
		if ((int)(intptr_t)result > worst)
			worst = (int)(intptr_t)result;
	}
	return children > worst ? children : worst;
}

/* Each fork at another point of a fetch. */
static int run_fetches(struct host *host, int count)
{
	host->pause_us = 10000;
	return run_storm(host, fetch_main, 1, count);
}

static int run_cycles(struct host *host, int count)
{
	int worst = 0;
	for (int i = 0; i < count && worst == 0; i++) {
		if ((i > 0 && !module_load(host)) || !module_initialize(host))
			return 1;
		worst = sign_some(host, 1);
		CK_RV rv = host->p11->C_Finalize(NULL);
		if (rv != CKR_OK) {
			say("C_Finalize", rv);
			return 1;
		}
		dlclose(host->library);
		host->library = NULL;
	}
	return worst;
}

/* What ocicrypt does with a layer's key. */
static int unwrap(struct host *host)
{
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;
	if (!session_open(host, &session) || !key_find(host, session, &key))
		return 1;
	CK_BYTE wrapped[1024];
	CK_BYTE plain[1024];
	CK_ULONG wrapped_len = file_read(host->wrapped_file, wrapped, sizeof(wrapped));
	CK_ULONG plain_len = 0;
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep) };
	CK_RV rv = host->p11->C_DecryptInit(session, &mechanism, key);
	if (rv == CKR_OK)
		rv = host->p11->C_Decrypt(session, wrapped, wrapped_len, NULL, &plain_len);
	plain_len = sizeof(plain);
	if (rv == CKR_OK)
		rv = host->p11->C_Decrypt(session, wrapped, wrapped_len, plain, &plain_len);
	OPENSSL_cleanse(plain, sizeof(plain));
	host->p11->C_CloseSession(session);
	if (rv != CKR_OK)
		say("C_Decrypt", rv);
	return rv == CKR_OK ? 0 : 1;
}

static int run_hold(struct host *host)
{
	int status = sign_some(host, 1);
	if (status == 0 && host->wrapped_file)
		status = unwrap(host);
	if (status != 0)
		return status;
	puts("ready");
	fflush(stdout);
	char byte = 0;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static int run_list(struct host *host, bool show_maps)
{
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;
	if (!session_open(host, &session) || !key_find(host, session, &key))
		return 1;
	if (!show_maps)
		return 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024];
	bool curl = false;
	while (maps && fgets(line, sizeof(line), maps))
		curl = curl || strstr(line, "libcurl");
	if (maps)
		fclose(maps);
	puts(curl ? "libcurl is mapped" : "libcurl is not mapped");
	return 0;
}

static int run(struct host *host, const char *command, int count)
{
	if (!module_load(host))
		return 1;
	if (strcmp(command, "cycle") == 0)
		return run_cycles(host, count);
	if (!module_initialize(host))
		return 1;
	int status = 2;
	if (strcmp(command, "list") == 0 || strcmp(command, "maps") == 0)
		status = run_list(host, strcmp(command, "maps") == 0);
	else if (strcmp(command, "sign") == 0)
		status = sign_some(host, count);
	else if (strcmp(command, "threads") == 0)
		status = run_threads(host, count);
	else if (strcmp(command, "fork") == 0)
		status = run_forks(host, count);
	else if (strcmp(command, "storm") == 0)
		status = run_storm(host, storm_main, 4, count);
	else if (strcmp(command, "fetch") == 0)
		status = run_fetches(host, count);
	else if (strcmp(command, "hold") == 0)
		status = run_hold(host);
	CK_RV rv = host->p11->C_Finalize(NULL);
	if (rv != CKR_OK)
		say("C_Finalize", rv);
	return status == 0 && rv != CKR_OK ? 1 : status;
}

static EVP_PKEY *public_read(const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	return key;
}

int main(int argc, char **argv)
{
	struct host host = { .label = "image-key" };
	int i = 1;
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--label") == 0)
			host.label = argv[i + 1];
		else if (strcmp(argv[i], "--pin-file") == 0)
			host.pin_file = argv[i + 1];
		else if (strcmp(argv[i], "--wrapped") == 0)
			host.wrapped_file = argv[i + 1];
		else if (strcmp(argv[i], "--public") == 0)
			host.public_key = public_read(argv[i + 1]);
	}
	if (argc - i < 2 || argc - i > 3) {
		fputs("usage: p11_host [--pin-file FILE] [--label LABEL] [--public FILE] [--wrapped FILE] MODULE "
		      "COMMAND [N]\n",
		      stderr);
		return 2;
	}
	host.path = argv[i];
	const char *command = argv[i + 1];
	bool signs = strcmp(command, "list") != 0 && strcmp(command, "maps") != 0;
	if (signs && !host.public_key) {
		fputs("p11_host: --public FILE is needed to verify signatures\n", stderr);
		return 2;
	}
	int status = run(&host, command, argc - i == 3 ? atoi(argv[i + 2]) : 1);
	EVP_PKEY_free(host.public_key);
	return status;
}
