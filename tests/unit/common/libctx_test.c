#include "common/libctx.h"

#include "common/crypto_gate.h"
#include "common/file.h"
#include "tests/support/check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 8 };

static bool probe_called;
static bool probe_inside;

/* A provider that the configuration names, as it may name one that loads this module. */
static int probe_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx)
{
	static const OSSL_DISPATCH nothing[] = { { 0, NULL } };
	(void)in;
	*out = nothing;
	*ctx = (void *)(uintptr_t)handle;
	probe_called = true;
	probe_inside = libctx_inside();
	return 1;
}

static int use_under_configuration(const char *path)
{
	setenv("OPENSSL_CONF", path, 1);
	if (!OSSL_PROVIDER_add_builtin(NULL, "probe", probe_init))
		return 1;
	if (!libctx() || !probe_called || !probe_inside || libctx_inside())
		return 2;
	/* The configuration is in force, elsewhere. */
	if (!OSSL_PROVIDER_available(NULL, "legacy") || OSSL_PROVIDER_available(libctx(), "legacy"))
		return 3;
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md)
		return 4;
	md = EVP_MD_fetch(libctx(), "SHA256", NULL);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	if (!md || !key)
		return 5;
	EVP_MD_free(md);
	EVP_PKEY_free(key);
	return 0;
}

/* First: in a process that has not touched OpenSSL yet. */
static void stays_clear_of_the_configuration_and_marks_its_loading(void **state)
{
	(void)state;
	static const char configuration[] = "openssl_conf = all\n"
					    "[all]\n"
					    "providers = providers\n"
					    "alg_section = properties\n"
					    "[properties]\n"
					    "default_properties = provider=nonesuch\n"
					    "[providers]\n"
					    "legacy = on\n"
					    "probe = on\n"
					    "[on]\n"
					    "activate = 1\n";
	char folder[64];
	char path[128];
	check_folder_make(folder);
	snprintf(path, sizeof(path), "%s/openssl.cnf", folder);
	check_ok(file_write_atomic(path, bytes_str(configuration), (struct file_write){ .mode = 0600 }, &em));
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(use_under_configuration(path));
	int status = 1;
	waitpid(pid, &status, 0);
	assert_int_equal(0, status);
	check_folder_remove(folder);
}

static void *ask(void *arg)
{
	(void)arg;
	return libctx();
}

static void is_one_for_all_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, ask, NULL));
	for (size_t i = 0; i < THREADS; i++) {
		void *theirs = NULL;
		pthread_join(threads[i], &theirs);
		assert_non_null(theirs);
		assert_ptr_equal(libctx(), theirs);
	}
}

static void holds_the_default_provider_only(void **state)
{
	(void)state;
	assert_true(OSSL_PROVIDER_available(libctx(), "default"));
	assert_false(OSSL_PROVIDER_available(libctx(), "legacy"));
	assert_false(OSSL_PROVIDER_available(libctx(), "pkcs11"));
}

static void *ask_inside(void *arg)
{
	*(bool *)arg = libctx_inside();
	return NULL;
}

static void nests_and_marks_its_thread(void **state)
{
	(void)state;
	OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(NULL);
	assert_false(libctx_inside());
	struct libctx_guard outer = libctx_enter();
	struct libctx_guard inner = libctx_enter();
	assert_ptr_equal(libctx(), OSSL_LIB_CTX_set0_default(NULL));
	bool elsewhere = true;
	pthread_t thread;
	assert_int_equal(0, pthread_create(&thread, NULL, ask_inside, &elsewhere));
	pthread_join(thread, NULL);
	assert_false(elsewhere);
	libctx_leave(inner);
	assert_true(libctx_inside());
	libctx_leave(outer);
	assert_false(libctx_inside());
	assert_ptr_equal(before, OSSL_LIB_CTX_set0_default(NULL));
}

static int use_in_child(OSSL_LIB_CTX *of_parent)
{
	uint8_t random[8];
	OSSL_LIB_CTX *own = libctx();
	if (!own || own == of_parent || libctx() != own)
		return 1;
	return RAND_bytes_ex(own, random, sizeof(random), 0) == 1 ? 0 : 2;
}

/* The parent's locks may be held by threads that the child has not. */
static void a_forked_child_makes_its_own(void **state)
{
	(void)state;
	fflush(NULL);
	OSSL_LIB_CTX *before = libctx();
	pid_t pid = fork();
	if (pid == 0) {
		alarm(10);
		_exit(use_in_child(before));
	}
	int status = 1;
	waitpid(pid, &status, 0);
	assert_int_equal(0, status);
	assert_ptr_equal(before, libctx());
}

static atomic_bool left;

static int status_of(pid_t child)
{
	int status = 0;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void *fork_one(void *status)
{
	pid_t child = fork();
	if (child == 0)
		_exit(left ? 0 : 1);
	*(int *)status = status_of(child);
	return NULL;
}

/* Whoever is inside may go deeper while a fork waits for him. */
static void a_fork_waits_until_nobody_is_inside_the_gate(void **state)
{
	(void)state;
	pthread_t thread;
	int status = -1;
	assert_true(crypto_gate_install());
	alarm(60);
	crypto_gate_enter();
	assert_int_equal(0, pthread_create(&thread, NULL, fork_one, &status));
	usleep(50000); /* now it waits, most likely */
	crypto_gate_enter();
	crypto_gate_leave();
	usleep(1000);
	left = true;
	crypto_gate_leave();
	pthread_join(thread, NULL);
	assert_int_equal(0, status);
	alarm(0);
}

static int fork_from_inside(void)
{
	crypto_gate_enter();
	pid_t child = fork();
	crypto_gate_leave();
	if (child != 0)
		return status_of(child);
	alarm(10);
	crypto_gate_enter();
	crypto_gate_leave();
	pid_t grandchild = fork();
	_exit(grandchild == 0 ? 0 : status_of(grandchild));
}

/* As a signal handler may. */
static void who_forks_inside_the_gate_does_not_wait_for_himself(void **state)
{
	(void)state;
	assert_true(crypto_gate_install());
	fflush(NULL);
	assert_int_equal(0, fork_from_inside());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_clear_of_the_configuration_and_marks_its_loading),
		cmocka_unit_test(is_one_for_all_threads),
		cmocka_unit_test(holds_the_default_provider_only),
		cmocka_unit_test(nests_and_marks_its_thread),
		cmocka_unit_test(a_forked_child_makes_its_own),
		cmocka_unit_test(a_fork_waits_until_nobody_is_inside_the_gate),
		cmocka_unit_test(who_forks_inside_the_gate_does_not_wait_for_himself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
