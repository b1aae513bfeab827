#include "common/secret_arena.h"

#include "common/log.h"

#include <errno.h>
#include <linux/futex.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	SMALLEST_SHIFT = 5, /* 32 bytes */
	CLASSES = 7, /* 32 .. 2048 bytes */
	SLAB_LEAST = 8192, /* bytes of data in a slab */
	LARGE_ALIGN = 16,
};

struct slab {
	struct slab *next; /* among those of its class that have room */
	struct slab *before;
	size_t mapped; /* the whole mapping */
	uint8_t *data;
	size_t data_len;
	size_t slot_len;
	size_t slots; /* 0: one large piece */
	size_t used;
	bool listed;
	bool locked;
	uint64_t taken[]; /* a bit for each slot */
};

/* The arena's root lies in a page that a fork wipes. So the child's arena is a new, empty and unlocked one,
 * whatever another thread was doing in the parent at that moment: no atfork handler, nothing held. */
struct arena {
	atomic_int lock; /* guards what follows it. 0 free, 1 held, 2 held and waited for */
	unsigned generation; /* 0: fresh, also after a fork */
	struct slab *room[CLASSES]; /* slabs with at least one free slot */
	atomic_size_t bytes_in_use;
	atomic_bool unlocked; /* some mapping could not be locked */
};

static _Atomic(struct arena *) published;
static atomic_uint generations;
static atomic_flag warned = ATOMIC_FLAG_INIT;

static void futex(atomic_int *word, int op, int value)
{
	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void arena_lock(struct arena *a)
{
	int seen = 0;
	if (!atomic_compare_exchange_strong_explicit(&a->lock, &seen, 1, memory_order_acquire, memory_order_relaxed)) {
		while (atomic_exchange_explicit(&a->lock, 2, memory_order_acquire) != 0)
			futex(&a->lock, FUTEX_WAIT_PRIVATE, 2);
	}
	if (a->generation == 0)
		a->generation = atomic_fetch_add(&generations, 1) + 1;
}

static void arena_unlock(struct arena *a)
{
	if (atomic_exchange_explicit(&a->lock, 0, memory_order_release) == 2)
		futex(&a->lock, FUTEX_WAKE_PRIVATE, 1);
}

static size_t page_len(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* 0 on overflow. */
static size_t round_up(size_t n, size_t to)
{
	return n > SIZE_MAX - to ? 0 : (n + to - 1) / to * to;
}

static enum err pages_new(size_t len, void **out, struct errmsg *em)
{
	void *pages = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return err_errno(em, ERR_NOMEM, "no memory for %zu bytes of secrets", len);
	*out = pages;
	return OK;
}

/* Without these two a secret could reach a core dump or a child: rather none at all. */
static enum err pages_protect(void *pages, size_t len, struct errmsg *em)
{
	if (madvise(pages, len, MADV_DONTDUMP) != 0)
		return err_errno(em, ERR_NOMEM, "cannot keep secrets out of core dumps");
	if (madvise(pages, len, MADV_WIPEONFORK) != 0)
		return err_errno(em, ERR_NOMEM, "cannot keep secrets from forked children (needs Linux 4.14)");
	return OK;
}

static enum err arena_get(struct arena **out, struct errmsg *em)
{
	*out = atomic_load_explicit(&published, memory_order_acquire);
	if (*out)
		return OK;
	size_t len = round_up(sizeof(struct arena), page_len());
	void *pages = NULL;
	enum err e = pages_new(len, &pages, em);
	if (e != OK)
		return e;
	e = pages_protect(pages, len, em);
	if (e == OK && mprotect(pages, len, PROT_READ | PROT_WRITE) != 0)
		e = err_errno(em, ERR_NOMEM, "no memory for secrets");
	struct arena *first = NULL;
	if (e == OK && atomic_compare_exchange_strong(&published, &first, (struct arena *)pages)) {
		*out = pages;
		return OK;
	}
	munmap(pages, len);
	*out = first;
	return e;
}

static void note_unlocked(struct arena *a, int why)
{
	atomic_store(&a->unlocked, true);
	if (atomic_flag_test_and_set(&warned))
		return;
	char space[128];
	log_warn("secret", "not-locked", "why=\"%s\" advice=\"raise RLIMIT_MEMLOCK: secrets could be swapped out\"",
		 strerror_r(why, space, sizeof(space)));
}

/* slots 0 = one large piece. */
static enum err slab_map(size_t data_len, size_t slots, struct slab **out, struct errmsg *em)
{
	size_t page = page_len();
	size_t header = round_up(sizeof(struct slab) + (slots + 63) / 64 * sizeof(uint64_t), page);
	size_t inner = round_up(data_len, page);
	if (inner == 0 || inner > SIZE_MAX / 2)
		return err_set(em, ERR_NOMEM, "%zu bytes of secrets are too many", data_len);
	size_t mapped = header + page + inner + page;
	void *pages = NULL;
	enum err e = pages_new(mapped, &pages, em);
	if (e != OK)
		return e;
	uint8_t *data = (uint8_t *)pages + header + page;
	e = pages_protect(data, inner, em);
	if (e == OK && (mprotect(pages, header, PROT_READ | PROT_WRITE) != 0 ||
			mprotect(data, inner, PROT_READ | PROT_WRITE) != 0))
		e = err_errno(em, ERR_NOMEM, "no memory for %zu bytes of secrets", inner);
	if (e != OK) {
		munmap(pages, mapped);
		return e;
	}
	struct slab *s = pages;
	*s = (struct slab){ .mapped = mapped, .data = data, .data_len = inner, .slots = slots };
	*out = s;
	return OK;
}

static enum err slab_new(struct arena *a, size_t data_len, size_t slots, struct slab **out, struct errmsg *em)
{
	enum err e = slab_map(data_len, slots, out, em);
	if (e != OK)
		return e;
	(*out)->locked = mlock((*out)->data, (*out)->data_len) == 0;
	if (!(*out)->locked)
		note_unlocked(a, errno);
	return OK;
}

static void slab_unmap(struct slab *s)
{
	if (s)
		munmap(s, s->mapped); /* unlocks too */
}

static size_t class_of(size_t len)
{
	size_t class = 0;
	while (class < CLASSES && len > (size_t)1 << (class + SMALLEST_SHIFT))
		class ++;
	return class;
}

static size_t class_of_slab(const struct slab *s)
{
	return class_of(s->slot_len);
}

static void list_locked(struct arena *a, struct slab *s)
{
	struct slab **head = &a->room[class_of_slab(s)];
	s->before = NULL;
	s->next = *head;
	if (*head)
		(*head)->before = s;
	*head = s;
	s->listed = true;
}

static void unlist_locked(struct arena *a, struct slab *s)
{
	if (s->before)
		s->before->next = s->next;
	else
		a->room[class_of_slab(s)] = s->next;
	if (s->next)
		s->next->before = s->before;
	s->next = s->before = NULL;
	s->listed = false;
}

/* The slab has a free slot: it is on the list. */
static uint8_t *slot_take_locked(struct arena *a, struct slab *s)
{
	for (size_t i = 0; i < s->slots; i++) {
		uint64_t bit = (uint64_t)1 << (i % 64);
		if (s->taken[i / 64] == UINT64_MAX) {
			i |= 63;
			continue;
		}
		if (s->taken[i / 64] & bit)
			continue;
		s->taken[i / 64] |= bit;
		s->used++;
		if (s->used == s->slots)
			unlist_locked(a, s);
		return s->data + i * s->slot_len;
	}
	return NULL;
}

/* Returns the slab if it is empty now and another of its class has room: the caller unmaps it. */
static struct slab *slot_give_locked(struct arena *a, struct slab *s, const uint8_t *data)
{
	size_t i = (size_t)(data - s->data) / s->slot_len;
	uint64_t bit = (uint64_t)1 << (i % 64);
	if (!(s->taken[i / 64] & bit))
		return NULL;
	s->taken[i / 64] &= ~bit;
	s->used--;
	if (!s->listed)
		list_locked(a, s);
	if (s->used > 0 || (!s->next && !s->before))
		return NULL;
	unlist_locked(a, s);
	return s;
}

static bool take_from_room(struct arena *a, size_t class, struct arena_piece *piece)
{
	arena_lock(a);
	piece->generation = a->generation;
	piece->slab = a->room[class];
	if (piece->slab)
		piece->data = slot_take_locked(a, piece->slab);
	arena_unlock(a);
	return piece->slab != NULL;
}

static enum err take_small(struct arena *a, size_t class, struct arena_piece *piece, struct errmsg *em)
{
	if (take_from_room(a, class, piece))
		return OK;
	/* Mapping and locking pages takes time: outside the lock. Two threads may both add a slab. */
	size_t slot_len = (size_t)1 << (class + SMALLEST_SHIFT);
	size_t data_len = round_up(SLAB_LEAST, page_len());
	struct slab *fresh = NULL;
	enum err e = slab_new(a, data_len, data_len / slot_len, &fresh, em);
	if (e != OK)
		return e;
	fresh->slot_len = slot_len;
	arena_lock(a);
	list_locked(a, fresh);
	piece->slab = fresh;
	piece->data = slot_take_locked(a, fresh);
	arena_unlock(a);
	return OK;
}

static enum err take_large(struct arena *a, size_t len, struct arena_piece *piece, struct errmsg *em)
{
	arena_lock(a);
	piece->generation = a->generation;
	arena_unlock(a);
	size_t room = round_up(len, LARGE_ALIGN);
	if (room == 0)
		return err_set(em, ERR_NOMEM, "%zu bytes of secrets are too many", len);
	struct slab *own = NULL;
	enum err e = slab_new(a, room, 0, &own, em);
	if (e != OK)
		return e;
	piece->slab = own;
	piece->data = own->data + own->data_len - room; /* ends at the guard page */
	return OK;
}

enum err arena_take(size_t len, struct arena_piece *out, struct errmsg *em)
{
	struct arena *a = NULL;
	enum err e = arena_get(&a, em);
	if (e != OK)
		return e;
	struct arena_piece piece = { .len = len };
	size_t class = class_of(len);
	e = class < CLASSES ? take_small(a, class, &piece, em) : take_large(a, len, &piece, em);
	if (e != OK)
		return e;
	atomic_fetch_add(&a->bytes_in_use, len);
	*out = piece;
	return OK;
}

void arena_give(struct arena_piece *piece)
{
	struct arena *a = atomic_load_explicit(&published, memory_order_acquire);
	if (!a || !piece->slab)
		return;
	bool large = piece->slab->slots == 0;
	OPENSSL_cleanse(piece->data, piece->len);
	struct slab *spare = large ? piece->slab : NULL;
	arena_lock(a);
	/* A slab from before a fork may have been caught half changed; it belongs to no list of ours. */
	bool ours = piece->generation == a->generation;
	if (ours && !large)
		spare = slot_give_locked(a, piece->slab, piece->data);
	arena_unlock(a);
	if (ours)
		atomic_fetch_sub(&a->bytes_in_use, piece->len);
	slab_unmap(spare);
	*piece = (struct arena_piece){ 0 };
}

void arena_shorten(struct arena_piece *piece, size_t len)
{
	struct arena *a = atomic_load_explicit(&published, memory_order_acquire);
	if (!a || len >= piece->len)
		return;
	OPENSSL_cleanse(piece->data + len, piece->len - len);
	arena_lock(a);
	bool ours = piece->generation == a->generation;
	arena_unlock(a);
	if (ours)
		atomic_fetch_sub(&a->bytes_in_use, piece->len - len);
	piece->len = len;
}

struct arena_state arena_state(void)
{
	struct arena *a = atomic_load_explicit(&published, memory_order_acquire);
	if (!a)
		return (struct arena_state){ 0 };
	return (struct arena_state){ .locked = !atomic_load(&a->unlocked),
				     .bytes_in_use = atomic_load(&a->bytes_in_use) };
}
