#include "keywrap/token_data.h"

#include "keywrap/token_object.h"

/* One look at the object, in a session that is its own. */
struct data_read {
	struct token_session session;
	struct token_ref *ref;
	struct secret *value;
};

/* Straight into the arena: what is kept in a token is secret. */
static enum err value_read(struct data_read *r, CK_OBJECT_HANDLE object, struct errmsg *em)
{
	struct token_session *s = &r->session;
	AUTO(secret) *value = NULL;
	CK_ATTRIBUTE attribute = { CKA_VALUE, NULL, 0 };
	CK_RV rv = s->functions->C_GetAttributeValue(s->handle, object, &attribute, 1);
	enum err e = token_session_check(s, rv, "C_GetAttributeValue", em);
	if (e != OK)
		return e;
	CK_ULONG len = attribute.ulValueLen;
	if (len == CK_UNAVAILABLE_INFORMATION || len == 0)
		return err_set(em, ERR_KEY, "the data object has no value");
	if (len > TOKEN_DATA_MAX)
		return err_set(em, ERR_LIMIT, "the data object has more than %zu bytes", TOKEN_DATA_MAX);
	e = secret_new(len, &value, em);
	if (e != OK)
		return e;
	attribute = (CK_ATTRIBUTE){ CKA_VALUE, secret_data(value), len };
	rv = s->functions->C_GetAttributeValue(s->handle, object, &attribute, 1);
	e = token_session_check(s, rv, "C_GetAttributeValue", em);
	if (e == OK && attribute.ulValueLen > len)
		e = err_set(em, ERR_PROTO, "C_GetAttributeValue gave more than there was room for");
	if (e != OK)
		return e;
	secret_truncate(value, attribute.ulValueLen);
	r->value = steal(&value);
	return OK;
}

static enum err read_once(struct token_pool *pool, struct data_read *r, struct errmsg *em)
{
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	enum err e = token_session_take(pool, (struct token_want){ r->ref, true }, &r->session, em);
	if (e != OK)
		return e;
	e = token_object_find(&r->session, (struct token_object_want){ r->ref, CKO_DATA }, &object, em);
	if (e == OK)
		e = value_read(r, object, em);
	token_session_give(pool, &r->session);
	return e;
}

enum err token_data_read(struct token_pool *pool, struct token_ref *ref, struct secret **out, struct errmsg *em)
{
	struct data_read r = { .ref = ref };
	enum err e = read_once(pool, &r, em);
	/* A session that was lost is made anew, once. */
	if (e != OK && r.session.lost) {
		r.session = (struct token_session){ .lost = false };
		e = read_once(pool, &r, em);
	}
	*out = r.value;
	return e;
}
