#include "common/secret.h"

#include "config.h"
#include "tests/support/check.h"

#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LARGE = 5000, CHILD_SECONDS = 20 };

#ifdef WITH_SANITIZERS
static const bool locking_is_real = false;
#else
static const bool locking_is_real = true;
#endif

/* Runs `work` in a forked child, which ends by its result; gives what waitpid() says. */
static int in_child(int (*work)(void *), void *arg)
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		alarm(CHILD_SECONDS);
		_exit(work(arg));
	}
	int status = 0;
	assert_int_equal(pid, waitpid(pid, &status, 0));
	return status;
}

#define assert_exit_0(status) assert_int_equal(0, (status))

static bool all(const uint8_t *data, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != value)
			return false;
	return true;
}

static struct secret *filled(size_t len, uint8_t value)
{
	struct secret *s = NULL;
	check_ok(secret_new(len, &s, &em));
	memset(secret_data(s), value, len);
	return s;
}

/* CAP_IPC_LOCK would make RLIMIT_MEMLOCK meaningless. */
static void forbid_locking(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct rlimit none = { 0, 0 };
	syscall(SYS_capset, &header, data);
	setrlimit(RLIMIT_MEMLOCK, &none);
}

static int use_unlocked(void *arg)
{
	char setting[128];
	snprintf(setting, sizeof(setting), "debug:%s", (const char *)arg);
	setenv("KBS_PKCS11_LOG", setting, 1);
	forbid_locking();
	AUTO(secret) *small = NULL;
	AUTO(secret) *large = NULL;
	AUTO(secret) *another = NULL;
	if (secret_new(100, &small, &em) || secret_new(LARGE, &large, &em) || secret_new(LARGE, &another, &em))
		return 2;
	memset(secret_data(large), 1, LARGE);
	return secret_arena_state().locked ? 3 : 0;
}

/* First of all, in a process that has not warned yet. */
static void warns_once_where_memory_cannot_be_locked(void **state)
{
	(void)state;
	if (!locking_is_real) {
		print_message("skipped: a sanitizer's mlock() does nothing\n");
		skip();
	}
	char folder[64];
	char path[128];
	check_folder_make(folder);
	snprintf(path, sizeof(path), "%s/log", folder);
	assert_exit_0(in_child(use_unlocked, path));
	FILE *log = fopen(path, "r");
	assert_non_null(log);
	char line[512];
	assert_non_null(fgets(line, sizeof(line), log));
	assert_non_null(strstr(line, " level=warn part=secret event=not-locked "));
	assert_null(fgets(line, sizeof(line), log));
	fclose(log);
	check_folder_remove(folder);
}

static void gives_zeros_of_every_length(void **state)
{
	(void)state;
	static const size_t lengths[] = { 0,    1,    31,   32,   33,   48,    64,    65,     2047,
					  2048, 2049, 4095, 4096, 4097, 65536, 65537, 1 << 20 };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO(secret) *s = NULL;
		check_ok(secret_new(lengths[i], &s, &em));
		assert_int_equal(lengths[i], secret_len(s));
		assert_non_null(secret_data(s));
		assert_true(all(secret_data(s), lengths[i], 0));
		assert_int_equal(0, (uintptr_t)secret_data(s) % 16);
		memset(secret_data(s), 0xff, lengths[i]);
	}
	assert_int_equal(0, secret_arena_state().bytes_in_use);
}

static void keeps_neighbours_apart(void **state)
{
	(void)state;
	enum { MANY = 1500 };
	static struct secret *many[MANY];
	for (size_t i = 0; i < MANY; i++)
		many[i] = filled(i, (uint8_t)i);
	for (size_t i = 0; i < MANY; i += 2) {
		secret_free(many[i]);
		many[i] = NULL;
	}
	for (size_t i = 0; i < MANY; i += 2)
		many[i] = filled(i, (uint8_t)(i + 1));
	for (size_t i = 0; i < MANY; i++) {
		assert_true(all(secret_data(many[i]), i, (uint8_t)(i % 2 ? i : i + 1)));
		secret_free(many[i]);
	}
	assert_int_equal(0, secret_arena_state().bytes_in_use);
}

static void copies_and_lends(void **state)
{
	(void)state;
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str("open sesame"), &s, &em));
	check_bytes(bytes_str("open sesame"), secret_bytes(s));
	check_bytes((struct bytes){ 0 }, secret_bytes(NULL));
	AUTO(secret) *empty = NULL;
	check_ok(secret_copy((struct bytes){ 0 }, &empty, &em));
	assert_int_equal(0, secret_len(empty));
	secret_free(NULL);
}

static void refuses_what_no_machine_has(void **state)
{
	(void)state;
	struct secret *s = NULL;
	check_err(ERR_NOMEM, secret_new(SIZE_MAX, &s, &em));
	check_err(ERR_NOMEM, secret_new(SIZE_MAX - 4096, &s, &em));
	check_err(ERR_NOMEM, secret_new(SIZE_MAX / 4, &s, &em));
	assert_null(s);
	assert_int_equal(0, secret_arena_state().bytes_in_use);
}

static void wipes_what_is_cut_off(void **state)
{
	(void)state;
	static const size_t lengths[] = { 60, LARGE };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO(secret) *s = filled(lengths[i], 7);
		secret_truncate(s, 10);
		assert_int_equal(10, secret_len(s));
		assert_true(all(secret_data(s), 10, 7));
		assert_true(all(secret_data(s) + 10, lengths[i] - 10, 0));
		assert_int_equal(10, secret_arena_state().bytes_in_use);
		secret_truncate(s, 11); /* never longer again */
		assert_int_equal(10, secret_len(s));
	}
}

static void wipes_what_is_freed(void **state)
{
	(void)state;
	AUTO(secret) *neighbour = filled(64, 1); /* keeps the page there to be looked at */
	struct secret *s = filled(64, 7);
	const uint8_t *was = secret_data(s);
	secret_free(s);
	assert_true(all(was, 64, 0));
	assert_true(all(secret_data(neighbour), 64, 1));
}

static int zeros_in_child(void *arg)
{
	struct secret **both = arg;
	for (size_t i = 0; i < 2; i++)
		if (!all(secret_data(both[i]), secret_len(both[i]), 0))
			return 2;
	if (secret_len(both[0]) != 40 || secret_len(both[1]) != LARGE)
		return 3;
	AUTO(secret) *own = NULL;
	if (secret_new(40, &own, &em) != OK || secret_arena_state().bytes_in_use != 40)
		return 4;
	memset(secret_data(own), 9, 40);
	if (!all(secret_data(both[0]), 40, 0))
		return 5;
	secret_truncate(both[1], 3);
	secret_free(both[0]);
	secret_free(both[1]);
	if (!all(secret_data(own), 40, 9) || secret_arena_state().bytes_in_use != 40)
		return 6;
	return 0;
}

static int grandchild(void *arg)
{
	AUTO(secret) *own = NULL;
	if (secret_new(40, &own, &em) != OK)
		return 20;
	memset(secret_data(own), 9, 40);
	pid_t pid = fork();
	if (pid == 0)
		_exit(!all(secret_data(own), 40, 0) ? 21 : zeros_in_child(arg));
	int status = 1;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 22;
}

static void reads_as_zeros_in_a_forked_child(void **state)
{
	(void)state;
	AUTO(secret) *small = filled(40, 7);
	AUTO(secret) *large = filled(LARGE, 7);
	struct secret *both[] = { small, large };
	assert_exit_0(in_child(zeros_in_child, both));
	assert_exit_0(in_child(grandchild, both));
	assert_true(all(secret_data(small), 40, 7));
	assert_true(all(secret_data(large), LARGE, 7));
}

struct peek {
	const volatile uint8_t *at;
	ptrdiff_t step;
	size_t most;
};

static int peek_on(void *arg)
{
	const struct peek *p = arg;
	uint8_t sum = 0;
	for (size_t i = 0; i < p->most; i++)
		sum = (uint8_t)(sum + p->at[(ptrdiff_t)i * p->step]);
	return sum & 1;
}

static void assert_faults(struct peek p)
{
	int status = in_child(peek_on, &p);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static void faults_past_a_large_secret(void **state)
{
	(void)state;
	AUTO(secret) *s = filled(LARGE / 16 * 16, 7);
	size_t len = secret_len(s);
	assert_int_equal(0, in_child(peek_on, &(struct peek){ secret_data(s), 1, len }));
	assert_faults((struct peek){ secret_data(s) + len, 1, 1 });
	assert_faults((struct peek){ secret_data(s), -1, 3 * (size_t)sysconf(_SC_PAGESIZE) });
}

static void faults_outside_of_a_slab(void **state)
{
	(void)state;
	AUTO(secret) *s = filled(32, 7);
	size_t far = 16384 + 4 * (size_t)sysconf(_SC_PAGESIZE);
	assert_faults((struct peek){ secret_data(s), 1, far });
	assert_faults((struct peek){ secret_data(s), -1, far });
}

/* The VmFlags of the mapping that holds `at`: proc(5). */
static bool flags_of(const void *at, char *to, size_t cap)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	if (!maps)
		return false;
	char line[512];
	bool inside = false;
	bool found = false;
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from;
		unsigned long behind;
		if (sscanf(line, "%lx-%lx ", &from, &behind) == 2)
			inside = (uintptr_t)at >= from && (uintptr_t)at < behind;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = snprintf(to, cap, "%s", line + 8) > 0;
	}
	fclose(maps);
	return found;
}

static void is_locked_not_dumped_and_wiped_on_fork(void **state)
{
	(void)state;
	static const size_t lengths[] = { 32, 2048, LARGE };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO(secret) *s = filled(lengths[i], 7);
		char flags[256];
		if (!flags_of(secret_data(s), flags, sizeof(flags))) {
			print_message("skipped: no VmFlags in /proc/self/smaps\n");
			skip();
		}
		assert_non_null(strstr(flags, " dd")); /* do not include into core dump */
		assert_non_null(strstr(flags, " wf")); /* wipe on fork */
		if (secret_arena_state().locked && locking_is_real)
			assert_non_null(strstr(flags, " lo"));
	}
}

static atomic_bool stop;

static void *hammer(void *arg)
{
	uint8_t mark = (uint8_t)(uintptr_t)arg;
	uint32_t random = mark;
	intptr_t wrong = 0;
	for (int round = 0; round < 3000 && !atomic_load(&stop); round++) {
		struct secret *some[4] = { NULL };
		struct errmsg mine;
		for (size_t i = 0; i < ARRAY_LEN(some); i++) {
			random = random * 1664525 + 1013904223;
			size_t len = random >> 8 & (random & 1 ? 0xfff : 0x7f);
			if (secret_new(len, &some[i], &mine) != OK || !all(secret_data(some[i]), len, 0))
				wrong++;
			memset(secret_data(some[i]), mark, len);
		}
		for (size_t i = 0; i < ARRAY_LEN(some); i++) {
			wrong += !all(secret_data(some[i]), secret_len(some[i]), mark);
			secret_free(some[i]);
		}
	}
	return (void *)wrong;
}

enum { THREADS = 8 };

static void start(pthread_t threads[THREADS])
{
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)));
}

static void join(pthread_t threads[THREADS])
{
	for (size_t i = 0; i < THREADS; i++) {
		void *wrong = NULL;
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(0, secret_arena_state().bytes_in_use);
}

static void serves_eight_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	start(threads);
	join(threads);
}

static int use_in_child(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < 64; i++) {
		AUTO(secret) *s = NULL;
		if (secret_new(i * 64, &s, &em) != OK || !all(secret_data(s), i * 64, 0))
			return 1;
	}
	/* Not by exit: what the parent's other threads held is lost here, and valgrind would count it. */
	return kill(getpid(), SIGKILL);
}

/* Whatever the others hold when the fork comes, the child must not wait for it. */
static void serves_a_child_forked_amid_threads(void **state)
{
	(void)state;
	check_forks_amid_threads();
	pthread_t threads[THREADS];
	start(threads);
	for (int i = 0; i < 20; i++)
		assert_int_equal(SIGKILL, in_child(use_in_child, NULL)); /* got to its end, and not to the alarm */
	atomic_store(&stop, true);
	join(threads);
}

static void wipes_other_memory_too(void **state)
{
	(void)state;
	uint8_t stack[16];
	memset(stack, 7, sizeof(stack));
	secret_wipe(stack, sizeof(stack));
	assert_true(all(stack, sizeof(stack), 0));
}

static void counts_what_is_in_use(void **state)
{
	(void)state;
	assert_int_equal(0, secret_arena_state().bytes_in_use);
	AUTO(secret) *s = filled(100, 1);
	AUTO(secret) *large = filled(LARGE, 1);
	assert_int_equal(secret_len(s) + secret_len(large), secret_arena_state().bytes_in_use);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(warns_once_where_memory_cannot_be_locked),
		cmocka_unit_test(gives_zeros_of_every_length),
		cmocka_unit_test(keeps_neighbours_apart),
		cmocka_unit_test(copies_and_lends),
		cmocka_unit_test(refuses_what_no_machine_has),
		cmocka_unit_test(wipes_what_is_cut_off),
		cmocka_unit_test(wipes_what_is_freed),
		cmocka_unit_test(reads_as_zeros_in_a_forked_child),
		cmocka_unit_test(faults_past_a_large_secret),
		cmocka_unit_test(faults_outside_of_a_slab),
		cmocka_unit_test(is_locked_not_dumped_and_wiped_on_fork),
		cmocka_unit_test(serves_eight_threads),
		cmocka_unit_test(serves_a_child_forked_amid_threads),
		cmocka_unit_test(wipes_other_memory_too),
		cmocka_unit_test(counts_what_is_in_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
