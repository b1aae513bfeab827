#define _GNU_SOURCE 1
#include "keywrap/coco_packet.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/resource_uri.h"

#include <stdio.h>

#define V2 "0.1.0"
#define KBS_PREFIX "kbs:///"

static const struct {
	const char *name;
	enum kek_cipher cipher;
} ciphers[] = { { "A256GCM", KEK_GCM }, { "A256CTR", KEK_CTR } };

void coco_packet_clear(struct coco_packet *packet)
{
	buf_clear(&packet->wrapped);
	*packet = (struct coco_packet){ .cipher = KEK_GCM };
}

enum err coco_cipher_parse(const char *name, enum kek_cipher *out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		if (strcmp(ciphers[i].name, name) == 0) {
			*out = ciphers[i].cipher;
			return OK;
		}
	return err_set(em, ERR_UNSUPPORTED, "neither A256GCM nor A256CTR");
}

enum err coco_kid_parse(const char *text, char kid[COCO_KID_MAX], struct errmsg *em)
{
	struct resource_uri uri;
	if (strncmp(text, KBS_PREFIX "kbs://", strlen(KBS_PREFIX "kbs://")) == 0)
		text += strlen(KBS_PREFIX);
	enum err e = resource_uri_parse_label(text, &uri, em);
	if (e != OK)
		return err_wrap(em, e, "the key's name");
	if (strcmp(uri.plugin, "resource") != 0)
		return err_set(em, ERR_PARSE, "the key's name is not kbs:///repository/type/tag");
	snprintf(kid, COCO_KID_MAX, KBS_PREFIX "%s", uri.path);
	return OK;
}

/* v1 has neither member. */
static enum err version_check(json_object *obj, struct errmsg *em)
{
	const char *version = NULL;
	const char *provider = "kbs";
	enum err e = json_get_string_opt(obj, "version", &version, em);
	if (e == OK)
		e = json_get_string_opt(obj, "provider", &provider, em);
	if (e != OK)
		return e;
	if (version && strcmp(version, V2) != 0)
		return err_set(em, ERR_UNSUPPORTED, "version \"%.20s\" (known: " V2 ", and none)", version);
	if (strcmp(provider, "kbs") != 0)
		return err_set(em, ERR_UNSUPPORTED, "provider \"%.40s\" (known: kbs)", provider);
	return OK;
}

static enum err iv_read(json_object *obj, struct coco_packet *packet, struct errmsg *em)
{
	AUTO_BUF
	iv = { 0 };
	const char *text = NULL;
	size_t wanted = kek_iv_len(packet->cipher);
	enum err e = json_get_string(obj, "iv", &text, em);
	if (e != OK)
		return e;
	e = base64_decode(BASE64_STD, bytes_str(text), &iv, em);
	if (e != OK)
		return err_wrap(em, e, "\"iv\"");
	if (iv.len != wanted)
		return err_set(em, ERR_PARSE, "\"iv\" holds %zu bytes instead of %zu", iv.len, wanted);
	memcpy(packet->iv, iv.data, iv.len);
	return OK;
}

static enum err members_read(json_object *obj, struct coco_packet *packet, struct errmsg *em)
{
	const char *kid = NULL;
	const char *type = NULL;
	const char *wrapped = NULL;
	enum err e = version_check(obj, em);
	if (e == OK)
		e = json_get_string(obj, "kid", &kid, em);
	if (e == OK)
		e = coco_kid_parse(kid, packet->kid, em);
	if (e == OK)
		e = json_get_string(obj, "wrap_type", &type, em);
	if (e != OK)
		return e;
	e = coco_cipher_parse(type, &packet->cipher, em);
	if (e != OK)
		return err_wrap(em, e, "\"wrap_type\"");
	e = iv_read(obj, packet, em);
	if (e == OK)
		e = json_get_string(obj, "wrapped_data", &wrapped, em);
	if (e != OK)
		return e;
	e = base64_decode(BASE64_STD, bytes_str(wrapped), &packet->wrapped, em);
	return e == OK ? OK : err_wrap(em, e, "\"wrapped_data\"");
}

enum err coco_packet_parse(struct bytes text, struct coco_packet *out, struct errmsg *em)
{
	AUTO_OF(json_object) *obj = NULL;
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	enum err e = json_parse(text, COCO_PACKET_MAX, JSON_STRICT, &obj, em);
	if (e == OK && !json_object_is_type(obj, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e == OK)
		e = members_read(obj, &packet, em);
	if (e == OK && packet.wrapped.len <= kek_tag_len(packet.cipher))
		e = err_set(em, ERR_PARSE, "\"wrapped_data\" holds only %zu bytes", packet.wrapped.len);
	if (e != OK)
		return err_wrap(em, e, "the annotation packet");
	*out = packet;
	packet.wrapped = (struct buf){ 0 };
	return OK;
}

enum err coco_packet_write(const struct coco_packet *packet, int version, struct buf *out, struct errmsg *em)
{
	AUTO_STR
	char *iv = base64_encode(BASE64_STD, (struct bytes){ packet->iv, kek_iv_len(packet->cipher) });
	AUTO_STR
	char *wrapped = base64_encode(BASE64_STD, buf_bytes(&packet->wrapped));
	AUTO_STR
	char *text = NULL;
	const char *type = NULL;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		if (ciphers[i].cipher == packet->cipher)
			type = ciphers[i].name;
	/* A kid that was parsed has no character that JSON would escape. */
	if (!iv || !wrapped || !type ||
	    asprintf(&text, "{%s\"kid\":\"%s\",\"wrapped_data\":\"%s\",\"iv\":\"%s\",\"wrap_type\":\"%s\"%s}",
		     version == 2 ? "\"version\":\"" V2 "\",\"provider\":\"kbs\"," : "", packet->kid, wrapped, iv, type,
		     version == 2 ? ",\"provider_settings\":{},\"annotations\":{}" : "") < 0) {
		text = NULL;
		return err_nomem(em, "an annotation packet");
	}
	return buf_append(out, bytes_str(text), COCO_PACKET_MAX, em);
}
