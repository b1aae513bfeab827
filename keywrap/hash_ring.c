#include "keywrap/hash_ring.h"

#include "common/thread.h"

#include <unistd.h>

#define RING_BLOCKS 4

struct hash_ring {
	struct layer_hash *hash;
	uint8_t *memory; /* RING_BLOCKS blocks */
	pthread_t helper;
	pid_t helper_pid; /* a forked child has no helper */
	bool helper_runs;
	bool helper_tried;
	uint64_t pushed; /* written by the producer, under the lock where a helper runs */

	pthread_mutex_t lock; /* guards what follows, and `pushed` */
	pthread_cond_t changed;
	size_t lengths[RING_BLOCKS];
	uint64_t hashed;
	bool stop;
	bool failed;
};

enum err hash_ring_new(struct layer_hash *hash, struct hash_ring **out, struct errmsg *em)
{
	struct hash_ring *ring = calloc(1, sizeof(*ring));
	if (!ring)
		return err_nomem(em, "a layer's buffers");
	ring->hash = hash;
	/* Pages are only touched as far as the layer is long. */
	ring->memory = malloc(RING_BLOCKS * HASH_RING_BLOCK);
	if (!ring->memory) {
		free(ring);
		return err_nomem(em, "a layer's buffers");
	}
	pthread_mutex_init(&ring->lock, NULL);
	pthread_cond_init(&ring->changed, NULL);
	*out = ring;
	return OK;
}

static uint8_t *ring_block(const struct hash_ring *ring, uint64_t number)
{
	return ring->memory + (size_t)(number % RING_BLOCKS) * HASH_RING_BLOCK;
}

/* Hashes block after block; the lock is not held meanwhile. */
static void *helper_main(void *arg)
{
	struct hash_ring *ring = arg;
	pthread_mutex_lock(&ring->lock);
	for (;;) {
		while (!ring->stop && ring->hashed == ring->pushed)
			pthread_cond_wait(&ring->changed, &ring->lock);
		if (ring->stop)
			break;
		struct bytes block = { ring_block(ring, ring->hashed), ring->lengths[ring->hashed % RING_BLOCKS] };
		pthread_mutex_unlock(&ring->lock);
		bool good = layer_hash_update(ring->hash, block);
		pthread_mutex_lock(&ring->lock);
		ring->hashed++;
		ring->failed |= !good;
		pthread_cond_signal(&ring->changed);
	}
	pthread_mutex_unlock(&ring->lock);
	return NULL;
}

static void helper_start(struct hash_ring *ring)
{
	ring->helper_tried = true;
	if (processor_count() < 2)
		return;
	ring->helper_pid = getpid();
	ring->helper_runs = thread_start(&ring->helper, helper_main, ring) == 0;
}

static void helper_stop(struct hash_ring *ring)
{
	if (!ring->helper_runs || ring->helper_pid != getpid())
		return;
	pthread_mutex_lock(&ring->lock);
	ring->stop = true;
	pthread_cond_signal(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
	pthread_join(ring->helper, NULL);
	ring->helper_runs = false;
}

/* Waits until at most `left` blocks are still to be hashed. */
static void ring_wait(struct hash_ring *ring, uint64_t left)
{
	if (!ring->helper_runs)
		return;
	pthread_mutex_lock(&ring->lock);
	while (ring->pushed - ring->hashed > left)
		pthread_cond_wait(&ring->changed, &ring->lock);
	pthread_mutex_unlock(&ring->lock);
}

uint8_t *hash_ring_next(struct hash_ring *ring)
{
	ring_wait(ring, RING_BLOCKS - 1);
	return ring_block(ring, ring->pushed);
}

enum err hash_ring_push(struct hash_ring *ring, size_t len, struct errmsg *em)
{
	if (!ring->helper_tried && len == HASH_RING_BLOCK)
		helper_start(ring);
	if (!ring->helper_runs) {
		if (!layer_hash_update(ring->hash, (struct bytes){ ring_block(ring, ring->pushed), len }))
			return err_openssl(em, ERR_CRYPTO, "cannot hash the layer");
		ring->pushed++;
		return OK;
	}
	pthread_mutex_lock(&ring->lock);
	ring->lengths[ring->pushed % RING_BLOCKS] = len;
	ring->pushed++;
	pthread_cond_signal(&ring->changed);
	pthread_mutex_unlock(&ring->lock);
	return OK;
}

enum err hash_ring_drain(struct hash_ring *ring, struct errmsg *em)
{
	ring_wait(ring, 0);
	helper_stop(ring);
	return ring->failed ? err_set(em, ERR_CRYPTO, "cannot hash the layer") : OK;
}

void hash_ring_free(struct hash_ring *ring)
{
	if (!ring)
		return;
	helper_stop(ring);
	/* In a forked child the helper's state stays as it was: glibc would wait for it to leave the condition. */
	if (!ring->helper_runs) {
		pthread_cond_destroy(&ring->changed);
		pthread_mutex_destroy(&ring->lock);
	}
	free(ring->memory);
	free(ring);
}
