#include "common/jwe_message.h"

#include "common/base64.h"
#include "common/jwe_crypto.h"

#define HEADER_MAX (64 * 1024)

void jwe_message_free(struct jwe_message *m)
{
	if (!m)
		return;
	json_object_put(m->root);
	json_object_put(m->protected_header);
	buf_clear(&m->iv);
	buf_clear(&m->ciphertext);
	buf_clear(&m->tag);
	buf_clear(&m->aad);
	free(m);
}

static enum err take_part(const char *name, struct bytes text, struct buf *out, struct errmsg *em)
{
	enum err e = base64_decode(BASE64_URL, text, out, em);
	return e == OK ? OK : err_wrap(em, e, "JWE %s", name);
}

static enum err take_protected(struct jwe_message *m, struct bytes text, struct errmsg *em)
{
	if (text.len == 0) {
		m->protected_header = json_object_new_object();
		return m->protected_header ? OK : err_nomem(em, "a JWE");
	}
	AUTO_BUF
	header = { 0 };
	enum err e = take_part("protected header", text, &header, em);
	if (e != OK)
		return e;
	e = json_parse(buf_bytes(&header), HEADER_MAX, JSON_STRICT, &m->protected_header, em);
	if (e == OK && !json_object_is_type(m->protected_header, json_type_object))
		e = err_set(em, ERR_PARSE, "not an object");
	if (e != OK)
		return err_wrap(em, e, "JWE protected header");
	return buf_append(&m->aad, text, 0, em);
}

/* RFC 7518 5.3 fixes both lengths. */
static enum err check_lengths(const struct jwe_message *m, struct errmsg *em)
{
	if (m->iv.len != JWE_IV)
		return err_set(em, ERR_PARSE, "JWE: an iv of %zu bytes instead of 12", m->iv.len);
	if (m->tag.len != JWE_TAG)
		return err_set(em, ERR_PARSE, "JWE: a tag of %zu bytes instead of 16", m->tag.len);
	return OK;
}

/* RFC 7516 7.1: five parts between dots. */
static enum err parse_compact(struct bytes text, struct jwe_message *m, struct errmsg *em)
{
	struct bytes parts[5];
	const uint8_t *end = text.data + text.len;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const uint8_t *dot = text.len ? memchr(text.data, '.', text.len) : NULL;
		if (!dot != (i + 1 == ARRAY_LEN(parts)))
			return err_set(em, ERR_PARSE, "not a JWE: neither JSON nor five parts between dots");
		parts[i] = (struct bytes){ text.data, dot ? (size_t)(dot - text.data) : text.len };
		if (dot)
			text = (struct bytes){ dot + 1, (size_t)(end - dot - 1) };
	}
	enum err e = take_protected(m, parts[0], em);
	m->only_key = parts[1];
	if (e == OK)
		e = take_part("iv", parts[2], &m->iv, em);
	if (e == OK)
		e = take_part("ciphertext", parts[3], &m->ciphertext, em);
	if (e == OK)
		e = take_part("tag", parts[4], &m->tag, em);
	return e;
}

static enum err take_member(struct jwe_message *m, const char *name, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(m->root, name, &text, em);
	if (e != OK)
		return err_wrap(em, e, "JWE");
	return take_part(name, bytes_str(text), out, em);
}

/* Flattened (7.2.2) or general (7.2.1). Beside "recipients" go-jose repeats the first one's "encrypted_key" at the
 * top: it is passed over. */
static enum err take_recipients(struct jwe_message *m, struct errmsg *em)
{
	const char *key = "";
	enum err e = json_get_object_opt(m->root, "unprotected", &m->unprotected, em);
	if (e == OK)
		e = json_get_object_opt(m->root, "header", &m->only_header, em);
	if (e == OK)
		e = json_get_array_opt(m->root, "recipients", &m->recipients, em);
	if (e == OK)
		e = json_get_string_opt(m->root, "encrypted_key", &key, em);
	if (e != OK)
		return err_wrap(em, e, "JWE");
	m->only_key = bytes_str(key);
	if (!m->recipients)
		return OK;
	if (m->only_header)
		return err_set(em, ERR_PARSE, "JWE: \"header\" beside \"recipients\"");
	size_t count = json_object_array_length(m->recipients);
	if (count == 0 || count > JWE_RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "JWE: %zu recipients: 1 to %d are supported", count, JWE_RECIPIENTS_MAX);
	return OK;
}

static enum err parse_json(struct bytes text, size_t max, struct jwe_message *m, struct errmsg *em)
{
	const char *protected_text = "";
	const char *aad = NULL;
	enum err e = json_parse(text, max, JSON_STRICT, &m->root, em);
	if (e == OK)
		e = json_get_string_opt(m->root, "protected", &protected_text, em);
	if (e == OK)
		e = json_get_string_opt(m->root, "aad", &aad, em);
	if (e != OK)
		return err_wrap(em, e, "JWE");
	e = take_protected(m, bytes_str(protected_text), em);
	if (e == OK && aad) {
		e = buf_append(&m->aad, bytes_str("."), 0, em);
		if (e == OK)
			e = buf_append(&m->aad, bytes_str(aad), 0, em);
	}
	if (e == OK)
		e = take_member(m, "iv", &m->iv, em);
	if (e == OK)
		e = take_member(m, "ciphertext", &m->ciphertext, em);
	if (e == OK)
		e = take_member(m, "tag", &m->tag, em);
	return e == OK ? take_recipients(m, em) : e;
}

static bool begins_object(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r' && text.data[i] != '\n')
			return text.data[i] == '{';
	return false;
}

enum err jwe_message_parse(struct bytes text, size_t max, struct jwe_message **out, struct errmsg *em)
{
	if (text.len > max)
		return err_set(em, ERR_LIMIT, "JWE of %zu bytes: at most %zu are accepted", text.len, max);
	AUTO(jwe_message) *m = calloc(1, sizeof *m);
	if (!m)
		return err_nomem(em, "a JWE");
	enum err e = begins_object(text) ? parse_json(text, max, m, em) : parse_compact(text, m, em);
	if (e == OK)
		e = check_lengths(m, em);
	if (e == OK)
		*out = steal(&m);
	return e;
}

size_t jwe_message_recipients(const struct jwe_message *m)
{
	return m->recipients ? json_object_array_length(m->recipients) : 1;
}

static enum err view_check(const struct jwe_view *v, struct errmsg *em)
{
	if (jwe_view_member(v, "crit"))
		return err_set(em, ERR_UNSUPPORTED, "JWE with critical extensions");
	if (jwe_view_member(v, "zip"))
		return err_set(em, ERR_UNSUPPORTED, "JWE with compressed content");
	for (size_t a = 0; a < ARRAY_LEN(v->headers); a++) {
		if (!v->headers[a])
			continue;
		json_object_object_foreach(v->headers[a], name, value)
		{
			(void)value;
			for (size_t b = a + 1; b < ARRAY_LEN(v->headers); b++)
				if (v->headers[b] && json_object_object_get_ex(v->headers[b], name, NULL))
					return err_set(em, ERR_PARSE, "JWE: a header member stands in two headers");
		}
	}
	return OK;
}

enum err jwe_message_view(const struct jwe_message *m, size_t index, struct jwe_view *out, struct errmsg *em)
{
	*out = (struct jwe_view){ { m->protected_header, m->unprotected, m->only_header }, m->only_key };
	if (m->recipients) {
		json_object *recipient = json_object_array_get_idx(m->recipients, index);
		const char *key = "";
		if (!json_object_is_type(recipient, json_type_object))
			return err_set(em, ERR_PARSE, "JWE: recipient %zu is not an object", index);
		enum err e = json_get_object_opt(recipient, "header", &out->headers[2], em);
		if (e == OK)
			e = json_get_string_opt(recipient, "encrypted_key", &key, em);
		if (e != OK)
			return err_wrap(em, e, "JWE recipient %zu", index);
		out->encrypted_key = bytes_str(key);
	}
	return view_check(out, em);
}

json_object *jwe_view_member(const struct jwe_view *v, const char *name)
{
	json_object *value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(v->headers); i++)
		if (v->headers[i] && json_object_object_get_ex(v->headers[i], name, &value) && value)
			return value;
	return NULL;
}

enum err jwe_view_string(const struct jwe_view *v, const char *name, const char **out, struct errmsg *em)
{
	json_object *value = jwe_view_member(v, name);
	if (!json_object_is_type(value, json_type_string))
		return err_set(em, ERR_PARSE, "JWE: header member \"%s\" is missing or no string", name);
	*out = json_object_get_string(value);
	return OK;
}
