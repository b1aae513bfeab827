#pragma once
#include "keywrap/layer_hash.h"

/* A bounded ring of blocks that are hashed by a helper thread while their producer goes on reading them.
 * The helper starts with the first full block, so a small layer costs no thread; with one processor (or where no thread
 * can be made) the producer hashes by itself. One producer. */
struct hash_ring;

#define HASH_RING_BLOCK ((size_t)128 * 1024)

/* Borrows `hash`, which belongs to the ring until hash_ring_drain(). */
enum err hash_ring_new(struct layer_hash *hash, struct hash_ring **out, struct errmsg *em) MUST_USE;

/* HASH_RING_BLOCK bytes to fill; waits until one is free. The block before it is given up. */
uint8_t *hash_ring_next(struct hash_ring *ring);

/* Hands the first `len` bytes of that block over to be hashed. They may still be read, until the next
 * hash_ring_next(). */
enum err hash_ring_push(struct hash_ring *ring, size_t len, struct errmsg *em) MUST_USE;

/* Waits until everything is hashed and ends the helper. */
enum err hash_ring_drain(struct hash_ring *ring, struct errmsg *em) MUST_USE;

/* Ends the helper first, at the latest after the block that it is at. */
void hash_ring_free(struct hash_ring *ring);
