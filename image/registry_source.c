#include "image/registry_transport.h"

#include "common/base64.h"
#include "common/log.h"
#include "image/digest.h"
#include "image/reference.h"
#include "image/registries_conf.h"
#include "image/registry.h"
#include "image/source.h"

#include <stdio.h>
#include <strings.h>

#define ACCEPT MEDIA_OCI_MANIFEST ", " MEDIA_OCI_INDEX ", " MEDIA_DOCKER_MANIFEST ", " MEDIA_DOCKER_LIST
#define SIGNATURES_MAX 128
#define SIGNATURES_SIZE_MAX ((size_t)8 << 20)

struct registry_source {
	struct image_source base;
	struct registry *registry;
	struct reference name;
	struct raw_manifest known; /* the named manifest, where it was fetched already */
};

static enum err copy_manifest(const struct raw_manifest *from, struct raw_manifest *to, struct errmsg *em)
{
	enum err e = buf_append(&to->bytes, buf_bytes(&from->bytes), 0, em);
	memcpy(to->media_type, from->media_type, sizeof(to->media_type));
	memcpy(to->digest, from->digest, sizeof(to->digest));
	return e;
}

/* What the registry calls it, without parameters. */
static enum err type_take(const struct http_reply *reply, struct raw_manifest *out, struct errmsg *em)
{
	AUTO_STR
	char *type = http_response_header(&reply->head, "content-type");
	if (!type)
		return err_set(em, ERR_PROTO, "the registry does not say what it is");
	type[strcspn(type, "; \t")] = '\0';
	if (!media_type_valid(type) || strlen(type) >= sizeof(out->media_type))
		return err_set(em, ERR_PROTO, "the registry's media type is none");
	if (!media_type_is_manifest(type) && !media_type_is_index(type))
		return err_set(em, ERR_UNSUPPORTED, "%s is neither a manifest nor an index that is known", type);
	snprintf(out->media_type, sizeof(out->media_type), "%s", type);
	return OK;
}

/* digest NULL: whatever the tag means now. */
static enum err digest_take(const struct http_reply *reply, const char *digest, struct raw_manifest *out,
			    struct errmsg *em)
{
	AUTO_STR
	char *told = http_response_header(&reply->head, "docker-content-digest");
	enum err e = OK;
	if (digest) {
		snprintf(out->digest, sizeof(out->digest), "%s", digest);
		return digest_verify(buf_bytes(&out->bytes), digest, em);
	}
	if (told && digest_check(told, NULL) == OK)
		e = digest_verify(buf_bytes(&out->bytes), told, em);
	return e == OK ? digest_of(buf_bytes(&out->bytes), out->digest, em) : e;
}

static enum err fetch_what(struct registry_source *s, const char *what, const char *digest, struct raw_manifest *out,
			   struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	const struct registry_request q = { .method = "GET", .what = what, .accept = ACCEPT };
	enum err e = registry_ask(s->registry, &q, &reply, em);
	if (e == OK)
		e = registry_read(&reply, MANIFEST_SIZE_MAX, &out->bytes, em);
	if (e == OK)
		e = digest_take(&reply, digest, out, em);
	if (e == OK)
		e = type_take(&reply, out, em);
	return e;
}

static enum err fetch(struct registry_source *s, const char *which, const char *digest, struct raw_manifest *out,
		      struct errmsg *em)
{
	char what[IMAGE_DIGEST_SIZE + sizeof("manifests/")];
	int n = snprintf(what, sizeof(what), "manifests/%s", which);
	if (n < 0 || (size_t)n >= sizeof(what))
		return err_set(em, ERR_ARG, "too long a tag");
	return fetch_what(s, what, digest, out, em);
}

/* Distribution-spec 1.1, "Listing Referrers"; the first page of it. */
static enum err source_referrers(struct image_source *base, const char *digest, struct raw_manifest *out,
				 struct errmsg *em)
{
	struct registry_source *s = (struct registry_source *)base;
	char what[IMAGE_DIGEST_SIZE + sizeof("referrers/")];
	enum err e = digest_check(digest, em);
	if (e != OK)
		return e;
	snprintf(what, sizeof(what), "referrers/%s", digest);
	e = fetch_what(s, what, NULL, out, em);
	return e != OK || media_type_is_index(out->media_type) ? e : err_set(em, ERR_PROTO, "no list of referrers");
}

static enum err manifest_named(struct registry_source *s, struct raw_manifest *out, struct errmsg *em)
{
	const char *digest = s->name.digest;
	if (!s->known.digest[0]) {
		enum err e = fetch(s, digest ? digest : s->name.tag, digest, &s->known, em);
		if (e != OK) {
			raw_manifest_clear(&s->known);
			return e;
		}
	}
	return copy_manifest(&s->known, out, em);
}

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	struct registry_source *s = (struct registry_source *)base;
	enum err e = OK;
	if (!which) {
		e = manifest_named(s, out, em);
	} else if (which->size > (int64_t)MANIFEST_SIZE_MAX) {
		e = err_set(em, ERR_LIMIT, "more than %zu bytes", MANIFEST_SIZE_MAX);
	} else {
		e = fetch(s, which->digest, which->digest, out, em);
		if (e == OK && (int64_t)out->bytes.len != which->size)
			e = err_set(em, ERR_INTEGRITY, "it has %zu bytes, want %lld", out->bytes.len,
				    (long long)which->size);
		/* What its digest stands beside is what counts. */
		if (e == OK)
			snprintf(out->media_type, sizeof(out->media_type), "%s", which->media_type);
	}
	return e == OK ? OK : err_wrap(em, e, "docker://%s", s->base.identity.scope);
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	struct registry_source *s = (struct registry_source *)base;
	return registry_blob(s->registry, d->digest, d->size, out, em);
}

static void source_free(struct image_source *base)
{
	struct registry_source *s = (struct registry_source *)base;
	registry_free(s->registry);
	reference_clear(&s->name);
	raw_manifest_clear(&s->known);
	free(s);
}

static enum err signature_take(json_object *item, struct image_signatures *out, struct errmsg *em)
{
	const char *type = NULL, *content = NULL;
	int64_t version = 0;
	if (!json_object_is_type(item, json_type_object))
		return err_set(em, ERR_PARSE, "a signature that is no object");
	enum err e = json_get_int_opt(item, "schemaVersion", 0, INT32_MAX, &version, em);
	if (e == OK)
		e = json_get_string_opt(item, "type", &type, em);
	/* Of other kinds we know nothing. */
	if (e != OK || version != 2 || !type || strcmp(type, "atomic") != 0)
		return e;
	e = json_get_string(item, "content", &content, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(content), &out->items[out->count], em);
	if (e == OK)
		out->count++;
	return e;
}

static enum err signatures_parse(struct bytes text, struct image_signatures *out, struct errmsg *em)
{
	AUTO_OF(json_object) *json = NULL;
	json_object *list = NULL;
	enum err e = json_parse(text, SIGNATURES_SIZE_MAX, JSON_STRICT, &json, em);
	if (e == OK && !json_object_is_type(json, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e == OK)
		e = json_get_array_opt(json, "signatures", &list, em);
	size_t count = e == OK && list ? json_object_array_length(list) : 0;
	if (count > SIGNATURES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d signatures", SIGNATURES_MAX);
	if (e != OK || count == 0)
		return e;
	out->items = calloc(count, sizeof(*out->items));
	if (!out->items)
		return err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == OK && i < count; i++)
		e = signature_take(json_object_array_get_idx(list, i), out, em);
	return e;
}

static enum err source_signatures(struct image_source *base, const char *digest, struct image_signatures *out,
				  struct errmsg *em)
{
	struct registry_source *s = (struct registry_source *)base;
	AUTO_HTTP_REPLY reply = { 0 };
	AUTO_BUF
	text = { 0 };
	AUTO_STR
	char *what = NULL;
	*out = (struct image_signatures){ 0 };
	if (!s->registry->supports_signatures)
		return OK;
	out->alone = true;
	enum err e = digest_check(digest, em);
	if (e == OK && asprintf(&what, "/extensions/v2/%s/signatures/%s", s->registry->path, digest) < 0) {
		what = NULL;
		e = err_set(em, ERR_NOMEM, "no memory");
	}
	if (e != OK)
		return e;
	const struct registry_request q = { .method = "GET", .what = what };
	e = registry_ask(s->registry, &q, &reply, em);
	if (e == OK)
		e = registry_read(&reply, SIGNATURES_SIZE_MAX, &text, em);
	if (e == OK)
		e = signatures_parse(buf_bytes(&text), out, em);
	if (e == OK)
		return OK;
	image_signatures_clear(out);
	return err_wrap(em, e, "signatures of %s", digest);
}

static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out,
			       struct errmsg *em);

static const struct image_source_ops source_ops = {
	.manifest = source_manifest,
	.blob = source_blob,
	.free = source_free,
	.signatures = source_signatures,
	.sibling = source_sibling,
	.referrers = source_referrers,
};

/* Takes `registry` and what `name` holds, also on failure. */
static enum err source_new(struct registry *registry, struct reference *name, struct registry_source **out,
			   struct errmsg *em)
{
	struct registry_source *s = calloc(1, sizeof(*s));
	if (!s) {
		registry_free(registry);
		reference_clear(name);
		return err_set(em, ERR_NOMEM, "no memory");
	}
	s->base.ops = &source_ops;
	s->base.identity.transport = "docker";
	s->registry = registry;
	s->name = *name;
	*name = (struct reference){ 0 };
	s->base.identity.scope = reference_text(&s->name);
	if (s->base.identity.scope) {
		*out = s;
		return OK;
	}
	image_source_free(&s->base);
	return err_set(em, ERR_NOMEM, "no memory");
}

static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out, struct errmsg *em)
{
	struct registry_source *s = (struct registry_source *)base;
	struct registry_source *other = NULL;
	AUTO_RAW_MANIFEST manifest = { 0 };
	struct reference name = { .host = strdup(s->name.host), .path = strdup(s->name.path), .tag = strdup(tag) };
	if (!reference_tag_valid(tag) || !name.host || !name.path || !name.tag) {
		reference_clear(&name);
		return err_set(em, ERR_ARG, "not a tag, or no memory for it");
	}
	enum err e = source_new(registry_share(s->registry), &name, &other, em);
	if (e != OK)
		return e;
	AUTO(image_source) *result = &other->base;
	e = manifest_named(other, &manifest, em);
	if (e == OK)
		*out = steal(&result);
	return e;
}

struct opening {
	const struct image_access *access;
	const struct registries_conf *conf;
};

static enum err place_open(const struct opening *o, const struct registry_place *place, const struct reference *asked,
			   struct registry_source **out, struct errmsg *em)
{
	const struct image_access *access = o->access;
	struct registry *registry = NULL;
	struct reference name = {
		.host = strdup(asked->host),
		.path = strdup(asked->path),
		.tag = asked->tag ? strdup(asked->tag) : NULL,
		.digest = asked->digest ? strdup(asked->digest) : NULL,
	};
	const struct registry_address where = {
		.name = place->host,
		.host = place->host,
		.path = place->path,
		.insecure = place->insecure || (access && access->insecure),
		.mirror = place->mirror,
		.helpers = o->conf->helpers,
	};
	bool whole = name.host && name.path && (name.tag || name.digest);
	enum err e = whole ? registry_open(&where, access, &registry, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e != OK) {
		reference_clear(&name);
		return e;
	}
	e = source_new(registry, &name, out, em);
	/* Signatures beside a registry lie under the name of where the image is: containers-registries.d(5). */
	if (e == OK && asprintf(&(*out)->base.identity.physical, "%s/%s", place->host, place->path) < 0) {
		(*out)->base.identity.physical = NULL;
		image_source_free(&(*out)->base);
		*out = NULL;
		e = err_set(em, ERR_NOMEM, "no memory");
	}
	return e;
}

/* A mirror counts if it has the image. */
static enum err mirror_open(const struct opening *o, const struct registry_place *place, const struct reference *asked,
			    struct registry_source **out)
{
	AUTO_RAW_MANIFEST manifest = { 0 };
	struct registry_source *s = NULL;
	struct errmsg em = { "" };
	enum err e = place_open(o, place, asked, &s, &em);
	if (e == OK)
		e = manifest_named(s, &manifest, &em);
	if (e == OK) {
		*out = s;
		return OK;
	}
	log_info("registry", "mirror", "host=\"%s\" result=%s text=\"%s\"", place->host, err_name(e), em.text);
	if (s)
		image_source_free(&s->base);
	return e;
}

/* One name: at its mirrors, then where it is. */
static enum err name_open(const struct opening *o, const struct reference *name, struct registry_source **out,
			  struct errmsg *em)
{
	AUTO_REGISTRY_PLACES places = { .count = 0 };
	struct registry_source *s = NULL;
	enum err e = registries_conf_places(o->conf, name, &places, em);
	for (size_t i = 0; e == OK && !s && i + 1 < places.count; i++)
		(void)!mirror_open(o, &places.items[i], name, &s);
	if (e == OK && !s)
		e = place_open(o, &places.items[places.count - 1], name, &s, em);
	*out = s;
	return e;
}

/* Goes on where a registry says that it is not there. One that does not answer at all ends the search: whoever cut it
 * off must not choose where the image comes from. */
static enum err names_open(const struct opening *o, const struct registry_names *names, struct registry_source **out,
			   struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; i < names->count; i++) {
		AUTO_RAW_MANIFEST manifest = { 0 };
		struct registry_source *s = NULL;
		e = name_open(o, &names->items[i], &s, em);
		if (e == OK && i + 1 < names->count)
			e = manifest_named(s, &manifest, em);
		if (e == OK)
			*out = s;
		else if (s)
			image_source_free(&s->base);
		if (e != ERR_NOT_FOUND && e != ERR_AUTH && e != ERR_DENIED)
			break;
		log_info("registry", "search", "host=\"%s\" result=%s text=\"%s\"", names->items[i].host, err_name(e),
			 em->text);
	}
	return e;
}

enum err registry_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			      struct errmsg *em)
{
	AUTO_REFERENCE name = { 0 };
	AUTO_REGISTRIES_CONF conf = { 0 };
	AUTO_REGISTRY_NAMES names = { .count = 0 };
	struct registry_source *s = NULL;
	enum err e = registry_name_parse(rest, &name, em);
	if (e != OK)
		return e;
	e = registries_conf_load(access, &conf, em);
	if (e == OK)
		e = registries_conf_names(&conf, &name, &names, em);
	if (e == OK)
		e = names_open(&(struct opening){ access, &conf }, &names, &s, em);
	if (e != OK)
		return err_wrap(em, e, "docker:%s", rest);
	*out = &s->base;
	return OK;
}

enum err registry_name_parse(const char *rest, struct reference *out, struct errmsg *em)
{
	if (strncmp(rest, "//", 2) != 0)
		return err_set(em, ERR_ARG, "\"docker:%s\" is not an image name: want docker://HOST/NAME:TAG", rest);
	enum err e = reference_parse(rest + 2, out, em);
	return e == OK ? OK : err_wrap(em, e, "docker:%s", rest);
}
