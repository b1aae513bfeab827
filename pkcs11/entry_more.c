#include "pkcs11/entry_more.h"

#include "pkcs11/mechanism_names.h"
#include "pkcs11/template.h"

#define MECHANISMS_MAX 64

static const struct {
	const char *name;
	unsigned usage, other; /* of the other half of a pair */
} usages[] = {
	{ "sign", USAGE_SIGN | USAGE_SIGN_RECOVER, USAGE_VERIFY | USAGE_VERIFY_RECOVER },
	{ "verify", USAGE_VERIFY | USAGE_VERIFY_RECOVER, 0 },
	{ "decrypt", USAGE_DECRYPT, USAGE_ENCRYPT },
	{ "encrypt", USAGE_ENCRYPT, 0 },
	{ "unwrap", USAGE_UNWRAP, USAGE_WRAP },
	{ "wrap", USAGE_WRAP, 0 },
	{ "derive", USAGE_DERIVE, 0 },
	{ "decapsulate", USAGE_DECAPSULATE, USAGE_ENCAPSULATE },
	{ "encapsulate", USAGE_ENCAPSULATE, 0 },
};

static enum err read_usage(const char *name, struct entry_more *to, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(usages); i++)
		if (strcmp(usages[i].name, name) == 0) {
			to->usages |= usages[i].usage;
			return OK;
		}
	return err_set(em, ERR_PARSE,
		       "\"usage\" has sign, verify, decrypt, encrypt, unwrap, wrap, derive, decapsulate and "
		       "encapsulate, not \"%.32s\"",
		       name);
}

/* An array of strings that is not empty, or NULL in *out. */
static enum err read_words(json_object *obj, const char *name, json_object **out, struct errmsg *em)
{
	*out = NULL;
	enum err e = json_get_array_opt(obj, name, out, em);
	if (e != OK || !*out)
		return e;
	size_t count = json_object_array_length(*out);
	bool good = count > 0 && count <= MECHANISMS_MAX;
	for (size_t i = 0; good && i < count; i++)
		good = json_object_is_type(json_object_array_get_idx(*out, i), json_type_string);
	return good ? OK : err_set(em, ERR_PARSE, "\"%s\" is an array of 1 to %d strings", name, MECHANISMS_MAX);
}

static enum err read_usages(json_object *obj, struct entry_more *to, struct errmsg *em)
{
	json_object *words = NULL;
	enum err e = read_words(obj, "usage", &words, em);
	for (size_t i = 0; e == OK && words && i < json_object_array_length(words); i++)
		e = read_usage(json_object_get_string(json_object_array_get_idx(words, i)), to, em);
	return e;
}

static enum err read_mechanisms(json_object *obj, struct pool *pool, struct entry_more *to, struct errmsg *em)
{
	json_object *words = NULL;
	enum err e = read_words(obj, "mechanisms", &words, em);
	if (e != OK || !words)
		return e;
	size_t count = json_object_array_length(words);
	CK_MECHANISM_TYPE *list = pool_take(pool, count * sizeof(*list));
	if (!list)
		return err_nomem(em, "mechanisms");
	for (size_t i = 0; i < count; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(words, i));
		if (!mechanism_by_name(name, &list[i]))
			return err_set(em, ERR_PARSE, "\"mechanisms\": \"%.48s\" is none that is known here", name);
	}
	to->mechanisms = list;
	to->mechanism_count = count;
	return OK;
}

static bool is_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static unsigned number(const char *text, size_t len)
{
	unsigned n = 0;
	for (size_t i = 0; i < len; i++)
		n = 10 * n + (unsigned)(text[i] - '0');
	return n;
}

/* ISO 8601: YYYY-MM-DD. */
static enum err read_date(json_object *obj, const char *name, char to[8], struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(obj, name, &text, em);
	if (e != OK || !text)
		return e;
	bool good = strlen(text) == 10 && text[4] == '-' && text[7] == '-' && is_digits(text, 4) &&
		    is_digits(text + 5, 2) && is_digits(text + 8, 2);
	unsigned month = good ? number(text + 5, 2) : 0, day = good ? number(text + 8, 2) : 0;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return err_set(em, ERR_PARSE, "\"%s\" is a date like 2026-12-31", name);
	memcpy(to, text, 4);
	memcpy(to + 4, text + 5, 2);
	memcpy(to + 6, text + 8, 2);
	return OK;
}

static bool says_anything(json_object *obj)
{
	static const char *const members[] = { ENTRY_MORE_MEMBERS };
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_object_get(obj, members[i]))
			return true;
	return false;
}

enum err entry_more_read(json_object *obj, struct pool *pool, const struct entry_more **out, struct errmsg *em)
{
	*out = NULL;
	if (!says_anything(obj))
		return OK;
	struct entry_more *more = pool_take(pool, sizeof(*more));
	if (!more)
		return err_nomem(em, "an object");
	enum err e = read_usages(obj, more, em);
	if (e == OK)
		e = read_mechanisms(obj, pool, more, em);
	if (e == OK)
		e = read_date(obj, "start-date", more->start_date, em);
	if (e == OK)
		e = read_date(obj, "end-date", more->end_date, em);
	if (e == OK)
		e = json_get_bool_opt(obj, "always-authenticate", &more->always_authenticate, em);
	if (e == OK && more->start_date[0] && more->end_date[0] && memcmp(more->start_date, more->end_date, 8) > 0)
		e = err_set(em, ERR_PARSE, "\"end-date\" is before \"start-date\"");
	if (e == OK)
		*out = more;
	return e;
}

enum err entry_more_check(const struct entry_more *more, CK_OBJECT_CLASS class, struct errmsg *em)
{
	bool key = class == CKO_PRIVATE_KEY || class == CKO_PUBLIC_KEY || class == CKO_SECRET_KEY;
	if (!more)
		return OK;
	if (!key && (more->usages || more->mechanism_count))
		return err_set(em, ERR_PARSE, "\"usage\" and \"mechanisms\" go with keys only");
	if (class == CKO_DATA && (more->start_date[0] || more->end_date[0]))
		return err_set(em, ERR_PARSE, "\"start-date\" and \"end-date\" go with keys and certificates only");
	if (class != CKO_PRIVATE_KEY && more->always_authenticate)
		return err_set(em, ERR_PARSE, "\"always-authenticate\" goes with private keys only");
	return OK;
}

bool entry_more_equal(const struct entry_more *a, const struct entry_more *b)
{
	if (!a || !b)
		return a == b;
	return a->usages == b->usages && a->mechanism_count == b->mechanism_count &&
	       memcmp(a->start_date, b->start_date, sizeof(a->start_date)) == 0 &&
	       memcmp(a->end_date, b->end_date, sizeof(a->end_date)) == 0 &&
	       a->always_authenticate == b->always_authenticate &&
	       (!a->mechanism_count ||
		memcmp(a->mechanisms, b->mechanisms, a->mechanism_count * sizeof(*a->mechanisms)) == 0);
}

enum err entry_more_copy(const struct entry_more *from, struct pool *pool, const struct entry_more **to,
			 struct errmsg *em)
{
	*to = NULL;
	if (!from)
		return OK;
	size_t size = from->mechanism_count * sizeof(*from->mechanisms);
	struct entry_more *copy = pool_take(pool, sizeof(*copy));
	CK_MECHANISM_TYPE *mechanisms = size ? pool_take(pool, size) : NULL;
	if (!copy || (size && !mechanisms))
		return err_nomem(em, "an object");
	*copy = *from;
	copy->mechanisms = mechanisms;
	if (size)
		memcpy(mechanisms, from->mechanisms, size);
	*to = copy;
	return OK;
}

bool entry_more_may(const struct entry_more *more, CK_OBJECT_CLASS class, unsigned usage)
{
	if (!more || !more->usages)
		return true;
	unsigned allowed = more->usages;
	for (size_t i = 0; class == CKO_PUBLIC_KEY && i < ARRAY_LEN(usages); i++)
		if (more->usages & usages[i].usage)
			allowed |= usages[i].other;
	return (allowed & usage) != 0;
}
