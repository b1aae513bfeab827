#include "pkcs11/entry.h"

#include "common/json_cut.h"
#include "common/resource_uri.h"
#include "pkcs11/entry_read.h"
#include "common/fnv.h"

#define ENTRIES_MAX 100000
#define ENTRY_TEXT_MAX 65536
#define ENTRY_TEXT_MIN 64 /* bytes of one that says little */

struct word {
	const char *name;
	CK_ULONG value;
};

static const struct word classes[] = {
	{ "private-key", CKO_PRIVATE_KEY },
	{ "public-key", CKO_PUBLIC_KEY },
	{ "certificate", CKO_CERTIFICATE },
	{ "secret-key", CKO_SECRET_KEY },
	{ "data", CKO_DATA },
	{ NULL, 0 },
};
static const struct word key_types[] = {
	{ "rsa", CKK_RSA },
	{ "ec", CKK_EC },
	{ "edwards", CKK_EC_EDWARDS },
	{ "montgomery", CKK_EC_MONTGOMERY },
	{ "ml-dsa", CKK_ML_DSA },
	{ "slh-dsa", CKK_SLH_DSA },
	{ "ml-kem", CKK_ML_KEM },
	{ "aes", CKK_AES },
	{ "generic", CKK_GENERIC_SECRET },
	{ NULL, 0 },
};

static bool word_find(const struct word *words, struct bytes name, CK_ULONG *value)
{
	for (; words->name; words++)
		if (strlen(words->name) == name.len && memcmp(words->name, name.data, name.len) == 0) {
			*value = words->value;
			return true;
		}
	return false;
}

bool entry_word_class(struct bytes word, CK_OBJECT_CLASS *class)
{
	return word_find(classes, word, class);
}

bool entry_word_type(struct bytes word, CK_KEY_TYPE *type)
{
	return word_find(key_types, word, type);
}

const char *entry_class_name(CK_OBJECT_CLASS class)
{
	for (const struct word *w = classes; w->name; w++)
		if (w->value == class)
			return w->name;
	return "?";
}

struct bytes entry_id(const struct entry *entry, uint8_t room[ENTRY_ID_MADE])
{
	if (entry->id)
		return (struct bytes){ entry->id, entry->id_len };
	const char *name = entry->uri ? entry->uri : entry->label;
	uint64_t half = fnv64(bytes_str("kbs-pkcs11 id"));
	for (size_t i = 0; i < ENTRY_ID_MADE; i++) {
		if (i % 8 == 0)
			half = fnv64_more(half, bytes_str(name));
		room[i] = (uint8_t)(half >> (8 * (i % 8)));
	}
	return (struct bytes){ room, ENTRY_ID_MADE };
}

static enum err read_id(json_object *obj, struct pool *pool, struct entry *to, struct errmsg *em)
{
	const char *hex = NULL;
	enum err e = json_get_string_opt(obj, "id", &hex, em);
	if (e != OK || !hex)
		return e;
	size_t len = strlen(hex) / 2;
	if (len == 0 || len > ENTRY_ID_MAX || strlen(hex) % 2)
		return err_set(em, ERR_PARSE, "\"id\" is 1 to %d bytes in hex", ENTRY_ID_MAX);
	uint8_t *id = pool_take(pool, len);
	if (!id)
		return err_nomem(em, "id");
	to->id = id;
	to->id_len = (uint8_t)len;
	e = hex_decode(hex, id, len, em);
	return e == OK ? OK : err_wrap(em, e, "\"id\"");
}

/* Where a text member is read to. */
struct text_place {
	const char *name;
	const char **to;
};

static enum err read_text(json_object *obj, struct text_place place, struct pool *pool, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(obj, place.name, &text, em);
	if (e != OK || !text)
		return e;
	if (!*text)
		return err_set(em, ERR_PARSE, "\"%s\" is empty", place.name);
	*place.to = pool_text(pool, bytes_str(text));
	return *place.to ? OK : err_nomem(em, place.name);
}

static enum err read_kind(json_object *obj, struct entry *to, struct errmsg *em)
{
	const char *class = NULL, *type = NULL;
	enum err e = json_get_string(obj, "class", &class, em);
	if (e != OK)
		return e;
	if (!entry_word_class(bytes_str(class), &to->class))
		return err_set(em, ERR_PARSE,
			       "\"class\" is private-key, public-key, certificate, secret-key or data, not \"%s\"",
			       class);
	e = json_get_string_opt(obj, "type", &type, em);
	if (e != OK || !type)
		return e;
	if (!entry_word_type(bytes_str(type), &to->key_type))
		return err_set(em, ERR_PARSE,
			       "\"type\" is rsa, ec, edwards, montgomery, ml-dsa, slh-dsa, ml-kem, aes or generic, not "
			       "\"%s\"",
			       type);
	return OK;
}

bool entry_is_uri(const char *text)
{
	return strncmp(text, "kbs:", 4) == 0 || strncmp(text, "kbs+", 4) == 0;
}

static enum err check_uri(const char *uri, const char *member, struct errmsg *em)
{
	struct resource_uri parsed;
	enum err e = uri && entry_is_uri(uri) ? resource_uri_parse(uri, &parsed, em) : OK;
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", member);
}

static enum err check_uris(const struct entry *entry, struct errmsg *em)
{
	struct resource_uri parsed;
	enum err e = entry->uri ? resource_uri_parse(entry->uri, &parsed, em) : OK;
	if (e != OK)
		return err_wrap(em, e, "\"uri\"");
	e = check_uri(entry->certificate, "certificate", em);
	return e == OK ? check_uri(entry->public_part, "public", em) : e;
}

static enum err check_type(const struct entry *entry, struct errmsg *em)
{
	bool symmetric = entry->key_type == CKK_AES || entry->key_type == CKK_GENERIC_SECRET;
	bool pair = entry->class == CKO_PRIVATE_KEY || entry->class == CKO_PUBLIC_KEY;
	if (entry->key_type == CK_UNAVAILABLE_INFORMATION || (symmetric ? entry->class == CKO_SECRET_KEY : pair))
		return OK;
	return err_set(em, ERR_PARSE, "this \"type\" does not go with \"class\": \"%s\"",
		       entry_class_name(entry->class));
}

static bool is_file(const char *text)
{
	return text && !entry_is_uri(text);
}

enum err entry_check(const struct entry *entry, enum entry_origin origin, struct errmsg *em)
{
	if (origin == ENTRY_FROM_KBS && (is_file(entry->public_part) || is_file(entry->certificate)))
		return err_set(em, ERR_PARSE, "a catalog in the KBS may not name files");
	bool pair = entry->class == CKO_PRIVATE_KEY || entry->class == CKO_PUBLIC_KEY;
	if (entry->public_part && !pair)
		return err_set(em, ERR_PARSE, "\"public\" goes with keys of a pair only");
	if (entry->pins && (entry->class == CKO_SECRET_KEY || entry->class == CKO_DATA))
		return err_set(em, ERR_PARSE, "\"%s\" goes with keys of a pair and certificates only", SPKI_PIN_MEMBER);
	if (entry->certificate && !pair && entry->class != CKO_CERTIFICATE)
		return err_set(em, ERR_PARSE, "\"certificate\" goes with keys of a pair and certificates only");
	bool elsewhere = (entry->class == CKO_PUBLIC_KEY && (entry->public_part || entry->certificate)) ||
			 (entry->class == CKO_CERTIFICATE && entry->certificate);
	if (!entry->uri && !elsewhere)
		return err_set(em, ERR_PARSE, "\"uri\" is missing");
	enum err e = entry_more_check(entry->more, entry->class, em);
	return e == OK ? check_type(entry, em) : e;
}

static enum err read_label(json_object *obj, struct pool *pool, struct entry *to, struct errmsg *em)
{
	enum err e = read_text(obj, (struct text_place){ "label", &to->label }, pool, em);
	if (e != OK)
		return e;
	if (!to->label || strlen(to->label) > ENTRY_LABEL_MAX)
		return err_set(em, ERR_PARSE, "\"label\" is missing, or longer than %d bytes", ENTRY_LABEL_MAX);
	to->label_len = (uint8_t)strlen(to->label);
	return OK;
}

static enum err read_members(json_object *obj, struct pool *pool, struct entry *to, struct errmsg *em)
{
	const struct text_place places[] = { { "uri", &to->uri },
					     { "public", &to->public_part },
					     { "certificate", &to->certificate } };
	enum err e = read_label(obj, pool, to, em);
	if (e == OK)
		e = read_kind(obj, to, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(places); i++)
		e = read_text(obj, places[i], pool, em);
	if (e == OK)
		e = json_get_bool_opt(obj, "extractable", &to->extractable, em);
	if (e == OK)
		e = lease_terms_read(obj, &to->lease, em);
	if (e == OK)
		e = spki_pins_read(obj, &to->pins, em);
	if (e == OK)
		e = entry_more_read(obj, pool, &to->more, em);
	return e == OK ? read_id(obj, pool, to, em) : e;
}

static enum err read_entry(json_object *obj, enum entry_origin origin, struct pool *pool, struct entry *to,
			   struct errmsg *em)
{
	static const char *const members[] = {
		"label", "class",       "uri",         "public",        "certificate",      "id",
		"type",  "extractable", LEASE_MEMBERS, SPKI_PIN_MEMBER, ENTRY_MORE_MEMBERS, NULL
	};
	*to = (struct entry){ .key_type = CK_UNAVAILABLE_INFORMATION };
	if (!json_object_is_type(obj, json_type_object))
		return err_set(em, ERR_PARSE, "not an object");
	enum err e = json_only_members(obj, members, em);
	if (e == OK)
		e = read_members(obj, pool, to, em);
	if (e == OK)
		e = check_uris(to, em);
	return e == OK ? entry_check(to, origin, em) : e;
}

/* All of a long list at once: to grow it step by step takes longer than to read it. */
static void make_room_for(struct entry_list *list, struct bytes text)
{
	size_t cap = text.len / ENTRY_TEXT_MIN + 1;
	if (cap > ENTRIES_MAX)
		cap = ENTRIES_MAX;
	list->items = reallocarray(NULL, cap, sizeof(*list->items));
	list->cap = list->items ? cap : 0;
}

static enum err make_room(struct entry_list *list, struct errmsg *em)
{
	if (list->count < list->cap)
		return OK;
	if (list->count >= ENTRIES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d objects", ENTRIES_MAX);
	size_t cap = list->cap ? 2 * list->cap : 16;
	struct entry *more = reallocarray(list->items, cap, sizeof(*more));
	if (!more)
		return err_nomem(em, "objects");
	list->items = more;
	list->cap = cap;
	return OK;
}

/* Names the entry that is wrong. */
static enum err blame(struct entry_list *list, enum entry_origin origin, enum err e, struct errmsg *em)
{
	const char *label = list->wrong ? list->items[list->count].label : NULL;
	if (list->wrong)
		spki_pins_free(list->items[list->count].pins);
	if (e == ERR_NOMEM)
		return e;
	return err_wrap(em, origin == ENTRY_CONFIGURED ? ERR_CONFIG : ERR_PARSE, "objects[%zu]%s%s", list->count,
			label ? " " : "", label ? label : "");
}

enum err entry_list_read(json_object *array, enum entry_origin origin, struct entry_list *out, struct errmsg *em)
{
	size_t count = json_object_array_length(array);
	enum err e = OK;
	memset(out, 0, sizeof(*out));
	while (e == OK && out->count < count) {
		e = make_room(out, em);
		out->wrong = e == OK;
		if (e == OK)
			e = read_entry(json_object_array_get_idx(array, out->count), origin, &out->pool,
				       &out->items[out->count], em);
		if (e == OK)
			out->count++;
	}
	if (e == OK)
		return OK;
	e = blame(out, origin, e, em);
	entry_list_clear(out);
	return e;
}

/* One entry with care: json-c, and all that can be said about what is wrong. */
static enum err read_carefully(struct bytes text, size_t *at, enum entry_origin origin, struct entry_list *list,
			       struct errmsg *em)
{
	AUTO_OF(json_object) *obj = NULL;
	size_t begin = *at;
	list->items[list->count] = (struct entry){ .label = NULL };
	if (!json_skip_value(text, at))
		return err_set(em, ERR_PARSE, "does not end");
	enum err e =
		json_parse((struct bytes){ text.data + begin, *at - begin }, ENTRY_TEXT_MAX, JSON_COMMENTS, &obj, em);
	return e == OK ? read_entry(obj, origin, &list->pool, &list->items[list->count], em) : e;
}

static enum err scan_entry(struct bytes text, size_t *at, enum entry_origin origin, struct entry_list *list,
			   struct errmsg *em)
{
	enum err e = make_room(list, em);
	if (e != OK)
		return e;
	struct entry *to = &list->items[list->count];
	list->wrong = true;
	e = entry_scan_simple(text, at, &list->pool, to);
	if (e == OK)
		e = entry_check(to, origin, em);
	else if (e == ERR_UNSUPPORTED)
		e = read_carefully(text, at, origin, list, em);
	else
		e = err_set(em, e, "no memory for objects");
	if (e != OK)
		return e;
	list->count++;
	list->wrong = false;
	return OK;
}

/* The byte at *at, behind blanks; 0 at the end. */
static uint8_t next_mark(struct bytes text, size_t *at)
{
	for (; *at < text.len; (*at)++) {
		uint8_t c = text.data[*at];
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			break;
	}
	return *at < text.len ? text.data[*at] : 0;
}

static enum err scan_all(struct bytes text, size_t *at, enum entry_origin origin, struct entry_list *out,
			 struct errmsg *em)
{
	if (next_mark(text, at) != '[')
		return err_set(em, ERR_PARSE, "not an array");
	(*at)++;
	if (next_mark(text, at) == ']') {
		(*at)++;
		return OK;
	}
	make_room_for(out, text);
	for (;;) {
		(void)next_mark(text, at);
		enum err e = scan_entry(text, at, origin, out, em);
		if (e != OK)
			return e;
		uint8_t mark = next_mark(text, at);
		(*at)++;
		if (mark == ']')
			return OK;
		if (mark != ',')
			return err_set(em, ERR_PARSE, "a comma or closing bracket is missing before it");
	}
}

static void give_back(struct entry_list *list)
{
	struct entry *less = list->count ? reallocarray(list->items, list->count, sizeof(*less)) : NULL;
	if (!less)
		return;
	list->items = less;
	list->cap = list->count;
}

enum err entry_list_scan_at(struct bytes text, size_t *at, enum entry_origin origin, struct entry_list *out,
			    struct errmsg *em)
{
	memset(out, 0, sizeof(*out));
	enum err e = scan_all(text, at, origin, out, em);
	if (e == OK) {
		give_back(out);
		return OK;
	}
	e = blame(out, origin, e, em);
	entry_list_clear(out);
	return e;
}

enum err entry_list_scan(struct bytes array, enum entry_origin origin, struct entry_list *out, struct errmsg *em)
{
	size_t at = 0;
	return entry_list_scan_at(array, &at, origin, out, em);
}

void entry_list_clear(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		spki_pins_free(list->items[i].pins);
	pool_clear(&list->pool);
	free(list->items);
	memset(list, 0, sizeof(*list));
}

enum err entry_copy(const struct entry *from, struct pool *pool, struct entry *to, struct errmsg *em)
{
	const char *const texts[] = { from->label, from->uri, from->public_part, from->certificate };
	const char **const places[] = { &to->label, &to->uri, &to->public_part, &to->certificate };
	bool good = true;
	*to = *from;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i])
			good = (*places[i] = pool_text(pool, bytes_str(texts[i]))) && good;
	if (from->id) {
		to->id = (uint8_t *)pool_text(pool, (struct bytes){ from->id, from->id_len });
		good = good && to->id;
	}
	if (!good)
		return err_nomem(em, "an object");
	enum err e = entry_more_copy(from->more, pool, &to->more, em);
	to->pins = e == OK ? spki_pins_ref(from->pins) : NULL;
	return e;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_pins(const struct spki_pins *a, const struct spki_pins *b)
{
	if (!a || !b)
		return a == b;
	return a->count == b->count && memcmp(a->digests, b->digests, a->count * SPKI_PIN_LEN) == 0;
}

static bool same_terms(const struct lease_terms *a, const struct lease_terms *b)
{
	return a->lifetime_ms == b->lifetime_ms && a->stale_ms == b->stale_ms && a->prefetch == b->prefetch;
}

bool entry_equal(const struct entry *a, const struct entry *b)
{
	uint8_t mine[ENTRY_ID_MADE], yours[ENTRY_ID_MADE];
	if (!same_terms(&a->lease, &b->lease) || !same_pins(a->pins, b->pins) || !entry_more_equal(a->more, b->more))
		return false;
	return a->class == b->class && a->key_type == b->key_type && a->extractable == b->extractable &&
	       same_text(a->label, b->label) && same_text(a->uri, b->uri) &&
	       same_text(a->public_part, b->public_part) && same_text(a->certificate, b->certificate) &&
	       bytes_equal(entry_id(a, mine), entry_id(b, yours));
}
