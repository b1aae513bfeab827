#include "pkcs11/shelf.h"

#include "pkcs11/object_attributes.h"

#define BUCKETS 64
#define FIRST_HANDLE 0x40000000UL /* the catalog's are below */

struct shelf {
	pthread_mutex_t lock; /* guards what follows */
	CK_OBJECT_HANDLE next;
	struct object *buckets[BUCKETS]; /* chained by next */
};

struct shelf *shelf_new(void)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	if (!shelf)
		return NULL;
	pthread_mutex_init(&shelf->lock, NULL);
	shelf->next = FIRST_HANDLE;
	return shelf;
}

static void remove_where_locked(struct shelf *shelf, CK_OBJECT_HANDLE handle, CK_SESSION_HANDLE owner, bool *found)
{
	size_t first = handle % BUCKETS; /* of all, for 0 */
	for (size_t i = first; i < (handle ? first + 1 : BUCKETS); i++)
		for (struct object **at = &shelf->buckets[i]; *at;) {
			struct object *o = *at;
			if (handle ? o->handle != handle : (owner && o->owner != owner)) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			object_free(o);
			*found = true;
		}
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	bool found;
	remove_where_locked(shelf, 0, 0, &found);
	pthread_mutex_destroy(&shelf->lock);
	free(shelf);
}

CK_OBJECT_HANDLE shelf_put(struct shelf *shelf, struct object *object)
{
	pthread_mutex_lock(&shelf->lock);
	CK_OBJECT_HANDLE handle = shelf->next++;
	object->handle = handle;
	object->next = shelf->buckets[handle % BUCKETS];
	shelf->buckets[handle % BUCKETS] = object;
	pthread_mutex_unlock(&shelf->lock);
	return handle;
}

struct object *shelf_object(struct shelf *shelf, CK_OBJECT_HANDLE handle)
{
	if (handle < FIRST_HANDLE)
		return NULL;
	pthread_mutex_lock(&shelf->lock);
	struct object *o = shelf->buckets[handle % BUCKETS];
	while (o && o->handle != handle)
		o = o->next;
	object_ref(o);
	pthread_mutex_unlock(&shelf->lock);
	return o;
}

bool shelf_replace(struct shelf *shelf, const struct object *before, struct object *object)
{
	bool found = false;
	pthread_mutex_lock(&shelf->lock);
	struct object **at = &shelf->buckets[before->handle % BUCKETS];
	while (*at && *at != before)
		at = &(*at)->next;
	if (*at) {
		struct object *old = *at;
		object->next = old->next;
		*at = object;
		object_free(old);
		found = true;
	}
	pthread_mutex_unlock(&shelf->lock);
	if (!found)
		object_free(object);
	return found;
}

bool shelf_remove(struct shelf *shelf, CK_OBJECT_HANDLE handle)
{
	bool found = false;
	pthread_mutex_lock(&shelf->lock);
	remove_where_locked(shelf, handle, 0, &found);
	pthread_mutex_unlock(&shelf->lock);
	return found;
}

void shelf_remove_private(struct shelf *shelf)
{
	pthread_mutex_lock(&shelf->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct object **at = &shelf->buckets[i]; *at;) {
			struct object *o = *at;
			if (!object_is_private(o)) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			object_free(o);
		}
	pthread_mutex_unlock(&shelf->lock);
}

void shelf_remove_of(struct shelf *shelf, CK_SESSION_HANDLE owner)
{
	bool found;
	pthread_mutex_lock(&shelf->lock);
	remove_where_locked(shelf, 0, owner, &found);
	pthread_mutex_unlock(&shelf->lock);
}

CK_RV shelf_search(struct shelf *shelf, const CK_ATTRIBUTE *attributes, CK_ULONG count, struct handle_list *found)
{
	CK_RV rv = CKR_OK;
	pthread_mutex_lock(&shelf->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct object *o = shelf->buckets[i]; rv == CKR_OK && o; o = o->next)
			if (object_attributes_match(o, attributes, count))
				rv = handle_list_add(found, o->handle);
	pthread_mutex_unlock(&shelf->lock);
	return rv;
}
