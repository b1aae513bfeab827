#pragma once
#include "pkcs11/source.h"

/* What source.c, source_get.c and renewal.c share, and nobody else sees. */

struct source_mate {
	struct source *source;
	struct source_mate *next;
};

struct source_pin {
	struct spki_pins *pins; /* a reference */
	struct source_pin *next;
};

struct source {
	struct source_set *set;
	struct source *next; /* in its bucket */
	struct source *next_held, *next_prefetch, *next_due;
	char *name; /* canonical URI or path */
	bool local;
	atomic_bool key;
	/* Guarded by the set's lock: */
	bool listed; /* among those that hold something */
	bool busy; /* somebody is reading it */
	bool due; /* among those that wait for the renewing thread */
	struct lease_terms terms; /* without a lifetime: nobody said, so the set's count */
	struct source_mate *mates;
	struct source_pin *pins;
	struct material *held;
	uint8_t spki[SPKI_PIN_LEN]; /* of its key, where it is one */
	struct lease lease;
	uint64_t flights; /* how many reads have ended */
	char *failed_text; /* of the last failure */
};

#define SOURCE_BUCKETS 1024

struct source_set {
	atomic_uint refs; /* the owner's, and the renewing thread's */
	struct broker *broker; /* NULL: no KBS is known */
	struct lease_terms terms;
	int64_t timeout_ms;
	pthread_mutex_t lock; /* guards what follows, and what sources say is guarded; never held across I/O */
	pthread_cond_t landed; /* a read has ended, or the renewing thread has */
	bool renewing; /* there is a renewing thread */
	struct source *held; /* sources that may hold something */
	struct source *prefetch; /* sources that are fetched early */
	struct source *due, **due_end;
	struct source *buckets[SOURCE_BUCKETS];
};

static inline const struct lease_terms *source_terms(const struct source *s)
{
	return s->terms.lifetime_ms ? &s->terms : &s->set->terms;
}
