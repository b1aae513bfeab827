#include "image/lookaside.h"

#include "common/file.h"
#include "common/http_stream.h"
#include "image/reference.h"
#include "image/registries_d.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static enum err folder_find(const struct image_access *access, char **out, struct errmsg *em)
{
	const char *home = secure_getenv("HOME");
	int n = 0;
	if (!access->registries_d && home && home[0] == '/') {
		n = asprintf(out, "%s/.config/containers/registries.d", home);
		if (n >= 0 && faccessat(AT_FDCWD, *out, F_OK, AT_EACCESS) == 0)
			return OK;
		if (n >= 0)
			free(*out);
	}
	*out = strdup(access->registries_d ? access->registries_d : "/etc/containers/registries.d");
	return *out ? OK : err_set(em, ERR_NOMEM, "no memory");
}

/* The image's name where it was found: "host/path:tag". malloc'd. */
static char *physical_name(const struct image_identity *identity)
{
	AUTO_REFERENCE r = { 0 };
	char *name = NULL;
	if (!identity->physical)
		return strdup(identity->scope);
	if (reference_parse(identity->scope, &r, NULL) != OK ||
	    asprintf(&name, "%s%s%s", identity->physical, r.digest ? "@" : ":", r.digest ? r.digest : r.tag) < 0)
		return NULL;
	return name;
}

struct place {
	char *base; /* "file:///..." */
	int attachments;
};

/* What root's and others' tools take where nothing is said. */
static char *default_base(void)
{
	const char *data = secure_getenv("XDG_DATA_HOME");
	const char *home = secure_getenv("HOME");
	char *base = NULL;
	int n = 0;
	if (geteuid() == 0)
		return strdup("file:///var/lib/containers/sigstore");
	if (data && data[0] == '/')
		n = asprintf(&base, "file://%s/containers/sigstore", data);
	else
		n = asprintf(&base, "file://%s/.local/share/containers/sigstore", home ? home : "");
	return n < 0 ? NULL : base;
}

static enum err place_find(const struct image_identity *identity, const struct image_access *access, struct place *out,
			   struct errmsg *em)
{
	AUTO_REGISTRIES_D d = { 0 };
	AUTO_STR
	char *folder = NULL;
	AUTO_STR
	char *name = physical_name(identity);
	const char *base = NULL;
	if (!name)
		return err_nomem(em, "a name");
	enum err e = folder_find(access, &folder, em);
	if (e == OK)
		e = registries_d_read(folder, &d, em);
	if (e != OK)
		return e;
	registries_d_find(&d, name, &base, &out->attachments);
	out->base = base ? strdup(base) : default_base();
	return out->base ? OK : err_nomem(em, "a name");
}

/* "BASE/path@sha256=hex/signature-". malloc'd. */
static char *prefix_make(const char *base, const char *path, const char *digest)
{
	char *text = NULL;
	int kind = (int)strcspn(digest, ":");
	size_t len = strlen(base);
	while (len > 0 && base[len - 1] == '/')
		len--;
	if (asprintf(&text, "%.*s/%s@%.*s=%s/signature-", (int)len, base, path, kind, digest, digest + kind + 1) < 0)
		return NULL;
	return text;
}

static enum err body_read(struct stream *from, struct buf *out, struct errmsg *em)
{
	enum err e = OK;
	for (size_t got = 1; e == OK && got > 0;) {
		e = out->len > IMAGE_SIGNATURE_SIZE_MAX
			    ? err_set(em, ERR_LIMIT, "more than %zu bytes", IMAGE_SIGNATURE_SIZE_MAX)
			    : buf_reserve(out, 16384, em);
		if (e == OK)
			e = stream_read(from, (struct stream_window){ out->data + out->len, 16384 }, &got, em);
		if (e == OK)
			out->len += got;
	}
	return e;
}

/* Never with a registry's credentials. Plain HTTP is no danger: what comes is a signature, or counts for nothing. */
static enum err http_read(const char *url, const struct image_access *access, struct buf *out, struct errmsg *em)
{
	AUTO(http_pool) *pool = NULL;
	AUTO_HTTP_REPLY reply = { 0 };
	const struct http_pool_options options = {
		.insecure = access->insecure || strncmp(url, "http:", 5) == 0,
		.interrupted = access->interrupted,
		.interrupted_user = access->interrupted_user,
	};
	const struct http_call call = { .method = "GET", .url = url, .total_ms = 60000 };
	enum err e = http_pool_open(&options, &pool, em);
	if (e == OK)
		e = http_pool_call(pool, &call, &reply, em);
	if (e != OK)
		return e;
	if (reply.status == 404)
		return err_set(em, ERR_NOT_FOUND, "HTTP 404");
	if (reply.status != 200)
		return err_set(em, ERR_PROTO, "HTTP %ld", reply.status);
	return body_read(reply.body, out, em);
}

static enum err signature_read(const char *url, const struct image_access *access, struct buf *out, struct errmsg *em)
{
	if (strncmp(url, "file:///", 8) == 0)
		return file_read(url + strlen("file://"), IMAGE_SIGNATURE_SIZE_MAX, out, em);
	if (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0)
		return http_read(url, access, out, em);
	return err_set(em, ERR_CONFIG, "want file:///, https:// or http://");
}

/* signature-1 and so on, to the first that is not there. */
static enum err all_read(const char *prefix, const struct image_access *access, struct image_signatures *out,
			 struct errmsg *em)
{
	for (int n = 1;; n++) {
		AUTO_STR
		char *url = NULL;
		AUTO_BUF
		signature = { 0 };
		if (asprintf(&url, "%s%d", prefix, n) < 0) {
			url = NULL;
			return err_nomem(em, "a name");
		}
		enum err e = signature_read(url, access, &signature, em);
		if (e == ERR_NOT_FOUND)
			return OK;
		if (e == OK)
			e = image_signatures_add(out, &signature, em);
		if (e != OK)
			return err_wrap(em, e, "%s", url);
	}
}

enum err lookaside_read(const struct image_identity *identity, const char *digest, const struct image_access *access,
			struct image_signatures *out, struct errmsg *em)
{
	AUTO_REFERENCE r = { 0 };
	struct place place = { 0 };
	const char *slash = identity->physical ? strchr(identity->physical, '/') : NULL;
	enum err e = reference_parse(identity->scope, &r, em);
	if (e == OK)
		e = place_find(identity, access, &place, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *base = place.base;
	AUTO_STR
	char *prefix = prefix_make(base, slash ? slash + 1 : r.path, digest);
	return prefix ? all_read(prefix, access, out, em) : err_nomem(em, "a name");
}

enum err lookaside_attachments(const struct image_identity *identity, const struct image_access *access, bool *out,
			       struct errmsg *em)
{
	struct place place = { 0 };
	enum err e = place_find(identity, access, &place, em);
	free(place.base);
	*out = place.attachments != 0;
	return e;
}
