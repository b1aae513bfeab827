#pragma once
#include "pkcs11/cryptoki.h"

/* What a search found. Zero-initialised = empty; free(items). */
struct handle_list {
	CK_OBJECT_HANDLE *items;
	size_t count;
	size_t cap;
};
CK_RV handle_list_add(struct handle_list *list, CK_OBJECT_HANDLE handle);
