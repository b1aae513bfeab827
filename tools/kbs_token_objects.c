#include "tools/kbs_token_objects.h"

#include "common/token_attribute.h"

#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 262144
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
	{ CKK_RSA, "RSA" },       { CKK_EC, "EC" },
	{ CKK_EC_EDWARDS, "Ed" }, { 0x41, "X" }, /* CKK_EC_MONTGOMERY */
	{ CKK_AES, "AES" },       { CKK_GENERIC_SECRET, "generic" },
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

/* Known in the process that fetched it: this one has not, but --module may lead to one that has (p11-kit's client). */
static void read_time_left(const struct search *s, CK_OBJECT_HANDLE object, struct token_row *row)
{
	CK_ATTRIBUTE a = { CKA_KBS_TIME_LEFT, &row->seconds_left, sizeof(row->seconds_left) };
	row->held = s->p11->C_GetAttributeValue(s->session, object, &a, 1) == CKR_OK &&
		    a.ulValueLen == sizeof(row->seconds_left);
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
	if (e == OK)
		read_time_left(s, object, row);
	return e;
}

/* The rows of the token at hand: from the first of its own. Both lists are in the module's order, most likely. */
static void mark_type(struct token_table *t, size_t first, const struct search *s, const char *name)
{
	size_t at = first;
	for (CK_ULONG i = 0; i < s->count; i++) {
		size_t k = at;
		while (k < t->count && t->rows[k].handle != s->found[i])
			k++;
		for (size_t from = first; k == t->count && from < at; from++)
			if (t->rows[from].handle == s->found[i])
				k = from;
		if (k == t->count)
			continue;
		t->rows[k].key_type = name;
		at = k;
	}
}

/* By searching, not by asking: to ask a key for its type may fetch it. */
static enum err find_types(struct search *s, struct token_table *t, size_t first, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		CK_KEY_TYPE type = key_types[i].type;
		CK_ATTRIBUTE wanted = { CKA_KEY_TYPE, &type, sizeof(type) };
		enum err e = search_run(s, &wanted, 1, em);
		if (e != OK)
			return e;
		mark_type(t, first, s, key_types[i].name);
	}
	return OK;
}

/* RFC 7512: the token by its label, the object by all that is known. */
static enum err make_uri(struct token_row *row, const CK_TOKEN_INFO *info, struct errmsg *em)
{
	P11KitUri *uri = p11_kit_uri_new();
	if (!uri)
		return err_nomem(em, "a URI");
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

static enum err make_room(struct token_table *t, size_t more, struct errmsg *em)
{
	struct token_row *rows = reallocarray(t->rows, t->count + more + 1, sizeof(*rows));
	if (!rows)
		return err_set(em, ERR_NOMEM, "no memory for %zu objects", more);
	memset(rows + t->count, 0, (more + 1) * sizeof(*rows));
	t->rows = rows;
	return OK;
}

static enum err read_slot(struct search *s, CK_SLOT_ID slot, const CK_TOKEN_INFO *info, struct token_table *t,
			  struct errmsg *em)
{
	size_t first = t->count;
	enum err e = search_run(s, NULL, 0, em);
	if (e == OK)
		e = make_room(t, s->count, em);
	for (CK_ULONG i = 0; e == OK && i < s->count; i++) {
		struct token_row *row = &t->rows[t->count++];
		row->slot = slot;
		memcpy(row->token, token_field(info->label, sizeof(info->label)).text, sizeof(row->token));
		e = read_row(s, s->found[i], row, em);
	}
	if (e == OK)
		e = find_types(s, t, first, em);
	for (size_t i = first; e == OK && i < t->count; i++)
		e = make_uri(&t->rows[i], info, em);
	return e;
}

/* No PIN is asked for here: what is behind one stays there. */
static void tell_of_login(const CK_TOKEN_INFO *info)
{
	if (info->flags & CKF_LOGIN_REQUIRED)
		fprintf(stderr, "kbs-token: %s: private and secret keys are shown to who logs in, so not here\n",
			token_field(info->label, sizeof(info->label)).text);
}

/* An empty slot is passed over, unless it is the only one: doctor tells of it. */
static enum err read_tokens(const struct token_args *args, const struct token_module *m, struct search *s,
			    struct token_table *t, struct errmsg *em)
{
	struct token_slots slots;
	size_t read = 0;
	enum err e = token_module_slots(m, &slots, em);
	for (CK_ULONG i = 0; e == OK && i < slots.count; i++) {
		CK_TOKEN_INFO info;
		enum err there = token_module_info(m, slots.ids[i], &info, em);
		if (there == ERR_NOT_FOUND || (there == OK && !token_wanted(args, &info)))
			continue;
		if (there != OK)
			return there;
		read++;
		tell_of_login(&info);
		e = token_rv("C_OpenSession",
			     m->p11->C_OpenSession(slots.ids[i], CKF_SERIAL_SESSION, NULL, NULL, &s->session), em);
		if (e == OK)
			e = read_slot(s, slots.ids[i], &info, t, em);
	}
	if (e == OK && !read)
		e = args->token ? err_set(em, ERR_NOT_FOUND, "no token has the label %s", args->token)
				: err_set(em, ERR_NOT_FOUND, "the module has no slot with a token");
	return e;
}

enum err token_table_read(const struct token_args *args, struct token_table *t, struct errmsg *em)
{
	AUTO_MODULE m = { .handle = NULL };
	struct search s = { .found = calloc(OBJECTS_MAX, sizeof(*s.found)) };
	enum err e = s.found ? token_module_open(args, &m, em) : err_nomem(em, "the objects");
	s.p11 = m.p11;
	if (e == OK)
		e = read_tokens(args, &m, &s, t, em);
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
