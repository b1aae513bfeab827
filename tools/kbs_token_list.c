#include "tools/kbs_token.h"

#include "tools/cli.h"

#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 16384
#define FIELD_MAX 512

struct row {
	CK_OBJECT_HANDLE handle;
	CK_OBJECT_CLASS class;
	struct buf label;
	struct buf id;
	const char *key_type; /* NULL: no key, or not known before it is fetched */
	char *uri;
};

struct table {
	struct row *rows;
	size_t count;
};

static void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		buf_clear(&t->rows[i].label);
		buf_clear(&t->rows[i].id);
		free(t->rows[i].uri);
	}
	free(t->rows);
}

static const struct {
	CK_OBJECT_CLASS class;
	const char *name;
} classes[] = {
	{ CKO_PRIVATE_KEY, "private-key" },
	{ CKO_PUBLIC_KEY, "public-key" },
	{ CKO_SECRET_KEY, "secret-key" },
	{ CKO_CERTIFICATE, "certificate" },
	{ CKO_DATA, "data" },
};

static const char *class_name(CK_OBJECT_CLASS class)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].class == class)
			return classes[i].name;
	return "other";
}

static const struct {
	CK_KEY_TYPE type;
	const char *name;
} key_types[] = {
	{ CKK_RSA, "RSA" },
	{ CKK_EC, "EC" },
	{ CKK_EC_EDWARDS, "Ed" },
	{ CKK_AES, "AES" },
	{ CKK_GENERIC_SECRET, "generic" },
};

struct search {
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE *found; /* OBJECTS_MAX */
	CK_ULONG count;
};

static enum err search_run(struct search *s, CK_ATTRIBUTE *template, CK_ULONG count, struct errmsg *em)
{
	s->count = 0;
	enum err e = token_rv("C_FindObjectsInit", s->p11->C_FindObjectsInit(s->session, template, count), em);
	if (e != OK)
		return e;
	for (CK_ULONG got = 1; e == OK && got && s->count < OBJECTS_MAX; s->count += got)
		e = token_rv("C_FindObjects",
			     s->p11->C_FindObjects(s->session, s->found + s->count, OBJECTS_MAX - s->count, &got), em);
	(void)s->p11->C_FindObjectsFinal(s->session);
	return e;
}

/* One attribute at a time, so that one which is missing costs only itself. */
static enum err read_field(const struct search *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *to,
			   struct errmsg *em)
{
	uint8_t field[FIELD_MAX];
	CK_ATTRIBUTE a = { type, field, sizeof(field) };
	if (s->p11->C_GetAttributeValue(s->session, object, &a, 1) != CKR_OK || a.ulValueLen > sizeof(field))
		return OK;
	return buf_append(to, (struct bytes){ field, a.ulValueLen }, 0, em);
}

static enum err read_row(const struct search *s, CK_OBJECT_HANDLE object, struct row *row, struct errmsg *em)
{
	CK_ATTRIBUTE class = { CKA_CLASS, &row->class, sizeof(row->class) };
	row->handle = object;
	enum err e = token_rv("C_GetAttributeValue", s->p11->C_GetAttributeValue(s->session, object, &class, 1), em);
	if (e == OK)
		e = read_field(s, object, CKA_LABEL, &row->label, em);
	if (e == OK)
		e = read_field(s, object, CKA_ID, &row->id, em);
	return e;
}

static void mark_type(struct table *t, const struct search *s, const char *name)
{
	for (CK_ULONG i = 0; i < s->count; i++)
		for (size_t k = 0; k < t->count; k++)
			if (t->rows[k].handle == s->found[i])
				t->rows[k].key_type = name;
}

/* By searching, not by asking: to ask a key for its type may fetch it. */
static enum err find_types(struct search *s, struct table *t, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		CK_KEY_TYPE type = key_types[i].type;
		CK_ATTRIBUTE wanted = { CKA_KEY_TYPE, &type, sizeof(type) };
		enum err e = search_run(s, &wanted, 1, em);
		if (e != OK)
			return e;
		mark_type(t, s, key_types[i].name);
	}
	return OK;
}

/* RFC 7512: the token by its label, the object by all that is known. */
static enum err make_uri(struct row *row, const CK_TOKEN_INFO *info, struct errmsg *em)
{
	P11KitUri *uri = p11_kit_uri_new();
	if (!uri)
		return err_set(em, ERR_NOMEM, "no memory for a URI");
	CK_ATTRIBUTE attributes[] = {
		{ CKA_CLASS, &row->class, sizeof(row->class) },
		{ CKA_LABEL, row->label.data, row->label.len },
		{ CKA_ID, row->id.data, row->id.len },
	};
	memcpy(p11_kit_uri_get_token_info(uri)->label, info->label, sizeof(info->label));
	int failed = 0;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (attributes[i].ulValueLen)
			failed |= p11_kit_uri_set_attribute(uri, &attributes[i]);
	char *text = NULL;
	if (!failed)
		failed = p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &text);
	if (!failed)
		row->uri = strdup(text);
	free(text);
	p11_kit_uri_free(uri);
	return row->uri ? OK : err_set(em, ERR_INTERNAL, "a URI cannot be written");
}

static enum err read_table(struct search *s, const CK_TOKEN_INFO *info, struct table *t, struct errmsg *em)
{
	enum err e = search_run(s, NULL, 0, em);
	if (e != OK)
		return e;
	t->rows = calloc(s->count + 1, sizeof(*t->rows));
	if (!t->rows)
		return err_set(em, ERR_NOMEM, "no memory for %lu objects", s->count);
	for (t->count = 0; e == OK && t->count < s->count; t->count++)
		e = read_row(s, s->found[t->count], &t->rows[t->count], em);
	if (e == OK)
		e = find_types(s, t, em);
	for (size_t i = 0; e == OK && i < t->count; i++)
		e = make_uri(&t->rows[i], info, em);
	return e;
}

static void print_text(const struct table *t)
{
	static const char *const format = "%-32s %-12s %-34s %-8s %s\n";
	if (t->count)
		printf(format, "LABEL", "CLASS", "ID", "TYPE", "URI");
	else
		fputs("kbs-token: the token lists no objects; any kbs:/// URI can still be used as a label\n", stderr);
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->rows[i];
		char label[129];
		size_t n = 0;
		for (; n < row->label.len && n < sizeof(label) - 1; n++)
			label[n] =
				row->label.data[n] >= ' ' && row->label.data[n] != 127 ? (char)row->label.data[n] : '?';
		label[n] = '\0';
		AUTO_STR
		char *id = hex_encode(buf_bytes(&row->id));
		printf(format, label, class_name(row->class), id && *id ? id : "-", row->key_type ? row->key_type : "-",
		       row->uri);
	}
}

static bool put(json_object *to, const char *name, json_object *value)
{
	return json_object_object_add(to, name, value) == 0;
}

static json_object *row_json(struct row *row)
{
	json_object *o = json_object_new_object();
	AUTO_STR
	char *id = hex_encode(buf_bytes(&row->id));
	const char *label = buf_cstr(&row->label);
	if (o && id && label && put(o, "label", json_object_new_string(label)) &&
	    put(o, "class", json_object_new_string(class_name(row->class))) &&
	    put(o, "id", json_object_new_string(id)) &&
	    put(o, "key-type", row->key_type ? json_object_new_string(row->key_type) : NULL) &&
	    put(o, "uri", json_object_new_string(row->uri)))
		return o;
	json_object_put(o);
	return NULL;
}

static enum err print_json(const struct table *t, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_array();
	for (size_t i = 0; root && i < t->count; i++) {
		json_object *row = row_json(&t->rows[i]);
		if (!row || json_object_array_add(root, row) != 0)
			return err_set(em, ERR_NOMEM, "no memory for the list");
	}
	AUTO_STR
	char *text = root ? json_text(root) : NULL;
	if (!text)
		return err_set(em, ERR_NOMEM, "no memory for the list");
	puts(text);
	return OK;
}

static enum err list(const struct token_args *args, struct search *s, struct table *t, struct errmsg *em)
{
	AUTO_MODULE m = { .handle = NULL };
	CK_SLOT_ID slot;
	CK_TOKEN_INFO info;
	enum err e = token_module_open(args, &m, em);
	if (e == OK)
		e = token_module_slot(&m, &slot, &info, em);
	if (e != OK)
		return e;
	s->p11 = m.p11;
	e = token_rv("C_OpenSession", s->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s->session), em);
	return e == OK ? read_table(s, &info, t, em) : e;
}

int token_list(const struct token_args *args)
{
	struct errmsg em = { "" };
	struct table t = { NULL, 0 };
	struct search s = { .found = calloc(OBJECTS_MAX, sizeof(*s.found)) };
	enum err e = s.found ? list(args, &s, &t, &em) : err_set(&em, ERR_NOMEM, "no memory for the list");
	if (e == OK && args->json)
		e = print_json(&t, &em);
	else if (e == OK)
		print_text(&t);
	if (e == OK && fflush(stdout) != 0)
		e = err_errno(&em, ERR_IO, "standard output");
	table_clear(&t);
	free(s.found);
	return e == OK ? 0 : cli_fail(e, &em);
}
