#include "image/registry_transport.h"

#include "image/digest.h"
#include "image/registries_conf.h"
#include "image/registry.h"

#include <stdio.h>

/* Blobs go up as they come, and mean nothing to anybody before the manifest names them: that is the last to go. Those
 * of a copy that failed are the registry's to collect. distribution-spec, "Push". */

struct registry_destination {
	struct image_destination base;
	struct registry *registry;
	struct reference name;
};

static enum err blob_known(struct registry_destination *d, const struct blob_id *id, bool *has, struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	char what[IMAGE_DIGEST_SIZE + sizeof("blobs/")];
	struct errmsg missing = { "" };
	*has = false;
	enum err e = digest_check(id->digest, em);
	if (e != OK)
		return e;
	snprintf(what, sizeof(what), "blobs/%s", id->digest);
	const struct registry_request q = { .method = "HEAD", .what = what };
	e = registry_ask(d->registry, &q, &reply, &missing);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e != OK)
		return err_set(em, e, "%s", missing.text);
	AUTO_STR
	char *length = http_response_header(&reply.head, "content-length");
	*has = !length || id->size < 0 || strtoll(length, NULL, 10) == id->size;
	return OK;
}

/* The repository of this registry that the image comes from; NULL: it comes from elsewhere. */
static const char *neighbour(const struct registry_destination *d)
{
	const char *place = d->base.from ? d->base.from->physical : NULL;
	size_t host = place ? strcspn(place, "/") : 0;
	if (!place || !place[host] || strlen(d->name.host) != host || strncmp(place, d->name.host, host) != 0)
		return NULL;
	return strcmp(place + host + 1, d->name.path) == 0 ? NULL : place + host + 1;
}

/* Where the upload goes on: the answer's Location. *out: malloc'd. */
static enum err location_take(const struct http_reply *reply, char **out, struct errmsg *em)
{
	AUTO_STR
	char *location = http_response_header(&reply->head, "location");
	if (!location)
		return err_set(em, ERR_PROTO, "the registry does not say where an upload goes on");
	free(*out);
	*out = NULL;
	return http_url_resolve(reply->url, location, out, em);
}

static enum err upload_begin(struct registry_destination *d, char **location, struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	const struct registry_request q = { .method = "POST", .what = "blobs/uploads/" };
	enum err e = registry_ask(d->registry, &q, &reply, em);
	return e == OK ? location_take(&reply, location, em) : e;
}

static enum err upload_send(struct registry_destination *d, char **location, struct stream *from, int64_t size,
			    struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	const struct registry_request q = {
		.method = "PATCH",
		.what = *location,
		.content_type = "application/octet-stream",
		.upload = from,
		.upload_size = size,
	};
	enum err e = registry_ask(d->registry, &q, &reply, em);
	return e == OK ? location_take(&reply, location, em) : e;
}

static enum err upload_end(struct registry_destination *d, const char *location, const char *digest, struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	AUTO_STR
	char *url = NULL;
	if (asprintf(&url, "%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', digest) < 0) {
		url = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	const struct registry_request q = { .method = "PUT", .what = url };
	return registry_ask(d->registry, &q, &reply, em);
}

static void upload_cancel(struct registry_destination *d, const char *location)
{
	AUTO_HTTP_REPLY reply = { 0 };
	const struct registry_request q = { .method = "DELETE", .what = location };
	(void)!registry_ask(d->registry, &q, &reply, NULL);
}

/* Has the registry take the blob over from the image's own repository; distribution-spec, "Mounting a blob from another
 * repository". One that will not begins an upload, which we do not want. Whatever goes wrong, the blob can still go up.
 */
static void blob_mount(struct registry_destination *d, const struct blob_id *id, const char *from, bool *has)
{
	AUTO_HTTP_REPLY reply = { 0 };
	AUTO_STR
	char *what = NULL;
	AUTO_STR
	char *location = NULL;
	if (asprintf(&what, "blobs/uploads/?mount=%s&from=%s", id->digest, from) < 0) {
		what = NULL;
		return;
	}
	const struct registry_request q = { .method = "POST", .what = what };
	if (registry_ask(d->registry, &q, &reply, NULL) != OK)
		return;
	*has = reply.status == 201;
	if (!*has && location_take(&reply, &location, NULL) == OK)
		upload_cancel(d, location);
}

static enum err destination_has_blob(struct image_destination *base, const struct blob_id *id, bool *has,
				     struct errmsg *em)
{
	struct registry_destination *d = (struct registry_destination *)base;
	enum err e = blob_known(d, id, has, em);
	const char *from = e == OK && !*has ? neighbour(d) : NULL;
	if (from)
		blob_mount(d, id, from, has);
	return e;
}

/* Its end is reached, so that whatever verifies has spoken. */
static enum err upload_check(struct stream *from, struct errmsg *em)
{
	uint8_t more;
	size_t got = 0;
	enum err e = stream_read(from, (struct stream_window){ &more, 1 }, &got, em);
	return e == OK && got > 0 ? err_set(em, ERR_PROTO, "the registry did not take all of a blob") : e;
}

static enum err destination_put_blob(struct image_destination *base, struct stream *from, struct blob_id *id,
				     struct errmsg *em)
{
	struct registry_destination *d = (struct registry_destination *)base;
	AUTO(stream) *source = from;
	AUTO_STR
	char *location = NULL;
	struct stream_tally tally = { 0 };
	enum err e = stream_measure(steal(&source), &tally, &source, em);
	if (e == OK)
		e = upload_begin(d, &location, em);
	if (e != OK)
		return e;
	e = upload_send(d, &location, source, id->digest[0] ? id->size : -1, em);
	if (e == OK)
		e = upload_check(source, em);
	if (e == OK && !id->digest[0])
		snprintf(id->digest, sizeof(id->digest), "%s", tally.digest);
	if (e == OK)
		e = upload_end(d, location, id->digest, em);
	id->size = (int64_t)tally.size;
	if (e != OK && location)
		upload_cancel(d, location);
	return e;
}

static enum err destination_read_back(struct image_destination *base, const struct blob_id *id, struct stream **out,
				      struct errmsg *em)
{
	struct registry_destination *d = (struct registry_destination *)base;
	return registry_blob(d->registry, id->digest, id->size, out, em);
}

static enum err destination_commit(struct image_destination *base, const struct raw_manifest *manifest,
				   struct errmsg *em)
{
	struct registry_destination *d = (struct registry_destination *)base;
	AUTO_HTTP_REPLY reply = { 0 };
	char what[IMAGE_DIGEST_SIZE + sizeof("manifests/")];
	if (d->name.digest && strcmp(d->name.digest, manifest->digest) != 0)
		return err_set(em, ERR_ARG, "the destination is named by the digest %s, and the image has %s",
			       d->name.digest, manifest->digest);
	snprintf(what, sizeof(what), "manifests/%s", d->name.digest ? d->name.digest : d->name.tag);
	const struct registry_request q = {
		.method = "PUT",
		.what = what,
		.content = buf_bytes(&manifest->bytes),
		.content_type = manifest->media_type,
	};
	enum err e = registry_ask(d->registry, &q, &reply, em);
	if (e != OK)
		return err_wrap(em, e, "manifest");
	AUTO_STR
	char *told = http_response_header(&reply.head, "docker-content-digest");
	if (told && digest_check(told, NULL) == OK && digest_verify(buf_bytes(&manifest->bytes), told, NULL) != OK)
		return err_set(em, ERR_INTEGRITY, "the registry took another manifest than was sent: %s", told);
	return OK;
}

static void destination_free(struct image_destination *base)
{
	struct registry_destination *d = (struct registry_destination *)base;
	registry_free(d->registry);
	reference_clear(&d->name);
	free(d);
}

static const struct image_destination_ops destination_ops = {
	.has_blob = destination_has_blob,
	.put_blob = destination_put_blob,
	.read_back = destination_read_back,
	.commit = destination_commit,
	.free = destination_free,
};

/* What is written goes to one place. */
static enum err name_settle(const struct registries_conf *conf, struct reference *name, struct errmsg *em)
{
	AUTO_REGISTRY_NAMES names = { .count = 0 };
	enum err e = registries_conf_names(conf, name, &names, em);
	if (e == OK && names.count > 1)
		e = err_set(em, ERR_ARG, "a name without a host may mean %zu registries: name one", names.count);
	if (e != OK)
		return e;
	reference_clear(name);
	*name = names.items[0];
	names.count = 0;
	return OK;
}

enum err registry_open_destination(const char *rest, const struct image_access *access, struct image_destination **out,
				   struct errmsg *em)
{
	struct registry_destination *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(em, ERR_NOMEM, "no memory");
	d->base.ops = &destination_ops;
	AUTO(image_destination) *base = &d->base;
	AUTO_REGISTRIES_CONF conf = { 0 };
	AUTO_REGISTRY_PLACES places = { .count = 0 };
	enum err e = registry_name_parse(rest, &d->name, em);
	if (e == OK)
		e = registries_conf_load(access, &conf, em);
	if (e == OK)
		e = name_settle(&conf, &d->name, em);
	/* Mirrors and other locations are for reading; whether the name is blocked, and TLS, count here too. */
	if (e == OK)
		e = registries_conf_places(&conf, &d->name, &places, em);
	if (e != OK)
		return err_wrap(em, e, "docker:%s", rest);
	const struct registry_address where = {
		.name = d->name.host,
		.host = d->name.host,
		.path = d->name.path,
		.insecure = places.items[places.count - 1].insecure || (access && access->insecure),
		.push = true,
		.helpers = conf.helpers,
	};
	e = registry_open(&where, access, &d->registry, em);
	if (e != OK)
		return err_wrap(em, e, "docker:%s", rest);
	*out = steal(&base);
	return OK;
}
