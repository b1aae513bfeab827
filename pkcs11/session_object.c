#include "pkcs11/session_object.h"

#include "pkcs11/object_attributes.h"

void session_part_free(struct session_part *part)
{
	if (!part)
		return;
	struct buf *bufs[] = { &part->subject, &part->start_date,  &part->end_date,
			       &part->allowed, &part->application, &part->object_id };
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_clear(bufs[i]);
	attribute_list_clear(&part->wrap_template);
	attribute_list_clear(&part->unwrap_template);
	attribute_list_clear(&part->derive_template);
	free(part);
}

static bool put(struct buf *to, struct bytes from)
{
	buf_clear(to);
	return buf_append(to, from, 0, NULL) == OK;
}

static bool put_label(struct object *o, struct bytes label)
{
	char *copy = calloc(1, label.len + 1);
	if (!copy)
		return false;
	if (label.len)
		memcpy(copy, label.data, label.len);
	free(o->label);
	o->label = copy;
	o->label_len = label.len;
	return true;
}

static void put_id(struct object *o, struct bytes id)
{
	if (id.len)
		memcpy(o->id, id.data, id.len);
	o->id_len = id.len;
}

static bool is_secret(CK_OBJECT_CLASS class)
{
	return class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY;
}

/* All that the key can be used for, where the template does not say. */
static unsigned default_usages(CK_OBJECT_CLASS class, CK_KEY_TYPE type)
{
	static const CK_ATTRIBUTE_TYPE all[] = { CKA_ENCRYPT,        CKA_DECRYPT,     CKA_SIGN,       CKA_VERIFY,
						 CKA_WRAP,           CKA_UNWRAP,      CKA_DERIVE,     CKA_SIGN_RECOVER,
						 CKA_VERIFY_RECOVER, CKA_ENCAPSULATE, CKA_DECAPSULATE };
	unsigned usages = 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (object_attributes_usable(class, type, all[i]))
			usages |= usage_of(all[i]);
	return usages;
}

static bool put_lists(struct session_part *to, struct bytes wrap, struct bytes unwrap, struct bytes derive)
{
	return attribute_list_copy(&to->wrap_template, wrap) && attribute_list_copy(&to->unwrap_template, unwrap) &&
	       attribute_list_copy(&to->derive_template, derive);
}

static struct session_part *part_new(const struct template *t)
{
	AUTO(session_part) *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->usages = t->usages | (default_usages(t->class, t->key_type) & ~t->usages_given);
	part->private = t->private;
	part->modifiable = t->modifiable;
	part->copyable = t->copyable;
	part->destroyable = t->destroyable;
	part->wrap_with_trusted = t->wrap_with_trusted;
	part->made_by = CK_UNAVAILABLE_INFORMATION;
	if (!put(&part->subject, t->subject) || !put(&part->start_date, t->start_date) ||
	    !put(&part->end_date, t->end_date) || !put(&part->allowed, t->allowed) ||
	    !put(&part->application, t->application) || !put(&part->object_id, t->object_id) ||
	    !put_lists(part, t->wrap_template, t->unwrap_template, t->derive_template))
		return NULL;
	return steal(&part);
}

CK_RV session_object_new(const struct template *t, struct material *content, struct object **out)
{
	AUTO(object) *o = calloc(1, sizeof(*o));
	if (!o) {
		material_free(content);
		return CKR_HOST_MEMORY;
	}
	o->refs = 1;
	o->own = content;
	o->class = t->class;
	o->hint = t->key_type;
	o->session_object = true;
	o->sensitive = is_secret(t->class) && t->sensitive;
	o->extractable = t->extractable;
	put_id(o, t->id);
	o->session = part_new(t);
	if (!o->session || !put_label(o, t->label))
		return CKR_HOST_MEMORY;
	*out = steal(&o);
	return CKR_OK;
}

/* 4.1.2: what protects a key may only get stricter. */
static CK_RV check_change(const struct object *o, const struct template *t)
{
	if (template_has(t, CKA_SENSITIVE) && o->sensitive && !t->sensitive)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (template_has(t, CKA_EXTRACTABLE) && !o->extractable && t->extractable)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (template_has(t, CKA_WRAP_WITH_TRUSTED) && o->session->wrap_with_trusted && !t->wrap_with_trusted)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (template_has(t, CKA_COPYABLE) && !o->session->copyable && t->copyable)
		return CKR_ATTRIBUTE_READ_ONLY;
	/* A copy would otherwise be free of what binds the key. */
	if ((template_has(t, CKA_ALLOWED_MECHANISMS) && o->session->allowed.len) ||
	    (template_has(t, CKA_WRAP_TEMPLATE) && o->session->wrap_template.count) ||
	    (template_has(t, CKA_UNWRAP_TEMPLATE) && o->session->unwrap_template.count) ||
	    (template_has(t, CKA_DERIVE_TEMPLATE) && o->session->derive_template.count))
		return CKR_ATTRIBUTE_READ_ONLY;
	return CKR_OK;
}

static struct session_part *part_copy(const struct session_part *from)
{
	AUTO(session_part) *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	*part = *from;
	memset(&part->wrap_template, 0, sizeof(*part) - offsetof(struct session_part, wrap_template));
	if (!put(&part->subject, buf_bytes(&from->subject)) || !put(&part->start_date, buf_bytes(&from->start_date)) ||
	    !put(&part->end_date, buf_bytes(&from->end_date)) || !put(&part->allowed, buf_bytes(&from->allowed)) ||
	    !put(&part->application, buf_bytes(&from->application)) ||
	    !put(&part->object_id, buf_bytes(&from->object_id)) ||
	    !put_lists(part, attribute_list_array(&from->wrap_template), attribute_list_array(&from->unwrap_template),
		       attribute_list_array(&from->derive_template)))
		return NULL;
	return steal(&part);
}

static bool change_bytes(struct object *o, const struct template *t)
{
	struct session_part *part = o->session;
	struct {
		CK_ATTRIBUTE_TYPE type;
		struct bytes from;
		struct buf *to;
	} bytes[] = {
		{ CKA_SUBJECT, t->subject, &part->subject },
		{ CKA_START_DATE, t->start_date, &part->start_date },
		{ CKA_END_DATE, t->end_date, &part->end_date },
		{ CKA_ALLOWED_MECHANISMS, t->allowed, &part->allowed },
		{ CKA_APPLICATION, t->application, &part->application },
		{ CKA_OBJECT_ID, t->object_id, &part->object_id },
	};
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		if (template_has(t, bytes[i].type) && !put(bytes[i].to, bytes[i].from))
			return false;
	if (template_has(t, CKA_ID))
		put_id(o, t->id);
	struct {
		CK_ATTRIBUTE_TYPE type;
		struct bytes from;
		struct attribute_list *to;
	} lists[] = {
		{ CKA_WRAP_TEMPLATE, t->wrap_template, &part->wrap_template },
		{ CKA_UNWRAP_TEMPLATE, t->unwrap_template, &part->unwrap_template },
		{ CKA_DERIVE_TEMPLATE, t->derive_template, &part->derive_template },
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (template_has(t, lists[i].type) && !attribute_list_copy(lists[i].to, lists[i].from))
			return false;
	return !template_has(t, CKA_LABEL) || put_label(o, t->label);
}

static void change_flags(struct object *o, const struct template *t)
{
	struct session_part *part = o->session;
	struct {
		CK_ATTRIBUTE_TYPE type;
		bool from;
		bool *to;
	} flags[] = {
		{ CKA_SENSITIVE, t->sensitive, &o->sensitive },
		{ CKA_EXTRACTABLE, t->extractable, &o->extractable },
		{ CKA_PRIVATE, t->private, &part->private },
		{ CKA_MODIFIABLE, t->modifiable, &part->modifiable },
		{ CKA_COPYABLE, t->copyable, &part->copyable },
		{ CKA_DESTROYABLE, t->destroyable, &part->destroyable },
		{ CKA_WRAP_WITH_TRUSTED, t->wrap_with_trusted, &part->wrap_with_trusted },
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (template_has(t, flags[i].type))
			*flags[i].to = flags[i].from;
	part->usages = (part->usages & ~t->usages_given) | t->usages;
}

/* A data object's value is the only content that may change. */
static CK_RV changed_content(const struct object *from, const struct template *t, struct material **out)
{
	if (from->class == CKO_DATA && template_has(t, CKA_VALUE))
		return session_object_content(t, out);
	*out = material_ref(from->own);
	return CKR_OK;
}

CK_RV session_object_change(struct object *from, const struct template *t, enum template_use use, struct object **out)
{
	if (use == TEMPLATE_COPY ? !from->session->copyable : !from->session->modifiable)
		return CKR_ACTION_PROHIBITED;
	CK_RV rv = check_change(from, t);
	if (rv != CKR_OK)
		return rv;
	AUTO(object) *o = calloc(1, sizeof(*o));
	if (!o)
		return CKR_HOST_MEMORY;
	o->refs = 1;
	o->handle = from->handle;
	o->owner = from->owner;
	o->class = from->class;
	o->hint = from->hint;
	o->session_object = true;
	o->sensitive = from->sensitive;
	o->extractable = from->extractable;
	put_id(o, (struct bytes){ from->id, from->id_len });
	o->session = part_copy(from->session);
	if (!o->session || !put_label(o, (struct bytes){ (const uint8_t *)from->label, from->label_len }))
		return CKR_HOST_MEMORY;
	rv = changed_content(from, t, &o->own);
	if (rv != CKR_OK)
		return rv;
	if (!change_bytes(o, t))
		return CKR_HOST_MEMORY;
	change_flags(o, t);
	*out = steal(&o);
	return CKR_OK;
}

bool object_may(const struct object *o, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE usage)
{
	/* These come in one call, which leaves no room for a login in between. */
	if (o->always_authenticate && (usage == CKA_UNWRAP || usage == CKA_DERIVE || usage == CKA_DECAPSULATE))
		return false;
	if (!o->session)
		return object_attributes_usable(o->class, type, usage) &&
		       entry_more_may(o->more, o->class, usage_of(usage));
	return (o->session->usages & usage_of(usage)) != 0;
}

struct bytes object_allowed_mechanisms(const struct object *o)
{
	if (o->session)
		return buf_bytes(&o->session->allowed);
	if (!o->more)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)o->more->mechanisms,
			       o->more->mechanism_count * sizeof(*o->more->mechanisms) };
}

bool object_allows(const struct object *o, CK_MECHANISM_TYPE mechanism)
{
	struct bytes allowed = object_allowed_mechanisms(o);
	if (!allowed.len)
		return true;
	for (size_t i = 0; i + sizeof(mechanism) <= allowed.len; i += sizeof(mechanism))
		if (memcmp(allowed.data + i, &mechanism, sizeof(mechanism)) == 0)
			return true;
	return false;
}

bool object_may_wrap(const struct object *with, struct object *what)
{
	const struct attribute_list *list = with->session ? &with->session->wrap_template : NULL;
	return !list || object_attributes_match(what, list->items, list->count);
}

CK_RV object_merge_template(const struct object *key, CK_ATTRIBUTE_TYPE type, struct attribute_template given,
			    struct attribute_template *out)
{
	static const struct attribute_list none = { NULL, 0 };
	const struct attribute_list *list = &none;
	if (key && key->session)
		list = type == CKA_UNWRAP_TEMPLATE ? &key->session->unwrap_template : &key->session->derive_template;
	return attribute_list_merge(list, given, out);
}
