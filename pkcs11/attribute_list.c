#include "pkcs11/attribute_list.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 65536

/* Attributes of the caller's may lie anywhere. */
static CK_ATTRIBUTE item_at(struct bytes array, size_t i)
{
	CK_ATTRIBUTE item;
	memcpy(&item, array.data + i * sizeof(item), sizeof(item));
	return item;
}

bool attribute_list_valid(struct bytes array)
{
	size_t count = array.len / sizeof(CK_ATTRIBUTE);
	if (array.len % sizeof(CK_ATTRIBUTE) || count > ATTRIBUTE_LIST_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		CK_ATTRIBUTE item = item_at(array, i);
		if (item.ulValueLen > VALUE_MAX || (item.ulValueLen && !item.pValue))
			return false;
		if (item.type & CKF_ARRAY_ATTRIBUTE && item.type != CKA_ALLOWED_MECHANISMS)
			return false;
	}
	return true;
}

void attribute_list_clear(struct attribute_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].pValue);
	free(list->items);
	*list = (struct attribute_list){ NULL, 0 };
}

bool attribute_list_copy(struct attribute_list *to, struct bytes array)
{
	size_t count = array.len / sizeof(CK_ATTRIBUTE);
	attribute_list_clear(to);
	if (!count)
		return true;
	to->items = calloc(count, sizeof(*to->items));
	if (!to->items)
		return false;
	for (to->count = 0; to->count < count; to->count++) {
		CK_ATTRIBUTE from = item_at(array, to->count), *item = &to->items[to->count];
		*item = (CK_ATTRIBUTE){ from.type, malloc(from.ulValueLen ? from.ulValueLen : 1), from.ulValueLen };
		if (!item->pValue) {
			attribute_list_clear(to);
			return false;
		}
		if (from.ulValueLen)
			memcpy(item->pValue, from.pValue, from.ulValueLen);
	}
	return true;
}

struct bytes attribute_list_array(const struct attribute_list *list)
{
	return (struct bytes){ (const uint8_t *)list->items, list->count * sizeof(*list->items) };
}

static const CK_ATTRIBUTE *find(const struct attribute_template *in, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < in->count; i++)
		if (in->items[i].type == type)
			return &in->items[i];
	return NULL;
}

static bool same(const CK_ATTRIBUTE *a, const CK_ATTRIBUTE *b)
{
	return a->ulValueLen == b->ulValueLen &&
	       (!a->ulValueLen || (a->pValue && memcmp(a->pValue, b->pValue, a->ulValueLen) == 0));
}

void attribute_template_clear(struct attribute_template *merged)
{
	free(merged->items);
	*merged = (struct attribute_template){ NULL, 0 };
}

CK_RV attribute_list_merge(const struct attribute_list *list, struct attribute_template given,
			   struct attribute_template *out)
{
	out->items = calloc(given.count + list->count + 1, sizeof(*out->items));
	out->count = given.count;
	if (!out->items)
		return CKR_HOST_MEMORY;
	if (given.count)
		memcpy(out->items, given.items, given.count * sizeof(*out->items));
	for (size_t i = 0; i < list->count; i++) {
		const CK_ATTRIBUTE *said = find(&given, list->items[i].type);
		if (said && !same(said, &list->items[i]))
			return CKR_TEMPLATE_INCONSISTENT;
		if (!said)
			out->items[out->count++] = list->items[i];
	}
	return CKR_OK;
}

static CK_RV hand_out_one(const CK_ATTRIBUTE *from, CK_ATTRIBUTE *to)
{
	bool fits = !to->pValue || to->ulValueLen >= from->ulValueLen;
	to->type = from->type;
	if (to->pValue && fits && from->ulValueLen)
		memcpy(to->pValue, from->pValue, from->ulValueLen);
	to->ulValueLen = fits ? from->ulValueLen : CK_UNAVAILABLE_INFORMATION;
	return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV attribute_list_hand_out(const struct attribute_list *list, CK_ATTRIBUTE *to)
{
	size_t needed = list->count * sizeof(CK_ATTRIBUTE);
	CK_ATTRIBUTE *items = to->pValue;
	CK_RV rv = CKR_OK;
	if (items && to->ulValueLen < needed) {
		to->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	for (size_t i = 0; items && i < list->count; i++)
		if (hand_out_one(&list->items[i], &items[i]) != CKR_OK)
			rv = CKR_BUFFER_TOO_SMALL;
	to->ulValueLen = needed;
	return rv;
}
