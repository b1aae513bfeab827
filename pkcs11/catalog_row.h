#pragma once
#include "pkcs11/catalog.h"

/* catalog.c, catalog_index.c and catalog_remote.c: what they share. */

/* An entry and the objects that come of it. Objects are made when somebody asks for one: there are thousands of
 * entries, and few of them are used. Rows lie in the catalog's pool and stay where they are. */
struct catalog_row {
	const struct entry *entry;
	size_t place;
	bool from_kbs; /* const: listed in the KBS's catalog */
	atomic_bool gone; /* no longer listed there */
	atomic_bool alone; /* somebody asked for the public key by itself: shown although nothing is known of it yet */
	atomic_bool used; /* it has objects */
	/* Guarded by the catalog's lock: */
	struct object *objects; /* those that were made, by object->next */
	struct catalog_row *next_label, *next_id; /* chains of the index */
	struct catalog_row *next_made; /* rows with objects */
	uint64_t remote_serial; /* of the list that named it last */
};

/* What comes of one entry: the low bits of a handle. */
enum catalog_part { PART_SELF, PART_PUBLIC, PART_CERTIFICATE, PART_CHAIN, PART_COUNT = 32 };
static inline CK_OBJECT_HANDLE catalog_handle(const struct catalog_row *row, unsigned part)
{
	return row->place * PART_COUNT + part + 1;
}

/* Hash tables over the rows, brought up to date when they are asked. */
struct catalog_index {
	struct catalog_row **by_label, **by_id;
	size_t buckets; /* a power of two; 0: nothing is there yet */
	size_t indexed; /* rows that are in */
	/* Public halves in files: rows by the hash of a value, sorted. */
	struct catalog_value *values;
	size_t value_count, value_rows; /* rows that were looked at */
	int64_t values_until; /* then files are read again */
};

struct catalog {
	struct source_set *sources;
	struct source *remote; /* or NULL */
	bool login; /* keys are private */
	struct lease_terms lease;
	pthread_mutex_t lock; /* guards what follows */
	struct pool pool;
	struct entry *configured; /* the entries of the configuration, in one piece */
	struct catalog_row **rows;
	size_t count, cap;
	struct catalog_row *made; /* rows with objects, by next_made */
	struct catalog_index index;
	size_t on_demand;
	bool data_made; /* there is an object of data */
	uint64_t remote_serial; /* of the remote catalog as it was last taken over */
};

/* Adds a row for an entry that lives as long as the catalog. */
enum err catalog_add_locked(struct catalog *c, const struct entry *entry, struct catalog_row **out,
			    struct errmsg *em) MUST_USE;
/* The object of a part, made if there is none; borrowed. NULL in *out: the part does not exist. */
enum err catalog_part_locked(struct catalog *c, struct catalog_row *row, unsigned part, struct object **out,
			     struct errmsg *em) MUST_USE;

/* A list of rows. free(items) */
struct row_list {
	struct catalog_row **items;
	size_t count, cap;
};
CK_RV row_list_add(struct row_list *list, struct catalog_row *row);

/* The rows that may have what the template asks for, in the order of the list: by label, identifier, or a public value
 * (which may read local files, without the lock); all where there is none of these. */
CK_RV catalog_candidates(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct row_list *out);
/* The first row of a label's chain, by next_label. */
struct catalog_row *catalog_label_locked(struct catalog *c, struct bytes label);
void catalog_index_clear(struct catalog_index *index);
