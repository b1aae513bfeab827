#include "tests/support/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* See fault.h. The allocator below is glibc's own; nothing here may allocate. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

#define FRAMES 32
#define TRACKED_MAX (1u << 18)
#define NO_TLS_CALLS __attribute__((tls_model("initial-exec")))

static atomic_int armed;
static atomic_ulong armed_at;
static atomic_ulong calls;
static atomic_bool fired;
static atomic_long live;
static struct fault_seen last;
static _Thread_local bool busy NO_TLS_CALLS; /* in here: what this does itself is not counted */

/* --- whose frame ------------------------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "";
}

static bool is_own(const char *file)
{
	return strncmp(file, "kbs-", 4) == 0 || strncmp(file, "libocikeywrap", 13) == 0;
}

/* What is known of an address: dladdr() takes its time, and the same few thousand come again and again. */
struct frame {
	const void *address;
	bool own, here;
	char text[64];
};
#define FRAMES_KNOWN 16384
static struct frame known[FRAMES_KNOWN];

static void frame_describe(struct frame *frame, const void *address)
{
	Dl_info info = { 0 };
	frame->own = frame->here = false;
	frame->text[0] = '\0';
	if (dladdr(address, &info) && info.dli_fname) {
		const char *file = base_name(info.dli_fname), *name = info.dli_sname ? info.dli_sname : "";
		frame->own = is_own(file);
		frame->here = strcmp(file, "fault.so") == 0;
		snprintf(frame->text, sizeof(frame->text), "%s+0x%zx%s%s", file,
			 (size_t)((uintptr_t)address - (uintptr_t)info.dli_fbase), *name ? " " : "", name);
	}
	frame->address = address;
}

static const struct frame *frame_of(const void *address, struct frame *mine)
{
	size_t at = (uintptr_t)address * 0x9e3779b97f4a7c15u >> 50;
	for (size_t i = 0; i < 8; i++, at = (at + 1) % FRAMES_KNOWN) {
		if (known[at].address == address)
			return &known[at];
		if (!known[at].address) {
			frame_describe(&known[at], address);
			return &known[at];
		}
	}
	frame_describe(mine, address);
	return mine;
}

/* Two frames: the one before ours (the library's function that we called), and ours. */
static void *own_of(void **frames, int count, char *where, size_t size)
{
	char before[64] = "";
	for (int i = 0; i < count; i++) {
		struct frame mine;
		const struct frame *f = frame_of(frames[i], &mine);
		if (f->here || !f->text[0])
			continue;
		if (f->own) {
			snprintf(where, size, "%s%s%s", before, *before ? " < " : "", f->text);
			return frames[i];
		}
		memcpy(before, f->text, sizeof(before));
	}
	snprintf(where, size, "%s", before);
	return NULL;
}

void *fault_own_frame(char *where, size_t size)
{
	void *frames[FRAMES];
	bool was = busy;
	busy = true;
	void *own = own_of(frames, backtrace(frames, FRAMES), where, size);
	busy = was;
	return own;
}

/* --- what is in use --------------------------------------------------------------------------------------------- */

static struct {
	void *block;
	void *frames[28];
	int depth;
	size_t size;
} tracked[TRACKED_MAX];
static atomic_bool tracking;
static pthread_mutex_t tracked_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t slot_of(const void *block)
{
	return (size_t)((uintptr_t)block * 0x9e3779b97f4a7c15u >> 46);
}

static void track(void *block, size_t size)
{
	size_t at = slot_of(block);
	void *frames[FRAMES];
	busy = true;
	int depth = backtrace(frames, FRAMES);
	pthread_mutex_lock(&tracked_lock);
	for (size_t i = 0; i < TRACKED_MAX; i++, at = (at + 1) % TRACKED_MAX)
		if (!tracked[at].block) {
			tracked[at].block = block;
			tracked[at].size = size;
			tracked[at].depth = depth > 30 ? 28 : depth > 2 ? depth - 2 : 0;
			for (int f = 0; f < tracked[at].depth; f++)
				tracked[at].frames[f] = frames[f + 2];
			break;
		}
	pthread_mutex_unlock(&tracked_lock);
	busy = false;
}

static void forget(void *block)
{
	size_t at = slot_of(block);
	pthread_mutex_lock(&tracked_lock);
	for (size_t i = 0; i < 4096; i++, at = (at + 1) % TRACKED_MAX)
		if (tracked[at].block == block) {
			tracked[at].block = NULL;
			break;
		}
	pthread_mutex_unlock(&tracked_lock);
}

static void *gained(void *block, size_t size)
{
	if (!block)
		return NULL;
	atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
	if (tracking && !busy)
		track(block, size);
	return block;
}

static void lost(void *block)
{
	atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
	if (tracking)
		forget(block);
}

long fault_live(void)
{
	return atomic_load(&live);
}

void fault_track(void)
{
	void *frames[4];
	busy = true;
	(void)backtrace(frames, 4); /* loads what it needs now */
	busy = false;
	tracking = true;
}

size_t fault_tracked(struct fault_leak *to, size_t max)
{
	size_t n = 0;
	tracking = false;
	busy = true;
	for (size_t i = 0; i < TRACKED_MAX && n < max; i++) {
		if (!tracked[i].block)
			continue;
		to[n].own = own_of(tracked[i].frames, tracked[i].depth, to[n].where, sizeof(to[n].where));
		to[n++].size = tracked[i].size;
	}
	busy = false;
	return n;
}

/* --- failing ---------------------------------------------------------------------------------------------------- */

static bool is_armed(bool network)
{
	int kind = atomic_load_explicit(&armed, memory_order_relaxed);
	return !busy && kind != FAULT_NONE && (kind == FAULT_ALLOC) != network;
}

/* Counts this call; true where it is the one that fails. */
static bool fails(bool network, const char *name)
{
	if (!is_armed(network) || atomic_fetch_add(&calls, 1) + 1 != atomic_load(&armed_at))
		return false;
	snprintf(last.call, sizeof(last.call), "%s", name);
	last.own = fault_own_frame(last.where, sizeof(last.where));
	fired = true;
	return true;
}

void fault_arm(enum fault_kind kind, unsigned long at)
{
	void *frames[4];
	busy = true;
	(void)backtrace(frames, 4);
	busy = false;
	memset(&last, 0, sizeof(last));
	fired = false;
	calls = 0;
	armed_at = at;
	armed = (int)kind;
}

void fault_disarm(struct fault_seen *seen)
{
	armed = FAULT_NONE;
	*seen = last;
	seen->calls = calls;
	seen->fired = fired;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	return fails(false, "malloc") ? no_memory() : gained(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
	return fails(false, "calloc") ? no_memory() : gained(__libc_calloc(count, size), count * size);
}

void free(void *p)
{
	if (!p)
		return;
	lost(p);
	__libc_free(p);
}

void *realloc(void *p, size_t size)
{
	if (fails(false, "realloc"))
		return no_memory();
	void *more = __libc_realloc(p, size);
	if (p && (more || !size))
		lost(p);
	return gained(more, size);
}

void *reallocarray(void *p, size_t count, size_t size)
{
	size_t all = 0;
	return __builtin_mul_overflow(count, size, &all) ? no_memory() : realloc(p, all);
}

void *memalign(size_t alignment, size_t size)
{
	return fails(false, "memalign") ? no_memory() : gained(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

/* What the real one is called; `name` of the C library behind us. */
#define REAL(name)                                                                                                     \
	static __typeof__(&name) real_##name;                                                                          \
	if (!real_##name) {                                                                                            \
		bool was_busy = busy;                                                                                  \
		busy = true;                                                                                           \
		*(void **)&real_##name = dlsym(RTLD_NEXT, #name);                                                      \
		busy = was_busy;                                                                                       \
	}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	REAL(mmap)
	if ((flags & MAP_ANONYMOUS) && fails(false, "mmap")) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return real_mmap(at, size, protection, flags, fd, offset);
}

/* --- network ---------------------------------------------------------------------------------------------------- */

static int network_error(void)
{
	switch (atomic_load(&armed)) {
	case FAULT_TIMEOUT:
		return ETIMEDOUT;
	case FAULT_INTERRUPT:
		return EINTR;
	default:
		return ECONNRESET;
	}
}

static bool is_socket(int fd)
{
	struct stat st;
	int before = errno;
	bool is = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	errno = before;
	return is;
}

/* Transfers fail, or stop short, or end: false where the call goes on, with the length that it may have. */
static bool transfer_fails(const char *name, size_t *len, ssize_t *result)
{
	if (!fails(true, name))
		return false;
	int kind = atomic_load(&armed);
	if (kind == FAULT_SHORT) {
		*len = *len ? 1 : 0;
		return false;
	}
	*result = -1;
	errno = network_error();
	if (kind == FAULT_END) {
		*result = strncmp(name, "re", 2) == 0 ? 0 : -1;
		errno = EPIPE;
	}
	return true;
}

int socket(int domain, int type, int protocol)
{
	REAL(socket)
	if (fails(true, "socket")) {
		errno = EMFILE;
		return -1;
	}
	return real_socket(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	REAL(connect)
	if (fails(true, "connect")) {
		errno = network_error();
		return -1;
	}
	return real_connect(fd, to, len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	REAL(send)
	ssize_t result = 0;
	return transfer_fails("send", &len, &result) ? result : real_send(fd, data, len, flags);
}

ssize_t recv(int fd, void *to, size_t len, int flags)
{
	REAL(recv)
	ssize_t result = 0;
	return transfer_fails("recv", &len, &result) ? result : real_recv(fd, to, len, flags);
}

ssize_t read(int fd, void *to, size_t len)
{
	REAL(read)
	ssize_t result = 0;
	return is_armed(true) && is_socket(fd) && transfer_fails("read", &len, &result) ? result
											: real_read(fd, to, len);
}

ssize_t write(int fd, const void *data, size_t len)
{
	REAL(write)
	ssize_t result = 0;
	return is_armed(true) && is_socket(fd) && transfer_fails("write", &len, &result) ? result
											 : real_write(fd, data, len);
}

/* 0: the time has passed; -1 otherwise. */
static int wait_fails(void)
{
	int kind = atomic_load(&armed);
	errno = kind == FAULT_INTERRUPT ? EINTR : ENOMEM;
	return kind == FAULT_TIMEOUT || kind == FAULT_SHORT ? 0 : -1;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	REAL(poll)
	if (!fails(true, "poll"))
		return real_poll(fds, count, timeout);
	for (nfds_t i = 0; i < count; i++)
		fds[i].revents = 0;
	return wait_fails();
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	REAL(getsockopt)
	if (fails(true, "getsockopt")) {
		errno = ENOBUFS;
		return -1;
	}
	return real_getsockopt(fd, level, name, value, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	REAL(setsockopt)
	if (fails(true, "setsockopt")) {
		errno = ENOBUFS;
		return -1;
	}
	return real_setsockopt(fd, level, name, value, len);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	REAL(getaddrinfo)
	if (fails(true, "getaddrinfo"))
		return atomic_load(&armed) == FAULT_INTERRUPT ? EAI_SYSTEM : EAI_AGAIN;
	return real_getaddrinfo(node, service, hints, out);
}

/* --- programs as they are --------------------------------------------------------------------------------------- */

static const char *const kind_names[FAULT_KINDS] = { "none", "alloc", "reset", "timeout", "interrupt", "short", "end" };

__attribute__((constructor)) static void arm_by_environment(void)
{
	const char *wanted = getenv("FAULT"), *colon = wanted ? strchr(wanted, ':') : NULL;
	for (int kind = 1; colon && kind < FAULT_KINDS; kind++)
		if (strlen(kind_names[kind]) == (size_t)(colon - wanted) &&
		    strncmp(wanted, kind_names[kind], (size_t)(colon - wanted)) == 0)
			fault_arm((enum fault_kind)kind, strtoul(colon + 1, NULL, 10));
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("FAULT_REPORT");
	if (!path || !getenv("FAULT"))
		return;
	struct fault_seen seen;
	fault_disarm(&seen);
	FILE *file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "FAULT_CALLS %lu\n%s %s %s\n", seen.calls, seen.fired ? "failed:" : "not reached", seen.call,
		seen.where);
	fclose(file);
}
