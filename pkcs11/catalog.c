#include "pkcs11/catalog.h"

#include "common/log.h"
#include "pkcs11/catalog_row.h"
#include "pkcs11/object_attributes.h"

#define ON_DEMAND_MAX 1024 /* labels an application may make up */
#define ROWS_MAX (1 << 20) /* the handles of session objects begin above */

static enum err make_room_locked(struct catalog *c, size_t more, struct errmsg *em)
{
	if (c->count + more > ROWS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d objects", ROWS_MAX);
	if (c->count + more <= c->cap)
		return OK;
	size_t cap = c->cap ? 2 * c->cap : 16;
	if (cap < c->count + more)
		cap = c->count + more;
	struct catalog_row **rows = reallocarray(c->rows, cap, sizeof(*rows));
	if (!rows)
		return err_nomem(em, "objects");
	c->rows = rows;
	c->cap = cap;
	return OK;
}

static void put_row(struct catalog *c, struct catalog_row *row, const struct entry *entry)
{
	row->entry = entry;
	row->place = c->count;
	c->rows[c->count++] = row;
}

/* "kbs:///a/b/c" and "a/b/c" are one resource. */
static const char *resource_of(const char *uri)
{
	return strncmp(uri, "kbs:///", 7) == 0 ? uri + 7 : uri;
}

static bool is_guarded_key(const struct entry *entry)
{
	return entry->uri && !entry->extractable && (entry->class == CKO_PRIVATE_KEY || entry->class == CKO_SECRET_KEY);
}

/* What an entry names as a key is not to be had as data under another label, whether or not anybody asked for the key
 * before. */
static void guard_data_locked(struct catalog *c, const struct object *data, const struct entry *entry)
{
	c->data_made = true;
	for (size_t i = 0; i < c->count; i++) {
		const struct entry *other = c->rows[i]->entry;
		if (is_guarded_key(other) && strcmp(resource_of(other->uri), resource_of(entry->uri)) == 0)
			source_mark_key(data->content);
	}
}

enum err catalog_add_locked(struct catalog *c, const struct entry *entry, struct catalog_row **out, struct errmsg *em)
{
	enum err e = make_room_locked(c, 1, em);
	if (e != OK)
		return e;
	struct catalog_row *row = pool_take(&c->pool, sizeof(*row));
	if (!row)
		return err_nomem(em, "objects");
	put_row(c, row, entry);
	*out = row;
	/* Its key may lie under a data object's label already: making the object guards it. */
	struct object *o;
	return c->data_made && is_guarded_key(entry) ? catalog_part_locked(c, row, PART_SELF, &o, em) : OK;
}

/* All at once: thousands of them are a matter of a millisecond. */
static enum err add_all(struct catalog *c, struct entry_list *entries, struct errmsg *em)
{
	enum err e = make_room_locked(c, entries->count, em);
	if (e != OK)
		return e;
	struct catalog_row *rows = pool_take(&entries->pool, entries->count * sizeof(*rows));
	if (!rows)
		return err_nomem(em, "objects");
	/* From here on they are the catalog's. */
	c->pool = entries->pool;
	c->configured = entries->items;
	for (size_t i = 0; i < entries->count; i++)
		put_row(c, &rows[i], &c->configured[i]);
	*entries = (struct entry_list){ .items = NULL };
	return OK;
}

/* PKCS #11 3.0, 4.13, and its Profiles: what every token here is. The certificates are there without a login. */
static enum err add_profiles(struct catalog *c, struct errmsg *em)
{
	static const CK_ULONG profiles[] = { CKP_BASELINE_PROVIDER, CKP_PUBLIC_CERTIFICATES_TOKEN };
	enum err e = OK;
	for (size_t i = 0; e == OK && i < ARRAY_LEN(profiles); i++) {
		struct entry *entry = pool_take(&c->pool, sizeof(*entry));
		struct entry_more *more = pool_take(&c->pool, sizeof(*more));
		struct catalog_row *row;
		if (!entry || !more)
			return err_nomem(em, "objects");
		more->profile = profiles[i];
		*entry = (struct entry){
			.label = "", .class = CKO_PROFILE, .more = more, .key_type = CK_UNAVAILABLE_INFORMATION
		};
		e = catalog_add_locked(c, entry, &row, em);
	}
	return e;
}

enum err catalog_new(const struct catalog_options *options, struct entry_list *entries, struct catalog **out,
		     struct errmsg *em)
{
	AUTO(catalog) *c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem(em, "a catalog");
	pthread_mutex_init(&c->lock, NULL);
	c->lease = options->lease;
	c->login = options->login;
	enum err e = source_set_new(options->broker, &options->lease, &c->sources, em);
	if (e == OK && options->remote)
		e = source_of_uri(c->sources, options->remote, &c->remote, em);
	if (e == OK)
		e = add_all(c, entries, em);
	if (e == OK)
		e = add_profiles(c, em);
	if (e != OK)
		return e;
	*out = steal(&c);
	return OK;
}

static void free_objects(struct catalog_row *row)
{
	for (struct object *o = row->objects, *next; o; o = next) {
		next = o->next;
		object_free(o);
	}
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	for (struct catalog_row *row = c->made; row; row = row->next_made)
		free_objects(row);
	for (size_t i = 0; i < c->count; i++)
		spki_pins_free(c->rows[i]->entry->pins);
	free(c->rows);
	free(c->configured);
	catalog_index_clear(&c->index);
	pool_clear(&c->pool);
	source_set_free(c->sources);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct source_set *catalog_sources(struct catalog *c)
{
	return c->sources;
}

/* What kind of object a part is. False: the entry has no such part. */
static bool part_class(const struct entry *entry, unsigned part, CK_OBJECT_CLASS *class)
{
	*class = part == PART_SELF ? entry->class : part == PART_PUBLIC ? CKO_PUBLIC_KEY : CKO_CERTIFICATE;
	switch (part) {
	case PART_SELF:
		return true;
	case PART_PUBLIC:
		return entry->class == CKO_PRIVATE_KEY;
	case PART_CERTIFICATE:
		return entry->certificate && entry->class != CKO_CERTIFICATE;
	default:
		return entry->certificate || entry->class == CKO_CERTIFICATE;
	}
}

enum err catalog_part_locked(struct catalog *c, struct catalog_row *row, unsigned part, struct object **out,
			     struct errmsg *em)
{
	CK_OBJECT_CLASS class;
	*out = NULL;
	for (struct object *o = row->objects; o && !*out; o = o->next)
		if (o->handle == catalog_handle(row, part))
			*out = o;
	if (*out || !part_class(row->entry, part, &class))
		return OK;
	struct object *o = NULL;
	enum err e = object_new(c->sources, row->entry, class, &o, em);
	if (e != OK)
		return e;
	o->handle = catalog_handle(row, part);
	o->private = c->login && (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY);
	if (class == CKO_DATA)
		guard_data_locked(c, o, row->entry);
	if (part >= PART_CHAIN && object_set_chain(o, part - PART_CHAIN + 1, em) != OK) {
		object_free(o);
		return ERR_NOMEM;
	}
	o->next = row->objects;
	if (!row->objects) {
		row->next_made = c->made;
		c->made = row;
		row->used = true;
	}
	row->objects = o;
	*out = o;
	return OK;
}

static bool wants_prefetch(const struct catalog *c, const struct entry *entry)
{
	return (entry->lease.prefetch == PREFETCH_UNSAID ? c->lease.prefetch : entry->lease.prefetch) > PREFETCH_NEVER;
}

enum err catalog_prefetch(struct catalog *c, enum prefetch when, struct errmsg *em)
{
	enum err e = OK;
	struct object *o;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; e == OK && i < c->count; i++)
		if (!c->rows[i]->gone && wants_prefetch(c, c->rows[i]->entry))
			e = catalog_part_locked(c, c->rows[i], PART_SELF, &o, em);
	pthread_mutex_unlock(&c->lock);
	return e == OK ? source_set_prefetch(c->sources, when, em) : e;
}

bool catalog_is_private(struct catalog *c, CK_OBJECT_HANDLE handle)
{
	CK_OBJECT_CLASS class;
	if (!c->login || !handle)
		return false;
	CK_OBJECT_HANDLE place = (handle - 1) / PART_COUNT;
	pthread_mutex_lock(&c->lock);
	const struct catalog_row *row = place < c->count ? c->rows[place] : NULL;
	pthread_mutex_unlock(&c->lock);
	return row && part_class(row->entry, (handle - 1) % PART_COUNT, &class) &&
	       (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY);
}

/* A reference; NULL: there is none, or no memory for it. */
static struct object *object_of(struct catalog *c, struct catalog_row *row, unsigned part)
{
	struct object *o = NULL;
	struct errmsg ignored;
	pthread_mutex_lock(&c->lock);
	if (catalog_part_locked(c, row, part, &o, &ignored) != OK)
		o = NULL;
	object_ref(o);
	pthread_mutex_unlock(&c->lock);
	return o;
}

struct object *catalog_object(struct catalog *c, CK_OBJECT_HANDLE handle)
{
	if (!handle)
		return NULL;
	CK_OBJECT_HANDLE place = (handle - 1) / PART_COUNT;
	pthread_mutex_lock(&c->lock);
	struct catalog_row *row = place < c->count ? c->rows[place] : NULL;
	pthread_mutex_unlock(&c->lock);
	if (!row || row->gone)
		return NULL;
	AUTO(object) *o = object_of(c, row, (handle - 1) % PART_COUNT);
	if (!o) /* NULL says that there is no such object: memory that is short for a moment must not */
		o = object_of(c, row, (handle - 1) % PART_COUNT);
	return o && (!o->chain || object_visible(o)) ? steal(&o) : NULL;
}

static bool equals(const CK_ATTRIBUTE *a, struct bytes value)
{
	return a->ulValueLen == value.len && (!value.len || memcmp(a->pValue, value.data, value.len) == 0);
}

enum answer { NO, YES, ASK };

/* What the entry alone says to one attribute. ASK: the object has to be looked at. */
static enum answer entry_answers(const struct entry *entry, CK_OBJECT_CLASS class, const CK_ATTRIBUTE *a)
{
	uint8_t made[ENTRY_ID_MADE];
	CK_BBOOL yes = CK_TRUE;
	switch (a->type) {
	case CKA_CLASS:
		return equals(a, BYTES(&class)) ? YES : NO;
	case CKA_TOKEN:
		return equals(a, (struct bytes){ &yes, sizeof(yes) }) ? YES : NO;
	case CKA_LABEL:
		return equals(a, (struct bytes){ (const uint8_t *)entry->label, entry->label_len }) ? YES : NO;
	case CKA_ID:
		if (class == CKO_DATA || class == CKO_PROFILE)
			return NO;
		return equals(a, entry_id(entry, made)) ? YES : NO;
	case CKA_KEY_TYPE:
		if (class == CKO_DATA || class == CKO_CERTIFICATE || class == CKO_PROFILE)
			return NO;
		if (entry->key_type == CK_UNAVAILABLE_INFORMATION)
			return ASK;
		return equals(a, BYTES(&entry->key_type)) ? YES : NO;
	default:
		return ASK;
	}
}

/* Profiles show only where they are asked for, as the standard has it of hardware features (4.3.1): who lists a token
 * wants to see its keys. */
static bool asks_for_profiles(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	for (CK_ULONG i = 0; i < count; i++)
		if (attributes[i].type == CKA_CLASS || attributes[i].type == CKA_PROFILE_ID)
			return true;
	return false;
}

static enum answer entry_matches(const struct catalog_row *row, unsigned part, const CK_ATTRIBUTE *attributes,
				 CK_ULONG count)
{
	CK_OBJECT_CLASS class;
	const struct entry *entry = row->entry;
	if (!part_class(entry, part, &class) || (class == CKO_PROFILE && !asks_for_profiles(attributes, count)))
		return NO;
	enum answer all = YES;
	for (CK_ULONG i = 0; i < count; i++) {
		/* Those that follow in a chain have labels of their own. */
		bool chain_label = part >= PART_CHAIN && attributes[i].type == CKA_LABEL;
		enum answer one = chain_label ? ASK : entry_answers(entry, class, &attributes[i]);
		if (one == NO)
			return NO;
		if (one == ASK)
			all = ASK;
	}
	/* Shown whatever is known of it. */
	bool certain = part == PART_SELF || part == PART_CERTIFICATE ||
		       (part == PART_PUBLIC && (entry->public_part || entry->certificate));
	return certain ? all : ASK;
}

static bool object_matches(struct catalog *c, struct catalog_row *row, unsigned part, const CK_ATTRIBUTE *attributes,
			   CK_ULONG count)
{
	/* Nothing was ever asked of this key, so nothing is known of its public half. */
	if (part == PART_PUBLIC && !row->alone && !row->used && !row->entry->public_part && !row->entry->certificate)
		return false;
	AUTO(object) *o = object_of(c, row, part);
	if (!o || !object_attributes_match(o, attributes, count))
		return false;
	return (part == PART_PUBLIC && row->alone) || object_visible(o);
}

/* How many certificates follow the first one, as far as that is known without the network. */
static unsigned chain_length(struct catalog *c, struct catalog_row *row, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	const struct entry *entry = row->entry;
	if (entry_matches(row, PART_CHAIN, attributes, count) == NO)
		return 0;
	AUTO(object) *o = object_of(c, row, entry->class == CKO_CERTIFICATE ? PART_SELF : PART_CERTIFICATE);
	size_t length = o ? object_chain_length(o) : 0;
	return length < PART_COUNT - PART_CHAIN ? (unsigned)length : PART_COUNT - PART_CHAIN;
}

static CK_RV add_matching(struct catalog *c, struct catalog_row *row, const CK_ATTRIBUTE *attributes, CK_ULONG count,
			  struct handle_list *found)
{
	unsigned end = PART_CHAIN + chain_length(c, row, attributes, count);
	CK_RV rv = CKR_OK;
	for (unsigned part = 0; rv == CKR_OK && part < end; part++) {
		enum answer answer = entry_matches(row, part, attributes, count);
		if (answer == YES || (answer == ASK && object_matches(c, row, part, attributes, count)))
			rv = handle_list_add(found, catalog_handle(row, part));
	}
	return rv;
}

static CK_RV search_known(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	struct row_list rows = { NULL, 0, 0 };
	CK_RV rv = catalog_candidates(c, attributes, count, &rows);
	for (size_t i = 0; rv == CKR_OK && i < rows.count; i++)
		if (!rows.items[i]->gone)
			rv = add_matching(c, rows.items[i], attributes, count, found);
	free(rows.items);
	return rv;
}

static const CK_ATTRIBUTE *attribute_find(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < count; i++)
		if (attributes[i].type == type)
			return &attributes[i];
	return NULL;
}

/* A label that names a resource of the configured KBS. */
static bool names_resource(const CK_ATTRIBUTE *label, char text[ENTRY_LABEL_MAX + 1])
{
	struct resource_uri uri;
	struct errmsg ignored;
	if (!label || !label->ulValueLen || label->ulValueLen > ENTRY_LABEL_MAX ||
	    memchr(label->pValue, 0, label->ulValueLen))
		return false;
	memcpy(text, label->pValue, label->ulValueLen);
	text[label->ulValueLen] = 0;
	return resource_uri_parse_label(text, &uri, &ignored) == OK && !*uri.host &&
	       strcmp(uri.plugin, "resource") == 0;
}

static bool wanted_class(const CK_ATTRIBUTE *class, CK_OBJECT_CLASS *out)
{
	*out = CKO_PRIVATE_KEY;
	if (!class)
		return true;
	if (class->ulValueLen != sizeof(*out))
		return false;
	memcpy(out, class->pValue, sizeof(*out));
	return *out <= CKO_SECRET_KEY;
}

static struct catalog_row *same_locked(struct catalog *c, const char *label, CK_OBJECT_CLASS class)
{
	for (struct catalog_row *row = catalog_label_locked(c, bytes_str(label)); row; row = row->next_label) {
		CK_OBJECT_CLASS of = row->entry->class;
		if (strcmp(row->entry->label, label) != 0)
			continue;
		if (of == class || (of == CKO_PRIVATE_KEY && class == CKO_PUBLIC_KEY))
			return row;
	}
	return NULL;
}

/* Makes a row for the label, unless there is one of that class. */
static enum err add_on_demand(struct catalog *c, const char *label, CK_OBJECT_CLASS class, struct errmsg *em)
{
	struct entry *entry = NULL;
	enum err e = OK;
	pthread_mutex_lock(&c->lock);
	struct catalog_row *row = same_locked(c, label, class);
	if (row) {
		row->alone = true; /* the twin of a private key, now asked for by itself */
	} else if (c->on_demand >= ON_DEMAND_MAX) {
		e = err_set(em, ERR_LIMIT, "more than %d labels without an entry", ON_DEMAND_MAX);
	} else if (!(entry = pool_take(&c->pool, sizeof(*entry))) ||
		   !(entry->label = pool_text(&c->pool, bytes_str(label)))) {
		e = err_nomem(em, "an object");
	} else {
		entry->uri = entry->label;
		entry->label_len = (uint8_t)strlen(label);
		entry->class = class;
		entry->key_type = CK_UNAVAILABLE_INFORMATION;
		e = catalog_add_locked(c, entry, &row, em);
		c->on_demand += e == OK;
	}
	pthread_mutex_unlock(&c->lock);
	return e;
}

CK_RV catalog_search(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	const CK_ATTRIBUTE *label = attribute_find(attributes, count, CKA_LABEL);
	const CK_ATTRIBUTE *id = attribute_find(attributes, count, CKA_ID);
	struct errmsg em;
	size_t before = found->count;
	CK_RV rv = search_known(c, attributes, count, found);
	if (rv != CKR_OK || found->count > before || (!label && !id))
		return rv;
	if (c->remote && catalog_refresh(c, &em) == OK) {
		rv = search_known(c, attributes, count, found);
		if (rv != CKR_OK || found->count > before)
			return rv;
	}
	char text[ENTRY_LABEL_MAX + 1];
	CK_OBJECT_CLASS class;
	if (!names_resource(label, text) || !wanted_class(attribute_find(attributes, count, CKA_CLASS), &class))
		return CKR_OK;
	enum err e = add_on_demand(c, text, class, &em);
	if (e != OK) {
		log_warn("pkcs11", "search", "label=\"%s\" text=\"%s\"", text, em.text);
		return e == ERR_NOMEM ? CKR_HOST_MEMORY : CKR_OK;
	}
	return search_known(c, attributes, count, found);
}
