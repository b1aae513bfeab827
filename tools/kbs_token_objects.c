#include "tools/kbs_token_objects.h"

#include <p11-kit/uri.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 16384
#define FIELD_MAX 512

void token_table_clear(struct token_table *t)
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

const char *token_class_name(CK_OBJECT_CLASS class)
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

static enum err read_row(const struct search *s, CK_OBJECT_HANDLE object, struct token_row *row, struct errmsg *em)
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

static void mark_type(struct token_table *t, const struct search *s, const char *name)
{
	for (CK_ULONG i = 0; i < s->count; i++)
		for (size_t k = 0; k < t->count; k++)
			if (t->rows[k].handle == s->found[i])
				t->rows[k].key_type = name;
}

/* By searching, not by asking: to ask a key for its type may fetch it. */
static enum err find_types(struct search *s, struct token_table *t, struct errmsg *em)
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
static enum err make_uri(struct token_row *row, const CK_TOKEN_INFO *info, struct errmsg *em)
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

static enum err read_table(struct search *s, const CK_TOKEN_INFO *info, struct token_table *t, struct errmsg *em)
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

static enum err read_token(const struct token_args *args, struct search *s, struct token_table *t, struct errmsg *em)
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

enum err token_table_read(const struct token_args *args, struct token_table *t, struct errmsg *em)
{
	struct search s = { .found = calloc(OBJECTS_MAX, sizeof(*s.found)) };
	enum err e = s.found ? read_token(args, &s, t, em) : err_set(em, ERR_NOMEM, "no memory for the objects");
	free(s.found);
	return e;
}

void token_row_label(const struct token_row *row, char text[TOKEN_LABEL_SIZE])
{
	size_t n = 0;
	for (; n < row->label.len && n < TOKEN_LABEL_SIZE - 1; n++)
		text[n] = row->label.data[n] >= ' ' && row->label.data[n] != 127 ? (char)row->label.data[n] : '?';
	text[n] = '\0';
}
