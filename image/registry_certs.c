#include "image/registry_certs.h"

#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#define PEM_FILE_MAX ((size_t)1 << 20)

void registry_certs_clear(struct registry_certs *c)
{
	buf_clear(&c->ca_pem);
	buf_clear(&c->certificate);
	secret_free(c->key);
	*c = (struct registry_certs){ 0 };
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

static enum err ca_add(const char *path, struct registry_certs *out, struct errmsg *em)
{
	AUTO_BUF
	pem = { 0 };
	enum err e = file_read(path, PEM_FILE_MAX, &pem, em);
	if (e == OK)
		e = buf_append(&out->ca_pem, buf_bytes(&pem), 0, em);
	return e == OK ? buf_append(&out->ca_pem, bytes_str("\n"), 0, em) : e;
}

static enum err pair_take(const char *path, struct registry_certs *out, struct errmsg *em)
{
	AUTO_STR
	char *key = NULL;
	size_t stem = strlen(path) - strlen(".cert");
	if (out->certificate.len)
		return err_set(em, ERR_CONFIG, "%s: a second client certificate for the same registry", path);
	if (asprintf(&key, "%.*s.key", (int)stem, path) < 0) {
		key = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = file_read(path, PEM_FILE_MAX, &out->certificate, em);
	if (e == OK)
		e = file_read_secret(key, PEM_FILE_MAX, &out->key, em);
	return e == ERR_NOT_FOUND ? err_wrap(em, ERR_CONFIG, "client certificate %s", path) : e;
}

/* A key alone is a mistake that would otherwise show as a refusal by the server. */
static enum err key_check(const char *path, struct errmsg *em)
{
	AUTO_STR
	char *certificate = NULL;
	size_t stem = strlen(path) - strlen(".key");
	if (asprintf(&certificate, "%.*s.cert", (int)stem, path) < 0) {
		certificate = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	return access(certificate, F_OK) == 0 ? OK : err_set(em, ERR_CONFIG, "%s: no certificate beside the key", path);
}

static enum err file_take(const char *folder, const char *name, struct registry_certs *out, struct errmsg *em)
{
	AUTO_STR
	char *path = NULL;
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	if (ends_with(name, ".crt"))
		return ca_add(path, out, em);
	if (ends_with(name, ".cert"))
		return pair_take(path, out, em);
	return ends_with(name, ".key") ? key_check(path, em) : OK;
}

static enum err folder_read(const char *folder, struct registry_certs *out, struct errmsg *em)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);
	enum err e = OK;
	if (count < 0)
		return err_errno(em, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s", folder);
	for (int i = 0; i < count; i++) {
		if (e == OK)
			e = file_take(folder, names[i]->d_name, out, em);
		free(names[i]);
	}
	free(names);
	/* Not found is the folder alone. */
	return e == ERR_NOT_FOUND ? ERR_CONFIG : e;
}

/* One of the files, as a resource. *out stays NULL where there is none. */
static enum err resource_get(const struct image_access *access, const char *suffix, struct secret **out,
			     struct errmsg *em)
{
	AUTO_STR
	char *uri = NULL;
	if (asprintf(&uri, "%s%s", access->cert_dir, suffix) < 0) {
		uri = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = access->resource(access->resource_user, uri, out, em);
	if (e == OK && secret_len(*out) > PEM_FILE_MAX)
		e = err_set(em, ERR_LIMIT, "more than %zu bytes", PEM_FILE_MAX);
	return e == OK || e == ERR_NOT_FOUND ? OK : err_wrap(em, e, "%s", uri);
}

static enum err resources_take(const struct image_access *access, struct registry_certs *out, struct errmsg *em)
{
	AUTO(secret) *ca = NULL;
	AUTO(secret) *certificate = NULL;
	if (!access->resource)
		return err_set(em, ERR_UNSUPPORTED, "%s: no Key Broker Service is at hand here", access->cert_dir);
	enum err e = resource_get(access, ".crt", &ca, em);
	if (e == OK)
		e = resource_get(access, ".cert", &certificate, em);
	if (e == OK)
		e = resource_get(access, ".key", &out->key, em);
	if (e == OK && !ca && !certificate)
		e = err_set(em, ERR_CONFIG, "%s: neither .crt nor .cert is there", access->cert_dir);
	if (e == OK && !certificate != !out->key)
		e = err_set(em, ERR_CONFIG, "%s: .cert and .key belong together", access->cert_dir);
	if (e == OK)
		e = buf_append(&out->ca_pem, secret_bytes(ca), 0, em);
	return e == OK ? buf_append(&out->certificate, secret_bytes(certificate), 0, em) : e;
}

enum err registry_certs_load(const struct image_access *access, const char *host, struct registry_certs *out,
			     struct errmsg *em)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	const char *const roots[] = {
		config && config[0] ? config
		: home              ? home
				    : "",
		"/etc/containers",
		"/etc/docker",
	};
	if (access && access->cert_dir && strncmp(access->cert_dir, "kbs://", 6) == 0)
		return resources_take(access, out, em);
	if (access && access->cert_dir) {
		enum err e = folder_read(access->cert_dir, out, em);
		return e == ERR_NOT_FOUND ? ERR_CONFIG : e;
	}
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		AUTO_STR
		char *folder = NULL;
		const char *middle = i > 0                 ? "/certs.d/"
				     : config && config[0] ? "/containers/certs.d/"
							   : "/.config/containers/certs.d/";
		if (!roots[i][0])
			continue;
		if (asprintf(&folder, "%s%s%s", roots[i], middle, host) < 0) {
			folder = NULL;
			return err_set(em, ERR_NOMEM, "no memory");
		}
		enum err e = folder_read(folder, out, em);
		if (e != ERR_NOT_FOUND)
			return e;
	}
	return OK;
}
