#include "common/crypto_gate.h"
#include "common/file.h"
#include "pkcs11/catalog_row.h"
#include "common/fnv.h"
#include "pkcs11/object_attributes.h"

#define BUCKETS_MIN 64
#define FILE_MAX (1 << 20)

/* A public value that a file of the row's holds. */
struct catalog_value {
	uint64_t hash;
	struct catalog_row *row;
};

CK_RV row_list_add(struct row_list *list, struct catalog_row *row)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		struct catalog_row **more = reallocarray(list->items, cap, sizeof(*more));
		if (!more)
			return CKR_HOST_MEMORY;
		list->items = more;
		list->cap = cap;
	}
	list->items[list->count++] = row;
	return CKR_OK;
}

void catalog_index_clear(struct catalog_index *index)
{
	free(index->by_label);
	free(index->by_id);
	free(index->values);
	*index = (struct catalog_index){ .buckets = 0 };
}

/* --- labels and identifiers --------------------------------------------------------------------------------------- */

static size_t bucket(const struct catalog_index *index, struct bytes key)
{
	return fnv64(key) & (index->buckets - 1);
}

static struct bytes label_of(const struct catalog_row *row)
{
	return (struct bytes){ (const uint8_t *)row->entry->label, row->entry->label_len };
}

static CK_RV grow_locked(struct catalog *c)
{
	struct catalog_index *index = &c->index;
	size_t buckets = index->buckets ? index->buckets : BUCKETS_MIN;
	while (buckets < c->count)
		buckets *= 2;
	if (buckets == index->buckets)
		return CKR_OK;
	struct catalog_row **by_label = calloc(buckets, sizeof(*by_label)), **by_id = calloc(buckets, sizeof(*by_id));
	if (!by_label || !by_id) {
		free(by_label);
		free(by_id);
		return CKR_HOST_MEMORY;
	}
	free(index->by_label);
	free(index->by_id);
	index->by_label = by_label;
	index->by_id = by_id;
	index->buckets = buckets;
	index->indexed = 0;
	return CKR_OK;
}

static CK_RV update_locked(struct catalog *c)
{
	struct catalog_index *index = &c->index;
	uint8_t made[ENTRY_ID_MADE];
	CK_RV rv = grow_locked(c);
	for (; rv == CKR_OK && index->indexed < c->count; index->indexed++) {
		struct catalog_row *row = c->rows[index->indexed];
		size_t at = bucket(index, label_of(row));
		row->next_label = index->by_label[at];
		index->by_label[at] = row;
		at = bucket(index, entry_id(row->entry, made));
		row->next_id = index->by_id[at];
		index->by_id[at] = row;
	}
	return rv;
}

struct catalog_row *catalog_label_locked(struct catalog *c, struct bytes label)
{
	return update_locked(c) == CKR_OK ? c->index.by_label[bucket(&c->index, label)] : NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct catalog_row *const *x = a, *const *y = b;
	return ((*x)->place > (*y)->place) - ((*x)->place < (*y)->place);
}

static CK_RV add_label_locked(struct catalog *c, struct bytes label, struct row_list *out)
{
	CK_RV rv = CKR_OK;
	for (struct catalog_row *row = c->index.by_label[bucket(&c->index, label)]; rv == CKR_OK && row;
	     row = row->next_label)
		if (bytes_equal(label_of(row), label))
			rv = row_list_add(out, row);
	return rv;
}

static CK_RV find_label(struct catalog *c, struct bytes label, struct row_list *out)
{
	pthread_mutex_lock(&c->lock);
	CK_RV rv = update_locked(c);
	if (rv == CKR_OK)
		rv = add_label_locked(c, label, out);
	size_t stem = object_chain_stem(label);
	if (rv == CKR_OK && stem)
		rv = add_label_locked(c, (struct bytes){ label.data, stem }, out);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

static CK_RV find_id(struct catalog *c, struct bytes id, struct row_list *out)
{
	uint8_t made[ENTRY_ID_MADE];
	pthread_mutex_lock(&c->lock);
	CK_RV rv = update_locked(c);
	struct catalog_row *row = rv == CKR_OK ? c->index.by_id[bucket(&c->index, id)] : NULL;
	for (; rv == CKR_OK && row; row = row->next_id)
		if (bytes_equal(entry_id(row->entry, made), id))
			rv = row_list_add(out, row);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

static CK_RV find_all(struct catalog *c, struct row_list *out)
{
	pthread_mutex_lock(&c->lock);
	out->items = calloc(c->count ? c->count : 1, sizeof(*out->items));
	if (out->items && c->count)
		memcpy(out->items, c->rows, c->count * sizeof(*out->items));
	out->count = out->cap = c->count;
	pthread_mutex_unlock(&c->lock);
	return out->items ? CKR_OK : CKR_HOST_MEMORY;
}

/* --- public values ------------------------------------------------------------------------------------------------ */

struct value_list {
	struct catalog_value *items;
	size_t count, cap;
	bool failed; /* no memory */
};

static uint64_t value_hash(CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	return fnv64_more(fnv64(BYTES(&type)), value);
}

static void add_value(struct value_list *list, struct catalog_row *row, CK_ATTRIBUTE_TYPE type, struct bytes value)
{
	if (!value.len || list->failed)
		return;
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct catalog_value *more = reallocarray(list->items, cap, sizeof(*more));
		if (!more) {
			list->failed = true;
			return;
		}
		list->items = more;
		list->cap = cap;
	}
	list->items[list->count++] = (struct catalog_value){ value_hash(type, value), row };
}

static void add_values(struct value_list *list, struct catalog_row *row, const struct material *m)
{
	add_value(list, row, CKA_MODULUS, buf_bytes(&m->modulus));
	add_value(list, row, CKA_EC_POINT, object_attributes_bare_point(buf_bytes(&m->ec_point)));
	add_value(list, row, CKA_PUBLIC_KEY_INFO, buf_bytes(&m->spki));
	add_value(list, row, CKA_SUBJECT, buf_bytes(&m->subject));
	add_value(list, row, CKA_SERIAL_NUMBER, buf_bytes(&m->cert_serial));
	for (size_t i = 0; i < m->chain_len; i++)
		add_values(list, row, m->chain[i]);
}

/* Not through a source: what is held for a lifetime should be what somebody uses. */
static void add_file(struct value_list *list, struct catalog_row *row, const char *path)
{
	struct errmsg ignored;
	struct secret *raw = NULL;
	AUTO(material) *m = NULL;
	if (!path || entry_is_uri(path) || file_read_secret(path, FILE_MAX, &raw, &ignored) != OK)
		return;
	crypto_gate_enter();
	if (material_parse(raw, &m, &ignored) == OK)
		add_values(list, row, m);
	crypto_gate_leave();
}

static int by_hash(const void *a, const void *b)
{
	const struct catalog_value *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->row->place > y->row->place) - (x->row->place < y->row->place);
}

static CK_RV read_files(const struct row_list *rows, struct value_list *list)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct entry *entry = rows->items[i]->entry;
		add_file(list, rows->items[i], entry->public_part);
		add_file(list, rows->items[i], entry->certificate);
	}
	if (list->failed)
		return CKR_HOST_MEMORY;
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(*list->items), by_hash);
	return CKR_OK;
}

/* Reads what files hold, unless that was done in this lifetime. Without the lock meanwhile. */
static CK_RV update_values(struct catalog *c)
{
	struct row_list rows = { NULL, 0, 0 };
	struct value_list list = { .items = NULL };
	pthread_mutex_lock(&c->lock);
	bool good = c->index.value_rows == c->count && monotonic_ms() < c->index.values_until;
	pthread_mutex_unlock(&c->lock);
	if (good)
		return CKR_OK;
	CK_RV rv = find_all(c, &rows);
	if (rv == CKR_OK)
		rv = read_files(&rows, &list);
	if (rv == CKR_OK) {
		pthread_mutex_lock(&c->lock);
		free(c->index.values);
		c->index.values = list.items;
		c->index.value_count = list.count;
		c->index.value_rows = rows.count;
		c->index.values_until = monotonic_ms() + c->lease.lifetime_ms;
		pthread_mutex_unlock(&c->lock);
		list.items = NULL;
	}
	free(list.items);
	free(rows.items);
	return rv;
}

/* Those that have files with such a value, and those of which more may be known by now. */
static CK_RV find_value(struct catalog *c, uint64_t hash, struct row_list *out)
{
	CK_RV rv = update_values(c);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&c->lock);
	const struct catalog_value *values = c->index.values;
	size_t from = 0, to = c->index.value_count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (values[middle].hash < hash)
			from = middle + 1;
		else
			to = middle;
	}
	for (; rv == CKR_OK && from < c->index.value_count && values[from].hash == hash; from++)
		rv = row_list_add(out, values[from].row);
	for (struct catalog_row *row = c->made; rv == CKR_OK && row; row = row->next_made)
		rv = row_list_add(out, row);
	pthread_mutex_unlock(&c->lock);
	return rv;
}

/* --- which of them ------------------------------------------------------------------------------------------------ */

/* The attribute that a search goes by, the narrowest first. */
static const CK_ATTRIBUTE *narrowest(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	static const CK_ATTRIBUTE_TYPE order[] = { CKA_LABEL,           CKA_ID,      CKA_MODULUS,      CKA_EC_POINT,
						   CKA_PUBLIC_KEY_INFO, CKA_SUBJECT, CKA_SERIAL_NUMBER };
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (CK_ULONG k = 0; k < count; k++)
			if (attributes[k].type == order[i] && attributes[k].ulValueLen)
				return &attributes[k];
	return NULL;
}

static CK_RV find_by(struct catalog *c, const CK_ATTRIBUTE *key, struct row_list *out)
{
	struct bytes value = { key->pValue, key->ulValueLen };
	if (key->type == CKA_LABEL)
		return find_label(c, value, out);
	if (key->type == CKA_ID)
		return find_id(c, value, out);
	if (key->type == CKA_EC_POINT)
		value = object_attributes_bare_point(value);
	return find_value(c, value_hash(key->type, value), out);
}

CK_RV catalog_candidates(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct row_list *out)
{
	const CK_ATTRIBUTE *key = narrowest(attributes, count);
	if (!key)
		return find_all(c, out);
	CK_RV rv = find_by(c, key, out);
	if (rv != CKR_OK || out->count < 2)
		return rv;
	/* A row may be there by several of its values. */
	qsort(out->items, out->count, sizeof(*out->items), by_place);
	size_t kept = 1;
	for (size_t i = 1; i < out->count; i++)
		if (out->items[i] != out->items[kept - 1])
			out->items[kept++] = out->items[i];
	out->count = kept;
	return CKR_OK;
}
