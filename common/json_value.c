#include "common/json_value.h"

#include <stdlib.h>

json_object *json_value_new(enum json_type type)
{
	json_object *made = calloc(1, sizeof *made);
	if (made) {
		made->type = type;
		made->references = 1;
	}
	return made;
}

json_object *json_object_new_object(void)
{
	return json_value_new(json_type_object);
}

json_object *json_object_new_array(void)
{
	return json_value_new(json_type_array);
}

json_object *json_object_new_uint64(uint64_t n)
{
	json_object *made = json_value_new(json_type_int);
	if (made) {
		made->magnitude = n;
		made->number = n > INT64_MAX ? INT64_MAX : (int64_t)n;
	}
	return made;
}

json_object *json_object_new_int64(int64_t n)
{
	json_object *made = json_object_new_uint64(n < 0 ? 0 : (uint64_t)n);
	if (made)
		made->number = n;
	return made;
}

json_object *json_object_new_int(int32_t n)
{
	return json_object_new_int64(n);
}

json_object *json_value_text(enum json_type type, struct bytes text)
{
	json_object *made = json_value_new(type);
	if (made && buf_append(&made->text, text, 0, NULL) == OK && buf_cstr(&made->text))
		return made;
	json_object_put(made);
	return NULL;
}

json_object *json_object_new_string(const char *text)
{
	return json_value_text(json_type_string, bytes_str(text));
}

json_object *json_object_new_string_len(const char *text, int len)
{
	return json_value_text(json_type_string, (struct bytes){ (const uint8_t *)text, (size_t)len });
}

json_object *json_object_new_boolean(json_bool yes)
{
	json_object *made = json_value_new(json_type_boolean);
	if (made)
		made->yes = yes;
	return made;
}

json_object *json_object_get(json_object *of)
{
	if (of)
		of->references++;
	return of;
}

static void members_clear(struct lh_table *members)
{
	for (struct lh_entry *entry = members->head, *next; entry; entry = next) {
		next = entry->next;
		json_object_put(lh_entry_v(entry));
		free(lh_entry_k(entry));
		free(entry);
	}
}

int json_object_put(json_object *of)
{
	if (!of || --of->references > 0)
		return 0;
	if (of->type == json_type_object)
		members_clear(&of->members);
	else if (of->type == json_type_string || of->type == json_type_double)
		buf_clear(&of->text);
	for (size_t i = 0; of->type == json_type_array && i < of->list.len; i++)
		json_object_put(of->list.items[i]);
	if (of->type == json_type_array)
		free(of->list.items);
	free(of->shown);
	free(of);
	return 1;
}

int json_object_is_type(const json_object *of, enum json_type type)
{
	return of ? of->type == type : type == json_type_null;
}

const char *json_type_to_name(enum json_type type)
{
	static const char *const names[] = {
		[json_type_null] = "null",     [json_type_boolean] = "boolean", [json_type_double] = "double",
		[json_type_int] = "int",       [json_type_object] = "object",   [json_type_array] = "array",
		[json_type_string] = "string",
	};
	return names[type];
}

/* --- objects --- */

static struct lh_entry *entry_find(const json_object *of, const char *name)
{
	if (!json_object_is_type(of, json_type_object))
		return NULL;
	for (struct lh_entry *entry = of->members.head; entry; entry = entry->next)
		if (strcmp(entry->k, name) == 0)
			return entry;
	return NULL;
}

bool json_value_append(json_object *to, char *name, json_object *value)
{
	struct lh_entry *entry = calloc(1, sizeof *entry);
	if (!entry)
		return false;
	entry->k = name;
	entry->v = value;
	entry->prev = to->members.tail;
	if (entry->prev)
		entry->prev->next = entry;
	else
		to->members.head = entry;
	to->members.tail = entry;
	to->members.count++;
	return true;
}

int json_object_object_add(json_object *to, const char *name, json_object *value)
{
	struct lh_entry *there = entry_find(to, name);
	if (there) {
		json_object_put(lh_entry_v(there));
		there->v = value;
		return 0;
	}
	char *copy = json_object_is_type(to, json_type_object) ? strdup(name) : NULL;
	if (copy && json_value_append(to, copy, value))
		return 0;
	free(copy);
	return -1;
}

json_bool json_object_object_get_ex(const json_object *of, const char *name, json_object **out)
{
	const struct lh_entry *entry = entry_find(of, name);
	if (out)
		*out = entry ? lh_entry_v(entry) : NULL;
	return entry != NULL;
}

json_object *json_object_object_get(const json_object *of, const char *name)
{
	json_object *there = NULL;
	(void)json_object_object_get_ex(of, name, &there);
	return there;
}

struct lh_table *json_object_get_object(const json_object *of)
{
	return json_object_is_type(of, json_type_object) ? (struct lh_table *)&of->members : NULL;
}

int json_object_object_length(const json_object *of)
{
	return json_object_is_type(of, json_type_object) ? of->members.count : 0;
}

/* --- arrays --- */

int json_object_array_add(json_object *to, json_object *value)
{
	struct list *list = &to->list;
	if (!json_object_is_type(to, json_type_array))
		return -1;
	if (list->len == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 8;
		json_object **items = realloc(list->items, cap * sizeof(json_object *));
		if (!items)
			return -1;
		list->items = items;
		list->cap = cap;
	}
	list->items[list->len++] = value;
	return 0;
}

size_t json_object_array_length(const json_object *of)
{
	return json_object_is_type(of, json_type_array) ? of->list.len : 0;
}

json_object *json_object_array_get_idx(const json_object *of, size_t i)
{
	return i < json_object_array_length(of) ? of->list.items[i] : NULL;
}

/* --- what is in a value; of another type than asked for it is nothing --- */

const char *json_object_get_string(json_object *of)
{
	return json_object_is_type(of, json_type_string) ? (const char *)of->text.data : NULL;
}

int json_object_get_string_len(const json_object *of)
{
	return json_object_is_type(of, json_type_string) ? (int)of->text.len : 0;
}

json_bool json_object_get_boolean(const json_object *of)
{
	return json_object_is_type(of, json_type_boolean) && of->yes;
}

int64_t json_object_get_int64(const json_object *of)
{
	return json_object_is_type(of, json_type_int) ? of->number : 0;
}

uint64_t json_object_get_uint64(const json_object *of)
{
	return json_object_is_type(of, json_type_int) ? of->magnitude : 0;
}
