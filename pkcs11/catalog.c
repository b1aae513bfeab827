#include "pkcs11/catalog.h"

#include "common/log.h"
#include "pkcs11/fnv.h"
#include "pkcs11/object_attributes.h"

#define ON_DEMAND_MAX 1024 /* labels an application may make up */
#define CATALOG_TEXT_MAX (8 << 20)

struct catalog {
	struct source_set *sources;
	struct source *remote; /* or NULL */
	pthread_mutex_t lock; /* guards what follows */
	struct object **objects; /* handle - 1 is the place */
	size_t count, cap;
	struct object **by_label, **by_id;
	size_t buckets; /* a power of two */
	size_t on_demand;
	uint64_t remote_serial; /* of the remote catalog as it was last taken over */
};

static size_t bucket(const struct catalog *c, struct bytes key)
{
	return fnv64(key) & (c->buckets - 1);
}

static struct bytes label_of(const struct object *o)
{
	return (struct bytes){ (const uint8_t *)o->label, o->label_len };
}

static struct bytes id_of(const struct object *o)
{
	return (struct bytes){ o->id, o->id_len };
}

static enum err make_room_locked(struct catalog *c, struct errmsg *em)
{
	if (c->count < c->cap)
		return OK;
	size_t cap = c->cap ? 2 * c->cap : 16;
	struct object **more = realloc(c->objects, cap * sizeof(*more));
	if (!more)
		return err_set(em, ERR_NOMEM, "no memory for objects");
	c->objects = more;
	c->cap = cap;
	return OK;
}

static enum err add_locked(struct catalog *c, const struct entry *entry, CK_OBJECT_CLASS class, struct object **out,
			   struct errmsg *em)
{
	struct object *o = NULL;
	enum err e = make_room_locked(c, em);
	if (e == OK)
		e = object_new(c->sources, entry, class, &o, em);
	if (e != OK)
		return e;
	c->objects[c->count++] = o;
	o->handle = c->count;
	size_t at = bucket(c, label_of(o));
	o->next_label = c->by_label[at];
	c->by_label[at] = o;
	at = bucket(c, id_of(o));
	o->next_id = c->by_id[at];
	c->by_id[at] = o;
	*out = o;
	return OK;
}

/* A private key brings its public half (shown once that is known) and its certificate along. */
static enum err add_entry_locked(struct catalog *c, const struct entry *entry, bool from_kbs, struct errmsg *em)
{
	struct object *made[3] = { NULL };
	size_t n = 0;
	enum err e = add_locked(c, entry, entry->class, &made[n++], em);
	if (e == OK && entry->class == CKO_PRIVATE_KEY)
		e = add_locked(c, entry, CKO_PUBLIC_KEY, &made[n++], em);
	if (e == OK && entry->certificate && entry->class != CKO_CERTIFICATE)
		e = add_locked(c, entry, CKO_CERTIFICATE, &made[n++], em);
	for (size_t i = 0; i < n; i++)
		if (made[i])
			made[i]->from_kbs = from_kbs;
	return e;
}

static enum err make_index(struct catalog *c, size_t entries, struct errmsg *em)
{
	c->buckets = 256;
	while (c->buckets < 2 * entries)
		c->buckets *= 2;
	c->by_label = calloc(c->buckets, sizeof(struct object *));
	c->by_id = calloc(c->buckets, sizeof(struct object *));
	return c->by_label && c->by_id ? OK : err_set(em, ERR_NOMEM, "no memory for an index");
}

enum err catalog_new(const struct catalog_options *options, const struct entry_list *entries, struct catalog **out,
		     struct errmsg *em)
{
	AUTO(catalog) *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(em, ERR_NOMEM, "no memory for a catalog");
	pthread_mutex_init(&c->lock, NULL);
	enum err e = source_set_new(options->broker, &options->lease, &c->sources, em);
	if (e == OK)
		e = make_index(c, entries->count, em);
	if (e == OK && options->remote)
		e = source_of_uri(c->sources, options->remote, &c->remote, em);
	for (size_t i = 0; e == OK && i < entries->count; i++)
		e = add_entry_locked(c, &entries->items[i], false, em);
	if (e != OK)
		return e;
	*out = steal(&c);
	return OK;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		object_free(c->objects[i]);
	free(c->objects);
	free(c->by_label);
	free(c->by_id);
	source_set_free(c->sources);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct source_set *catalog_sources(struct catalog *c)
{
	return c->sources;
}

struct object *catalog_object(struct catalog *c, CK_OBJECT_HANDLE handle)
{
	pthread_mutex_lock(&c->lock);
	struct object *o = handle && handle <= c->count ? c->objects[handle - 1] : NULL;
	o = o && !o->gone ? object_ref(o) : NULL;
	pthread_mutex_unlock(&c->lock);
	return o;
}

static const CK_ATTRIBUTE *attribute_find(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < count; i++)
		if (attributes[i].type == type)
			return &attributes[i];
	return NULL;
}

/* What may match, by the narrowest index: a chain of the label's or the id's bucket, or everything. Matching may read
 * local files, so it is done on copies of the pointers, which live as long as the catalog. */
static CK_RV candidates(struct catalog *c, const CK_ATTRIBUTE *label, const CK_ATTRIBUTE *id, struct object ***out,
			size_t *count)
{
	const CK_ATTRIBUTE *key = label ? label : id;
	size_t n = 0;
	pthread_mutex_lock(&c->lock);
	struct object *first = NULL;
	if (key) {
		size_t at = bucket(c, (struct bytes){ key->pValue, key->ulValueLen });
		first = label ? c->by_label[at] : c->by_id[at];
	}
	for (struct object *o = first; o; o = label ? o->next_label : o->next_id)
		n++;
	if (!key)
		n = c->count;
	struct object **list = calloc(n ? n : 1, sizeof(struct object *));
	if (list && !key && n)
		memcpy(list, c->objects, n * sizeof(struct object *));
	/* A chain has the newest first; handles are given out in the order of the list. */
	for (struct object *o = first; list && o; o = label ? o->next_label : o->next_id)
		list[--n] = o;
	if (key)
		for (struct object *o = first; o; o = label ? o->next_label : o->next_id)
			n++;
	pthread_mutex_unlock(&c->lock);
	*out = list;
	*count = n;
	return list ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV search_known(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	const CK_ATTRIBUTE *label = attribute_find(attributes, count, CKA_LABEL);
	const CK_ATTRIBUTE *id = attribute_find(attributes, count, CKA_ID);
	struct object **list = NULL;
	size_t n = 0;
	CK_RV rv = candidates(c, label, id, &list, &n);
	for (size_t i = 0; rv == CKR_OK && i < n; i++) {
		if (object_attributes_match(list[i], attributes, count) && object_visible(list[i]))
			rv = handle_list_add(found, list[i]->handle);
	}
	free(list);
	return rv;
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

/* Makes an object for the label, unless there is one of that class. */
static enum err add_on_demand(struct catalog *c, char *label, CK_OBJECT_CLASS class, struct errmsg *em)
{
	struct entry entry = { .label = label, .uri = label, .class = class, .key_type = CK_UNAVAILABLE_INFORMATION };
	entry_default_id(label, &entry);
	struct object *made = NULL, *same = NULL;
	enum err e = OK;
	pthread_mutex_lock(&c->lock);
	for (struct object *o = c->by_label[bucket(c, bytes_str(label))]; o; o = o->next_label)
		if (o->class == class && strcmp(o->label, label) == 0)
			same = o;
	if (same)
		same->derived = false; /* the twin of a private key, now asked for by itself */
	else if (c->on_demand >= ON_DEMAND_MAX)
		e = err_set(em, ERR_LIMIT, "more than %d labels without an entry", ON_DEMAND_MAX);
	else if (class == CKO_PRIVATE_KEY)
		e = add_entry_locked(c, &entry, false, em);
	else
		e = add_locked(c, &entry, class, &made, em);
	if (e == OK && !same)
		c->on_demand++;
	pthread_mutex_unlock(&c->lock);
	return e;
}

CK_RV catalog_search(struct catalog *c, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	const CK_ATTRIBUTE *label = attribute_find(attributes, count, CKA_LABEL);
	const CK_ATTRIBUTE *id = attribute_find(attributes, count, CKA_ID);
	struct errmsg em;
	CK_RV rv = search_known(c, attributes, count, found);
	if (rv != CKR_OK || found->count || (!label && !id))
		return rv;
	if (c->remote && catalog_refresh(c, &em) == OK) {
		rv = search_known(c, attributes, count, found);
		if (rv != CKR_OK || found->count)
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

/* The objects of an entry that is there already are shown again. */
static bool known_locked(struct catalog *c, const struct entry *entry)
{
	bool known = false;
	struct source *content = NULL;
	struct errmsg ignored;
	if (entry->uri && source_of_uri(c->sources, entry->uri, &content, &ignored) != OK)
		return false;
	for (struct object *o = c->by_label[bucket(c, bytes_str(entry->label))]; o; o = o->next_label) {
		if (strcmp(o->label, entry->label) != 0 || o->id_len != entry->id_len ||
		    memcmp(o->id, entry->id, o->id_len) != 0 || (entry->uri && o->uri != content))
			continue;
		o->gone = false;
		known = known || o->class == entry->class;
	}
	return known;
}

/* What the KBS no longer lists is gone; what it lists anew is added. The configuration's own entries stay. */
static enum err take_over_locked(struct catalog *c, const struct entry_list *list, struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; i < c->count; i++)
		if (c->objects[i]->from_kbs)
			c->objects[i]->gone = true;
	for (size_t i = 0; e == OK && i < list->count; i++)
		if (!known_locked(c, &list->items[i]))
			e = add_entry_locked(c, &list->items[i], true, em);
	return e;
}

static enum err read_remote(const struct material *m, struct entry_list *list, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	if (!m->raw)
		return err_set(em, ERR_PARSE, "it is a key");
	enum err e = json_parse(secret_bytes(m->raw), CATALOG_TEXT_MAX, JSON_COMMENTS, &root, em);
	if (e != OK)
		return e;
	if (json_object_is_type(root, json_type_array))
		return entry_list_read(root, ENTRY_FROM_KBS, list, em);
	static const char *const members[] = { "objects", NULL };
	json_object *array = NULL;
	e = json_only_members(root, members, em);
	if (e == OK)
		e = json_get_array_opt(root, "objects", &array, em);
	if (e == OK && !array)
		e = err_set(em, ERR_PARSE, "\"objects\" is missing");
	return e == OK ? entry_list_read(array, ENTRY_FROM_KBS, list, em) : e;
}

enum err catalog_refresh(struct catalog *c, struct errmsg *em)
{
	if (!c->remote)
		return OK;
	AUTO(material) *m = NULL;
	struct entry_list list = { NULL, 0 };
	enum err e = source_get(c->remote, &m, em);
	if (e != OK)
		return err_wrap(em, e, "the catalog");
	pthread_mutex_lock(&c->lock);
	bool done = c->remote_serial == m->serial;
	pthread_mutex_unlock(&c->lock);
	if (done)
		return OK;
	e = read_remote(m, &list, em);
	pthread_mutex_lock(&c->lock);
	if (e == OK && c->remote_serial < m->serial)
		e = take_over_locked(c, &list, em);
	c->remote_serial = m->serial;
	pthread_mutex_unlock(&c->lock);
	entry_list_clear(&list);
	if (e != OK) {
		err_wrap(em, e, "the catalog %s", source_name(c->remote));
		log_error("pkcs11", "catalog", "err=%s text=\"%s\"", err_name(e), em->text);
	}
	return e;
}
