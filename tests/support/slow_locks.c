/* To be preloaded: a process whose threads hold OpenSSL's locks for long, so that a fork amid their computing meets one
 * held nearly every time. The main thread, and with it forked children, is not slowed down. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define HOLD_US 50

static bool called_by_openssl(void *from)
{
	Dl_info who;
	return dladdr(from, &who) && who.dli_fname && strstr(who.dli_fname, "/libcrypto.so");
}

__attribute__((visibility("default"))) int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	static int (*real)(pthread_rwlock_t * lock);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_rwlock_wrlock");
	int failed = real(lock);
	if (!failed && gettid() != getpid() && called_by_openssl(__builtin_return_address(0)))
		usleep(HOLD_US);
	return failed;
}
