#include "image/image.h"

#include "common/base64.h"
#include "image/configuration.h"
#include "image/source.h"

#define ANNOTATION_KEYS "org.opencontainers.image.enc.keys."

/* From outside, and on its way to a terminal. malloc'd. */
static char *printable(const char *text)
{
	char *copy = strndup(text, 128);
	for (char *c = copy; c && *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return copy;
}

/* Adds to an object or (name NULL) an array. Takes `value`, also on failure. */
static enum err add(json_object *to, const char *name, json_object *value, struct errmsg *em)
{
	return json_add(to, name, value) ? OK : err_set(em, ERR_NOMEM, "no memory");
}

static enum err add_text(json_object *to, const char *name, const char *text, struct errmsg *em)
{
	AUTO_STR
	char *clean = printable(text);
	return add(to, name, clean ? json_object_new_string(clean) : NULL, em);
}

static enum err add_descriptor(json_object *to, const struct descriptor *d, struct errmsg *em)
{
	enum err e = add(to, "digest", json_object_new_string(d->digest), em);
	if (e == OK)
		e = add(to, "size", json_object_new_int64(d->size), em);
	return e == OK ? add(to, "mediaType", json_object_new_string(d->media_type), em) : e;
}

/* How many a wrapped key opens for: JWE and PKCS#11 list them in a JSON member, other forms count as one. */
static int64_t element_recipients(struct bytes element)
{
	AUTO_BUF
	packet = { 0 };
	AUTO_OF(json_object) *json = NULL;
	json_object *recipients = NULL;
	if (base64_decode(BASE64_STD, element, &packet, NULL) != OK ||
	    json_parse(buf_bytes(&packet), MANIFEST_SIZE_MAX, JSON_STRICT, &json, NULL) != OK ||
	    !json_object_is_type(json, json_type_object) ||
	    !json_object_object_get_ex(json, "recipients", &recipients) ||
	    !json_object_is_type(recipients, json_type_array))
		return 1;
	return (int64_t)json_object_array_length(recipients);
}

static int64_t recipients_count(const char *value)
{
	int64_t count = 0;
	for (const char *at = value;; at++) {
		size_t len = strcspn(at, ",");
		if (len > 0)
			count += element_recipients((struct bytes){ (const uint8_t *)at, len });
		at += len;
		if (!*at)
			return count;
	}
}

static enum err add_recipients(json_object *to, const struct descriptor *d, struct errmsg *em)
{
	json_object *annotations = NULL;
	json_object *list = json_object_new_array();
	enum err e = add(to, "recipients", list, em);
	if (e != OK || !json_object_object_get_ex(d->json, "annotations", &annotations) || !annotations)
		return e;
	json_object_object_foreach(annotations, key, value)
	{
		if (strncmp(key, ANNOTATION_KEYS, strlen(ANNOTATION_KEYS)) != 0)
			continue;
		json_object *item = json_object_new_object();
		e = add(list, NULL, item, em);
		if (e == OK)
			e = add_text(item, "scheme", key + strlen(ANNOTATION_KEYS), em);
		if (e == OK)
			e = add(item, "count", json_object_new_int64(recipients_count(json_object_get_string(value))),
				em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err add_layers(json_object *to, const struct manifest *m, struct errmsg *em)
{
	json_object *list = json_object_new_array();
	enum err e = add(to, "layers", list, em);
	for (size_t i = 0; e == OK && i < m->layer_count; i++) {
		bool encrypted = media_type_is_encrypted(m->layers[i].media_type);
		json_object *layer = json_object_new_object();
		e = add(list, NULL, layer, em);
		if (e == OK)
			e = add_descriptor(layer, &m->layers[i], em);
		if (e == OK)
			e = add(layer, "encrypted", json_object_new_boolean(encrypted), em);
		if (e == OK && encrypted)
			e = add_recipients(layer, &m->layers[i], em);
	}
	return e;
}

/* What is no container image has another config, or "{}". */
static enum err add_config(json_object *to, struct image_source *source, const struct manifest *m, struct errmsg *em)
{
	AUTO_OF(json_object) *config = NULL;
	json_object *summary = json_object_new_object();
	enum err e = add(to, "config", summary, em);
	if (e == OK)
		e = add_descriptor(summary, &m->config, em);
	if (e != OK || (strcmp(m->config.media_type, MEDIA_OCI_CONFIG) != 0 &&
			strcmp(m->config.media_type, MEDIA_DOCKER_CONFIG) != 0))
		return e;
	static const char *const names[] = { "os", "architecture", "variant", "created" };
	e = image_config_read(source, &m->config, &config, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(names); i++) {
		const char *value = NULL;
		e = json_get_string_opt(config, names[i], &value, em);
		if (e == OK && value)
			e = add_text(to, names[i], value, em);
	}
	return e == OK ? OK : err_wrap(em, e, "config %s", m->config.digest);
}

enum err image_manifest(const char *src, const struct image_reading *how, struct buf *out, struct errmsg *em)
{
	AUTO(image_source) *source = NULL;
	AUTO_RAW_MANIFEST raw = { 0 };
	enum err e = image_source_open(src, how->access, &source, em);
	if (e == OK)
		e = image_source_manifest(source, &how->platform, &raw, em);
	return e == OK ? buf_append(out, buf_bytes(&raw.bytes), 0, em) : e;
}

static enum err summary_make(const char *src, struct image_source *source, const struct raw_manifest *raw,
			     json_object *to, struct errmsg *em)
{
	AUTO(manifest) *m = NULL;
	enum err e = manifest_parse(buf_bytes(&raw->bytes), raw->media_type, &m, em);
	if (e == OK)
		e = add_text(to, "name", src, em);
	if (e == OK)
		e = add(to, "digest", json_object_new_string(raw->digest), em);
	if (e == OK)
		e = add(to, "mediaType", json_object_new_string(raw->media_type), em);
	if (e == OK)
		e = add(to, "size", json_object_new_int64((int64_t)raw->bytes.len), em);
	if (e == OK)
		e = add_config(to, source, m, em);
	return e == OK ? add_layers(to, m, em) : e;
}

enum err image_inspect(const char *src, const struct image_reading *how, json_object **out, struct errmsg *em)
{
	AUTO(image_source) *source = NULL;
	AUTO_RAW_MANIFEST raw = { 0 };
	AUTO_OF(json_object) *summary = json_object_new_object();
	enum err e = summary ? image_source_open(src, how->access, &source, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e == OK)
		e = image_source_manifest(source, &how->platform, &raw, em);
	if (e == OK)
		e = summary_make(src, source, &raw, summary, em);
	if (e == OK)
		*out = steal(&summary);
	return e;
}
