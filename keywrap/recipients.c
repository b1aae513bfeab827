#define _GNU_SOURCE 1
#include "common/base64.h"
#include "keywrap/coco_packet.h"
#include "keywrap/context.h"

#include <stdarg.h>
#include <stdio.h>

/* The recipients of an encrypted layer, without its bytes: listed, tried one by one, taken away. They are numbered in
 * the order in which they stand in the annotations. */

enum err recipient_list_add(struct recipient_list *list, struct errmsg *em, const char *fmt, ...)
{
	if (list->count == RECIPIENTS_LISTED_MAX)
		return err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_LISTED_MAX);
	struct okw_recipient *more = reallocarray(list->list, list->count + 1, sizeof(*more));
	if (!more)
		return err_nomem(em, "a list of recipients");
	list->list = more;
	struct okw_recipient *to = &more[list->count++];
	va_list args;
	va_start(args, fmt);
	vsnprintf(to->text, sizeof(to->text), fmt, args);
	va_end(args);
	snprintf(to->scheme, sizeof(to->scheme), "%s", list->scheme);
	/* From outside, and on its way to a terminal. */
	for (char *c = to->text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	for (char *c = to->scheme; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return OK;
}

static const char *scheme_name(const struct okw_annotation *a)
{
	return strncmp(a->key, ANNOTATION_KEYS, strlen(ANNOTATION_KEYS)) == 0 ? a->key + strlen(ANNOTATION_KEYS) : NULL;
}

static const struct element_kind *kind_of(const struct okw_annotation *a)
{
	const char *name = scheme_name(a);
	const struct wrap_scheme *scheme = wrap_scheme_find(name, strlen(name));
	return scheme ? scheme->kind : NULL;
}

/* What is no element of a scheme that is known counts as one recipient. */
static enum err opaque_describe(const struct okw_annotation *a, struct bytes element, struct recipient_list *to,
				struct errmsg *em)
{
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	struct errmsg ignored = { "" };
	const char *name = scheme_name(a);
	if (strncmp(name, "provider.", 9) == 0 && coco_packet_parse(element, &packet, &ignored) == OK)
		return recipient_list_add(to, em, "%s", packet.kid);
	if (strncmp(name, "provider.", 9) == 0)
		return recipient_list_add(to, em, "known to that key provider");
	return recipient_list_add(to, em, "this scheme is not supported");
}

/* Adds the recipients of one element: always at least one. */
static enum err element_describe(const struct okw_annotation *a, struct bytes base64, struct recipient_list *to,
				 struct errmsg *em)
{
	AUTO_BUF
	element = { 0 };
	struct errmsg why = { "" };
	const struct element_kind *kind = kind_of(a);
	size_t before = to->count;
	enum err e = base64.len > WRAP_ELEMENT_MAX ? err_set(&why, ERR_LIMIT, "too large")
						   : base64_decode(BASE64_STD, base64, &element, &why);
	if (e == OK && !kind)
		return opaque_describe(a, buf_bytes(&element), to, em);
	if (e == OK)
		e = kind->describe(buf_bytes(&element), to, &why);
	if (e == OK && to->count > before)
		return OK;
	if (e == ERR_NOMEM || to->count == RECIPIENTS_LISTED_MAX)
		return err_set(em, e == OK ? ERR_LIMIT : e, "%s", why.text);
	to->count = before;
	return recipient_list_add(to, em, "nobody can open it: %.200s", why.text);
}

/* Where a recipient is. */
struct place {
	size_t annotation;
	struct bytes element; /* within its value, in base64 */
	size_t inside; /* its number in the element */
	size_t companions; /* recipients of the element, itself among them */
};

/* Walks all elements. `number` SIZE_MAX: to the end; else until `place` is found. */
static enum err recipients_walk(const struct okw_annotations *annotations, struct recipient_list *list, size_t number,
				struct place *place, struct errmsg *em)
{
	for (size_t i = 0; i < annotations->count; i++) {
		const struct okw_annotation *a = &annotations->items[i];
		if (!a->key || !a->value || !(list->scheme = scheme_name(a)))
			continue;
		for (const char *at = a->value; at;) {
			size_t len = strcspn(at, ",");
			size_t before = list->count;
			struct bytes element = { (const uint8_t *)at, len };
			enum err e = len ? element_describe(a, element, list, em) : OK;
			if (e != OK)
				return err_wrap(em, e, "%.60s", list->scheme);
			if (number >= before && number < list->count)
				*place = (struct place){ i, element, number - before, list->count - before };
			at = at[len] ? at + len + 1 : NULL;
		}
	}
	return OK;
}

static enum err place_find(const struct okw_annotations *annotations, size_t number, struct place *place, size_t *count,
			   struct errmsg *em)
{
	struct recipient_list list = { .count = 0 };
	enum err e = recipients_walk(annotations, &list, number, place, em);
	*count = list.count;
	free(list.list);
	if (e == OK && number >= list.count)
		e = err_set(em, ERR_ARG, "the layer has no recipient %zu: there are %zu", number, list.count);
	return e;
}

enum okw_code okw_list_recipients(const struct okw_annotations *annotations, struct okw_recipient **out, size_t *count,
				  struct okw_error *error)
{
	struct errmsg em = { "" };
	struct recipient_list list = { .count = 0 };
	struct place ignored;
	if (!annotations || !out || !count)
		return okw_result(err_set(&em, ERR_ARG, "no annotations or no place for the list"), &em, error);
	*out = NULL;
	*count = 0;
	enum err e = recipients_walk(annotations, &list, SIZE_MAX, &ignored, &em);
	if (e != OK) {
		free(list.list);
		return okw_result(e, &em, error);
	}
	*out = list.list;
	*count = list.count;
	return okw_result(OK, &em, error);
}

/* The value of an annotation with another element in the place of one; an empty one takes its comma along. malloc'd,
 * NULL without memory. */
static char *value_replace(const char *value, struct bytes element, const char *instead)
{
	size_t head = (size_t)((const char *)element.data - value);
	const char *tail = value + head + element.len;
	char *made = NULL;
	if (!instead[0] && *tail == ',')
		tail++;
	else if (!instead[0] && head > 0)
		head--;
	return asprintf(&made, "%.*s%s%s", (int)head, value, instead, tail) < 0 ? NULL : made;
}

static enum err element_replace(struct okw_annotation *a, struct bytes element, struct bytes with, struct errmsg *em)
{
	AUTO_STR
	char *base64 = base64_encode(BASE64_STD, with);
	char *value = base64 ? value_replace(a->value, element, base64) : NULL;
	if (!value)
		return err_nomem(em, "annotations");
	free(a->value);
	a->value = value;
	return OK;
}

static void annotation_remove(struct okw_annotations *annotations, size_t at)
{
	free(annotations->items[at].key);
	free(annotations->items[at].value);
	annotations->count--;
	memmove(&annotations->items[at], &annotations->items[at + 1],
		(annotations->count - at) * sizeof(*annotations->items));
}

static enum err place_remove(struct okw_annotations *annotations, const struct place *place, struct errmsg *em)
{
	AUTO_BUF
	element = { 0 };
	AUTO_BUF
	left = { 0 };
	struct okw_annotation *a = &annotations->items[place->annotation];
	enum err e = OK;
	if (place->companions > 1) {
		e = base64_decode(BASE64_STD, place->element, &element, em);
		if (e == OK)
			e = kind_of(a)->without(buf_bytes(&element), place->inside, &left, em);
	}
	if (e == OK)
		e = element_replace(a, place->element, buf_bytes(&left), em);
	if (e == OK && !a->value[0])
		annotation_remove(annotations, place->annotation);
	return e;
}

static enum err recipient_remove(struct okw_annotations *annotations, size_t number, struct errmsg *em)
{
	struct place place = { 0 };
	size_t count = 0;
	enum err e = place_find(annotations, number, &place, &count, em);
	if (e == OK && count == 1)
		e = err_set(em, ERR_ARG, "it is the layer's last recipient: nobody could open the layer any more");
	return e == OK ? place_remove(annotations, &place, em) : e;
}

enum okw_code okw_remove_recipient(struct okw_annotations *annotations, size_t number, struct okw_error *error)
{
	struct errmsg em = { "" };
	if (!annotations)
		return okw_result(err_set(&em, ERR_ARG, "no annotations"), &em, error);
	return okw_result(recipient_remove(annotations, number, &em), &em, error);
}

/* `only`: empty annotations. */
static enum err recipient_isolate(const struct okw_annotations *annotations, size_t number,
				  struct okw_annotations *only, struct errmsg *em)
{
	struct place place = { 0 };
	size_t count = 0;
	AUTO_BUF
	element = { 0 };
	enum err e = place_find(annotations, number, &place, &count, em);
	if (e != OK)
		return e;
	const struct okw_annotation *a = &annotations->items[place.annotation];
	e = base64_decode(BASE64_STD, place.element, &element, em);
	for (size_t i = place.companions; e == OK && i-- > 0;) {
		AUTO_BUF
		left = { 0 };
		if (i == place.inside)
			continue;
		e = kind_of(a)->without(buf_bytes(&element), i, &left, em);
		struct buf before = element;
		element = left;
		left = before;
	}
	return e == OK ? annotation_append(only, a->key, buf_bytes(&element), em) : e;
}

/* What a key says to what it does not open, beside what keeps it from trying. */
static bool is_refusal(enum err e)
{
	return e == ERR_KEY || e == ERR_INTEGRITY || e == ERR_CRYPTO || e == ERR_PARSE || e == ERR_LIMIT ||
	       e == ERR_UNSUPPORTED;
}

enum okw_code okw_recipient_opens(struct okw_context *context, const struct okw_annotations *annotations, size_t number,
				  int *opens, struct okw_error *error)
{
	struct errmsg em = { "" };
	struct okw_annotations only = { 0 };
	AUTO(secret) *priv = NULL;
	if (!context || !annotations || !opens)
		return okw_result(err_set(&em, ERR_ARG, "no context, annotations or place for the answer"), &em, error);
	*opens = 0;
	if (context->unwrap_count == 0)
		return okw_result(err_set(&em, ERR_ARG, "no decryption key was given"), &em, error);
	enum err e = recipient_isolate(annotations, number, &only, &em);
	if (e == ERR_PARSE) /* what nobody can open */
		e = OK;
	else if (e == OK)
		e = layer_key_unwrap(context, &only, &priv, &em);
	*opens = priv != NULL;
	okw_annotations_clear(&only);
	return okw_result(is_refusal(e) ? OK : e, &em, error);
}
