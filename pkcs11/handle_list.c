#include "pkcs11/handle_list.h"

#include <stdlib.h>

CK_RV handle_list_add(struct handle_list *list, CK_OBJECT_HANDLE handle)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		CK_OBJECT_HANDLE *more = realloc(list->items, cap * sizeof(*more));
		if (!more)
			return CKR_HOST_MEMORY;
		list->items = more;
		list->cap = cap;
	}
	list->items[list->count++] = handle;
	return CKR_OK;
}
