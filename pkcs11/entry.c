#include "pkcs11/entry.h"

#include "common/resource_uri.h"
#include "pkcs11/fnv.h"

#define ENTRIES_MAX 100000

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
	{ "rsa", CKK_RSA }, { "ec", CKK_EC }, { "aes", CKK_AES }, { "generic", CKK_GENERIC_SECRET }, { NULL, 0 },
};

static bool word_find(const struct word *words, const char *name, CK_ULONG *value)
{
	for (; words->name; words++)
		if (strcmp(words->name, name) == 0) {
			*value = words->value;
			return true;
		}
	return false;
}

const char *entry_class_name(CK_OBJECT_CLASS class)
{
	for (const struct word *w = classes; w->name; w++)
		if (w->value == class)
			return w->name;
	return "?";
}

void entry_default_id(const char *name, struct entry *to)
{
	uint64_t half = fnv64(bytes_str("kbs-pkcs11 id"));
	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			half = fnv64_more(half, bytes_str(name));
		to->id[i] = (uint8_t)(half >> (8 * (i % 8)));
	}
	to->id_len = 16;
}

static enum err read_id(json_object *obj, struct entry *to, struct errmsg *em)
{
	const char *hex = NULL;
	enum err e = json_get_string_opt(obj, "id", &hex, em);
	if (e != OK)
		return e;
	if (!hex) {
		entry_default_id(to->uri ? to->uri : to->label, to);
		return OK;
	}
	size_t len = strlen(hex) / 2;
	if (len == 0 || len > ENTRY_ID_MAX || strlen(hex) % 2)
		return err_set(em, ERR_PARSE, "\"id\" is 1 to %d bytes in hex", ENTRY_ID_MAX);
	to->id_len = len;
	e = hex_decode(hex, to->id, len, em);
	return e == OK ? OK : err_wrap(em, e, "\"id\"");
}

static enum err read_text(json_object *obj, const char *name, char **to, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(obj, name, &text, em);
	if (e != OK || !text)
		return e;
	if (!*text)
		return err_set(em, ERR_PARSE, "\"%s\" is empty", name);
	*to = strdup(text);
	return *to ? OK : err_set(em, ERR_NOMEM, "no memory for \"%s\"", name);
}

static enum err read_kind(json_object *obj, struct entry *to, struct errmsg *em)
{
	const char *class = NULL, *type = NULL;
	enum err e = json_get_string(obj, "class", &class, em);
	if (e != OK)
		return e;
	if (!word_find(classes, class, &to->class))
		return err_set(em, ERR_PARSE,
			       "\"class\" is private-key, public-key, certificate, secret-key or data, not \"%s\"",
			       class);
	e = json_get_string_opt(obj, "type", &type, em);
	if (e != OK || !type)
		return e;
	if (!word_find(key_types, type, &to->key_type))
		return err_set(em, ERR_PARSE, "\"type\" is rsa, ec, aes or generic, not \"%s\"", type);
	bool symmetric = to->key_type == CKK_AES || to->key_type == CKK_GENERIC_SECRET;
	bool asymmetric_class = to->class == CKO_PRIVATE_KEY || to->class == CKO_PUBLIC_KEY;
	if (symmetric ? to->class != CKO_SECRET_KEY : !asymmetric_class)
		return err_set(em, ERR_PARSE, "\"type\": \"%s\" does not go with \"class\": \"%s\"", type, class);
	return OK;
}

static bool is_uri(const char *text)
{
	return strncmp(text, "kbs:", 4) == 0 || strncmp(text, "kbs+", 4) == 0;
}

/* What the class needs and may have. */
static enum err check_sources(const struct entry *entry, enum entry_origin origin, struct errmsg *em)
{
	struct resource_uri uri;
	enum err e = entry->uri ? resource_uri_parse(entry->uri, &uri, em) : OK;
	if (e != OK)
		return err_wrap(em, e, "\"uri\"");
	if (entry->certificate && is_uri(entry->certificate)) {
		e = resource_uri_parse(entry->certificate, &uri, em);
		if (e != OK)
			return err_wrap(em, e, "\"certificate\"");
	}
	if (origin == ENTRY_FROM_KBS && (entry->public_file || (entry->certificate && !is_uri(entry->certificate))))
		return err_set(em, ERR_PARSE, "a catalog in the KBS may not name files");
	bool key_pair = entry->class == CKO_PRIVATE_KEY || entry->class == CKO_PUBLIC_KEY;
	if (entry->public_file && !key_pair)
		return err_set(em, ERR_PARSE, "\"public\" goes with keys of a pair only");
	if (entry->certificate && !key_pair && entry->class != CKO_CERTIFICATE)
		return err_set(em, ERR_PARSE, "\"certificate\" goes with keys of a pair and certificates only");
	bool by_file = (entry->class == CKO_PUBLIC_KEY && (entry->public_file || entry->certificate)) ||
		       (entry->class == CKO_CERTIFICATE && entry->certificate);
	if (!entry->uri && !by_file)
		return err_set(em, ERR_PARSE, "\"uri\" is missing");
	return OK;
}

static enum err read_entry(json_object *obj, enum entry_origin origin, struct entry *to, struct errmsg *em)
{
	static const char *const members[] = { "label", "class", "uri",         "public",      "certificate",
					       "id",    "type",  "extractable", LEASE_MEMBERS, SPKI_PIN_MEMBER,
					       NULL };
	to->key_type = CK_UNAVAILABLE_INFORMATION;
	if (!json_object_is_type(obj, json_type_object))
		return err_set(em, ERR_PARSE, "not an object");
	enum err e = json_only_members(obj, members, em);
	if (e == OK)
		e = read_text(obj, "label", &to->label, em);
	if (e == OK && (!to->label || strlen(to->label) > ENTRY_LABEL_MAX))
		e = err_set(em, ERR_PARSE, "\"label\" is missing, or longer than %d bytes", ENTRY_LABEL_MAX);
	if (e == OK)
		e = read_kind(obj, to, em);
	if (e == OK)
		e = read_text(obj, "uri", &to->uri, em);
	if (e == OK)
		e = read_text(obj, "public", &to->public_file, em);
	if (e == OK)
		e = read_text(obj, "certificate", &to->certificate, em);
	if (e == OK)
		e = json_get_bool_opt(obj, "extractable", &to->extractable, em);
	if (e == OK)
		e = lease_terms_read(obj, &to->lease, em);
	if (e == OK)
		e = spki_pins_read(obj, &to->pins, em);
	if (e == OK && to->pins && (to->class == CKO_SECRET_KEY || to->class == CKO_DATA))
		e = err_set(em, ERR_PARSE, "\"%s\" goes with keys of a pair and certificates only", SPKI_PIN_MEMBER);
	if (e == OK)
		e = check_sources(to, origin, em);
	return e == OK ? read_id(obj, to, em) : e;
}

enum err entry_list_read(json_object *array, enum entry_origin origin, struct entry_list *out, struct errmsg *em)
{
	size_t count = json_object_array_length(array);
	enum err wrong = origin == ENTRY_CONFIGURED ? ERR_CONFIG : ERR_PARSE;
	memset(out, 0, sizeof(*out));
	if (count > ENTRIES_MAX)
		return err_set(em, wrong, "more than %d objects", ENTRIES_MAX);
	out->items = calloc(count ? count : 1, sizeof(*out->items));
	if (!out->items)
		return err_set(em, ERR_NOMEM, "no memory for %zu objects", count);
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &out->items[out->count++];
		enum err e = read_entry(json_object_array_get_idx(array, i), origin, entry, em);
		if (e == OK)
			continue;
		e = err_wrap(em, e == ERR_NOMEM ? e : wrong, "objects[%zu]%s%s", i, entry->label ? " " : "",
			     entry->label ? entry->label : "");
		entry_list_clear(out);
		return e;
	}
	return OK;
}

void entry_list_clear(struct entry_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct entry *e = &list->items[i];
		free(e->label);
		free(e->uri);
		free(e->public_file);
		free(e->certificate);
		spki_pins_free(e->pins);
	}
	free(list->items);
	memset(list, 0, sizeof(*list));
}
